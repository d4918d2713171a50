"""Rounds: an event in the life of one shard of three members, again and again, under a writer.

The writer inserts a row every 5 ms through ``flyball.client``, from a process of its own. A round begins when the
shard is whole, and ends when it is whole again. What it is measured by:

    gap        the longest time between two acknowledged writes around the event, as the application sees it
    errors     statements that the application saw fail, after the client's own safe retries
    unknown    statements whose outcome nobody can know: the connection broke after they were sent
    lost       acknowledged writes that the final primary lacks; ``missing_on_replicas`` the same for the others
    rejoined   how often the old primary came back as a healthy replica by itself, and within how many seconds

Everything is at its default. A shard that has failed over twice in a row rests before the next one, for up to a minute;
the rounds wait that out, so that no rest is measured.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from math import isfinite

import rig as rigs
from report import leave, load, spread

from flyball.records import Shard
from flyball.stability import AntiFlap
from flyball_local import mysqld
from flyball_local.trial.audit import numbers_everywhere
from flyball_local.trial.changes import is_whole, switch_over, wait_for
from flyball_local.trial.ledger import Ledger, Told
from flyball_local.trial.writer import Writer, start_writer

WRITES = 200
"""Acknowledged writes before an event and after it: a second each."""
MARGIN = 2.0
"""Seconds on top of a rest: this process's clock of the failover is not the topology service's."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured.

    :param settled: seconds from the event until the next reign was recorded.
    :param rejoined: seconds until the old primary was a healthy replica again.
    """

    gap_ms: float
    settled: float
    rejoined: float


@dataclass(frozen=True, slots=True)
class Ground:
    """What an event happens on."""

    rig: rigs.Rig
    shard: Shard
    writer: Writer


Event = Callable[[Ground, int], Awaitable[None]]
"""Does something to the shard's primary; gets the number of the round. Returns once another member reigns."""


async def switch(ground: Ground, number: int) -> None:
    """A planned change of primary."""
    await switch_over(ground.rig.records, ground.shard, f"bench-{number}", "a benchmark")


async def kill(ground: Ground, _: int) -> None:
    """SIGKILL to the primary's mysqld: its machine is there, its connections break."""
    state = mysqld.read_state(ground.rig.home.member(ground.shard.status.reign.primary))
    if state is None or not mysqld.kill(state):
        raise RuntimeError("the primary does not run")
    await _next_reign(ground)


async def hang(ground: Ground, _: int) -> None:
    """SIGSTOP to the primary's mysqld: its connections stay open and silent. It goes on once it is replaced."""
    state = mysqld.read_state(ground.rig.home.member(ground.shard.status.reign.primary))
    if state is None or not mysqld.sigstop(state):
        raise RuntimeError("the primary does not run")
    try:
        await _next_reign(ground)
    finally:
        mysqld.sigcont(state)


async def _next_reign(ground: Ground) -> None:
    term = ground.shard.status.reign.term
    await wait_for(ground.rig.records, ground.shard.name, lambda now: now.status.reign.term > term, "failed over")


def run(name: str, event: Event, *, is_emergency: bool) -> None:
    """Run a benchmark from the shell: ``ROUNDS`` of the environment, 10 by default."""
    rounds = int(os.environ.get("ROUNDS", "10"))
    if rounds < 1:
        raise SystemExit("ROUNDS must be 1 or more")
    try:
        asyncio.run(_run(name, event, rounds, is_emergency=is_emergency))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


async def _run(name: str, event: Event, rounds: int, *, is_emergency: bool) -> None:
    before = load()
    async with rigs.rig(shards=1, replicas=3) as rig:
        shard = rig.shards[0]
        ledger_file = rig.home.root / "bench.ledger"
        writer = start_writer(rig.home, rigs.KEYSPACE, shard.name, user=rigs.USER, ledger=ledger_file)
        try:
            done, failovers = [], AntiFlap()
            for number in range(1, rounds + 1):
                await asyncio.sleep(max(0.0, failovers.emergency_allowed(time.monotonic()) - time.monotonic()))
                done.append(await _round(rig, shard.name, writer, event, number))
                rigs.say(f"round {number}: {done[-1]}")
                if is_emergency:
                    failovers = AntiFlap((*failovers.failovers, time.monotonic() + MARGIN - done[-1].rejoined))
            told = await writer.stop()
        finally:
            writer.kill()
        now = await wait_for(rig.records, shard.name, is_whole, "whole again")
        there = await asyncio.to_thread(numbers_everywhere, now, rig.login)
        lost = [told.lost(numbers) for numbers in there.values()]
        figures = _figures(done, told, lost, is_emergency=is_emergency)
        leave(name, figures, mysql=rig.mysql, load_before=before, each=[asdict(one) for one in done])
    if any(lost):
        raise SystemExit("acknowledged writes are lost")


async def _round(rig: rigs.Rig, name: str, writer: Writer, event: Event, number: int) -> Round:
    shard = await wait_for(rig.records, name, is_whole, "whole again")
    await writer.wait_for(WRITES)
    began = time.monotonic()
    await event(Ground(rig, shard, writer), number)
    settled = time.monotonic()
    await wait_for(rig.records, name, is_whole, "whole again")
    rejoined = time.monotonic()
    await writer.wait_for(WRITES)
    gap = writer.ledger().gap(began, settled)
    if not isfinite(gap):
        raise RuntimeError("no write was acknowledged after the event")
    return Round(round(gap * 1000, 1), round(settled - began, 3), round(rejoined - began, 3))


def _figures(done: list[Round], told: Ledger, lost: list[tuple[int, ...]], *, is_emergency: bool) -> dict[str, object]:
    on_primary, *on_replicas = lost
    figures: dict[str, object] = {
        "rounds": len(done),
        "gap_ms": spread([one.gap_ms for one in done]),
        "errors": len(told.told(Told.ERROR)),
        "unknown": len(told.told(Told.UNKNOWN)),
        "acknowledged": len(told.acknowledged),
        "lost": len(on_primary),
        "missing_on_replicas": sum(map(len, on_replicas)),
    }
    if is_emergency:
        figures["rejoined"] = {"count": len(done), "seconds": spread([one.rejoined for one in done])}
    return figures
