"""Reshard a keyspace of real servers from one shard to two, as a user does: how long each part takes, and the pauses.

    ROWS=2000000 ROUNDS=10 python benchmarks/reshard.py

Everything is what a user has: an engine, a topology service, members with their certificates, and ``flyball reshard``.
The table is sysbench-like: about 200 bytes a row, two secondary indexes. Three parts:

    quiet    ROWS rows move, and nobody writes
    busy     they move again, while RATE rows a second are written through ``flyball.client``
    rounds   SMALL rows move and come back, ROUNDS times, under that writer: the gaps of both cutovers

What is measured:

    phase_s             copy: rows on their way; index: from then on until the last index; catch_up: from then on until
                        every channel runs (with more than one member a shard, clones are in it); verify: comparing
    copy_rows_per_s     rows of both targets over copy and index
    start_to_verified_s from the command until the comparison is on the record, new servers included
    cutover_gap_ms      the longest time without an acknowledged write around a cutover, over the rounds; reverse_gap_ms
                        the same of the way back
    errors, unknown     writes that the application saw fail, or whose outcome nobody knows
    lost, duplicated    acknowledged rows that are nowhere afterwards; rows that stand twice or that nobody wrote

A shard has MEMBERS members, one by default with durability ``none``, else semi-sync with one acknowledgement: the
targets' other members are clones of their primaries, made after the copy. Buffer pools are large enough for the rows.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import report
import rig as rigs
from keyspace_writer import FIRST

from flyball.client import KeyspaceClient
from flyball.client.shard import Tuning
from flyball.records import Keyspace, Reshard, Shard
from flyball.records.failover import StepState
from flyball.records.reshard import ReshardStatus, Stage, StepName
from flyball_local.background import python_environment
from flyball_local.trial.ledger import Ledger, Told

ROWS = int(os.environ.get("ROWS", "2000000"))
SMALL = int(os.environ.get("SMALL", "20000"))
ROUNDS = int(os.environ.get("ROUNDS", "10"))
RATE = float(os.environ.get("RATE", "300"))
MEMBERS = int(os.environ.get("MEMBERS", "1"))
LIMIT = float(os.environ.get("LIMIT", "900"))
"""Seconds that one way of a reshard may take."""

CONFIG: dict[str, str | int] = {"innodb_buffer_pool_size": "1G", "innodb_redo_log_capacity": "2G"}
CREATE = (
    "CREATE TABLE sbtest (id BIGINT NOT NULL, customer_id BIGINT NOT NULL, k INT NOT NULL, "
    "c CHAR(120) NOT NULL, pad VARCHAR(60) NOT NULL, PRIMARY KEY (id, customer_id), "
    "KEY k_1 (k), KEY k_2 (customer_id, k))"
)
AT_ONCE = 20_000
"""Rows that one statement makes."""
POLL = 0.02
AROUND = 1.0
"""Seconds before and after a cutover that a gap is looked for in."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of a reshard. ``began`` and ``ended`` are moments of the machine's clock around its cutover."""

    status: ReshardStatus
    began: float
    ended: float
    started: float
    verified: float
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """A keyspace that serves, with the table."""

    rig: rigs.Rig
    rows: int

    def client(self) -> KeyspaceClient:
        """A client of the keyspace."""
        login = self.rig.login
        return KeyspaceClient(
            self.rig.home.records,
            rigs.KEYSPACE,
            user=login.user,
            password=login.password,
            ca=login.ca,
            tuning=Tuning(give_up_after=LIMIT),
        )

    def ask(self, *words: str) -> None:
        """Run a command as a user does."""
        command = [sys.executable, "-m", "flyball.cli.main", *words, "--home", str(self.rig.home.root)]
        done = subprocess.run(command, env=python_environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")

    async def until(self, condition: Callable[[ReshardStatus], bool], known: int, what: str) -> ReshardStatus:
        """Wait until the newest of more than ``known`` reshards meets the condition."""
        deadline, seen = time.monotonic() + LIMIT, None
        while time.monotonic() < deadline:
            found = sorted(await self.rig.records.list(Reshard), key=lambda one: (one.metadata.created, one.name))
            if len(found) > known:
                seen = found[-1].status
                if condition(seen):
                    return seen
                if seen.outcome.ended and seen.stage is not Stage.REVERSED:
                    break
            await asyncio.sleep(POLL)
        raise RuntimeError(f"not {what} within {LIMIT:g} s: {seen and seen.model_dump_json(indent=1)}")

    async def there(self) -> Way:
        """One shard becomes two."""
        known = len(await self.rig.records.list(Reshard))
        started = time.monotonic()
        await asyncio.to_thread(self.ask, "reshard", rigs.KEYSPACE, "--shards", "2")
        await self.until(lambda status: status.verified is not None, known, "verified")
        verified = time.monotonic()
        await self.until(lambda status: status.stage is not Stage.MOVING, known, "switching")
        began = time.monotonic()
        status = await self.until(_keeps_way_back, known, "switched")
        return Way(status, began, time.monotonic(), started, verified, self.phases(status))

    async def back(self) -> Way:
        """The former shard serves again, and what was made is gone."""
        known = len(await self.rig.records.list(Reshard)) - 1
        started = time.monotonic()
        await asyncio.to_thread(self.ask, "workflow", "reverse", rigs.KEYSPACE, "--no-wait")
        await self.until(lambda status: status.stage is not Stage.SWITCHED, known, "switching back")
        began = time.monotonic()
        await self.until(lambda status: status.stage is Stage.REVERSED, known, "switched back")
        ended = time.monotonic()
        status = await self.until(lambda status: status.outcome.ended, known, "reversed")
        await self.until_alone()
        return Way(status, began, ended, started, began)

    async def until_alone(self) -> None:
        """Until no shard is left but those that serve."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            keyspace = await self.rig.records.get(Keyspace, rigs.KEYSPACE)
            shards = {shard.name for shard in await self.rig.records.list(Shard)}
            if keyspace is not None and shards == {route.shard for route in keyspace.status.routing}:
                return
            await asyncio.sleep(POLL)
        raise RuntimeError("the shards of a reshard that was reversed are still there")

    def phases(self, status: ReshardStatus) -> dict[str, float]:
        """Seconds of each part: the worker's own for what it did, the record's for the rest."""
        took = _worker_seconds(self.rig.home.logs / "topology.log")
        ends = {step.name: datetime.fromisoformat(step.started).timestamp() for step in status.steps}
        spent = {step.name: (step.milliseconds or 0.0) / 1000 for step in status.steps if step.state is StepState.DONE}
        copied = took["rows"] + took["indexes"]
        streams = ends[StepName.STREAM] + spent[StepName.STREAM]
        return {
            "provision": round(spent[StepName.CHECK] + spent[StepName.PROVISION], 2),
            "copy": round(took["rows"], 2),
            "index": round(took["indexes"], 2),
            "catch_up": round(max(0.0, streams - ends[StepName.COPY] - copied), 2),
            "verify": round(spent[StepName.VERIFY], 2),
        }


def _keeps_way_back(status: ReshardStatus) -> bool:
    return status.stage is Stage.SWITCHED and status.step(StepName.KEEP_WAY_BACK) is not None and not status.code


def _worker_seconds(log: Path) -> dict[str, float]:
    """What the last worker that copied has told."""
    told = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        if '\\"work\\": \\"copy\\"' in line and line.startswith("{"):
            told = json.loads(json.loads(line)["message"].partition(": ")[2]).get("seconds") or told
    return dict(told)


@asynccontextmanager
async def bench(rows: int) -> AsyncIterator[Bench]:
    """Bring a keyspace up, and fill its table."""
    durability = {"policy": "none"} if MEMBERS == 1 else {"policy": "semi-sync", "acks": 1}
    spec = {
        "durability": durability,
        "mysql": {"config": CONFIG},
        "tables": {"sbtest": {"shardBy": "customer_id"}},
        "reclaim_policy": "Delete",
    }
    async with rigs.rig(1, MEMBERS, with_ledger=False, **spec) as rig:
        made = Bench(rig, rows)
        rigs.say(f"making {rows} rows")
        await asyncio.to_thread(fill, made)
        yield made


def fill(made: Bench) -> None:
    """A thousand rows by arithmetic, then more of them from those."""
    digits = " UNION ALL SELECT ".join("0123456789").replace("0", "0 AS d", 1)
    number = "ones.d + 10 * tens.d + 100 * hundreds.d"
    thousand = f"(SELECT {digits}) ones, (SELECT {digits}) tens, (SELECT {digits}) hundreds"
    with made.client() as client:
        (shard,) = client.shards
        shard.execute(CREATE)
        for low in range(0, made.rows, AT_ONCE):
            most = min(AT_ONCE, made.rows - low)
            shard.execute(
                f"INSERT INTO sbtest SELECT n, FLOOR(RAND() * 1e9), FLOOR(RAND() * 1e6), "
                "REPEAT(LPAD(FLOOR(RAND() * 1e11), 12, '-'), 10), REPEAT(LPAD(FLOOR(RAND() * 1e11), 12, '-'), 4) "
                f"FROM (SELECT {low} + {number} + 1000 * more.d AS n FROM {thousand}, "
                f"(SELECT {digits} UNION ALL SELECT 10 + d FROM (SELECT {digits}) again) more) numbers "
                f"WHERE n < {low + most} ORDER BY n"
            )
        shard.execute("ANALYZE TABLE sbtest")


@asynccontextmanager
async def writing(made: Bench) -> AsyncIterator[Path]:
    """A writer all the while; gives its ledger."""
    home, ledger = made.rig.home, made.rig.home.root / "bench.ledger"
    words = ("--home", str(home.root), "--keyspace", rigs.KEYSPACE, "--user", rigs.USER)
    command = [sys.executable, str(Path(__file__).with_name("keyspace_writer.py")), *words]
    process = subprocess.Popen(  # noqa: ASYNC220 - it waits for nothing
        [*command, "--ledger", str(ledger), "--rate", str(RATE)], stdin=subprocess.DEVNULL, env=python_environment()
    )
    try:
        while not ledger.exists() or ledger.stat().st_size < 1000:
            if process.poll() is not None:
                raise RuntimeError("the writer has ended")
            await asyncio.sleep(POLL)
        yield ledger
        process.terminate()
        await asyncio.to_thread(process.wait, LIMIT)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def gap_ms(ledger: Path, way: Way) -> float:
    """The longest time without an acknowledged write around a cutover."""
    told = Ledger(tuple(sorted(Ledger.read(ledger).entries, key=lambda entry: entry.done)))
    return round(told.gap(way.began - AROUND, way.ended + AROUND) * 1000, 1)


def audit(made: Bench, ledger: Path) -> dict[str, int]:
    """Every row that the writer was told of, held against what stands on the shards that serve."""
    told = Ledger.read(ledger)
    with made.client() as client:
        held = Counter(
            int(row[0])
            for shard in client.shards
            for row in shard.execute(f"SELECT id FROM sbtest WHERE id > {FIRST}", idempotent=True).rows
        )
        rows = sum(
            int(shard.execute(f"SELECT COUNT(*) FROM sbtest WHERE id <= {FIRST}", idempotent=True).rows[0][0])
            for shard in client.shards
        )
    return {
        "acknowledged": len(told.acknowledged),
        "errors": len(told.told(Told.ERROR)),
        "unknown": len(told.told(Told.UNKNOWN)),
        "lost": len(told.lost(list(held))) + max(0, made.rows - rows),
        "duplicated": sum(count - 1 for count in held.values())
        + len(told.invented(list(held)))
        + max(0, rows - made.rows),
    }


def moved(made: Bench, way: Way) -> dict[str, object]:
    """The figures of one large reshard."""
    return {
        "rows": made.rows,
        "phase_s": way.phases,
        "copy_rows_per_s": round(made.rows / (way.phases["copy"] + way.phases["index"])),
        "start_to_verified_s": round(way.verified - way.started, 2),
    }


async def large() -> tuple[dict[str, object], dict[str, object], str]:
    """The rows move while nobody writes, come back, and move again under a writer."""
    async with bench(ROWS) as made:
        quiet = moved(made, await made.there())
        rigs.say(f"quiet: {quiet}")
        await made.back()
        async with writing(made) as ledger:
            way = await made.there()
            await asyncio.sleep(AROUND)
        busy = moved(made, way) | audit(made, ledger)
        rigs.say(f"busy: {busy}")
        return quiet, busy, made.rig.mysql


async def rounds() -> dict[str, object]:
    """A small table moves and comes back, again and again."""
    there, back = [], []
    async with bench(SMALL) as made:
        async with writing(made) as ledger:
            for number in range(1, ROUNDS + 1):
                for gaps, way in ((there, made.there), (back, made.back)):
                    done = await way()
                    await asyncio.sleep(AROUND)
                    gaps.append(gap_ms(ledger, done))
                rigs.say(f"round {number}: {there[-1]} ms there, {back[-1]} ms back")
        return {
            "rounds": ROUNDS,
            "cutover_gap_ms": report.spread(there),
            "reverse_gap_ms": report.spread(back),
            **audit(made, ledger),
        }


async def run() -> None:
    """All parts, and what they came to."""
    before = report.load()
    quiet, busy, mysql = await large()
    cut = await rounds() if ROUNDS else {}
    gaps = {name: cut[name] for name in ("rounds", "cutover_gap_ms", "reverse_gap_ms") if name in cut}
    told = {
        name: int(str(busy[name])) + int(str(cut.get(name, 0))) for name in ("errors", "unknown", "lost", "duplicated")
    }
    figures = {**quiet, **gaps, **told, "members": MEMBERS, "busy": {**busy, "rate": RATE, **gaps}}
    report.leave("reshard", figures, mysql=mysql, load_before=before, small_rows=SMALL)
    if told["lost"] or told["duplicated"]:
        raise SystemExit("acknowledged writes are lost, or stand twice")


def main() -> None:
    """Run it from the shell."""
    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
