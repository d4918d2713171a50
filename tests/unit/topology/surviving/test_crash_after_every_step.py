"""Whatever befalls the service at any one of its effects, its next life brings the shard to rest and loses nothing.

Right after an effect is right before the next one: nothing happens between, and the service remembers nothing. So it
is killed before each effect and after the last one.
"""

import pytest

from tests.unit.topology.scenarios import SCENARIOS, Scenario, effects_of, finish, strike
from tests.unit.topology.service import Effects, Fate

STROKES = (Fate.KILLED_BEFORE, Fate.UNANSWERED, Fate.FAILED)


@pytest.mark.parametrize("fate", STROKES, ids=lambda fate: fate.name.lower())
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
async def test_struck_at_any_effect_it_comes_to_rest_and_loses_nothing(scenario: Scenario, fate: Fate) -> None:
    names = await effects_of(scenario)
    assert names
    strokes = [Effects(at, fate) for at in range(1, len(names) + 1)]
    if fate is Fate.KILLED_BEFORE:
        strokes.append(Effects(len(names), Fate.KILLED_AFTER))
    for effects in strokes:
        try:
            await finish(await strike(scenario, effects))
        except AssertionError as error:
            raise AssertionError(f"{fate.value}, effect {effects.at}, {names[effects.at - 1]}: {error}") from error


async def test_a_promotion_whose_answer_is_lost_is_looked_up_and_costs_no_term() -> None:
    """Unknown is not no (rule 8): the member is asked again before its term is given up."""
    switchover = next(scenario for scenario in SCENARIOS if scenario.name == "switchover")
    names = await effects_of(switchover)
    at = next(number for number, name in enumerate(names, 1) if name.startswith("Promote"))
    run = await strike(switchover, Effects(at, Fate.UNANSWERED))
    await finish(run)
    assert run.issued == 2
    assert run.world.promoted == [(2, "m2")]
