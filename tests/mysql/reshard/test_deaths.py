"""Primaries and the topology service die in the midst of a reshard; nothing is lost, and nothing is there twice.

What comes first and what happens meanwhile differs from run to run, on purpose: what must hold at the end does not.
"""

import signal

import pytest

from flyball.records import Shard
from flyball.records.failover import Outcome, StepState
from flyball.records.reshard import ReshardStatus, Stage, StepName
from flyball.records.shard import Access
from flyball.store.sqlite import SqliteRecords
from flyball_local import background, mysqld, topology_process
from flyball_local.home import Home
from tests.mysql.reshard.at_work import LIMIT, flyball, is_over, keeps_way_back, reshard_until, routed, traffic_of
from tests.mysql.waiting import until

SOURCE, TARGET = "commerce-x-x", "commerce-80-x"


async def kill_primary(home: Home, name: str) -> None:
    """With ``kill -9``. The engine starts it again; meanwhile another member takes over."""
    async with await SqliteRecords.open(home.records) as records:
        shard = await records.get(Shard, name)
    assert shard is not None
    state = mysqld.read_state(home.member(shard.status.reign.primary))
    assert state is not None
    assert mysqld.kill(state)


def kill_topology_service(home: Home) -> None:
    """With ``kill -9``. The engine starts another one."""
    service = background.read(topology_process.state_file(home))
    assert service is not None
    assert background.send(service, signal.SIGKILL)


def is_at(name: StepName):
    """Whether a reshard has begun that step, or has come beyond it."""

    def reached(status: ReshardStatus) -> bool:
        assert not is_over(status)
        return status.step(name) is not None

    return reached


async def frozen(home: Home, name: str) -> None:
    """Wait until the shard's record says that clients hold."""
    await reshard_until(home, is_at(StepName.VERIFY))
    async with await SqliteRecords.open(home.records) as records:

        async def is_frozen() -> bool:
            shard = await records.get(Shard, name)
            assert shard is not None
            return shard.access is Access.FROZEN

        await until(is_frozen)


@pytest.mark.timeout(3 * LIMIT)
async def test_primaries_of_both_sides_and_the_service_die_on_the_way_there(serving):
    home: Home = await serving(shards=1)
    async with traffic_of(home) as traffic:
        with traffic.going_on():
            flyball(home, "reshard", "commerce", "--shards", "2")
            await reshard_until(home, is_at(StepName.COPY))
            await kill_primary(home, SOURCE)
            await reshard_until(home, is_at(StepName.STREAM))
            await kill_primary(home, TARGET)
            await frozen(home, SOURCE)
            kill_topology_service(home)
            there = await reshard_until(home, lambda status: keeps_way_back(status) or is_over(status))
            assert there.stage is Stage.SWITCHED
            flyball(home, "workflow", "complete", "commerce", "--no-wait", "--yes")
            ended = await reshard_until(home, is_over)
        traffic.check()
    assert ended.outcome is Outcome.SUCCEEDED
    assert {step.name for step in ended.steps if step.state is not StepState.DONE} == set()
    assert len(await routed(home)) == 2


@pytest.mark.timeout(3 * LIMIT)
async def test_a_source_dies_as_it_hands_over(serving):
    home: Home = await serving(shards=1)
    async with traffic_of(home) as traffic:
        with traffic.going_on():
            flyball(home, "reshard", "commerce", "--shards", "2")
            await frozen(home, SOURCE)
            await kill_primary(home, SOURCE)
            await reshard_until(home, lambda status: keeps_way_back(status) or is_over(status))
            assert len(await routed(home)) == 2
        traffic.check()
