"""Several processes on one SQLite store, some of them killed."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from flyball.errors import Code, StoreError
from flyball.records import Keyspace
from flyball.records.keyspace import KeyspaceStatus
from flyball.store import Added, Synced, inotify
from flyball.store.sqlite import SqliteRecords
from tests.contract.records import LIMIT, keyspace, next_of, until

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("sqlite_worker.py")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.db"


@pytest.fixture
async def records(path):
    async with await SqliteRecords.open(path) as records:
        yield records


@pytest.fixture
async def start(path):
    started = []

    async def start(*arguments: object) -> asyncio.subprocess.Process:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-W", "error", str(WORKER), str(path), *map(str, arguments)]
        started.append(
            await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, env=environment, cwd=ROOT)
        )
        return started[-1]

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    text = await asyncio.wait_for(process.stdout.readline(), LIMIT)
    assert text, "the process ended"
    return text.decode().strip()


async def test_four_processes_lose_no_update(records, start):
    await records.create(keyspace())
    processes = [await start("count", 100) for _ in range(4)]
    said = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 4
    assert sum(int(out.split()[1]) for out, _ in said) > 0, "they never met; the test shows nothing"
    counted = await records.get(Keyspace, "commerce")
    assert counted.status.observed_generation == 400


async def test_a_watch_hears_another_process(records, start):
    process = await start("create", 0, 3)
    async with asyncio.timeout(LIMIT):
        seen = set()
        async for event in records.watch(Keyspace):
            if isinstance(event, Added):
                seen.add(event.record.name)
            if seen == {"k0", "k1", "k2"}:
                break
    assert await process.wait() == 0


@pytest.mark.parametrize("bell", ["none", "mute"])
async def test_a_watch_hears_another_process_without_its_bell(path, start, monkeypatch, caplog, bell):
    def instead(log):
        if bell == "none":
            raise OSError(24, "Too many open files")
        return inotify.Bell(ROOT)

    monkeypatch.setattr("flyball.store.sqlite_pulse.Bell", instead)
    async with await SqliteRecords.open(path) as records:
        assert ("inotify" in caplog.text) is (bell == "none")
        watch = records.watch(Keyspace)
        assert await next_of(watch) == Synced()
        process = await start("create", 0, 1)
        event = await next_of(watch)
        assert isinstance(event, Added)
        assert event.record.name == "k0"
        await watch.aclose()
        assert await process.wait() == 0


async def test_another_process_hears_our_writes(records, start):
    record = await records.create(keyspace())
    process = await start("follow")
    assert await line(process) == "synced"
    for number in (1, 2, 3):
        status = KeyspaceStatus(observed_generation=number)
        record = await records.replace_status(record.model_copy(update={"status": status}))
        assert await line(process) == str(number)


async def test_the_lease_of_a_killed_process_passes_on(records, start):
    process = await start("hold", "topology", 1)
    term = int(await line(process))
    waiting = asyncio.create_task(records.acquire("topology", "parent", 60))
    await asyncio.wait({waiting}, timeout=2)
    assert not waiting.done(), "the lease passed on while its holder lived"
    process.kill()
    lease = await asyncio.wait_for(waiting, LIMIT)
    assert lease.term > term


async def test_a_holder_that_slept_through_its_lease_has_lost_it(records, start):
    process = await start("hold", "topology", 0.5)
    term = int(await line(process))
    process.send_signal(19)  # SIGSTOP: it is not dead, it only looks so
    lease = await asyncio.wait_for(records.acquire("topology", "parent", 60), LIMIT)
    assert lease.term > term
    process.send_signal(18)
    assert await asyncio.wait_for(process.wait(), LIMIT) != 0
    assert (await records.renew(lease)).term == lease.term


async def test_what_a_killed_process_was_told_is_stored_is_there(path, start):
    process = await start("create", 0, 10_000)
    said = [await line(process) for _ in range(20)]
    process.kill()
    said += (await process.communicate())[0].decode().split()
    async with await SqliteRecords.open(path) as records:
        found = {record.name for record in await records.list(Keyspace)}
        assert set(said) <= found
        assert len(found) - len(said) <= 1  # the one that was stored and not said yet
        await records.create(keyspace())


async def test_processes_may_make_the_store_at_the_same_time(path, start):
    processes = [await start("create", number, number + 1) for number in range(4)]
    assert [await process.wait() for process in processes] == [0] * 4
    async with await SqliteRecords.open(path) as records:
        assert [record.name for record in await records.list(Keyspace)] == ["k0", "k1", "k2", "k3"]


async def test_a_lease_is_lost_only_by_being_taken(records):
    lease = await records.acquire("topology", "late", 0.01)
    for _ in range(3):
        await asyncio.sleep(0)
    lease = await records.renew(lease)
    await records.release(lease)
    with pytest.raises(StoreError) as caught:
        await records.renew(lease)
    assert caught.value.code is Code.LEASE_LOST
    assert "nobody" in caught.value.message


async def test_leases_wake_no_watcher_with_events(records):
    async with asyncio.timeout(LIMIT):
        watch = records.watch(Keyspace)
        assert await until(watch, Synced()) == [Synced()]
        lease = await records.acquire("topology", "one", 60)
        await records.release(await records.renew(lease))
        created = await records.create(keyspace())
        assert await next_of(watch) == Added(created)
        await watch.aclose()
