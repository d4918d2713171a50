"""A comparison keeps channels still for a moment; nobody takes that for a channel that broke."""

from flyball_topology.reshard.acts import OpenChannel
from flyball_topology.reshard.seen import Work
from tests.unit.topology.resharding.world import Service, World, new_world


async def _comparing(service: Service, world: World) -> None:
    while world.ground.verified.work is not Work.RUNNING:
        await service.one_pass()


def _hold(world: World, error: str = "") -> None:
    world.ground.now += 10.0  # long after they were opened
    for primary in world.ground.primaries.values():
        for channel in primary.channels.values():
            channel.held, channel.error = True, error


async def _opens(service: Service) -> bool:
    step = (await service.one_pass()).decision.step
    return step is not None and any(isinstance(act, OpenChannel) for act in step.acts)


async def test_a_channel_that_a_comparison_holds_is_not_opened_meanwhile():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await _comparing(service, world)
        world.ground.verifying = 100
        _hold(world)
        assert not await _opens(service)


async def test_a_channel_that_fails_meanwhile_is_opened():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await _comparing(service, world)
        world.ground.verifying = 100
        _hold(world, error="a duplicate key")
        assert await _opens(service)


async def test_a_channel_whose_comparison_died_is_opened():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        await _comparing(service, world)
        _hold(world)
    async with Service(world, life="second") as service:
        assert await _opens(service)
        await service.until("Switched")
