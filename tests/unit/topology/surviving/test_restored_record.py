"""A record that was restored to before a term was issued issues its number again: the names tell the two apart."""

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


async def status_of(run: Run) -> ShardStatus:
    shard = await run.records.get(Shard, SHARD)
    assert shard is not None
    return shard.status
