"""Any key ranges become any others: a merge, and two shards to three, while a client writes."""

import pytest

from flyball.records.failover import Outcome
from flyball_local.home import Home
from tests.mysql.reshard.at_work import LIMIT, flyball, is_over, keeps_way_back, reshard_until, routed, traffic_of


@pytest.mark.timeout(3 * LIMIT)
async def test_two_shards_become_three_and_back_again_and_then_one(serving):
    home: Home = await serving(shards=2, replicas=1)
    async with traffic_of(home) as traffic:
        before = await routed(home)
        with traffic.going_on():
            flyball(home, "reshard", "commerce", "--shards", "3")
            await reshard_until(home, lambda status: keeps_way_back(status) or is_over(status))
            assert len(await routed(home)) == 3

            flyball(home, "workflow", "reverse", "commerce", "--no-wait")
            await reshard_until(home, is_over)
            assert await routed(home) == before

            flyball(home, "reshard", "commerce", "--shards", "1")
            await reshard_until(home, lambda status: keeps_way_back(status) or is_over(status), after=1)
            flyball(home, "workflow", "complete", "commerce", "--no-wait", "--yes")
            ended = await reshard_until(home, is_over, after=1)
            assert ended.outcome is Outcome.SUCCEEDED
        traffic.check()
    assert len(await routed(home)) == 1
