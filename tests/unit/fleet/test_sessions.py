"""What the topology service asks of members each second goes through sessions that are kept, and costs no task."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from flyball.records import Shard
from flyball.secrets import FileSecrets
from flyball.session import SessionLostError
from flyball.store.sqlite import SqliteRecords
from flyball_topology.sql_members import SqlMembers
from tests.simulation.fleet.fleet import Fleet, Home


class Watched:
    """One shard of the fleet, and the service's way to its members."""

    def __init__(self, fleet: Fleet, shard: Shard, members: SqlMembers) -> None:
        self.fleet = fleet
        self.shard = shard
        self.members = members
        self.primary, *self.replicas = shard.spec.members
        self.model = fleet.member(shard.name, self.primary.name)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - the model tells nobody
                await asyncio.sleep(0.01)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    home = Home(tmp_path)
    fleet = Fleet(home, 1, random.randint(20_000, 30_000))
    await fleet.declare(reigning=True)
    await fleet.listen()
    async with await SqliteRecords.open(home.records) as records:
        (shard,) = await records.list(Shard)
    members = SqlMembers(FileSecrets(home.secrets))
    yield Watched(fleet, shard, members)
    members.close()
    await fleet.close()


async def test_the_kept_session_answers_probes_and_heartbeats_without_a_task(watched: Watched) -> None:
    await watched.members.probe(watched.shard, watched.primary, lambda: None)
    await watched.members.beat(watched.shard, watched.primary, 1)
    tasks = asyncio.all_tasks()
    probe = watched.members.probe(watched.shard, watched.primary, lambda: None)
    beat = watched.members.beat(watched.shard, watched.primary, 2)
    assert asyncio.all_tasks() == tasks
    await beat
    assert (await probe).opened == 1
    assert (await watched.members.probe(watched.shard, watched.primary, lambda: None)).beat == 2
    assert watched.model.connected == 2


async def test_a_probe_that_is_given_up_takes_its_session_with_it(watched: Watched) -> None:
    """What it would say belongs to no later probe."""
    await watched.members.probe(watched.shard, watched.primary, lambda: None)
    watched.model.stop()
    given_up = asyncio.ensure_future(watched.members.probe(watched.shard, watched.primary, lambda: None))
    given_up.cancel()
    await watched.model.go_on()
    assert (await watched.members.probe(watched.shard, watched.primary, lambda: None)).opened == 1
    assert watched.model.connected == 2


async def test_sessions_at_rest_are_gone_on_with(watched: Watched) -> None:
    heard = []
    await watched.members.probe(watched.shard, watched.primary, lambda: heard.append("lost"))
    await watched.members.beat(watched.shard, watched.primary, 1)
    watched.members.rest()
    watched.members.retain([watched.shard.name])
    assert (await watched.members.probe(watched.shard, watched.primary, lambda: None)).opened == 1
    await watched.members.beat(watched.shard, watched.primary, 2)
    assert watched.model.connected == 2
    watched.members.rest()
    watched.model.kill()
    await watched.until(lambda: not watched.model.connections)
    assert not heard, "nobody watches"


async def test_what_is_in_flight_when_they_come_to_rest_is_given_up_with_its_session(watched: Watched) -> None:
    await watched.members.probe(watched.shard, watched.primary, lambda: None)
    watched.model.stop()
    probe = watched.members.probe(watched.shard, watched.primary, lambda: None)
    watched.members.rest()
    async with asyncio.timeout(20):
        with pytest.raises(SessionLostError):
            await probe
    await watched.model.go_on()
    await watched.members.probe(watched.shard, watched.primary, lambda: None)
    assert watched.model.connected == 2


async def test_of_a_shard_that_is_gone_no_session_is_kept(watched: Watched) -> None:
    await watched.members.probe(watched.shard, watched.primary, lambda: None)
    watched.members.retain([])
    await watched.until(lambda: not watched.model.connections)


async def test_a_probe_in_flight_fails_when_its_member_dies(watched: Watched) -> None:
    lost = asyncio.Event()
    await watched.members.probe(watched.shard, watched.primary, lost.set)
    watched.model.stop()
    probe = watched.members.probe(watched.shard, watched.primary, lost.set)
    watched.model.kill()
    async with asyncio.timeout(20):
        with pytest.raises(SessionLostError):
            await probe
        await lost.wait()


async def test_while_a_heartbeat_waits_for_its_acknowledgement_the_lease_is_renewed_beside_it(
    watched: Watched,
) -> None:
    for replica in watched.replicas:
        watched.fleet.member(watched.shard.name, replica.name).kill()
    beat = asyncio.ensure_future(watched.members.beat(watched.shard, watched.primary, 1))
    await watched.until(lambda: watched.model.connected == 2)
    assert not beat.done()
    watched.model.kill()  # the renewal fails with the heartbeat, which says so
    async with asyncio.timeout(20):
        with pytest.raises(SessionLostError):
            await beat
