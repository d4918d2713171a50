"""Faults and requests as data: what happens, when, to whom, for how long.

A schedule is a tuple of :class:`Fault`; it is drawn from a seed, printed, shrunk and replayed as it is. Each kind has
one function here that brings it about and returns what ends it, if anything does. ``at`` is in seconds, or, where
``effect`` is given, the fault strikes right before that effect of the service (an act sent, a record written).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyball.records import Failover, Operation
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.shard import Intent
from tests.simulation.client import CLIENTS
from tests.simulation.network import NOBODY, Way
from tests.simulation.records import STORE
from tests.simulation.server import Payload

if TYPE_CHECKING:
    from tests.simulation.world import World

Undo = Callable[[], None]


@dataclass(frozen=True)
class Fault:
    """One thing that happens. ``seconds`` is how long it lasts; ``other`` is a second place, or a detail."""

    at: float
    kind: str
    target: str = ""
    other: str = ""
    seconds: float = 0.0
    effect: int = 0

    def __str__(self) -> str:
        when = f"before effect {self.effect}" if self.effect else f"at {self.at:g}"
        where = f" {self.target}" + (f" {self.other}" if self.other else "")
        lasts = f" for {self.seconds:g} s" if self.seconds else ""
        return f"{when}: {self.kind}{where}{lasts}"

    @property
    def ends(self) -> float:
        """When the world is whole again, of this fault; one that is counted by effects is not known before."""
        return self.at + self.seconds


def apply(world: "World", fault: Fault) -> None:
    """Bring the fault about, and end it in time."""
    undo = FAULTS[fault.kind](world, fault)
    world.whole_at = max(world.whole_at, world.loop.time() + fault.seconds)
    if undo is not None:
        world.loop.call_later(fault.seconds, undo, context=NOBODY)


# --- members --------------------------------------------------------------------------------------------


def _kill(world: "World", fault: Fault) -> Undo | None:
    machine = world.machines[fault.target]
    if not machine.server.running:
        return None
    machine.kill()
    return lambda: world._start(machine)


def _stop(world: "World", fault: Fault) -> Undo | None:
    """The engine stops it in order: rule 1."""
    machine = world.machines[fault.target]
    if not machine.server.running or machine.is_stalled:
        return None
    machine.stop_in_order()
    return lambda: world._start(machine)


def _stall(world: "World", fault: Fault) -> Undo | None:
    machine = world.machines[fault.target]
    if not machine.server.running or machine.is_stalled:
        return None
    machine.stall()
    return machine.go_on


def _slow_disk(world: "World", fault: Fault) -> Undo:
    machine = world.machines[fault.target]
    machine.disk_delay = 0.2

    def undo() -> None:
        machine.disk_delay = 0.0

    return undo


def _full_disk(world: "World", fault: Fault) -> Undo:
    """Full, or standing still: what must be written waits; reads go on."""
    machine = world.machines[fault.target]
    machine.disk_stands = True
    return machine.free_disk


def _lag(world: "World", fault: Fault) -> Undo:
    machine = world.machines[fault.target]
    machine.apply_delay = 1.0

    def undo() -> None:
        machine.apply_delay = 0.0005

    return undo


def _clock(world: "World", fault: Fault) -> None:
    """A member's clock jumps, and stays wrong."""
    world.machines[fault.target].clock_offset += float(fault.other)


def _errant(world: "World", fault: Fault) -> None:
    """Somebody with all rights writes to a replica; what a member writes once a term was issued to it is the line's."""
    machine = world.machines[fault.target]
    server = machine.server
    record = world.shard(machine.shard)
    transition = record.status.transition if record else None
    if transition is not None and transition.candidate == machine.name:
        return
    reign = record.status.reign.primary if record else ""
    if reign in {"", machine.name}:  # it restarted, and is closed; or a shard that is not empty may not begin
        return
    if server.running and server.super_read_only and not server.opened:
        commit = server.write(Payload("row"))
        world.told.foreign = world.told.foreign.union(commit.gtid)
        machine.changed()


def _purge(world: "World", fault: Fault) -> None:
    """Its binary logs are thrown away up to now."""
    machine = world.machines[fault.target]
    machine.server.purged = machine.server.executed


def _break_clones(world: "World", fault: Fault) -> Undo:
    world.breaks_clones = True

    def undo() -> None:
        world.breaks_clones = False

    return undo


