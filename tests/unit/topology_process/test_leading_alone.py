"""A leader that reaches no member at all makes room for one that may. On virtual time."""

import asyncio
from collections.abc import Callable, Collection

import pytest

from flyball.errors import Code, MemberError, StoreError
from flyball.records import Metadata, Shard
from flyball.records.shard import MemberSpec, ShardSpec
from flyball.store import Lease
from flyball.store.memory import MemoryRecords
from flyball_topology.metrics import Metrics
from flyball_topology.service import ALONE_AFTER, LEASE_NAME, LEASE_TTL, STALE_AFTER, Means, State, lead_once
from flyball_topology.steps import Act
from flyball_topology.view import Snapshot
from tests.unit.topology_process.test_watching import snapshot

pytestmark = pytest.mark.looptime


class Sessions:
    """Members that answer where ``reached``."""

    def __init__(self) -> None:
        self.reached = True
        self.asked = 0

    async def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Snapshot:
        self.asked += 1
        if not self.reached:
            raise MemberError(Code.MEMBER_UNREACHABLE, f"{member.name} does not answer")
        return snapshot()

    async def act(self, shard: Shard, act: Act) -> Snapshot | None:
        raise MemberError(Code.MEMBER_UNREACHABLE, f"{act.member} does not answer")

    async def beat(self, shard: Shard, member: MemberSpec, beat: int) -> None: ...

    def forget(self, shard: str) -> None: ...

    def rest(self) -> None: ...

    def retain(self, shards: Collection[str]) -> None: ...

    def close(self) -> None: ...


def clock() -> float:
    return asyncio.get_running_loop().time()


async def with_a_shard() -> MemoryRecords:
    records = MemoryRecords()
    members = tuple(MemberSpec(name=f"s-{i}", host="127.0.0.1", port=3306 + i) for i in range(3))
    spec = ShardSpec(keyspace="k", range="-", database="k", members=members, credentials="c")
    await records.create(Shard(metadata=Metadata(name="s"), spec=spec))
    return records


def leading(records: MemoryRecords, members: Sessions, name: str) -> "asyncio.Task[None]":
    return asyncio.create_task(lead_once(Means(records, lambda: members, Metrics(), clock), name, State()))


async def test_one_that_reaches_nobody_gives_the_lease_away_and_stands_back():
    records, members = await with_a_shard(), Sessions()
    members.reached = False
    alone = leading(records, members, "alone")
    await asyncio.sleep(ALONE_AFTER / 2)
    assert members.asked
    await records.beside().acquire(LEASE_NAME, "standby", LEASE_TTL)
    assert not alone.done()  # it does not ask for the lease again at once
    await alone


async def test_one_that_reaches_a_member_leads_on():
    records, members = await with_a_shard(), Sessions()
    task = leading(records, members, "leader")
    await asyncio.sleep(ALONE_AFTER * 5)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_with_no_member_to_reach_leads_on():
    task = leading(MemoryRecords(), Sessions(), "leader")
    await asyncio.sleep(ALONE_AFTER * 5)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_one_without_shards_leads_on_and_is_well():
    state = State(clock)
    means = Means(MemoryRecords(), Sessions, Metrics(), clock)
    task = asyncio.create_task(lead_once(means, "leader", state))
    await asyncio.sleep(STALE_AFTER * 5)
    assert not task.done()
    assert state.health() == (True, "leading\n")
    task.cancel()


class Silent(MemoryRecords):
    """A store that answers no renewal."""

    async def renew(self, lease: Lease) -> Lease:
        await asyncio.sleep(1000)
        return lease


async def test_one_whose_store_falls_silent_says_so(caplog):
    await lead_once(Means(Silent(), Sessions, Metrics(), clock), "leader", State(clock))
    assert "the lease topology was not renewed: no answer in time" in caplog.text


class Blinking(MemoryRecords):
    """A store that is away for one renewal."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def renew(self, lease: Lease) -> Lease:
        self.asked += 1
        if self.asked == 1:
            raise StoreError(Code.STORE_AWAY, "away", "Wait.")
        return await super().renew(lease)


async def test_one_whose_store_was_away_for_a_moment_leads_on():
    records, state = Blinking(), State(clock)
    task = asyncio.create_task(lead_once(Means(records, Sessions, Metrics(), clock), "leader", state))
    await asyncio.sleep(LEASE_TTL * 5)
    assert records.asked > 2
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
