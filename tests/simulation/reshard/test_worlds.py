"""Reshards of simulated keyspaces, each a function of its seed alone; ``make simulate-reshards`` runs others."""

import pytest

from flyball.records.operation import OperationType
from tests.simulation.reshard.faults import Plan
from tests.simulation.reshard.run import simulate
from tests.simulation.reshard.world import ReshardSetting

WAYS = [(1, 2), (2, 1), (2, 3)]


@pytest.mark.parametrize("end", [OperationType.COMPLETE, OperationType.REVERSE])
@pytest.mark.parametrize(("before", "after"), WAYS)
def test_an_undisturbed_reshard_comes_to_its_end_under_load(before: int, after: int, end: OperationType) -> None:
    verdict = simulate(Plan("calm", ReshardSetting(before=before, after=after, end=end), ()))
    assert verdict.is_good, verdict.violations


def test_each_of_three_members_gets_the_rows_that_are_in_no_binary_log() -> None:
    """A replica that is cloned from another replica has none of them, and is cloned again, and again."""
    verdict = simulate(Plan("three", ReshardSetting(members=3), ()))
    assert verdict.is_good, verdict.violations
