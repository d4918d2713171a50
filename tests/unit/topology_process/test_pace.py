"""How often a fleet is looked at, and what a shard at rest takes from the store."""

from flyball.member.accounts import replica_account
from flyball.records import Shard
from flyball_topology.service import INTERVAL, LONGEST_INTERVAL, interval
from flyball_topology.view import HEARD_WITHIN
from flyball_topology.watching import PROBE_WITHIN
from tests.unit.topology.scenarios import Scenario, begin
from tests.unit.topology.service import Service
from tests.unit.topology.world import SHARD


def test_a_small_fleet_is_looked_at_each_second_and_none_so_rarely_that_a_source_counts_as_unheard() -> None:
    assert interval(0) == interval(50) == INTERVAL
    assert INTERVAL < interval(500) < interval(10_000) == LONGEST_INTERVAL
    assert LONGEST_INTERVAL + PROBE_WITHIN < HEARD_WITHIN


async def test_a_shard_at_rest_is_not_read_from_the_store_until_its_record_changes() -> None:
    run = await begin(Scenario("healthy"))
    reads: list[str] = []

    async with Service(run.world, run.records) as service:
        await run.until_rest(service, 20)
        for _ in range(3):
            await service.one_pass()
        get = service.controller._records.get

        async def counted(*args: object) -> object:
            reads.append(str(args[1]))
            return await get(*args)  # type: ignore[arg-type]

        service.controller._records.get = counted  # type: ignore[method-assign,assignment]
        for _ in range(3):
            await service.one_pass()
        assert reads == []
        shard = await run.records.get(Shard, SHARD)
        assert shard is not None
        paused = shard.model_copy(update={"spec": shard.spec.model_copy(update={"paused": True})})
        await run.records.replace_spec(paused)
        await service.one_pass()
        done = await service.one_pass()
        assert reads
        assert "paused" in done.decision.why


async def test_nothing_is_done_by_a_record_that_the_watch_tells_too_late() -> None:
    run = await begin(Scenario("healthy"))
    async with Service(run.world, run.records) as service:
        await run.until_rest(service, 20)
        for _ in range(3):
            await service.one_pass()
        old = service.controller._declared.get(SHARD)
        service.controller._declared.get = lambda _: old  # type: ignore[method-assign]
        shard = await run.records.get(Shard, SHARD)
        assert shard is not None
        left = tuple(name for name in shard.status.ackers if name != "m3")  # by the leader that came meanwhile
        await run.records.replace_status(
            shard.model_copy(update={"status": shard.status.model_copy(update={"ackers": left})})
        )
        primary = run.world[shard.status.reign.primary]
        primary.admit(shard.status.reign.term, left)
        done = await service.one_pass()
        assert str(done.decision.step) == "apply the ack set on the primary"  # as the old record has it
        assert primary.accounts[replica_account("m3")], "a member that has left may acknowledge again"
