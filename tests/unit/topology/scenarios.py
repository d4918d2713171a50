"""What can happen to a healthy shard, and how it is seen that it has come to rest.

A scenario begins with something (a request, a death), may go on by itself (a dead member returns), and ends when the
controller has nothing left to do. :func:`finish` holds the end against what a user was promised.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from flyball.controller import Pass
from flyball.member.accounts import replica_account
from flyball.records import Failover, Operation, Shard
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec, ErrantPolicy, RepairSpec
from flyball.records.shard import Intent
from flyball.store.memory import MemoryRecords
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from flyball_topology.steps import Step
from flyball_topology.view import View
from tests.unit.topology.service import Effects, KilledError, Service, new_store, told
from tests.unit.topology.world import SHARD, World

Done = Pass[View, Step]


def _nothing(world: World, passes: int) -> None:
    pass


async def _nobody(world: World, records: MemoryRecords) -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """``begins`` once on a healthy shard; ``happens`` before each pass; ``stays`` are findings that remain."""

    name: str
    begins: Callable[[World, MemoryRecords], Awaitable[None]] = _nobody
    happens: Callable[[World, int], None] = _nothing
    stays: frozenset[Kind] = frozenset()
    members: int = 3
    acks: int = 1
    policy: DurabilityPolicy = DurabilityPolicy.SEMI_SYNC
    zones: tuple[str, ...] = ()
    new: bool = False
    """Whether it begins with an empty shard."""
    least: int = 0
    """Passes before which it has not ended, whatever it looks like."""
    repair: RepairSpec = field(default_factory=RepairSpec)

    def __str__(self) -> str:
        return self.name


@dataclass
class Run:
    """One scenario under way: the world, its records, and what may only rise."""

    scenario: Scenario
    world: World
    records: MemoryRecords
    passes: int = 0
    issued: int = 0
    reigning: int = 0
    steps: list[str] = field(default_factory=list)

    async def one_pass(self, service: Service) -> Done:
        self.scenario.happens(self.world, self.passes)
        self.passes += 1
        done = await service.one_pass()
        assert not self.world.violated, self.world.violated
        shard = await self.records.get(Shard, SHARD)
        assert shard is not None
        issued, reigning = shard.status.issued, shard.status.reign.term
        assert issued >= self.issued, f"issued fell from {self.issued} to {issued}"
        assert reigning >= self.reigning, f"the reign fell from {self.reigning} to {reigning}"
        self.issued, self.reigning = issued, reigning
        if done.decision.step is not None:
            self.steps.append(str(done.decision.step))
        return done

    def rests(self, done: Done) -> bool:
        view = done.view
        return (
            view is not None
            and self.passes >= self.scenario.least
            and done.error is None
            and done.decision.step is None
            and view.shard.status.transition is None
            and view.shard.status.reign.term > 0
            and view.shard.status.ackers_next is None
            and (view.primary is None or view.primary.seen is None or view.primary.seen.accounts is not None)
            and not view.failovers
            and not view.operations
            and {finding.kind for finding in diagnose(view)} <= self.scenario.stays
        )

    async def until_rest(self, service: Service, within: int) -> Done:
        last = None
        for _ in range(within):
            last = await self.one_pass(service)
            if self.rests(last):
                return last
        assert last is not None
        tail = "\n  ".join(self.steps[-12:])
        raise AssertionError(
            f"no rest within {within} passes; the last steps:\n  {tail}\n"
            f"now: {last.decision.why}; awaited {last.decision.awaited}; seen {last.decision.seen}; {last.error!r}\n"
            f"{last.view.shard.status.model_dump(exclude={'members', 'decision', 'conditions'}) if last.view else ''}"
        )


async def begin(scenario: Scenario) -> Run:
    """A healthy shard (or an empty one), and then the beginning of the scenario."""
    world = World.of(scenario.members, acks=scenario.acks, policy=scenario.policy, zones=scenario.zones)
    world.repair = scenario.repair
    records = new_store(world)
    run = Run(scenario, world, records)
    await records.create(world.shard())
    if not scenario.new:
        async with Service(world, records) as service:
            healthy = Run(Scenario("bootstrap"), world, records)
            await healthy.until_rest(service, 40)
    await scenario.begins(world, records)
    await told()
    return run


async def finish(run: Run, within: int = 300) -> Done:
    """A service that remembers nothing brings the shard to rest; everything promised holds."""
    async with Service(run.world, run.records) as service:
        last = await run.until_rest(service, within)
        await promised(run, last)
        again = await run.one_pass(service)
        assert again.decision.step is None, f"it does not rest: {again.decision.step}"
    return last


async def promised(run: Run, last: Done) -> None:
    """One primary takes writes, the recorded one; no acknowledged write is lost; new ones are acknowledged."""
    world = run.world
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    primary = shard.status.reign.primary
    assert [server.name for server in world.servers.values() if server.takes_writes] == [primary]
    assert world[primary].opened == shard.status.reign.term
    assert world.lost(primary).is_empty, f"lost: {world.lost(primary)}"
    before = world.acknowledged
    world.client_writes()
    assert world.acknowledged.count == before.count + 1, "a new write is not acknowledged"
    for failover in await run.records.list(Failover):
        assert failover.status.outcome.ended, failover
    assert last.view is not None
    for name in shard.status.ackers:
        if world[name].running and not world[name].stalled:
            assert world[name].executed.contains(world.acknowledged), f"{name} lacks acknowledged writes"
            if Kind.DIVERGED not in run.scenario.stays:
                foreign = world[name].executed.intersect(world.foreign).subtract(world[name].hollow)
                assert foreign.is_empty, f"{name} is counted, and holds {foreign} in its own way"


async def effects_of(scenario: Scenario) -> list[str]:
    """What a service that is left alone does, in order."""
    run = await begin(scenario)
    effects = Effects()
    async with Service(run.world, run.records, effects) as service:
        last = await run.until_rest(service, 300)
        await promised(run, last)
    return effects.done


async def strike(scenario: Scenario, effects: Effects) -> Run:
    """Run with the effects' stroke of fate, until rest or until the service is dead."""
    run = await begin(scenario)
    async with Service(run.world, run.records, effects) as service:
        try:
            await run.until_rest(service, 300)
        except KilledError:
            effects.dead = True
    return run


