"""Others write the same records all the time; a write pause does not wait for that."""

from flyball.controller import Outcome
from flyball.records import Reshard, Shard
from flyball.records.shard import Access, Mode, Phase, ShardAccess, Transition
from tests.unit.topology.resharding.world import Service, World, new_world

SOURCE, LOWER, UPPER = "commerce-x-x", "commerce-x-80", "commerce-80-x"


async def _swapped(service: Service) -> None:
    """Passes until the routing has just been swapped."""
    world = service.world
    while len((await world.keyspace()).status.routing) == 1:
        await world.engine()
        await service.one_pass()


async def _told(world: World, **changes: object) -> None:
    """Somebody else writes the status of every target."""
    for name in (LOWER, UPPER):
        shard = await world.records.get(Shard, name)
        assert shard is not None
        await world.records.replace_status(shard.model_copy(update={"status": shard.status.model_copy(update=changes)}))


async def _opening_while(service: Service, **changes: object) -> set[Access]:
    """What the targets take after the pass that is to open them, with others writing in the midst of it."""
    await _swapped(service)
    key = (await service.world.reshard()).name
    view = await service.controller.observe(key)
    step = service.controller.decide(key, view).step
    assert step is not None
    await _told(service.world, **changes)
    await service.controller.act(key, step)
    shards = await service.world.shards()
    return {shards[name].access for name in (LOWER, UPPER)}


async def test_targets_are_opened_at_once_whoever_writes_their_status_meanwhile():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        assert await _opening_while(service, findings=("something is seen",)) == {Access.OPEN}


async def test_a_change_of_primary_meanwhile_is_looked_at_first():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        changing = Transition(mode=Mode.EMERGENCY, phase=Phase.ISSUED)
        assert await _opening_while(service, transition=changing) == {Access.FILLING}


async def test_a_freeze_that_was_taken_back_meanwhile_is_not_written_again():
    world = await new_world(1)
    await world.declare(2)
    async with Service(world) as service:
        while str((await world.reshard()).status.stage if await world.records.list(Reshard) else "") != "Switching":
            await service.one_pass() if await world.records.list(Reshard) else await world.engine()
        key = (await world.reshard()).name
        step = service.controller.decide(key, await service.controller.observe(key)).step
        assert step is not None
        assert step.name == f"freeze {SOURCE}"
        before = (await world.shards())[SOURCE]
        for access in (ShardAccess(mode=Access.FROZEN, by=key), None):
            shard = (await world.shards())[SOURCE]
            changes = {"access": access, "version": shard.status.version + 1}
            await world.records.replace_status(
                shard.model_copy(update={"status": shard.status.model_copy(update=changes)})
            )
        assert await service.controller.act(key, step) is Outcome.CHANGED
        assert (await world.shards())[SOURCE].status.access == before.status.access
        assert not world.ground.primaries[SOURCE].read_only
