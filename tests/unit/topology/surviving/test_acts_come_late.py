"""Acts of the reigning term that come late: a leader slept right before one of them, and the shard has moved on since.

The term does not tell such an act from a present one. The version of the record does: whoever changes what the act
stands on raises it first, and goes on only once the members that matter have noted it (rule 4).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from flyball.records import Shard
from flyball.records.keyspace import DurabilityPolicy
from flyball.records.shard import Intent, ShardStatus
from flyball.store.memory import MemoryRecords
from tests.unit.topology.scenarios import SCENARIOS, Run, Scenario, begin, declare, effects_of, with_intent
from tests.unit.topology.service import Effects, Fate, Service
from tests.unit.topology.surviving.sleepers import until_asleep
from tests.unit.topology.world import SHARD, World


async def test_an_ack_set_of_before_unlocks_nobody_who_has_left() -> None:
    """Else that member acknowledges a write, is not looked for when the primary dies, and the write is gone."""
    scenario = next(s for s in SCENARIOS if s.name == "a replica is away, and returns")
    names = await effects_of(scenario)
    at = max(number for number, name in enumerate(names, 1) if name.startswith("Admit("))
    assert "m3" in names[at - 1], "the last one lets m3 in again"
    run = await begin(scenario)
    async with woken_after(run, at) as other:
        await run.until_rest(other, 300)
        await with_intent(run.records, "m3", Intent.LEAVE)
        await until(run, other, lambda status: "m3" not in status.ackers)
    run.world.held = {"m2"}  # whatever is acknowledged now, m3 alone has acknowledged
    run.world.client_writes()
    run.world.kill("m1")
    run.world.kill("m3")  # which does not count, so nobody waits for it
    run.world.held = set()
    async with Service(run.world, run.records) as third:
        await until(run, third, lambda _: (2, "m2") in run.world.promoted)
    assert run.world.lost("m2").is_empty


async def test_a_neighbour_that_is_told_to_acknowledge_does_not_once_cross_zone_is_in_force() -> None:
    """m2 is in the primary's zone; nobody looks for what it alone has acknowledged."""
    scenario = Scenario("m2 restarts", restart("m2"), zones=("a", "a", "b"), least=4)
    names = await effects_of(scenario)
    at = max(number for number, name in enumerate(names, 1) if name.startswith("Follow(member='m2'"))
    assert "acks=True" in names[at - 1]
    run = await begin(scenario)
    async with woken_after(run, at) as other:
        await declare(DurabilityPolicy.CROSS_ZONE)(run.world, run.records)
        await until(run, other, in_force(DurabilityPolicy.CROSS_ZONE))
    run.world.held = {"m3"}
    run.world.client_writes()
    run.world.kill("m1")
    run.world.kill("m2")
    run.world.held = set()
    async with Service(run.world, run.records) as third:
        await until(run, third, lambda _: (2, "m3") in run.world.promoted)
    assert run.world.lost("m3").is_empty


async def test_semi_sync_is_not_turned_off_once_it_was_declared_again() -> None:
    scenario = next(s for s in SCENARIOS if s.name == "semi-sync to none")
    names = await effects_of(scenario)
    at = next(number for number, name in enumerate(names, 1) if name.startswith("EnsureSemiSync("))
    run = await begin(scenario)
    async with woken_after(run, at) as other:
        await until(run, other, in_force(DurabilityPolicy.NONE))
        await run.until_rest(other, 100)
        await declare(DurabilityPolicy.SEMI_SYNC)(run.world, run.records)
        await until(run, other, in_force(DurabilityPolicy.SEMI_SYNC))
        await run.until_rest(other, 100)
    run.world.held = {"m2", "m3"}
    run.world.client_writes()
    run.world.kill("m1")
    run.world.held = set()
    async with Service(run.world, run.records) as third:
        await until(run, third, lambda _: bool(run.world.promoted))
    ((_, primary),) = run.world.promoted
    assert run.world.lost(primary).is_empty


async def test_a_member_that_counts_again_is_not_cloned_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would forget what it alone has acknowledged since: the primary dies while it is being cloned."""
    scenario = next(s for s in SCENARIOS if s.name == "reseed")
    names = await effects_of(scenario)
    at = next(
        number for number, name in enumerate(names, 1) if name.startswith("Clone(member='m3', term=1, donor='m2'")
    )
    run = await begin(scenario)
    with monkeypatch.context() as patched:
        async with woken_after(run, at) as other:
            await run.until_rest(other, 100)
            run.world.held = {"m2"}
            run.world.client_writes()
            patched.setattr(run.world, "finish_clones", lambda: None)
        run.world.kill("m1")
        run.world.held = set()
        async with Service(run.world, run.records) as third:
            await until(run, third, lambda status: status.transition is not None)
            patched.undo()
            await until(run, third, lambda _: bool(run.world.promoted))
    ((_, primary),) = run.world.promoted
    assert run.world.lost(primary).is_empty


def restart(name: str) -> Callable[[World, MemoryRecords], Awaitable[None]]:
    async def begins(world: World, records: MemoryRecords) -> None:
        world.kill(name)
        world.start(name)

    return begins


def in_force(policy: DurabilityPolicy) -> Callable[[ShardStatus], bool]:
    return lambda status: status.durability is not None and status.durability.policy is policy


@asynccontextmanager
async def woken_after(run: Run, at: int) -> AsyncIterator[Service]:
    """While one service sleeps before its effect number ``at``, another one leads; then the first wakes."""
    effects = Effects(at, Fate.ASLEEP)
    async with Service(run.world, run.records, effects) as sleeper:
        sleeping = asyncio.create_task(until_asleep(run, sleeper))
        await effects.asleep.wait()
        async with Service(run.world, run.records) as other:
            yield other
        effects.woken.set()
        await sleeping


async def until(run: Run, service: Service, wanted: Callable[[ShardStatus], bool], within: int = 100) -> None:
    for _ in range(within):
        await run.one_pass(service)
        shard = await run.records.get(Shard, SHARD)
        if shard is not None and wanted(shard.status):
            return
    raise AssertionError(f"not within {within} passes: {run.steps[-12:]}")
