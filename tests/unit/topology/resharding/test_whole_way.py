import pytest

from flyball.records.failover import StepState
from flyball.records.operation import OperationType
from tests.unit.topology.resharding.world import NAME, Service, new_world

WAYS = [(1, 2), (2, 4), (2, 3), (4, 2), (3, 1)]


@pytest.mark.parametrize(("before", "after"), WAYS)
async def test_rows_move_under_load_and_the_former_shards_go(before: int, after: int):
    world = await new_world(before)
    former = set(world.ground.primaries)
    await world.declare(after)
    async with Service(world) as service:
        await service.until("Switched")
        keyspace = await world.keyspace()
        assert len(keyspace.status.routing) == after
        await world.say(OperationType.COMPLETE)
        reshard = await service.until("Succeeded")
    await world.engine()
    assert not former & set(world.ground.primaries)
    assert (await world.keyspace()).status.reshard is None
    assert [step.name for step in reshard.status.steps if step.state is not StepState.DONE] == []
    assert world.ground.acknowledged
    assert all(shard.status.access is None and shard.serves for shard in (await world.shards()).values())


@pytest.mark.parametrize(("before", "after"), WAYS)
async def test_it_is_reversed_under_load_and_the_targets_go(before: int, after: int):
    world = await new_world(before)
    former = set(world.ground.primaries)
    await world.declare(after)
    async with Service(world) as service:
        await service.until("Switched")
        await world.say(OperationType.REVERSE)
        await service.until("Undone")
    await world.engine()
    assert set(world.ground.primaries) == former
    keyspace = await world.keyspace()
    assert len(keyspace.status.routing) == before
    assert keyspace.status.reshard is None
    assert all(shard.status.access is None and shard.serves for shard in (await world.shards()).values())
    assert keyspace.name == NAME


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3)])
async def test_clients_wait_for_a_freeze_and_a_swap_and_for_nothing_else(before: int, after: int):
    world = await new_world(before)
    await world.declare(after)
    names = []
    async with Service(world) as service:
        await world.engine()
        while not names or not names[-1].startswith("note the cutover"):
            done = await service.one_pass()
            names.append(done.decision.step.name if done.decision.step is not None else "wait")
    held = names[names.index("begin to switch") + 1 :]
    assert [name.split()[0] for name in held] == ["freeze", "swap", "open", "note"]
