"""What each safety rule is good for: flyball with one of them taken out, which the simulator must notice.

    python -m tests.simulation.mutants --seeds 1000 --only "rule 11"

looks for the first seed that catches each. A seed counts only if the world passes it unmutated.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache

from tests.simulation.drawing import SETTINGS
from tests.simulation.mutants_of_members import MEMBERS, Changes
from tests.simulation.mutants_of_service import SERVICE
from tests.simulation.patching import patched
from tests.simulation.run import _image, of_seed

MUTANTS: dict[tuple[str, str], Changes] = {**MEMBERS, **SERVICE}
"""By rule and name. Which seeds catch them is still being looked for, so no test runs them yet."""


@dataclass(frozen=True)
class Caught:
    """The seed that shows it, and what it shows."""

    seed: int
    violation: str


@cache
def is_good(seed: int) -> bool:
    """Whether the world passes the seed as it is."""
    return of_seed(str(seed)).is_good


def catch(changes: Changes, seeds: Iterable[int]) -> Caught | None:
    """The first of ``seeds`` that catches the mutant."""
    for _, setting in SETTINGS:
        _image(replace(setting, empty=True))  # healthy beginnings, made before anything is taken out
    for seed in seeds:
        with patched(changes):
            verdict = of_seed(str(seed))
        if not verdict.is_good and is_good(seed):
            return Caught(seed, verdict.violations[0])
    return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--only", default="", help="part of a rule or a name")
    options = parser.parse_args()
    for (rule, name), changes in MUTANTS.items():
        if options.only in f"{rule}: {name}":
            caught = catch(changes, range(options.seeds))
            told = f"seed {caught.seed}: {caught.violation}" if caught else f"not within {options.seeds} seeds"
            print(f"{rule}: {name}: {told}"[:300], flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
