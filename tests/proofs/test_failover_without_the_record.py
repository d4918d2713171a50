"""Failover that needs no record: every state of small worlds, and what breaks when a rule is taken out.

Two terms beside the first one, proposed by two services at any moment, under one number or two; members stop, messages
are lost, doubled and late. The decision behind it: ``docs/decisions/0006-failover-without-the-record-store.md``.
Changes of what counts are searched in ``test_changes_of_what_counts.py``.
"""

from dataclasses import replace

import pytest

from flyball.durability import CrossZone, NoDurability, SemiSync
from tests.proofs.failover import World, explore
from tests.proofs.state import MEMBERS, TODAY, mirrored, without

FREE, RECORD = False, True
ONE_NUMBER = (2, FREE), (2, FREE)
TWO_NUMBERS = (2, FREE), (3, FREE)


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
    assert explore(World(MEMBERS, (policy,)), TWO_NUMBERS).broken == ""


@pytest.mark.parametrize("acks", [1, 2])
def test_nor_do_four_members(acks):
    found = explore(World(MEMBERS, (SemiSync(acks, frozenset("abcd")),), count=4), ((2, FREE),), fold=mirrored)
    assert found.broken == ""
    assert found.states > 5_000


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


def test_who_does_not_count_does_not_reign():
    """``c`` is deposed by nobody: whoever deposes asks for ``a`` and ``b``, who count."""
    found = explore(World(without("of_the_set"), (SemiSync(1, frozenset("ab")),)), TWO_NUMBERS)
    assert found.broken == "term 2 reigned, and term 3 (#2) does not know"
    assert "c is appointed for term 2 (#1)" in found.way


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
