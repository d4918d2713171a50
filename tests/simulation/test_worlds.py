"""A sample of the simulated worlds; ``make simulate`` runs thousands. A run is a function of its seed alone."""

import logging
import os
import subprocess
import sys

import pytest

from tests.simulation.drawing import Plan, draw
from tests.simulation.faults import Fault
from tests.simulation.run import of_seed, simulate
from tests.simulation.world import Setting

SAMPLE = range(30, 90)


@pytest.mark.parametrize("first", SAMPLE[::20])
def test_whatever_befalls_a_world_nothing_is_lost_and_it_comes_to_rest(first: int) -> None:
    for seed in range(first, first + 20):
        verdict = of_seed(str(seed))
        schedule = "\n  ".join(map(str, verdict.plan.schedule))
        assert verdict.is_good, f"seed {seed}: {verdict.violations}\n  {verdict.plan.setting}\n  {schedule}"


def test_an_undisturbed_world_is_left_alone_and_others_still_log() -> None:
    verdict = simulate(Plan("calm", Setting(), ()))
    assert verdict.is_good
    assert logging.root.isEnabledFor(logging.ERROR)
    assert not [name for name in verdict.effects if not name.startswith("replace")]


def test_a_seed_does_the_same_in_every_process_whatever_its_hashes() -> None:
    program = "from tests.simulation.run import of_seed; print([of_seed(str(s)).print for s in range(300, 306)])"

    def prints(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        ).stdout

    assert prints("1") == prints("2")


def test_plans_are_drawn_from_seeds() -> None:
    assert draw("7") == draw("7")
    assert len({str(draw(str(seed)).schedule) for seed in range(50)}) > 45


def test_what_was_received_is_applied_where_nothing_is_received_any_more() -> None:
    """The last to hold what was acknowledged have it in their relay logs alone, and the primary is gone."""
    lag = (Fault(0.6, "lag", "x2", seconds=8.0), Fault(0.6, "lag", "x3", seconds=8.0))
    kills = (Fault(1.2, "kill", "x1", seconds=20.0), *(Fault(1.2, "kill", name, seconds=0.3) for name in ("x2", "x3")))
    verdict = simulate(Plan("backlog", Setting(), (*lag, *kills)))
    assert verdict.is_good, verdict.violations


def test_a_member_that_is_killed_while_it_is_made_anew_is_made_anew_again() -> None:
    verdict = simulate(Plan("clone", Setting(), (Fault(0.5, "reseed", "x3"), Fault(1.0, "kill", "x3", seconds=0.1))))
    assert verdict.is_good, verdict.violations
