"""A record that was restored to before a term was issued issues its number again: the names tell the two apart."""

from collections.abc import Callable

from flyball.records import Shard
from flyball.records.shard import Phase, ShardStatus
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from tests.unit.topology.scenarios import Run, Scenario, begin
from tests.unit.topology.service import Service
from tests.unit.topology.world import SHARD, TOPOLOGY


async def test_a_member_acknowledges_nothing_under_another_issue_of_the_term_that_it_promised() -> None:
    """m2 reigns under term 2, and m3 acknowledges. The restored record gives term 2 to m1, which is reached alone."""
    run = await begin(Scenario("healthy"))
    before = await status_of(run)
    run.world.kill("m1")
    async with Service(run.world, run.records) as first:
        while (await status_of(run)).reign.term < 2:
            await first.one_pass()
        (reigning,) = (server.name for server in run.world.servers.values() if server.takes_writes)
        acknowledges = "m3" if reigning == "m2" else "m2"
        run.world.client_writes()
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    await run.records.replace_status(shard.model_copy(update={"status": before}))
    run.world.cut = {frozenset({TOPOLOGY, "m2"}), frozenset({TOPOLOGY, "m3"})}
    run.world.start("m1")
    async with Service(run.world, run.records) as second:
        for _ in range(20):
            await second.one_pass()
        restored = await status_of(run)
        assert restored.issued == 2, "the number was issued again"
        assert restored.transition is not None
        assert (restored.transition.phase, restored.transition.candidate) == (Phase.PROMOTING, "m1")
        run.world.cut = {frozenset({TOPOLOGY, reigning})}
        for _ in range(20):
            done = await second.one_pass()
    assert run.world[acknowledges].channel is not None
    assert run.world[acknowledges].channel.host == f"{reigning}.test"
    assert run.world.lost(reigning).is_empty
    assert done.view is not None
    assert Kind.RECORD_OLDER_THAN_MEMBERS in {finding.kind for finding in diagnose(done.view)}


async def test_a_reign_that_a_member_noted_is_missed_however_many_numbers_were_issued_since() -> None:
    """m2 reigns under term 2, and m3 acknowledges. The restored record issues 2 and 3 before it reaches m3 again, which
    has promised less: that it holds the only other copy of what was acknowledged shows in its note alone.
    """
    run = await begin(Scenario("healthy"))
    before = await status_of(run)
    run.world.kill("m1")
    async with Service(run.world, run.records) as first:
        while (await status_of(run)).reign.term < 2:
            await first.one_pass()
        (reigning,) = (server.name for server in run.world.servers.values() if server.takes_writes)
        run.world.client_writes()
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    await run.records.replace_status(shard.model_copy(update={"status": before}))
    run.world.cut = {frozenset({TOPOLOGY, "m2"}), frozenset({TOPOLOGY, "m3"})}
    run.world.start("m1")
    async with Service(run.world, run.records) as second:
        await until(run, second, lambda status: status.transition is not None and status.transition.candidate == "m1")
        run.world.kill("m1")
        await until(run, second, lambda status: status.issued == 3)
        run.world.start("m1")
        run.world.cut = {frozenset({TOPOLOGY, reigning})}
        for _ in range(20):
            done = await second.one_pass()
    assert (await status_of(run)).reign.term == 1, "nobody else reigns"
    assert run.world[reigning].takes_writes
    assert done.view is not None
    assert Kind.RECORD_OLDER_THAN_MEMBERS in {finding.kind for finding in diagnose(done.view)}


async def until(run: Run, service: Service, shows: Callable[[ShardStatus], bool]) -> None:
    for _ in range(60):
        if shows(await status_of(run)):
            return
        await service.one_pass()
    raise AssertionError(f"the record stays as it is: {await status_of(run)}")


async def status_of(run: Run) -> ShardStatus:
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    return shard.status
