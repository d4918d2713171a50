"""Failover that needs no record: every state of small worlds, and what breaks when a rule is taken out.

Two terms beside the first one, proposed by two services at any moment, under one number or two; members stop, messages
are lost, doubled and late. The decision behind it: ``docs/decisions/0006-failover-without-the-record-store.md``.
"""

from dataclasses import replace

import pytest

from flyball.durability import CrossZone, NoDurability, SemiSync
from tests.proofs.failover import ONE_ACK, World
from tests.proofs.search import Found, search
from tests.proofs.state import MEMBERS, TODAY, mirrored, without

FREE, RECORD = False, True
ONE_NUMBER = (2, FREE), (2, FREE)
TWO_NUMBERS = (2, FREE), (3, FREE)
AFTER_LEAVING = SemiSync(1, frozenset("ab"))
"""Who may acknowledge once ``c`` has left."""


def explore(world: World, *plans, most: int = 400_000, **more) -> Found:
    return search([world.start(*plan) for plan in plans], world.steps, world.broken, most=most, **more)


# --- what holds -----------------------------------------------------------------------------------------


def test_members_alone_lose_nothing_that_was_acknowledged():
    found = explore(World(MEMBERS), ONE_NUMBER, TWO_NUMBERS, fold=mirrored)
    assert found.broken == ""
    assert found.states > 50_000


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(SemiSync(1, frozenset("ab")), id="two members"),
        pytest.param(NoDurability(), id="no durability: nobody but all members together can depose a primary"),
        pytest.param(
            CrossZone.across({"a": "x", "b": "x", "c": "y"}, acks=1, ackers=frozenset("abc")), id="across zones"
        ),
    ],
)
def test_nor_do_they_under_other_durabilities(policy):
    assert explore(World(MEMBERS, policy), TWO_NUMBERS).broken == ""


def test_a_member_leaves_and_is_made_anew_while_a_term_is_proposed():
    found = explore(World(MEMBERS, smaller=AFTER_LEAVING), ((2, FREE),))
    assert found.broken == ""
    assert found.states > 20_000


def test_a_member_joins_while_a_term_is_proposed():
    found = explore(World(MEMBERS, AFTER_LEAVING, larger=ONE_ACK), ((2, FREE),))
    assert found.broken == ""
    assert found.states > 50_000


def test_the_protocol_that_goes_by_the_record_is_safe_while_the_record_is_right():
    found = explore(World(TODAY), ((2, RECORD), (3, RECORD)), fold=mirrored)
    assert found.broken == ""
    assert found.states > 50_000


# --- what breaks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["named_issue", "attached_first", "one_choice", "whole_line", "kept_promise"])
def test_each_rule_of_the_members_is_needed(rule):
    plan = ONE_NUMBER if rule == "named_issue" else TWO_NUMBERS
    assert explore(World(without(rule)), plan, fold=mirrored).broken


@pytest.mark.parametrize("rule", ["whoever_reigned", "noted_line"])
def test_a_service_that_reaches_the_record_must_not_rest_on_it(rule):
    """The record is back after members have failed over without it, and still names the primary of before."""
    found = explore(World(without(rule)), ((3, RECORD), (2, FREE)))
    assert found.broken == "term 2 reigned, and term 3 (#1) does not know"


@pytest.mark.parametrize("added", ["nothing", "names", "names, and attaching first"])
def test_members_beside_the_protocol_that_goes_by_the_record_lose_writes(added):
    """Whatever of the members' rules the record's own protocol takes over, unless it takes them all."""
    rules = replace(TODAY, by_members=True, named_issue=added != "nothing", attached_first="attaching" in added)
    plans = ((2, RECORD), (2, FREE)), ((3, RECORD), (2, FREE))
    assert explore(World(rules), *plans, fold=mirrored).broken


def test_a_record_restored_to_before_a_term_issues_it_again():
    """Rule 10 notices a record below its members; this one is level with them once it has issued the number anew."""
    found = explore(World(TODAY, restores=True), ((2, RECORD), (2, RECORD)), fold=mirrored)
    assert found.broken == "two primaries were acknowledged under one term"
    assert "the record is restored" in found.way


@pytest.mark.parametrize("rule", ["leave_known", "leave_held", "left_first"])
def test_each_rule_of_leaving_is_needed(rule):
    assert explore(World(without(rule), smaller=AFTER_LEAVING), ((2, FREE),)).broken


def test_a_member_that_joins_is_not_let_in_before_enough_know_of_it():
    """Else one that does not know deposes by the smaller set, and misses the two who acknowledged."""
    assert explore(World(without("join_known"), AFTER_LEAVING, larger=ONE_ACK), ((2, FREE),)).broken


def test_a_reign_that_begins_while_a_member_leaves_does_without_it():
    """``a`` alone knows that ``c`` has gone, and may depose alone: ``b`` must not reign by grace of ``c``."""
    world = World(without("leave_binds"), ONE_ACK, smaller=AFTER_LEAVING)
    start = world.start((2, FREE), (3, FREE))
    a, b, c = start.members
    halfway = start._replace(members=(a._replace(version=3), b._replace(version=2), c))
    assert search([halfway], world.steps, world.broken, most=400_000).broken
