"""Who loses the lease keeps its sessions for a while, asks nothing on them, and goes on with them. On virtual time."""

import asyncio
from collections.abc import Collection

import pytest

from flyball.errors import Code, StoreError
from flyball.records import Shard
from flyball.store import Lease
from flyball.store.memory import MemoryRecords
from flyball_topology.kept import KEPT_FOR
from flyball_topology.metrics import Metrics
from flyball_topology.service import ALONE_AFTER, LEASE_TTL, Means, State, lead_once
from tests.unit.topology_process.test_leading_alone import Sessions, clock, with_a_shard

pytestmark = pytest.mark.looptime


class Told(Sessions):
    """Sessions that remember what they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[str] = []
        self.retained: list[set[str]] = []

    def rest(self) -> None:
        self.ended.append("rest")

    def close(self) -> None:
        self.ended.append("close")

    def forget(self, shard: str) -> None:
        self.ended.append(f"forget {shard}")

    def retain(self, shards: Collection[str]) -> None:
        self.retained.append({*shards})


class Contended:
    """The records as one process reaches them; somebody else has the lease unless it is ``free``."""

    def __init__(self, records: MemoryRecords) -> None:
        self._records = records
        self.free = asyncio.Event()
        self.free.set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._records, name)

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        await self.free.wait()
        return await self._records.acquire(name, holder, ttl)

    async def renew(self, lease: Lease) -> Lease:
        if not self.free.is_set():
            raise StoreError(Code.LEASE_LOST, "somebody else has it")
        return await self._records.renew(lease)


class Process:
    """One process of the service, which stands by and leads as it may."""

    def __init__(self, records: MemoryRecords) -> None:
        self.made: list[Told] = []
        self.records = Contended(records.beside())
        self.means = Means(self.records, self._make, Metrics(), clock)  # type: ignore[arg-type]
        self.task = asyncio.create_task(self._run())

    def _make(self) -> Told:
        self.made.append(Told())
        return self.made[-1]

    async def _run(self) -> None:
        while True:
            await lead_once(self.means, "one", State(clock))

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_who_leads_again_goes_on_with_its_sessions() -> None:
    process = Process(await with_a_shard())
    await asyncio.sleep(LEASE_TTL)
    (sessions,) = process.made
    process.records.free.clear()
    await asyncio.sleep(KEPT_FOR / 2)
    asked = sessions.asked
    process.records.free.set()
    await asyncio.sleep(KEPT_FOR * 2)
    assert process.made == [sessions]
    assert sessions.ended == ["rest"]
    assert sessions.asked > asked, "it leads"
    await process.end()


async def test_who_stands_by_asks_nothing_and_closes_its_sessions_in_the_end() -> None:
    process = Process(await with_a_shard())
    await asyncio.sleep(LEASE_TTL)
    (sessions,) = process.made
    process.records.free.clear()
    await asyncio.sleep(LEASE_TTL)
    asked = sessions.asked
    await asyncio.sleep(KEPT_FOR / 2)
    assert sessions.ended == ["rest"]
    await asyncio.sleep(KEPT_FOR)
    assert sessions.ended == ["rest", "close"]
    assert sessions.asked == asked
    process.records.free.set()
    await asyncio.sleep(LEASE_TTL)
    assert len(process.made) == 2, "it leads again, by new ones"
    await process.end()


async def test_of_shards_that_are_gone_meanwhile_none_is_kept() -> None:
    records = await with_a_shard()
    process = Process(records)
    await asyncio.sleep(LEASE_TTL)
    (sessions,) = process.made
    process.records.free.clear()
    await asyncio.sleep(LEASE_TTL)
    await records.delete(Shard, "s")
    process.records.free.set()
    await asyncio.sleep(LEASE_TTL)
    assert sessions.retained == [{"s"}, set()]
    await process.end()


async def test_who_reached_nobody_keeps_no_session() -> None:
    process = Process(await with_a_shard())
    await asyncio.sleep(LEASE_TTL)
    (sessions,) = process.made
    sessions.reached = False
    await asyncio.sleep(ALONE_AFTER * 2)
    assert sessions.ended == ["close"]
    await process.end()
