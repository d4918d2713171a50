"""A keyspace that serves is resharded by an edit of a number, while a client writes: there, back again, and for good.

Everything is as a user has it: an engine, a topology service and members of their own, and the commands.
"""

import pytest

from flyball.records import Shard
from flyball.records.failover import Outcome
from flyball.records.reshard import Stage
from flyball.store.sqlite import SqliteRecords
from flyball_local.home import Home
from tests.mysql.reshard.at_work import LIMIT, flyball, is_over, keeps_way_back, reshard_until, routed, traffic_of
from tests.mysql.waiting import until


@pytest.mark.timeout(4 * LIMIT)  # three cutovers, each with copies and comparisons before it
async def test_rows_move_by_an_edit_of_a_number_and_back_and_for_good_while_a_client_writes(serving):
    home: Home = await serving(shards=1)
    async with traffic_of(home) as traffic:
        before = await routed(home)
        with traffic.going_on():
            flyball(home, "reshard", "commerce", "--shards", "2")
            await reshard_until(home, lambda status: keeps_way_back(status) or is_over(status))
            assert len(await routed(home)) == 2

            flyball(home, "workflow", "reverse", "commerce", "--no-wait")
            back = await reshard_until(home, is_over)
            assert back.stage is Stage.REVERSED
            assert await routed(home) == before

            flyball(home, "reshard", "commerce")
            await reshard_until(home, lambda status: keeps_way_back(status) or is_over(status), after=1)
            flyball(home, "workflow", "complete", "commerce", "--no-wait", "--yes")
            ended = await reshard_until(home, is_over, after=1)
            assert ended.outcome is Outcome.SUCCEEDED
        traffic.check()
        assert traffic.unknown == set(), "nothing broke"
    serves = await routed(home)
    assert len(serves) == 2

    async def former_are_gone() -> bool:
        async with await SqliteRecords.open(home.records) as records:
            return {shard.name for shard in await records.list(Shard)} == set(serves)

    await until(former_are_gone)
