"""Primaries change and leaders sleep in the middle of a reshard; the world checks each time that nothing is lost."""

import asyncio

import pytest

from flyball.records.operation import OperationType
from tests.unit.topology.resharding.world import Service, World, new_world
from tests.unit.topology.service import Effects, Fate

MOST = 400


async def _carried_with_a_failover(after: int, shard: str, passes: int) -> tuple[World, bool]:
    """The shard gets another primary after so many passes; whether that was before the reshard rested."""
    world = await new_world(2 if after == 1 else 1)
    await world.declare(after)
    happened = False
    async with Service(world) as service:
        await world.engine()
        for _ in range(passes):
            await service.one_pass()
        if shard in await world.shards():
            happened = (await world.reshard()).status.awaited[:1] != ("the sources follow the targets",)
            await world.fail_over(shard)
        await service.until("Switched")
        await world.say(OperationType.COMPLETE)
        await service.until("Succeeded")
    return world, happened


@pytest.mark.parametrize(("after", "shard"), [(2, "commerce-x-x"), (2, "commerce-80-x"), (1, "commerce-80-x")])
async def test_a_failover_after_any_pass_is_survived(after: int, shard: str):
    for passes in range(1, MOST):
        world, happened = await _carried_with_a_failover(after, shard, passes)
        assert len((await world.keyspace()).status.routing) == after
        if not happened and passes > 40:
            return
    raise AssertionError("it never came to rest")


@pytest.mark.parametrize("end", ["Undone", "Cancelled"])
async def test_a_leader_that_sleeps_before_any_effect_and_wakes_at_the_end_changes_nothing(end: str):
    word, rest = (OperationType.REVERSE, "Switched") if end == "Undone" else (OperationType.CANCEL, "Moving")
    for at in range(1, MOST, 3):
        effects = Effects(at, Fate.ASLEEP)
        world = await new_world(1)
        await world.declare(2)
        async with Service(world, effects, "sleeper") as sleeper, Service(world, Effects(), "other") as other:
            sleeping = asyncio.create_task(sleeper.until("Switched"))
            asleep = asyncio.create_task(effects.asleep.wait())
            await asyncio.wait({sleeping, asleep}, return_when=asyncio.FIRST_COMPLETED)
            if sleeping.done():
                asleep.cancel()
                assert at > 20
                return
            if rest == "Switched" or (await world.reshard()).status.stage == "Switched":
                await other.until("Switched")
                await world.say(OperationType.REVERSE)
                await other.until("Undone")
            else:
                await world.say(word)
                await other.until("Cancelled")
            await other.rest()
            effects.woken.set()
            await asyncio.sleep(0)
            for _ in range(20):
                await other.one_pass()
            sleeping.cancel()
            await asyncio.gather(sleeping, return_exceptions=True)
        await world.engine()
        assert [route.shard for route in (await world.keyspace()).status.routing] == ["commerce-x-x"]
        assert set(world.ground.primaries) == {"commerce-x-x"}
        await world.write()
        assert world.ground.trace("commerce-x-x")[:2] == (False, False), f"asleep before {effects.done[at - 1]}"
