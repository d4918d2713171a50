"""A reshard that does not come forward says why, beside the step that runs."""

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records.failover import StepState
from flyball.records.operation import OperationType
from flyball.records.reshard import StepName
from tests.unit.topology.resharding.world import Service, World, new_world

SOURCE, LOWER = "commerce-x-x", "commerce-x-80"
FOREIGN = GtidSet.span("0000ffff-0000-0000-0000-000000000000", 1, 5)


async def _begun(service: Service, name: StepName) -> None:
    """Passes until that step has begun."""
    while True:
        await service.one_pass()
        if (await service.world.reshard()).status.step(name) is not None:
            return


async def _evidence(world: World, name: StepName) -> str:
    step = (await world.reshard()).status.step(name)
    assert step is not None
    assert step.state is StepState.RUNNING
    return step.evidence


async def test_a_channel_that_stops_again_and_again_tells_its_error():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await world.engine()
        await _begun(service, StepName.STREAM)
        for _ in range(8):
            for channel in world.ground.primaries[LOWER].channels.values():
                channel.runs, channel.error = False, "1062: a row is there already"
            await service.one_pass()
        told = await _evidence(world, StepName.STREAM)
        assert "1062: a row is there already" in told
        assert f"the channel from {SOURCE} to {LOWER} to run" in told


async def test_a_source_that_has_purged_what_a_channel_needs_stops_the_reshard_with_a_code_until_a_cancel():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await world.engine()
        await _begun(service, StepName.STREAM)
        world.ground.primaries[SOURCE].purged = FOREIGN
        for _ in range(8):
            await service.one_pass()
        told = (await world.reshard()).status
        assert told.code == Code.LOG_PURGED.number
        assert f"{SOURCE} has purged what the channel to {LOWER} needs next" in told.message
        assert "flyball workflow cancel" in "; ".join(told.awaited)
        await world.say(OperationType.CANCEL)
        await service.until("Cancelled")
        await service.rest()
    await world.engine()
    assert set(world.ground.primaries) == {SOURCE}


async def test_a_shard_that_does_not_answer_is_named_and_no_more_once_it_does():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await world.engine()
        await _begun(service, StepName.STREAM)
        world.ground.primaries[LOWER].up = False
        await service.one_pass()
        assert f"{LOWER} to answer" in await _evidence(world, StepName.STREAM)
        world.ground.primaries[LOWER].up = True
        reshard = await service.until("Switched")
        step = reshard.status.step(StepName.STREAM)
        assert step is not None
        assert (step.state, step.evidence) == (StepState.DONE, "2 channels")
