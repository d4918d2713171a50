"""Nobody of an older reign may be able to acknowledge a write (rules 4 to 7, 11, 15)."""

import pytest

from flyball_topology.revocation import fenced as is_fenced
from flyball_topology.revocation import unrevoked
from tests.unit.topology.views import (
    dead,
    fenced,
    healthy,
    on_channel,
    promoting,
    seeing,
    with_status,
)


def with_fenced(view, *names):
    for name in names:
        view = fenced(view, name, 2)
    return view


@pytest.mark.parametrize(
    "doubt",
    [
        {"promise": 1},
        {"promise": None},
        {"opened": 1},
    ],
    ids=str,
)
def test_a_member_is_fenced_only_by_its_own_word_and_with_its_doors_closed(doubt):
    view = with_fenced(healthy(), "m2")
    assert is_fenced(view.members["m2"], 2)
    assert not is_fenced(seeing(view, "m2", **doubt).members["m2"], 2)


def test_a_member_that_still_takes_writes_is_not_fenced():
    view = seeing(with_fenced(healthy(), "m2"), "m2", super_read_only=False, read_only=False)
    assert not is_fenced(view.members["m2"], 2)


@pytest.mark.parametrize("receiver", ["ON", "CONNECTING"])
def test_a_member_that_still_receives_is_not_fenced(receiver):
    view = on_channel(with_fenced(healthy(), "m2"), "m2", receiver=receiver)
    assert not is_fenced(view.members["m2"], 2)


def test_what_a_member_last_said_is_no_promise_once_it_does_not_answer():
    assert not is_fenced(dead(with_fenced(healthy(), "m2"), "m2").members["m2"], 2)


def test_with_one_acknowledgement_of_two_both_must_be_reached():
    assert unrevoked(with_fenced(healthy(), "m2"), 2)
    assert not unrevoked(with_fenced(healthy(), "m2", "m3"), 2)


def test_with_two_of_two_one_suffices():
    assert not unrevoked(with_fenced(healthy(acks=2), "m2"), 2)


def test_the_primary_alone_suffices():
    assert not unrevoked(with_fenced(healthy(), "m1"), 2)


def test_a_member_outside_the_ack_set_need_not_be_reached():
    assert not unrevoked(with_status(with_fenced(healthy(), "m2"), ackers=("m1", "m2")), 2)


def test_while_the_ack_set_changes_both_count():
    """Rule 11."""
    view = with_fenced(healthy(), "m2")
    assert unrevoked(with_status(view, ackers_next=("m1", "m2")), 2)
    assert unrevoked(with_status(view, ackers=("m1", "m2"), ackers_next=("m1", "m2", "m3")), 2)


def test_a_candidate_of_a_spent_term_is_revoked_like_a_primary():
    """Rule 7: it may have opened, and its term may have been the newer one."""
    view = with_fenced(promoting(healthy()), "m1")
    assert [suspect.name for suspect, _ in unrevoked(view, 3)] == ["m1", "m2"]
    view = with_fenced(promoting(healthy()), "m1", "m3")
    assert [suspect for suspect, _ in unrevoked(view, 2)] == []


def test_a_suspect_with_two_unreached_ways_is_named_with_them():
    view = with_status(healthy(), transition=promoting(healthy()).shard.status.transition)
    (_, ways), *_ = unrevoked(with_fenced(view, "m2"), 2)
    assert ways == frozenset({frozenset({"m1"}), frozenset({"m3"})})


def test_across_zones_only_members_of_other_zones_must_be_reached():
    """Rule 15: m2 shares the primary's zone, so its acknowledgement never counted."""
    view = healthy(4, zones=("a", "a", "b", "c"))
    assert unrevoked(with_fenced(view, "m2", "m3"), 2)
    assert not unrevoked(with_fenced(view, "m3", "m4"), 2)
