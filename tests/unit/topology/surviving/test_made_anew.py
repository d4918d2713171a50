"""A member made anew is another server: no GTID stands for two transactions (rule 6). A clone may break off."""

from flyball.records import Failover
from flyball_topology.findings import Kind
from tests.unit.topology.scenarios import Scenario, begin, operation
from tests.unit.topology.service import Service, told
from tests.unit.topology.world import SHARD

AWAY = frozenset({Kind.MEMBER_UNREACHABLE})
"""m3 stays away all the time."""


async def test_a_former_primary_made_anew_numbers_nothing_that_an_absent_member_holds() -> None:
    """m3 alone received m1's last write, one acknowledgement of two; it is away while m1 is made anew, and reigns."""
    run = await begin(Scenario("two acknowledgements", acks=2, members=5, stays=AWAY))
    world = run.world
    async with Service(world, run.records) as service:
        await run.until_rest(service, 40)
        world.held = {"m2", "m4", "m5"}
        world.client_writes()
        tail = world["m1"].logged.subtract(world["m2"].executed)
        assert not tail.is_empty
        assert world["m3"].received.contains(tail)
        for name in ("m1", "m3"):
            world.kill(name)
        world.held = set()
        for _ in range(20):
            await run.one_pass(service)
        world.start("m1")
        await run.until_rest(service, 100)
        assert world["m1"].clone_state == "Completed"
        spec = {"keyspace": "commerce", "shard": SHARD, "mode": "planned", "to": "m1"}
        await run.records.create(Failover.model_validate({"metadata": {"name": "back"}, "spec": spec}))
        await told()
        await run.until_rest(service, 100)
        assert world["m1"].takes_writes
        for _ in range(4):
            await run.one_pass(service)
        assert world["m1"].executed.intersect(tail).is_empty


async def test_a_clone_that_broke_off_is_explained_and_tried_again_from_another_donor() -> None:
    """The member is empty by then; it counts for nothing, and comes back whole."""
    run = await begin(Scenario("reseed", operation("reseed", "m3"), members=4))
    world = run.world
    world.breaking = {"m2"}
    async with Service(world, run.records) as service:
        await service.until(lambda done: "a clone of a member failed" in str(done.decision.seen))
        assert world["m3"].executed.is_empty
        await run.until_rest(service, 60)
    assert run.steps.count("clone m3 from m4") == 1
    assert world["m3"].executed.contains(world.acknowledged)
