"""``python -m tests.simulation``: many seeds, or one of them again.

    --seeds 10000            that many seeds, from --first on
    --minutes 60             as many as fit, and with --seeds no more than those
    --seed 4711              one of them, with what the service did
    --interleavings 100      every 100th of all crashes at every effect of every workflow with one further fault

Exit code 1 when anything was violated; each failing seed prints its shrunk schedule and the command that replays it.
"""

import argparse
import sys
import time
from math import inf

from tests.simulation.interleaving import WORKFLOWS, effects, interleaved
from tests.simulation.many import pool_of, report, run
from tests.simulation.run import of_seed, simulate
from tests.simulation.shrink import shrink

SEEDS = 10_000
"""Where nothing is said."""


def main() -> int:
    options = _parse()
    if options.seed is not None:
        return _one(options.seed)
    if options.interleavings:
        return _interleavings(options.interleavings, options.first, options.processes)
    begun, done, failed, virtual = time.monotonic(), 0, 0, 0.0
    end = inf if options.minutes is None else begun + options.minutes * 60
    for ran in run(_seeds(options), options.processes, end=end):
        done, failed, virtual = done + ran.seeds, failed + len(ran.failed), virtual + ran.virtual
        for failure in ran.failed:
            print(failure, flush=True)  # noqa: T201
    took = time.monotonic() - begun
    print(  # noqa: T201
        f"{done} seeds, {virtual / 3600:.1f} virtual hours, in {took:.0f} s "
        f"({took / max(done, 1) * 1000:.1f} ms each); {failed} failed"
    )
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--seed")
    parser.add_argument("--interleavings", type=int)
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _seeds(options: argparse.Namespace) -> range:
    most = int(options.minutes * 60_000) if options.minutes else SEEDS  # no process runs a seed in a millisecond
    return range(options.first, options.first + (most if options.seeds is None else options.seeds))


def _interleavings(every: int, first: int, processes: int) -> int:
    everything = [plan for name in WORKFLOWS for plan in interleaved(name, effects(name))]
    plans = everything[first % every :: every]
    begun, failed = time.monotonic(), 0
    with pool_of(processes) as pool:
        for verdict in pool.map(simulate, plans, chunksize=20):
            if not verdict.is_good:
                failed += 1
                print(report(verdict), flush=True)  # noqa: T201
    took = time.monotonic() - begun
    each = took / max(len(plans), 1) * 1000
    print(  # noqa: T201
        f"{len(plans)} of {len(everything)} interleavings in {took:.0f} s ({each:.1f} ms each); {failed} failed"
    )
    return 1 if failed else 0


def _one(seed: str) -> int:
    verdict = of_seed(seed)
    print("\n".join([str(verdict.plan.setting), *map(str, verdict.plan.schedule)]))  # noqa: T201
    print("\n".join(f"  {number:3} {name}" for number, name in enumerate(verdict.effects, 1)))  # noqa: T201
    for violation in verdict.violations:
        print(f"violated: {violation}")  # noqa: T201
    print(f"{'good' if verdict.is_good else 'FAILED'}, at rest {verdict.rested:.2f} s after the last fault")  # noqa: T201
    if not verdict.is_good:
        print(report(shrink(verdict)))  # noqa: T201
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
