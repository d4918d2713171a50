"""The values that keep the loop from oscillating, storming and overreacting."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.stability import AntiFlap, Backoff, Budget, Persistence, Turns, fleet_suspects_observer, take_all


@given(attempt=st.integers(1, 10_000), seed=st.integers())
def test_a_delay_lies_between_nothing_and_the_ceiling(attempt, seed):
    backoff = Backoff(base=0.5, cap=30.0, random=Random(seed))
    assert 0.0 <= backoff.delay(attempt) <= backoff.ceiling(attempt) <= 30.0


def test_ceilings_double_from_the_base_to_the_cap():
    backoff = Backoff(base=0.5, cap=5.0, random=Random(1))
    assert [backoff.ceiling(attempt) for attempt in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_the_jitter_is_full():
    backoff = Backoff(base=1.0, cap=1.0, random=Random(1))
    delays = [backoff.delay(1) for _ in range(1000)]
    assert min(delays) < 0.05
    assert max(delays) > 0.95


@pytest.mark.parametrize(("base", "cap"), [(0.0, 1.0), (2.0, 1.0)])
def test_a_backoff_without_room_is_refused(base, cap):
    with pytest.raises(ValueError, match="base"):
        Backoff(base, cap, Random(1))


def feed(persistence, *observations):
    for now, present in observations:
        persistence = persistence.feed(now, present)
    return persistence


def test_a_finding_holds_once_seen_often_enough_for_long_enough():
    start = Persistence(count=3, seconds=2.0)
    assert not start.holds
    assert not feed(start, (0, True), (2, True)).holds  # long enough, not often enough
    assert not feed(start, (0, True), (0, True), (1, True)).holds  # often enough, not long enough
    assert feed(start, (0, True), (1, True), (2, True)).holds


def test_one_look_without_the_finding_starts_all_over():
    start = Persistence(count=2, seconds=1.0)
    assert not feed(start, (0, True), (1, True), (2, False)).holds
    assert not feed(start, (0, True), (1, True), (2, False), (3, True)).holds
    assert not feed(start, (0, True), (1, False), (1.5, True), (2, True)).holds
    assert feed(start, (0, True), (1, False), (2, True), (3, True)).holds


def test_feeding_leaves_the_value_that_was_fed():
    start = Persistence(count=1, seconds=0.0)
    assert start.feed(0, True).holds
    assert not start.holds


def test_a_finding_never_seen_does_not_hold_even_when_nothing_is_asked_of_it():
    assert not Persistence(count=0, seconds=0.0).feed(5, False).holds


REST = AntiFlap(voluntary_rest=60.0, first_rest=10.0, emergency_rest=30.0, window=100.0)


def after(*failovers):
    return replace(REST, failovers=failovers)


def test_a_shard_that_never_failed_over_may_do_anything():
    assert REST.voluntary_allowed(5.0) == 5.0
    assert REST.emergency_allowed(5.0) == 5.0


def test_a_shard_that_has_just_failed_over_rests_from_voluntary_steps():
    assert after(1000.0).voluntary_allowed(1010.0) == 1060.0
    assert after(1000.0).voluntary_allowed(1060.0) == 1060.0
    assert after(1000.0, 900.0).voluntary_allowed(1061.0) == 1061.0


def test_the_first_two_emergency_failovers_never_wait():
    assert after().emergency_allowed(1000.0) == 1000.0
    assert after(1000.0).emergency_allowed(1000.0) == 1000.0


def test_a_third_emergency_failover_in_a_row_rests():
    assert after(990.0, 1000.0).emergency_allowed(1001.0) == 1010.0
    assert after(1000.0, 990.0).emergency_allowed(1010.0) == 1010.0


def test_each_further_one_rests_for_twice_as_long_up_to_the_longest_rest():
    row = [1000.0 - 20 * number for number in range(8)]
    assert [after(*row[:count]).rest(1001.0) for count in range(8)] == [0.0, 0.0, 10.0, 20.0, 30.0, 30.0, 30.0, 30.0]
    assert after(*row[:4]).emergency_allowed(1001.0) == 1030.0
    assert AntiFlap().rest(0.0) == 0.0
    many = tuple(float(number) for number in range(2000))
    assert AntiFlap(many).rest(2000.0) == 60.0


def test_failovers_far_apart_are_not_in_a_row():
    assert after(800.0, 1000.0).emergency_allowed(1001.0) == 1001.0
    assert after(700.0, 800.0, 1000.0).in_a_row(1001.0) == 1
    assert after(990.0, 1000.0).in_a_row(1101.0) == 0


def test_failovers_from_a_clock_that_was_ahead_are_left_out():
    ahead = after(5000.0, 6000.0)
    assert ahead.voluntary_allowed(1000.0) == 1000.0
    assert ahead.emergency_allowed(1000.0) == 1000.0
    assert after(990.0, 1050.0).emergency_allowed(1000.0) == 1000.0
    assert after(990.0, 1050.0).voluntary_allowed(1000.0) == 1050.0


def test_a_rest_longer_than_the_memory_of_failovers_is_refused():
    with pytest.raises(ValueError, match="window"):
        AntiFlap(emergency_rest=10.0, window=5.0)
    with pytest.raises(ValueError, match="first rest"):
        AntiFlap(first_rest=61.0)


def test_no_more_steps_are_in_flight_than_a_budget_allows():
    budget = Budget(at_once=2, per_window=100, window=60.0).take(0, "a").take(0, "b")
    assert budget.take(0, "c") is None
    assert budget.allowed(0) is None
    assert budget.give_back("a").take(0, "c") is not None


def test_no_more_steps_begin_in_a_window_than_a_budget_allows():
    budget = Budget(at_once=10, per_window=2, window=60.0)
    for name in "ab":
        budget = budget.take(0, name).give_back(name)
    assert budget.take(0, "c") is None
    assert budget.allowed(0) == pytest.approx(30.0)
    assert budget.allowed(29.0) == pytest.approx(30.0)
    assert budget.take(30.0, "c").take(30.0, "d") is None


def test_tokens_come_back_up_to_the_full_number_and_no_further():
    budget = Budget(at_once=10, per_window=2, window=60.0).take(0, "a").take(0, "b")
    rested = budget.take(1e6, "c").take(1e6, "d")
    assert rested is not None
    assert rested.take(1e6, "e") is None


def test_a_step_in_flight_asks_again_for_nothing_and_gives_back_once():
    budget = Budget(at_once=1, per_window=2, window=60.0).take(0, "a")
    assert budget.take(0, "a") == budget
    assert budget.give_back("a").give_back("a") == budget.give_back("a")
    assert budget.give_back("a").take(0, "b").holders == {"b"}


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from("abcdef"), st.booleans()), max_size=60))
def test_a_budget_is_never_overdrawn(steps):
    budget, now, begun = Budget(at_once=2, per_window=3, window=10.0), 0.0, []
    for wait, name, ends in steps:
        now += wait
        taken = budget.take(now, name)
        if taken is not None and name not in budget.holders:
            begun.append(now)
        budget = taken or budget
        if ends:
            budget = budget.give_back(name)
        assert len(budget.holders) <= 2
    for start in begun:  # a bucket that starts full lets through a window's steps plus those that refill in it
        assert sum(start <= moment < start + 10.0 for moment in begun) <= 3 + 3


@pytest.mark.parametrize("wrong", [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)])
def test_a_budget_that_allows_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="for ever"):
        Budget(*wrong)


def test_all_budgets_are_taken_from_or_none():
    shard = Budget(at_once=1, per_window=10, window=60.0)
    fleet = Budget(at_once=2, per_window=10, window=60.0)
    granted = take_all((shard, fleet), 0, "a")
    assert [budget.holders for budget in granted] == [{"a"}, {"a"}]
    busy = granted[0]
    assert take_all((busy, granted[1]), 0, "b") is None
    assert take_all((shard, granted[1]), 0, "b") is not None


def of_three(*holders, waiting=()):
    turns = Turns(at_once=3, patience=5.0)
    for holder in holders:
        turns = turns.take(holder, 0)
    for who in waiting:
        turns = turns.ask(who)
    return turns


def test_a_handful_never_waits_for_its_turn():
    assert [of_three(*"ab"[:begun]).ahead("c", 0) for begun in range(3)] == [0, 0, 0]


def test_the_rest_wait_in_the_order_in_which_they_asked():
    turns = of_three("a", "b", "c", waiting=("d", "e"))
    assert [turns.ahead(who, 0) for who in "adef"] == [0, 1, 2, 3]
    assert turns.due(0) == ()
    freed = turns.without("b")
    assert [freed.ahead(who, 0) for who in "def"] == [0, 1, 2]
    assert freed.due(0) == ("d",)
    assert freed.take("d", 1).ahead("e", 1) == 1


def test_who_asks_late_does_not_overtake():
    turns = of_three("a", "b", waiting=("d", "e"))
    assert turns.ahead("f", 0) == 2


def test_asking_again_keeps_the_turn():
    turns = of_three("a", "b", "c", waiting=("d", "e"))
    assert turns.ask("d") == turns
    assert turns.ask("a") == turns


def test_who_gave_up_waiting_holds_nobody_back():
    turns = of_three("a", "b", "c", waiting=("d", "e")).without("d")
    assert turns.ahead("e", 0) == 1


def test_one_that_does_not_end_gives_its_place_to_another():
    turns = of_three("a", "b", "c", waiting=("d",))
    assert turns.ahead("d", 4.9) == 1
    assert turns.ahead("d", 5.0) == 0


def test_whoever_has_begun_has_a_place_free_or_not():
    turns = of_three("a", "b", "c", waiting=("d",)).take("e", 0)
    assert turns.ahead("e", 0) == 0
    assert turns.ahead("d", 0) == 2
    assert turns.take("e", 4) == turns


@pytest.mark.parametrize("total", [1, 2, 3])
def test_small_fleets_are_never_held(total):
    assert not any(fleet_suspects_observer(dead, total) for dead in range(total + 1))


def test_up_to_three_deaths_are_believed_in_a_fleet_of_any_size():
    assert not any(fleet_suspects_observer(3, total) for total in range(3, 200))


def test_the_observer_is_suspected_when_much_of_the_fleet_looks_dead():
    assert fleet_suspects_observer(4, 4)
    assert fleet_suspects_observer(11, 50)
    assert not fleet_suspects_observer(10, 50)


def test_more_deaths_than_shards_cannot_be():
    with pytest.raises(ValueError, match="cannot be"):
        fleet_suspects_observer(5, 4)
