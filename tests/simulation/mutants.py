"""What each safety rule is good for: flyball with one of them taken out, which the simulator must notice.

    python -m tests.simulation.mutants --seeds 200 --only "rule 11"

looks for the first seed that catches each, all of them with one seed before the next, and prints the lines of
:data:`tests.simulation.caught.CAUGHT`. A seed counts only if the world passes it unmutated.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from tests.simulation.drawing import Plan, draw
from tests.simulation.mutants_of_members import MEMBERS, Changes
from tests.simulation.mutants_of_service import SERVICE
from tests.simulation.patching import patched
from tests.simulation.run import _image, simulate

MUTANTS: dict[tuple[str, str], Changes] = {**MEMBERS, **SERVICE}
"""By rule and name."""


@dataclass(frozen=True)
class Caught:
    """The seed that shows it, and what it shows."""

    seed: str
    violation: str


@cache
def is_good(plan: Plan) -> bool:
    """Whether the world passes the plan as it is."""
    return simulate(plan).is_good


def catch(changes: Changes, plans: Iterable[Plan]) -> Caught | None:
    """The first of ``plans`` that catches the mutant.

    :raises AssertionError: the mutant does not break a rule, it breaks the program.
    """
    for plan in plans:
        _image(replace(plan.setting, empty=True))  # a healthy beginning, made before anything is taken out
        with patched(changes):
            verdict = simulate(plan)
        if not verdict.is_good and is_good(plan):
            violation = verdict.violations[0]
            if "a process ended" in violation:
                raise AssertionError(f"seed {plan.seed}: {violation}")
            return Caught(plan.seed, violation)
    return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", default="", help="part of a rule or a name")
    options = parser.parse_args()
    left = {key: changes for key, changes in MUTANTS.items() if options.only in ": ".join(key)}
    for seed in range(options.first, options.first + options.seeds):
        for key, changes in list(left.items()):
            if (caught := catch(changes, (draw(str(seed)),))) is not None:
                print(f"    {key!r}: {seed},  # {caught.violation}"[:160], flush=True)  # noqa: T201
                del left[key]
    for key in left:
        print(f"    not within {options.seeds} seeds: {key}")  # noqa: T201


if __name__ == "__main__":
    main()
