"""How a source is given rest."""

import pytest

from flyball_topology.moving.throttle import LEAST, MOST, Limits, Load, pause, reason

LIMITS = Limits(lag=10, history=1000)


@pytest.mark.parametrize("load", [Load(lag=11), Load(history=1001), Load(lag=0, history=5000)])
def test_a_source_over_a_limit_is_given_more_rest_each_time_up_to_a_bound(load: Load) -> None:
    pauses = [0.0]
    for _ in range(20):
        pauses.append(pause(load, LIMITS, pauses[-1]))
    assert pauses[1] == LEAST
    assert pauses == sorted(pauses)
    assert pauses[-1] == MOST
    assert reason(load, LIMITS)


@pytest.mark.parametrize("load", [Load(), Load(lag=10, history=1000)])
def test_a_source_within_its_limits_is_read_at_full_pace_again(load: Load) -> None:
    held = MOST
    for _ in range(20):
        held = pause(load, LIMITS, held)
    assert held == 0
    assert not reason(load, LIMITS)
