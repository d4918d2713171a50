"""How quick the embedded store is: ``python benchmarks/store.py [DIRECTORY]`` prints one line of JSON.

``cas_ms``            a compare-and-swap of a shard's status, as it stands in the write pause of a switchover
``fsync_ms``          what the disk takes for one write and fsync, for comparison
``watch_ms``          from before a write in this process until another process is told of it
``watch_cpu_percent`` of one core, for a process that watches a store where nothing happens
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from flyball.records import Shard
from flyball.records.shard import MemberSpec, MemberStatus, Role, ShardStatus
from flyball.store import Modified, Synced
from flyball.store.sqlite import SqliteRecords

ROUNDS = 300
IDLE_SECONDS = 5.0


def a_shard() -> Shard:
    """A shard of three members, with a status of a usual size."""
    names = [f"commerce-80-x-{number}" for number in (1, 2, 3)]
    return Shard.model_validate(
        {
            "metadata": {"name": "commerce-80-x"},
            "spec": {
                "keyspace": "commerce",
                "range": "80-",
                "database": "commerce",
                "credentials": "commerce",
                "members": [MemberSpec(name=name, host="127.0.0.1", port=3306) for name in names],
            },
            "status": ShardStatus(
                ackers=tuple(names), members=tuple(MemberStatus(name=name, role=Role.REPLICA) for name in names)
            ),
        }
    )


def issued(shard: Shard, term: int) -> Shard:
    """The shard with its next term issued."""
    return shard.model_copy(update={"status": shard.status.model_copy(update={"issued": term})})


def spread(seconds: list[float]) -> dict[str, float]:
    """Least, median and most, in milliseconds."""
    values = {"min": min(seconds), "median": statistics.median(seconds), "max": max(seconds)}
    return {name: round(value * 1000, 3) for name, value in values.items()}


async def swaps(records: SqliteRecords) -> list[float]:
    """The time of each swap, one after the other."""
    shard = await records.create(a_shard())
    taken = []
    for term in range(1, ROUNDS + 1):
        began = time.perf_counter()
        shard = await records.replace_status(issued(shard, term))
        taken.append(time.perf_counter() - began)
    return taken


def fsyncs(directory: Path) -> list[float]:
    """The time of each append of a page and fsync."""
    taken = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - began)
    return taken


async def watches(records: SqliteRecords, path: Path) -> tuple[list[float], float]:
    """The delay of each event in another process, and that process's share of a core when idle.

    Both processes read the same monotonic clock of the machine.
    """
    shard = await records.get(Shard, "commerce-80-x")
    if shard is None:
        raise RuntimeError("the benchmark's shard is gone")
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--follow", str(path), stdout=asyncio.subprocess.PIPE
    )
    if child.stdout is None:
        raise RuntimeError("the child has no output")
    await child.stdout.readline()
    taken = []
    for term in range(1, ROUNDS + 1):
        # The rest is off the beat of the watcher's looks, so that every phase of them is met.
        await asyncio.sleep(0.0137)
        began = time.monotonic()
        shard = await records.replace_status(issued(shard, ROUNDS + term))
        taken.append(float(await child.stdout.readline()) - began)
    idle = float(await child.stdout.readline())
    await child.wait()
    return taken, idle


async def follow(path: Path) -> None:
    """The other process: says when each event came, then how much of a core the idle watch took."""
    async with await SqliteRecords.open(path) as records, aclosing(records.watch(Shard)) as watch:
        heard = 0
        async for event in watch:
            match event:
                case Synced():
                    print("synced", flush=True)
                case Modified():
                    print(time.monotonic(), flush=True)
                    heard += 1
            if heard == ROUNDS:
                break
        idle = asyncio.create_task(anext(watch))
        before = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.wait({idle}, timeout=IDLE_SECONDS)
        after = resource.getrusage(resource.RUSAGE_SELF)
        idle.cancel()
        await asyncio.wait({idle})
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(100 * used / IDLE_SECONDS, flush=True)


async def measure(directory: Path) -> None:
    """Measure in a new folder inside ``directory`` and print."""
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        path = Path(folder) / "records.db"
        async with await SqliteRecords.open(path) as records:
            taken = await swaps(records)
            delays, idle = await watches(records, path)
            figures = {
                "cas_ms": spread(taken),
                "fsync_ms": spread(fsyncs(Path(folder))),
                "watch_ms": spread(delays),
                "watch_cpu_percent": round(idle, 2),
            }
    print(json.dumps(figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the embedded store.")
    parser.add_argument("directory", nargs="?", type=Path, help="on the disk to measure; the temporary one if absent")
    parser.add_argument("--follow", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(follow(given.follow) if given.follow else measure(given.directory))
