"""The operator is killed at its writes, before and after they land; a new one ends in the same world.

Of a long way every few writes are tried; ``STEP=1`` in the environment tries all of them. What must never happen on the
way is checked by the world itself, at each deletion of a pod.
"""

import os
from collections.abc import Awaitable, Callable

import pytest

from flyball.kubernetes.resources import CLAIMS
from flyball.records import Keyspace
from tests.unit.operator.world import NAMESPACE, World, steady

Change = Callable[[World], Awaitable[None]]


async def lose(world: World) -> None:
    status = {"status": {"phase": "Lost"}}
    await world.server.connect().patch(CLAIMS, NAMESPACE, "commerce-x-x-3-data", status, subresource="status")


WAYS: dict[str, tuple[dict, Change]] = {
    "another image": ({}, lambda world: world.edit(mysql={"image": "mysql:9.8"})),
    "another image of two": ({"replicas": 2}, lambda world: world.edit(mysql={"image": "mysql:9.8"})),
    "larger volumes": ({}, lambda world: world.edit(storage={"size": "20Gi", "storageClassName": "rigid"})),
    "larger volumes, old ones deleted": (
        {"reclaimPolicy": "Delete"},
        lambda world: world.edit(storage={"size": "20Gi", "storageClassName": "rigid"}),
    ),
    "one more": ({}, lambda world: world.edit(replicas=4)),
    "one fewer": ({}, lambda world: world.edit(replicas=2)),
    "one fewer, deleted": ({"reclaimPolicy": "Delete"}, lambda world: world.edit(replicas=2)),
    "a lost volume": ({}, lose),
    "deleted": ({}, lambda world: world.records.delete(Keyspace, "commerce")),
    "deleted with all": ({"reclaimPolicy": "Delete"}, lambda world: world.records.delete(Keyspace, "commerce")),
    "a user more": ({}, lambda world: world.edit(users=[{"name": "app"}])),
}


def strikes(writes: int, *, landed: bool) -> range:
    """The writes that are struck: some before they land, others after."""
    step = int(os.environ.get("STEP", "0")) or max(1, writes // 8)
    return range(1 + (landed and step // 2), writes + 1, step)


@pytest.mark.parametrize("landed", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_change_ends_the_same_wherever_the_operator_was_cut_off(way, landed):
    spec, change = WAYS[way]
    whole = await steady(**spec)
    await change(whole)
    await whole.rest()
    expected, writes = whole.outcome(), whole.strike.writes
    assert writes > 0
    for at in strikes(writes, landed=landed):
        world = await steady(**spec)
        world.strike.at, world.strike.landed = at, landed
        await change(world)
        await world.rest()
        assert world.outcome() == expected, f"cut off at write {at}"


@pytest.mark.parametrize("landed", [False, True], ids=["before", "after"])
async def test_so_does_coming_up(landed):
    expected = (await steady()).outcome()
    whole = await World().begin()
    await whole.rest()
    for at in strikes(whole.strike.writes, landed=landed):
        world = World()
        world.strike.at, world.strike.landed = at, landed
        await (await world.begin()).rest()
        assert world.outcome() == expected, f"cut off at write {at}"