# --- the scenarios ------------------------------------------------------------------------------------------


def planned(to: str | None = "m2") -> Callable[[World, MemoryRecords], Awaitable[None]]:
    async def ask(world: World, records: MemoryRecords) -> None:
        spec = {"keyspace": "commerce", "shard": SHARD, "mode": "planned", "to": to}
        await records.create(Failover.model_validate({"metadata": {"name": "please"}, "spec": spec}))

    return ask


def operation(kind: str, member: str | None) -> Callable[[World, MemoryRecords], Awaitable[None]]:
    async def ask(world: World, records: MemoryRecords) -> None:
        spec = {"type": kind, "keyspace": "commerce", "shard": SHARD, "member": member}
        await records.create(Operation.model_validate({"metadata": {"name": "word"}, "spec": spec}))

    return ask


async def _without_notes(world: World, records: MemoryRecords) -> None:
    """As members are that have been served by a flyball which knew of no notes."""
    for server in world.servers.values():
        assert server.row is not None
        server.row = replace(server.row, note=None)


async def _crash_without_notes(world: World, records: MemoryRecords) -> None:
    await _without_notes(world, records)
    world.kill("m1")


async def of_older_members(world: World, records: MemoryRecords) -> None:
    """Their program knows of no notes: they were not started anew when the topology service was."""
    await _without_notes(world, records)
    for server in world.servers.values():
        server.takes_notes = False


async def _crash_of_older_members(world: World, records: MemoryRecords) -> None:
    await of_older_members(world, records)
    world.kill("m1")


async def _crash(world: World, records: MemoryRecords) -> None:
    world.kill("m1")


async def _crash_with_a_tail(world: World, records: MemoryRecords) -> None:
    world.held = {*world.servers} - {"m1"}
    world.client_writes()
    world.client_writes()
    world.kill("m1")
    world.held = set()


async def _crash_with_one_ahead(world: World, records: MemoryRecords) -> None:
    """m3 alone has received, and acknowledged, the last writes; m2 would be first in the list."""
    world.held, world.slow = {"m2"}, {"m3"}
    world.client_writes()
    world.kill("m1")
    world.settle()
    world.held, world.slow = set(), set()


async def _crash_with_an_errant_one_ahead(world: World, records: MemoryRecords) -> None:
    """m3 alone has received, and acknowledged, the last writes; somebody wrote to it, and m2 may not read from it."""
    world.held, world.slow = {"m2"}, {"m3"}
    world.client_writes()
    world.errant_write("m3")
    world.client_writes()
    world.errant_write("m3")
    world["m3"].accounts[replica_account("m2")] = True
    world.kill("m1")
    world.settle()
    world.held, world.slow = set(), set()


async def _stall(world: World, records: MemoryRecords) -> None:
    world["m1"].stalled = True


async def _crash_of_a_replica(world: World, records: MemoryRecords) -> None:
    world.kill("m3")


async def _all_restart(world: World, records: MemoryRecords) -> None:
    for name in world.servers:
        world.kill(name)
    for name in world.servers:
        world.start(name)


async def _leave(world: World, records: MemoryRecords) -> None:
    await with_intent(records, "m3", Intent.LEAVE)


