"""The service is struck before every effect of every workflow; with one further fault in a sample of all the ways."""

import pytest

from tests.simulation.drawing import Plan
from tests.simulation.interleaving import WORKFLOWS, crashed, effects, interleaved
from tests.simulation.run import simulate

EVERY = 2000
"""Of the interleavings with a further fault this one is run here; ``--interleavings 1`` runs them all."""


def _run(plan: Plan) -> None:
    verdict = simulate(plan)
    assert verdict.is_good, f"{verdict.violations}\n  " + "\n  ".join(map(str, plan.schedule))


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_survives_its_service_being_struck_before_any_effect(workflow: str) -> None:
    for plan in crashed(workflow, effects(workflow)):
        _run(plan)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_and_one_further_fault(workflow: str) -> None:
    for plan in list(interleaved(workflow, effects(workflow)))[100::EVERY]:
        _run(plan)
