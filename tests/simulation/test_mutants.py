"""Every rule that is taken out is missed: a world says what went wrong without it."""

from importlib import import_module

import pytest

from tests.simulation.caught import CAUGHT, NOT_SHOWN
from tests.simulation.costs import COSTS
from tests.simulation.drawing import draw
from tests.simulation.mutants import MUTANTS, catch
from tests.simulation.patching import patched
from tests.simulation.run import simulate
from tests.simulation.schedules import SHOW

FALLBACK = 300
"""Seeds tried where the one that caught the mutant before does not any more; ``make mutants`` finds the new one."""


@pytest.mark.parametrize("mutant", CAUGHT, ids=": ".join)
def test_a_rule_that_is_taken_out_is_missed(mutant: tuple[str, str]) -> None:
    seeds = (CAUGHT[mutant], *range(FALLBACK))
    assert catch(MUTANTS[mutant], (draw(str(seed)) for seed in seeds)) is not None


@pytest.mark.parametrize("mutant", SHOW, ids=": ".join)
def test_a_rule_that_is_taken_out_is_missed_where_its_course_of_events_happens(mutant: tuple[str, str]) -> None:
    assert catch(MUTANTS[mutant], (SHOW[mutant],)) is not None


@pytest.mark.parametrize("mutant", COSTS, ids=": ".join)
def test_a_rule_that_is_taken_out_costs_something(mutant: tuple[str, str]) -> None:
    cost = COSTS[mutant]
    plan = cost.plan(": ".join(mutant))
    sound = simulate(plan)
    with patched(MUTANTS[mutant]):
        without = simulate(plan)
    assert sound.is_good
    assert without.is_good
    assert (cost.counted(sound), cost.counted(without)) == (cost.sound, cost.mutant)


def test_every_mutant_is_caught_or_it_is_said_why_not() -> None:
    assert sorted([*CAUGHT, *SHOW, *COSTS, *NOT_SHOWN]) == sorted(MUTANTS)
    assert all(NOT_SHOWN.values())


@pytest.mark.parametrize("mutant", MUTANTS, ids=": ".join)
def test_what_a_mutant_replaces_is_there(mutant: tuple[str, str]) -> None:
    for name in MUTANTS[mutant]:
        module, _, path = name.partition(":")
        owner = import_module(module)
        *classes, attribute = path.split(".")
        for step in classes:
            owner = getattr(owner, step)
        assert attribute in vars(owner), name