async def _primary_leaves(world: World, records: MemoryRecords) -> None:
    await with_intent(records, "m1", Intent.LEAVE)


async def with_intent(records: MemoryRecords, name: str, intent: Intent) -> None:
    shard = await records.get(Shard, SHARD)
    assert shard is not None
    members = tuple(m.model_copy(update={"intent": intent}) if m.name == name else m for m in shard.spec.members)
    spec = shard.spec.model_copy(update={"members": members})
    await records.replace_spec(shard.model_copy(update={"spec": spec}))


def declare(policy: DurabilityPolicy, acks: int = 1) -> Callable[[World, MemoryRecords], Awaitable[None]]:
    async def edit(world: World, records: MemoryRecords) -> None:
        shard = await records.get(Shard, SHARD)
        assert shard is not None
        spec = shard.spec.model_copy(update={"durability": DurabilitySpec(policy=policy, acks=acks)})
        await records.replace_spec(shard.model_copy(update={"spec": spec}))

    return edit


def returns(name: str, at: int, after: float = 0.0) -> Callable[[World, int], None]:
    """The dead or stalled member is there again, ``at`` passes (and at least ``after`` seconds) later."""

    def happens(world: World, passes: int) -> None:
        if passes == at // 2:
            world.now += after
        if passes == at:
            world[name].stalled = False
            if not world[name].running:
                world.start(name)

    return happens


def _last_of_three(world: World, passes: int) -> None:
    """m3 is away until it has left the ack set; then m1 dies for good, and m3 returns."""
    if passes == 5:
        world.now += 60.0
    if passes == 20:
        world.kill("m1")
    if passes == 30:
        world.start("m3")


CROSS_ZONE, ZONES = DurabilityPolicy.CROSS_ZONE, ("a", "a", "b")
RESEEDS = RepairSpec(errant=ErrantPolicy.RESEED)

SCENARIOS = (
    Scenario("bootstrap", new=True),
    Scenario("bootstrap with two acknowledgements", new=True, acks=2),
    Scenario("switchover", planned()),
    Scenario("switchover of two members", planned(), members=2),
    Scenario("switchover with two acknowledgements", planned(), acks=2, members=4),
    Scenario("failover", _crash, returns("m1", 12), least=14),
    Scenario("failover with a tail", _crash_with_a_tail, returns("m1", 12), least=14),
    Scenario("failover of two members with a tail", _crash_with_a_tail, returns("m1", 12), members=2, least=14),
    Scenario("failover with one replica ahead", _crash_with_one_ahead, returns("m1", 12), least=14),
    Scenario(
        "failover with an errant replica ahead",
        _crash_with_an_errant_one_ahead,
        returns("m1", 14),
        least=16,
        repair=RESEEDS,
    ),
    Scenario(
        "failover for good with an errant replica ahead",
        _crash_with_an_errant_one_ahead,
        stays=frozenset({Kind.MEMBER_UNREACHABLE, Kind.MEMBER_AWAY}),
        repair=RESEEDS,
    ),
    Scenario("failover of members without notes", _crash_without_notes, returns("m1", 12), least=14),
    Scenario("failover of older members", _crash_of_older_members, returns("m1", 12), least=14),
    Scenario("members without notes", _without_notes, least=2),
    Scenario("failover of a stalled primary", _stall, returns("m1", 16), least=18),
    Scenario("failover after all restarted", _all_restart, least=3),
    Scenario("reseed", operation("reseed", "m3"), least=3),
    Scenario("reseed of the only ack-giver", operation("reseed", "m2"), members=2, least=3),
    Scenario("a replica is away, and returns", _crash_of_a_replica, returns("m3", 14, after=60.0), least=16),
    Scenario("a replica is away where two must acknowledge", _crash_of_a_replica, returns("m3", 6), acks=2, least=8),
    Scenario(
        "the last of three takes over",
        _crash_of_a_replica,
        _last_of_three,
        stays=frozenset({Kind.MEMBER_UNREACHABLE, Kind.MEMBER_AWAY}),
        least=32,
    ),
    Scenario("a replica leaves", _leave, stays=frozenset({Kind.LEAVING}), least=5),
    Scenario("semi-sync to cross-zone", declare(CROSS_ZONE), zones=ZONES),
    Scenario("cross-zone to semi-sync", declare(DurabilityPolicy.SEMI_SYNC), policy=CROSS_ZONE, zones=ZONES),
    Scenario("none to semi-sync", declare(DurabilityPolicy.SEMI_SYNC), policy=DurabilityPolicy.NONE),
    Scenario("semi-sync to none", declare(DurabilityPolicy.NONE)),
    Scenario("the primary leaves", _primary_leaves, stays=frozenset({Kind.LEAVING}), least=5),
)
