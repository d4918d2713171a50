"""Every line of the table of transitions, on the model."""

import pytest

from tests.simulation.model_bench import ModelBench
from tests.simulation.table import TRANSITIONS
from tests.simulation.transitions import Transition, carry_out


@pytest.mark.parametrize("transition", TRANSITIONS, ids=str)
def test_the_model_does_what_the_table_says(transition: Transition) -> None:
    carry_out(ModelBench(), transition)