# --- the network and the store --------------------------------------------------------------------------


def _cut(world: "World", fault: Fault) -> Undo:
    """One way."""
    return _closed(world, (fault.target, fault.other))


def _part(world: "World", fault: Fault) -> Undo:
    """Both ways."""
    return _closed(world, (fault.target, fault.other), (fault.other, fault.target))


def _isolated(world: "World", fault: Fault) -> Undo:
    """A place is cut off from every other, or, where ``other`` names a direction, hears or says nothing."""
    others = [place for place in places(world) if place != fault.target]
    out = [(fault.target, place) for place in others] if fault.other != "in" else []
    into = [(place, fault.target) for place in others] if fault.other != "out" else []
    return _closed(world, *out, *into)


def _split(world: "World", fault: Fault) -> Undo:
    """The places named in ``target`` are on one side, all others on the other; ``other`` may name one direction."""
    here = fault.target.split("+")
    there = [place for place in places(world) if place not in here]
    out = [(one, other) for one in here for other in there] if fault.other != "in" else []
    into = [(other, one) for one in here for other in there] if fault.other != "out" else []
    return _closed(world, *out, *into)


def _closed(world: "World", *ways: Way) -> Undo:
    world.network.cut(*ways)
    return lambda: world.network.heal(*ways)


def _slow_way(world: "World", fault: Fault) -> Undo:
    way = (fault.target, fault.other)
    world.network.slow[way] = 0.3

    def undo() -> None:
        world.network.slow.pop(way, None)

    return undo


def _lost_answers(world: "World", fault: Fault) -> Undo:
    way = (fault.target, fault.other)
    world.network.deaf[way] += 1

    def undo() -> None:
        world.network.deaf[way] -= 1

    return undo


def _repeated(world: "World", fault: Fault) -> Undo:
    way = (fault.target, fault.other)
    world.network.echoes[way] += 1

    def undo() -> None:
        world.network.echoes[way] -= 1

    return undo


def _slow_store(world: "World", fault: Fault) -> Undo:
    world.store.delay = 0.2

    def undo() -> None:
        world.store.delay = 0.0005

    return undo


def _conflict(world: "World", fault: Fault) -> None:
    """Somebody else writes to the shard's record."""
    record = world.shard(fault.target)
    if record is not None:
        labels = {**record.metadata.labels, "touched": f"{world.loop.time():.4f}"}
        metadata = record.metadata.model_copy(update={"labels": labels})
        world.start_outside(lambda: world.records.replace_metadata(record.model_copy(update={"metadata": metadata})))


def _restore(world: "World", fault: Fault) -> Undo:
    """Whoever keeps the store puts back the copy that was made when the fault began: rule 10."""
    shelf = world.records._shelf
    records, leases = {kind: dict(there) for kind, there in shelf.records.items()}, dict(shelf.leases)

    def undo() -> None:
        world.told.restored()
        shelf.records, shelf.leases = records, leases
        for kind in list(shelf.changed):
            shelf.tell(kind)
        for take_back in world.taken_back:
            take_back()

    return undo


def _taken_back(world: "World", undo: Undo) -> Undo:
    def take_back() -> None:
        world.taken_back.append(undo)
        undo()

    return take_back


# --- the topology service -------------------------------------------------------------------------------


def _kill_service(world: "World", fault: Fault) -> Undo | None:
    names = [fault.target] if fault.target else list(world.replicas)
    replicas = [world.replicas[name] for name in names if not world.replicas[name].process.dead]
    for replica in replicas:
        replica.kill()

    def undo() -> None:
        for replica in replicas:
            replica.start()

    return undo


def _sleep_service(world: "World", fault: Fault) -> Undo | None:
    process = world.replicas[fault.target].process
    if process.dead or process.asleep:
        return None
    process.sleep()
    return process.wake


# --- what people and engines ask for --------------------------------------------------------------------


def _switchover(world: "World", fault: Fault) -> None:
    spec = {"keyspace": "commerce", "shard": fault.target, "mode": "planned", "to": fault.other or None}
    _ask(world, fault, Failover, spec)


def _failover(world: "World", fault: Fault) -> None:
    _ask(world, fault, Failover, {"keyspace": "commerce", "shard": fault.target, "mode": "emergency"})


