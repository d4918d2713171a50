"""The service is struck at every single effect of a reshard; the next life ends it the same, and nothing is lost.

The world checks after each pass that every acknowledged write is where writes are taken, and that they are taken in
one place at a time.
"""

from dataclasses import dataclass

import pytest

from flyball.records.operation import OperationType
from tests.unit.topology.resharding.world import Service, World, new_world
from tests.unit.topology.service import Effects, Fate, KilledError

MOST = 400
"""More effects than any of these has."""


@dataclass(frozen=True)
class Way:
    """A whole reshard: from so many shards to so many, to this end."""

    before: int
    after: int
    end: str
    word: OperationType
    rest: str = "Switched"


COMPLETED = Way(1, 2, "Succeeded", OperationType.COMPLETE)
MERGED = Way(2, 1, "Succeeded", OperationType.COMPLETE)
REVERSED = Way(1, 2, "Undone", OperationType.REVERSE)
MERGED_AND_REVERSED = Way(2, 1, "Undone", OperationType.REVERSE)
SHUFFLED_AND_REVERSED = Way(2, 3, "Undone", OperationType.REVERSE)


async def carried(way: Way, effects: Effects) -> tuple[World, int]:
    """The world at the end, and the lives that it took."""
    world = await new_world(way.before)
    await world.declare(way.after)
    said = False
    for life in range(1, 9):
        async with Service(world, effects if life == 1 else Effects(), f"life {life}") as service:
            try:
                if not said:
                    await service.until(way.rest)
                    await world.say(way.word)
                    said = True
                await service.until(way.end)
                await service.rest()
            except KilledError:
                continue
            await world.engine()
            return world, life
    raise AssertionError("it died again and again")


async def outcome(world: World) -> tuple[object, ...]:
    """What must be the same, struck or not."""
    keyspace, shards = await world.keyspace(), await world.shards()
    return (
        tuple(route.shard for route in keyspace.status.routing),
        keyspace.status.reshard,
        tuple(sorted((name, shard.serves, shard.status.access is None) for name, shard in shards.items())),
        tuple(sorted(world.ground.primaries)),
        tuple(world.ground.trace(name)[:5] for name in sorted(world.ground.primaries)),
    )


async def _strike_everywhere(way: Way, fate: Fate, every: int) -> None:
    calm, _ = await carried(way, Effects())
    expected = await outcome(calm)
    for at in range(1 + (list(Fate).index(fate) if every > 1 else 0), MOST, every):
        effects = Effects(at, fate)
        world, _ = await carried(way, effects)
        if len(effects.done) < at:
            return
        assert await outcome(world) == expected, f"struck at {at}: {effects.done[-1]}"
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("fate", [Fate.KILLED_BEFORE, Fate.KILLED_AFTER])
async def test_a_reshard_that_is_cut_anywhere_completes_the_same(fate: Fate):
    await _strike_everywhere(COMPLETED, fate, 1)


@pytest.mark.parametrize("way", [MERGED, REVERSED, MERGED_AND_REVERSED, SHUFFLED_AND_REVERSED], ids=str)
@pytest.mark.parametrize("fate", list(Fate)[:4])
async def test_so_does_every_other_way(way: Way, fate: Fate):
    await _strike_everywhere(way, fate, 7)


@pytest.mark.parametrize("ways", [(1, 2), (2, 1), (2, 3)])
async def test_cancelled_at_any_moment_before_the_swap_the_world_is_as_before(ways: tuple[int, int]):
    """World before = world after, rows and flags and records; from the first pass to the last before the swap."""
    for passes in range(1, MOST):
        world = await new_world(ways[0])
        before = await outcome(world)
        rows = dict(world.ground.acknowledged)
        await world.declare(ways[1])
        async with Service(world) as service:
            await world.engine()
            for _ in range(passes):
                await service.one_pass()
            if len((await world.keyspace()).status.routing) == ways[1] and ways[0] != ways[1]:
                return  # the targets serve: too late, which the next test shows
            await world.say(OperationType.CANCEL)
            await service.until("Cancelled")
            await service.rest()
        await world.engine()
        assert await outcome(world) == before, f"cancelled after {passes} passes"
        assert world.ground.acknowledged.keys() >= rows.keys()
        for name, primary in world.ground.primaries.items():
            assert not primary.ghosts(), name


async def test_too_late_a_cancel_is_refused_and_changes_nothing():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await service.until("Switched")
        asked = await world.say(OperationType.CANCEL)
        for _ in range(3):
            await service.one_pass()
        told = await world.records.get(type(asked), asked.name)
        assert told is not None
        assert (told.status.outcome, told.status.code) == ("Refused", "FB4014")
        assert len((await world.keyspace()).status.routing) == 2
