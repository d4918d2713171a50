"""Another process on the same store: ``python sqlite_worker.py FILE ACT [ARGUMENT …]``; says what it did by lines."""

import asyncio
import signal
import sys
from pathlib import Path

from flyball.records import Keyspace
from flyball.records.keyspace import KeyspaceStatus
from flyball.store import ConflictError, Modified, Synced
from flyball.store.sqlite import SqliteRecords


def say(*words: object) -> None:
    print(*words, flush=True)  # noqa: T201


async def count(records: SqliteRecords, times: str) -> None:
    """Add one to the observed generation, so many times, by compare-and-swap."""
    conflicts = 0
    for _ in range(int(times)):
        while True:
            record = await records.get(Keyspace, "commerce")
            assert record is not None
            observed = KeyspaceStatus(observed_generation=record.status.observed_generation + 1)
            try:
                await records.replace_status(record.model_copy(update={"status": observed}))
                break
            except ConflictError:
                conflicts += 1
    say("conflicts", conflicts)


async def create(records: SqliteRecords, start: str, stop: str) -> None:
    """Create keyspaces, and say each that is stored."""
    for number in range(int(start), int(stop)):
        await records.create(Keyspace.model_validate({"metadata": {"name": f"k{number}"}, "spec": {}}))
        say(f"k{number}")


async def follow(records: SqliteRecords) -> None:
    """Say every observed generation that the watch tells."""
    async for event in records.watch(Keyspace):
        match event:
            case Synced():
                say("synced")
            case Modified(record):
                say(record.status.observed_generation)


async def hold(records: SqliteRecords, name: str, ttl: str) -> None:
    """Take a lease and keep it until killed."""
    lease = await records.acquire(name, "child", float(ttl))
    say(lease.term)
    while True:
        await asyncio.sleep(lease.ttl / 5)
        lease = await records.renew(lease)


async def main(path: str, act: str, *arguments: str) -> None:
    async with await SqliteRecords.open(Path(path)) as records:
        await {"count": count, "create": create, "follow": follow, "hold": hold}[act](records, *arguments)


if __name__ == "__main__":
    signal.alarm(120)  # never outlives its test for long
    asyncio.run(main(*sys.argv[1:]))
