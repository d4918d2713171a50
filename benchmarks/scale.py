"""One topology service, a thousand shards: ``make bench NAME=scale`` (SHARDS=1000 SECONDS=30 ROUNDS=5).

The members are a model behind MySQL's protocol, all in one process of their own (``tests/simulation/fleet``), each on a
loopback address; the topology service and the record store are the real ones. Only the service is measured: share of
one core and resident memory from /proc while nothing happens; how old what it knows of a member gets (the time between
two probes of one member, kept by the member); seconds from the death of 1, 10 and 300 primaries at one moment to the
first write that a client could make, and how many shards have no primary after five minutes; the same for 300 that are
stopped and not killed, which the observer must not believe before somebody else has lost them too. What the decisions
said of it meanwhile is kept. A fleet of two shards is the measure for the one among a thousand.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import rig as rigs
from report import leave, load, spread

from flyball.records import Shard
from flyball.store.sqlite import SqliteRecords

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE = 10.0
LIMIT = 300.0
HELD = ("look dead at once", "fleet's budget")
"""What the decision of a shard says that is held, or that waits for its turn."""


class Fleet:
    """The two processes, and what can be asked of them."""

    def __init__(self, home: Path, shards: int) -> None:
        self.shards = shards
        self._home = home
        port = random.randint(20_000, 30_000)  # noqa: S311 - any that is free will do
        words = ("-m", "tests.simulation.fleet", str(home), "--shards", str(shards), "--port", str(port), "--reigning")
        self._members = subprocess.Popen(
            (sys.executable, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
        )
        self._service: subprocess.Popen[bytes] | None = None
        if not self._answer():
            raise RuntimeError("the members do not come up")

    def start(self) -> None:
        """Start the topology service."""
        words = ("-m", "flyball_topology", "--store", str(self._home / "records.db"))
        with (self._home / "topology.log").open("ab") as log:
            self._service = subprocess.Popen(
                (sys.executable, *words, "--secrets", str(self._home / "secrets")),
                stdout=subprocess.DEVNULL, stderr=log, env=_environment(),
            )  # fmt: skip

    def stop(self) -> None:
        """End the topology service."""
        if self._service is not None:
            self._service.terminate()
            self._service.wait()

    def close(self) -> None:
        """End both."""
        self.stop()
        with suppress(BrokenPipeError):
            if self._members.stdin is not None:
                self._members.stdin.close()
        self._members.wait()

    def tell(self, **order: object) -> dict[str, Any]:
        """Have the members do something."""
        if self._members.stdin is None:
            raise RuntimeError("the members hear nothing")
        self._members.stdin.write(json.dumps(order) + "\n")
        self._members.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._members.stdout.readline() if self._members.stdout is not None else ""
        found: dict[str, Any] = json.loads(line) if line else {}
        return found

    def until(self, name: str, least: int) -> float:
        """Wait until the members say so; return the seconds that it took."""
        began = time.monotonic()
        while self.tell(state=True)[name] < least:
            if time.monotonic() - began > LIMIT:
                raise TimeoutError(f"{name} did not come to {least} within {LIMIT:g} s")
            time.sleep(0.1)
        return time.monotonic() - began

    def cpu_seconds(self) -> float:
        """Processor time of the service so far (proc(5): the 14th and 15th field of stat)."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / TICKS

    def rss_mb(self) -> float:
        """Its resident memory in MB (10**6 bytes)."""
        return int(self._proc("statm").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _proc(self, name: str) -> str:
        if self._service is None or self._service.poll() is not None:
            raise RuntimeError("the topology service does not run")
        return Path(f"/proc/{self._service.pid}/{name}").read_text(encoding="ascii")

    async def decisions(self, names: Sequence[str]) -> list[str]:
        """What the named shards' records refuse now, as ``flyball explain`` tells it."""
        async with await SqliteRecords.open(self._home / "records.db") as records:
            shards = [shard for shard in await records.list(Shard) if shard.name in names]
        return [text for shard in shards if shard.status.decision for text in shard.status.decision.refused]


def begin(fleet: Fleet) -> dict[str, float]:
    """Start the service on members that it has never seen; what that takes."""
    fleet.start()
    seconds = fleet.until("watched", 3 * fleet.shards)
    return {"seconds_to_all_watched": round(seconds, 1), "cpu_seconds": round(fleet.cpu_seconds(), 1)}


def rest(fleet: Fleet, seconds: float) -> dict[str, float]:
    """What the service takes while nothing happens."""
    time.sleep(SETTLE)
    fleet.tell(gaps=True)
    before, began = fleet.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    share = (fleet.cpu_seconds() - before) / (time.monotonic() - began)
    gaps = sorted(fleet.tell(gaps=True)["gaps"])
    at = [gaps[int(len(gaps) * part)] for part in (0.5, 0.99)]
    return {
        "cpu_cores": round(share, 3),
        "rss_mb": round(fleet.rss_mb(), 1),
        "probe_delay_p50_s": round(at[0], 2),
        "probe_delay_p99_s": round(at[1], 2),
        "probe_delay_max_s": round(gaps[-1], 2),
    }


def deaths(fleet: Fleet, count: int, how: str) -> dict[str, object]:
    """Take primaries away; how long until each of their shards could be written to."""
    names = fleet.tell(take=count, how=how)["taken"]
    told: set[str] = set()
    began = time.monotonic()
    while time.monotonic() - began < LIMIT:
        took = [seconds for seconds in fleet.tell(state=True)["took"].values() if seconds is not None]
        if len(took) == count:
            break
        if count > 3 and len(told) == 0:
            told |= {text for text in asyncio.run(fleet.decisions(names)) if any(word in text for word in HELD)}
        time.sleep(0.1)
    found: dict[str, object] = {"seconds": spread(took, 2)} if took else {}
    if missing := count - len(took):  # a figure like any other: those after it still say something
        found["without_a_primary"] = missing
    fleet.tell(restore=True)
    fleet.until("whole", fleet.shards)
    return found | ({"told": sorted(told)} if told else {})


def one_at_a_time(fleet: Fleet, rounds: int) -> dict[str, object]:
    """One death, some times."""
    seconds: list[float] = []
    for _ in range(rounds):
        found: Any = deaths(fleet, 1, "kill")
        if "seconds" in found:
            seconds.append(found["seconds"]["median"])
        time.sleep(2)
    figures: dict[str, object] = {**spread(seconds, 2)} if seconds else {}
    return figures | ({"without_a_primary": rounds - len(seconds)} if len(seconds) < rounds else {})


def measure(shards: int, seconds: float, rounds: int) -> None:
    """Measure, and leave the result."""
    before = load()
    with tempfile.TemporaryDirectory(prefix="flyball-scale-") as root:
        (few := Path(root) / "few").mkdir()
        fleet = Fleet(few, 2)
        try:
            begin(fleet)
            time.sleep(SETTLE)
            among_two = one_at_a_time(fleet, rounds)
        finally:
            fleet.close()
        (many := Path(root) / "many").mkdir()
        fleet = Fleet(many, shards)
        try:
            started = begin(fleet)
            rigs.say(f"{shards} shards are watched: {started}")
            figures: dict[str, object] = {"shards": shards, **rest(fleet, seconds)}
            rigs.say(f"at rest: {figures}")
            figures["one_among_two_s"] = among_two
            figures["one_death_s"] = one_at_a_time(fleet, rounds)
            for count, how in ((10, "kill"), (300, "kill"), (300, "stop")):
                some = min(count, shards // 3)
                figures[f"{some}_{'deaths' if how == 'kill' else 'stopped'}"] = deaths(fleet, some, how)
                rigs.say(f"{some} at once ({how}): {figures}")
                time.sleep(SETTLE)
        finally:
            fleet.close()
    leave("scale", figures, mysql="a model behind its protocol", load_before=before, started=started)


def _environment() -> dict[str, str]:
    root = rigs.ROOT
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (root, root / "topology", root / "local")))}


if __name__ == "__main__":
    try:
        given = os.environ.get
        measure(int(given("SHARDS", "1000")), float(given("SECONDS", "30")), int(given("ROUNDS", "5")))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