def _accept_loss(world: "World", fault: Fault) -> None:
    spec = {"keyspace": "commerce", "shard": fault.target, "mode": "emergency", "accept_loss": True}
    _ask(world, fault, Failover, spec)


def _durability(world: "World", fault: Fault) -> Undo | None:
    """Another durability is declared (``policy:acks``), for good or for a while."""
    policy, _, acks = fault.other.partition(":")
    declared = DurabilitySpec(policy=DurabilityPolicy(policy), acks=int(acks))
    before = DurabilitySpec(policy=world.setting.policy, acks=world.setting.acks)
    _declare(world, fault.target, declared)
    return _taken_back(world, lambda: _declare(world, fault.target, before)) if fault.seconds else None


def _declare(world: "World", shard: str, durability: DurabilitySpec) -> None:
    if durability.policy is DurabilityPolicy.NONE:
        world.told.unsafe.add(shard)
    record = world.shard(shard)
    if record is not None:
        spec = record.spec.model_copy(update={"durability": durability})
        world.start_outside(lambda: world.records.replace_spec(record.model_copy(update={"spec": spec})))


def _reseed(world: "World", fault: Fault) -> Undo | None:
    """With ``seconds``: and deletes the operation after that, wherever it has come to."""
    shard = world.machines[fault.target].shard
    spec = {"type": "reseed", "keyspace": "commerce", "shard": shard, "member": fault.target}
    name = _ask(world, fault, Operation, spec)
    return (lambda: world.start_outside(lambda: world.records.delete(Operation, name))) if fault.seconds else None


def _pause(world: "World", fault: Fault) -> Undo:
    name = _ask(world, fault, Operation, {"type": "pause", "keyspace": "commerce", "shard": fault.target})

    def undo() -> None:
        world.told.lifted(fault.target)
        world.start_outside(lambda: world.records.delete(Operation, name))

    return _taken_back(world, undo)


def _fence(world: "World", fault: Fault) -> Undo:
    shard = world.machines[fault.target].shard
    spec = {"type": "fence", "keyspace": "commerce", "shard": shard, "member": fault.target}
    name = _ask(world, fault, Operation, spec)
    return _taken_back(world, lambda: world.start_outside(lambda: world.records.delete(Operation, name)))


def _leave(world: "World", fault: Fault) -> Undo:
    shard = world.machines[fault.target].shard
    _intend(world, shard, fault.target, Intent.LEAVE)
    return _taken_back(world, lambda: _intend(world, shard, fault.target, Intent.SERVE))


def _intend(world: "World", shard: str, member: str, intent: Intent) -> None:
    record = world.shard(shard)
    if record is None:
        return
    members = tuple(m.model_copy(update={"intent": intent}) if m.name == member else m for m in record.spec.members)
    spec = record.spec.model_copy(update={"members": members})
    world.start_outside(lambda: world.records.replace_spec(record.model_copy(update={"spec": spec})))


def _ask(world: "World", fault: Fault, kind: type[Failover | Operation], spec: dict[str, object]) -> str:
    name = f"{fault.kind.replace('_', '-')}-{int(fault.at * 10000)}-{fault.target}"
    world.start_outside(lambda: world.records.create(kind.model_validate({"metadata": {"name": name}, "spec": spec})))
    return name


def places(world: "World") -> list[str]:
    """Every place of the network."""
    return [*world.machines, *world.replicas, STORE, CLIENTS]


FAULTS: dict[str, Callable[["World", Fault], Undo | None]] = {
    "kill": _kill,
    "stop": _stop,
    "stall": _stall,
    "slow_disk": _slow_disk,
    "full_disk": _full_disk,
    "lag": _lag,
    "clock": _clock,
    "errant": _errant,
    "purge": _purge,
    "break_clones": _break_clones,
    "cut": _cut,
    "part": _part,
    "isolated": _isolated,
    "split": _split,
    "slow_way": _slow_way,
    "lost_answers": _lost_answers,
    "repeated": _repeated,
    "slow_store": _slow_store,
    "conflict": _conflict,
    "restore": _restore,
    "kill_service": _kill_service,
    "sleep_service": _sleep_service,
    "switchover": _switchover,
    "failover": _failover,
    "accept_loss": _accept_loss,
    "durability": _durability,
    "reseed": _reseed,
    "pause": _pause,
    "fence": _fence,
    "leave": _leave,
}
