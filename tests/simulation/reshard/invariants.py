"""What must hold of a keyspace that is resharded, after every event, besides what must hold of each shard.

    rows          where the routing names a shard, and where one of its members opens, every acknowledged write is there
    alike         at the swap each row is the same on both sides, and nobody holds rows out of its range
    one writer    no two shards take writes of one key that could be acknowledged
    direction     the routing is swapped forth once, and back only where a person said so
    untouched     what was cancelled or reversed leaves nothing behind at those who serve, nor a completed one
    said why      a reshard that does not go on says what it waits for

Each is held against what the servers hold, as in :mod:`tests.simulation.invariants`.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Record, Shard
from flyball.records.keyspace import ShardRoute
from flyball.records.operation import OperationType
from tests.simulation.clock import Process
from tests.simulation.invariants import Invariants
from tests.simulation.machine import Machine
from tests.simulation.reshard.imports import server_of
from tests.simulation.reshard.server import keyspace_id
from tests.simulation.server import Commit

if TYPE_CHECKING:
    from tests.simulation.reshard.world import ReshardWorld


@dataclass
class ReshardInvariants(Invariants):
    """The watcher of one world."""

    words: list[OperationType] = field(default_factory=list)
    """What people said about the reshard, in their order."""
    swaps: int = 0

    @property
    def _there(self) -> "ReshardWorld":
        world: Any = self.world
        found: ReshardWorld = world
        return found

    def said(self, what: OperationType) -> None:
        self.words.append(what)

    def sends(self, process: Process, machine: Machine, name: str, arguments: list[Any]) -> None:
        """A process of the service tells a member something about a reshard."""
        self._effect(f"{name} {machine.name} {' '.join(map(str, arguments[:1]))}")

    # --- the ledger -------------------------------------------------------------------------------------

    def acknowledge(self, machine: Machine, commit: Commit) -> None:
        super().acknowledge(machine, commit)
        if commit.payload.kind == "put":
            key, value = commit.payload.value  # type: ignore[misc]
            self._there.ledger.acknowledge(key, value)

    def takes(self, machine: Machine, key: int) -> None:
        """A server takes an application's write of a key."""
        if keyspace_id(key) not in self._range(machine.shard):
            self.say(f"one writer: {machine.name} takes key {key}, which is out of its range")

    def _rows(self, shard: str, machine: Machine, when: str) -> None:
        part, rows, ledger = self._range(shard), server_of(machine).rows, self._there.ledger
        lost = sorted(key for key in ledger.owed if keyspace_id(key) in part and ledger.is_lost(key, rows.get(key)))
        if lost and shard not in self.unsafe:
            texts = ", ".join(f"{key}: {ledger.owed[key]}, not {rows.get(key)}" for key in lost[:4])
            self.say(f"lost: {when} {machine.name} lacks acknowledged writes of {len(lost)} keys ({texts})")

    def _range(self, shard: str) -> KeyRange:
        return self._there.ranges[shard]

    # --- members ----------------------------------------------------------------------------------------

    def _opened(self, machine: Machine, term: int) -> None:
        super()._opened(machine, term)
        keyspace = self._there.keyspace()
        if keyspace is not None and any(route.shard == machine.shard for route in keyspace.status.routing):
            self._rows(machine.shard, machine, f"opening under term {term}")

    def _one_primary(self, machine: Machine) -> None:
        super()._one_primary(machine)
        if not machine.server.takes_writes:
            return
        world, part = self._there, self._range(machine.shard)
        if not self._could_acknowledge(machine, world.members_of(machine.shard)):
            return
        for other in world.machines.values():
            apart = other.shard == machine.shard or self._range(other.shard).overlap(part) is None
            if apart or not other.server.takes_writes:
                continue
            if self._could_acknowledge(other, world.members_of(other.shard)):
                self.say(f"one writer: {machine.name} and {other.name} take writes of the same keys")

    # --- the records ------------------------------------------------------------------------------------

    def written(self, process: Process, before: Record | None, after: Record) -> None:
        super().written(process, before, after)
        if isinstance(before, Keyspace) and isinstance(after, Keyspace):
            former, new = before.status.routing, after.status.routing
            if former and former != new:
                self._swapped(former, new)

    def _swapped(self, former: tuple[ShardRoute, ...], new: tuple[ShardRoute, ...]) -> None:
        self.swaps += 1
        allowed = 1 + (OperationType.REVERSE in self.words)
        if self.swaps > allowed:
            self.say(
                f"direction: the routing is swapped to {' '.join(one.shard for one in new)}, which nobody asked for"
            )
        for one in new:
            machine = self._primary(one.shard)
            if machine is None:
                self.say(f"rows: the routing names {one.shard}, which has no primary")
                continue
            self._rows(one.shard, machine, "at the swap")
            if out := server_of(machine).outside(self._range(one.shard)):
                self.say(f"alike: at the swap {machine.name} holds keys out of its range: {out[:4]}")
            self._alike(machine, former)

    def _alike(self, machine: Machine, former: tuple[ShardRoute, ...]) -> None:
        for one in former:
            other = self._primary(one.shard)
            both = self._range(machine.shard).overlap(self._range(one.shard))
            if other is None or both is None or not other.is_up or other.server.opened == 0:
                continue
            right, mine = server_of(other).in_range(both), server_of(machine).in_range(both)
            if right != mine:
                differing = {key for key in {*right, *mine} if right.get(key) != mine.get(key)}
                keys = ", ".join(f"{key}: {right.get(key)} and {mine.get(key)}" for key in sorted(differing)[:4])
                self.say(f"alike: at the swap {other.name} and {machine.name} differ ({keys})")

    def _primary(self, shard: str) -> Machine | None:
        record = self.world.records._shelf.of(Shard).get(shard)
        return self.world.machines.get(record.status.reign.primary) if record is not None else None

    # --- the end ----------------------------------------------------------------------------------------

    def unsettled(self) -> str:
        """Why the keyspace is not as it must be in the end; empty where it is."""
        world = self._there
        keyspace, reshard = world.keyspace(), world.reshard()
        if keyspace is None or reshard is None:
            return "no reshard has begun"
        if not reshard.status.outcome.ended:
            if not reshard.status.awaited:
                return f"{reshard.name} is at {reshard.status.stage}, and does not say what it waits for"
            return f"{reshard.name} is at {reshard.status.stage}; awaited: {'; '.join(reshard.status.awaited)}"
        if keyspace.status.reshard is not None:
            return "the keyspace is claimed still"
        routed = {route.shard for route in keyspace.status.routing}
        if there := set(world.records._shelf.of(Shard)) - routed:
            return f"{' and '.join(sorted(there))} are there still"
        for shard in sorted(routed):
            if reason := self.at_rest(shard):
                return f"{shard}: {reason}"
        return ""

    def ended(self, shard: str) -> None:
        """Everything has come to rest: each row is where it belongs, and nothing of the reshard is left there."""
        super().ended(shard)
        machine = self._primary(shard)
        if machine is None:
            return
        self._rows(shard, machine, "at the end")
        if out := server_of(machine).outside(self._range(shard)):
            self.say(f"doubled: at the end {machine.name} holds keys out of its range: {out[:4]}")
        for member in self.world.members_of(shard):
            server = server_of(member)
            left = (server.movers, server.guards, server.imports, server.moves, server.idempotent)
            if any(left):
                self.say(f"untouched: {member.name} has of the reshard still: {left}")
