"""Simulated worlds, each a function of its seed alone; ``make simulate`` runs others."""

import logging
import os
import subprocess
import sys
from math import inf

from tests.simulation.caught import CAUGHT
from tests.simulation.drawing import Plan, draw
from tests.simulation.faults import Fault
from tests.simulation.many import chunk, run
from tests.simulation.mutants import MUTANTS
from tests.simulation.patching import patched
from tests.simulation.run import simulate
from tests.simulation.world import Setting

SEEDS = range(300)


def test_whatever_befalls_a_world_nothing_is_lost_and_it_comes_to_rest() -> None:
    failed = [report for ran in run(SEEDS, os.cpu_count() or 1) for report in ran.failed]
    assert not failed, "\n".join(failed[:20])


def test_a_seed_that_fails_is_told_with_the_command_that_replays_it() -> None:
    ran = chunk(((0,), inf))
    with patched(MUTANTS["rule 12", "anybody reached is promoted"]):
        broken = chunk(((CAUGHT["rule 12", "anybody reached is promoted"],), inf))
    assert (ran.seeds, ran.failed) == (1, ())
    assert "make simulate SEED=" in broken.failed[0]


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


def test_a_member_that_is_killed_while_it_is_made_anew_is_made_anew_again() -> None:
    verdict = simulate(Plan("clone", Setting(), (Fault(0.5, "reseed", "x3"), Fault(1.0, "kill", "x3", seconds=0.1))))
    assert verdict.is_good, verdict.violations
