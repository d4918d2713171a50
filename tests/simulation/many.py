"""Many seeds, spread over processes: what the tier of every change runs, and ``make simulate``.

A world leaves thousands of objects behind that name each other, and none of them outlives it. So the collector looks
seldom, and never at what was there before the first world: a tenth of the time otherwise.
"""

import gc
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from math import inf
from multiprocessing import get_context

from tests.simulation.run import Verdict, of_seed
from tests.simulation.shrink import shrink

CHUNK = 25
SHOWN = 2
"""Failing seeds of a chunk that are shrunk."""


@dataclass(frozen=True)
class Ran:
    """What came of a chunk of seeds."""

    seeds: int
    virtual: float
    """Seconds that passed in their worlds."""
    failed: tuple[str, ...]
    """A report of each seed that failed."""


def run(seeds: Iterable[int], processes: int, *, end: float = inf) -> Iterator[Ran]:
    """Run the seeds in their order, none begun after ``end`` (of the monotonic clock); chunk by chunk."""
    with pool_of(processes) as pool:
        yield from pool.map(chunk, _cut(iter(seeds), end))


def pool_of(processes: int) -> ProcessPoolExecutor:
    """Processes that share nothing with this one."""
    return ProcessPoolExecutor(processes, get_context("spawn"), _collect_seldom)


def _collect_seldom() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def report(verdict: Verdict) -> str:
    """What failed, how, and how to see it again."""
    plan = verdict.plan
    lines = [f"seed {plan.seed} fails: {verdict.violations[0]}", f"  {plan.setting}"]
    lines += [f"  {fault}" for fault in plan.schedule]
    lines.append(f"  replay: make simulate SEED={plan.seed}")
    return "\n".join(lines)


def _cut(seeds: Iterator[int], end: float) -> Iterator[tuple[tuple[int, ...], float]]:
    while some := tuple(islice(seeds, CHUNK)):
        yield some, end


def chunk(task: tuple[tuple[int, ...], float]) -> Ran:
    """A few seeds in this process; none is begun after the moment that comes with them."""
    seeds, end = task
    failed: list[str] = []
    virtual, done = 0.0, 0
    for seed in seeds:
        if time.monotonic() >= end:
            break
        verdict = of_seed(str(seed))
        virtual, done = virtual + verdict.ended, done + 1
        if not verdict.is_good:
            failed.append(report(shrink(verdict) if len(failed) < SHOWN else verdict))
    return Ran(done, virtual, tuple(failed))
