"""A run: the schedule played on the ground, everybody's recovery awaited, every acknowledged write looked for.

The shards have to be whole again by themselves after the last fault has ended. One that is not within
``HEALTHY_WITHIN`` is waited for longer, so that the figures say how long it took; one that never is counts as a step
that somebody would have to do by hand, and is explained.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

from flyball.errors import FlyballError
from flyball_local import background
from flyball_local.chaos.faults import Fault, schedule
from flyball_local.chaos.ground import KEYSPACE, Ground, ground
from flyball_local.chaos.strikes import STRIKES, MissedError
from flyball_local.chaos.words import Words
from flyball_local.trial.changes import is_whole, wait_for
from flyball_local.trial.ledger import Ledger, Told

HEALTHY_WITHIN = 30.0
"""Seconds after the last fault within which every shard is whole again."""
WAIT_AT_MOST = 240.0
CALM = 3.0
"""Seconds of ordinary life before the first fault."""
LOG_LINES = 60
"""Lines of each topology service's log that explain a shard which does not recover."""

Say = Callable[[dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that struck: whom, and from when to when by the monotonic clock."""

    fault: Fault
    whom: str
    began: float
    ended: float


@dataclass(slots=True)
class Result:
    """What came of a run.

    :param recovered: seconds from the end of the last fault until each shard was whole; infinite where it never was.
    :param lost: acknowledged writes that a member lacks, by member; empty where all is well.
    :param unread: shards whose writes nobody could look for, and why.
    :param invented: rows that are there although the application was told that they failed, by shard.
    """

    seed: int
    happened: list[Happened] = field(default_factory=list)
    missed: int = 0
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    recovered: dict[str, float] = field(default_factory=dict)
    lost: dict[str, tuple[int, ...]] = field(default_factory=dict)
    invented: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    terms: dict[str, int] = field(default_factory=dict)
    words: Words = field(default_factory=Words)

    def figures(self) -> dict[str, object]:
        """The last line: one JSON object."""
        told = [entry.told for one in self.ledgers.values() for entry in one.entries]
        return {
            "seed": self.seed,
            "faults": len(self.happened),
            "missed": self.missed,
            "acknowledged": told.count(Told.ACK),
            "unknown": told.count(Told.UNKNOWN),
            "errors": told.count(Told.ERROR),
            "lost": len({number for numbers in self.lost.values() for number in numbers}),
            "invented": sum(map(len, self.invented.values())),
            "reigns": self.terms,
            "healthy_after_s": {name: round(s, 1) if isfinite(s) else None for name, s in self.recovered.items()},
            "longest_pause_ms": self.pauses(),
            "longest": self.longest(),
            "unread": self.unread,
            "manual_steps": sum(1 for seconds in self.recovered.values() if not isfinite(seconds)),
        }

    def pauses(self) -> dict[str, float | None]:
        """The longest time between two acknowledged writes around a fault of each kind.

        Faults overlap, so a pause counts for every one that was in effect, whichever caused it. None: it never ended.
        """
        found: dict[str, float] = defaultdict(float)
        for one in self.happened:
            for shard in [one.fault.shard] if one.fault.shard else list(self.ledgers):
                gap = self.ledgers[shard].gap(one.began, one.ended)
                found[one.fault.kind] = max(found[one.fault.kind], gap)
        return {kind: round(gap * 1000, 1) if isfinite(gap) else None for kind, gap in sorted(found.items())}

    def longest(self) -> dict[str, object]:
        """By shard: its longest pause, when it began in seconds of the run, and what the record said meanwhile."""
        first = min((one.began for one in self.happened), default=0.0)
        found: dict[str, object] = {}
        for name, ledger in self.ledgers.items():
            if (pause := ledger.longest_pause()) is not None:
                begin, end = pause
                said = self.words.during(name, begin, end)
                found[name] = {"seconds": round(end - begin, 1), "at": round(begin - first, 1), "said": said}
        return found

    def is_good(self) -> bool:
        """Nothing lost, nothing invented, and nothing left to do by hand."""
        whole = all(seconds <= HEALTHY_WITHIN for seconds in self.recovered.values())
        return whole and not self.unread and not any(self.lost.values()) and not any(self.invented.values())

    def each(self) -> list[dict[str, object]]:
        """Every fault as it happened, for whoever reads the run afterwards; times in seconds of the run."""
        first = min((one.began for one in self.happened), default=0.0)
        return [
            {
                "kind": one.fault.kind,
                "shard": one.fault.shard,
                "whom": one.whom,
                "at": round(one.began - first, 2),
                "lasted": round(one.ended - one.began, 2),
            }
            for one in sorted(self.happened, key=lambda one: one.began)
        ]


async def run(seed: int, seconds: float, shards: int, say: Say) -> Result:
    """Play ``seconds`` of chaos on a new keyspace of so many shards.

    :raises FlyballError: when the keyspace does not come up at all.
    """
    result = Result(seed)
    say({"event": "coming up", "shards": shards})
    async with ground(shards) as here:
        assert here.records is not None
        listening = asyncio.create_task(result.words.listen(here.records, here.shards))
        try:
            await asyncio.sleep(CALM)
            await _play(here, schedule(seed, seconds, here.shards), result, say)
            await _recover(here, result, say)
        finally:
            listening.cancel()
        for name, writer in here.writers.items():
            result.ledgers[name] = await writer.stop()
        await _audit(here, result)
    return result


async def _play(here: Ground, faults: tuple[Fault, ...], result: Result, say: Say) -> None:
    began = time.monotonic()
    say({"event": "chaos begins", "faults": len(faults)})
    async with asyncio.TaskGroup() as tasks:
        for fault in faults:
            await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
            tasks.create_task(_strike(here, fault, result, say))


async def _strike(here: Ground, fault: Fault, result: Result, say: Say) -> None:
    began = time.monotonic()
    told: dict[str, object] = {"kind": fault.kind, "shard": fault.shard}
    try:
        struck = await STRIKES[fault.kind](here, fault)
    except (MissedError, FlyballError, OSError) as error:
        result.missed += 1
        say({"event": "missed", **told, "why": str(error)})
        return
    say({"event": "begins", **told, "whom": struck.whom, "lasts": round(fault.lasts, 2)})
    await asyncio.sleep(fault.lasts)
    await struck.undo()
    say({"event": "ends", **told, "whom": struck.whom})
    result.happened.append(Happened(fault, struck.whom, began, time.monotonic()))


async def _recover(here: Ground, result: Result, say: Say) -> None:
    """Wait until every shard is whole; explain the ones that are not in time."""
    ended = max((one.ended for one in result.happened), default=time.monotonic())
    assert here.records is not None
    records = here.records

    async def one(name: str) -> None:
        for limit in (HEALTHY_WITHIN, WAIT_AT_MOST):
            try:
                left = max(0.1, ended + limit - time.monotonic())
                await wait_for(records, name, is_whole, "whole again", left)
            except FlyballError as late:
                result.recovered[name] = inf
                say({"event": "not whole", "shard": name, "after": limit, "why": str(late)})
                await asyncio.to_thread(_explain, here, say)
            else:
                result.recovered[name] = time.monotonic() - ended
                say({"event": "whole", "shard": name, "after": round(result.recovered[name], 1)})
                return

    await asyncio.gather(*(one(name) for name in here.shards))


def _explain(here: Ground, say: Say) -> None:
    command = [sys.executable, "-m", "flyball.cli.main", "--home", str(here.home.root), "explain", KEYSPACE]
    environment = {**background.python_environment(), "COLUMNS": "160"}
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    say({"event": "explain", "text": told.stdout or told.stderr})
    for service in here.services:
        lines = service.log.read_text(encoding="utf-8", errors="replace").splitlines()
        say({"event": "log", "of": service.name, "text": os.linesep.join(lines[-LOG_LINES:])})


async def _audit(here: Ground, result: Result) -> None:
    """Hold every member against the ledger; the primary alone where the shard never became whole."""
    for name in here.shards:
        shard = await here.shard(name)
        result.terms[name] = shard.status.reign.term
        told = result.ledgers[name]
        try:
            there = await _read(here, name, everywhere=isfinite(result.recovered[name]))
        except FlyballError as error:
            result.recovered[name] = inf
            result.unread[name] = str(error)
            continue
        for member, numbers in there.items():
            if missing := told.lost(numbers):
                result.lost[member] = missing
        if invented := told.invented(there[shard.status.reign.primary]):
            result.invented[name] = invented


async def _read(here: Ground, shard: str, *, everywhere: bool) -> dict[str, Sequence[int]]:
    """What the members hold. A shard may look whole when a member was killed a moment ago, and nobody knows yet: it
    has as long to come back as after any fault.
    """
    began = time.monotonic()
    while True:
        try:
            return await here.there(shard, everywhere=everywhere)
        except FlyballError:
            if time.monotonic() - began > HEALTHY_WITHIN:
                raise
        await asyncio.sleep(0.5)


def details(result: Result) -> dict[str, object]:
    """What a run was, beside its figures."""
    kinds: dict[str, int] = defaultdict(int)
    for one in result.happened:
        kinds[one.fault.kind] += 1
    return {"by_kind": dict(sorted(kinds.items())), "lost": {**result.lost}, "each": result.each()}
