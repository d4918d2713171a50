"""Who may acknowledge changes without a moment of doubt (rule 11): leave before you lose, record before you admit."""

from dataclasses import replace

import pytest

from flyball.member.accounts import replica_account
from flyball_topology.decide import decide
from flyball_topology.revocation import unrevokable
from flyball_topology.steps import Admit, CatchUp, EnsureSemiSync, Follow
from tests.unit.topology.views import (
    NOW,
    acts,
    chosen,
    dead,
    gtids,
    healthy,
    holding,
    on_channel,
    promoting,
    seeing,
    status_of,
    with_spec,
    with_status,
)


def away(since=NOW - 31):
    return dead(healthy(), "m3", since=since)


def leaving(**seen):
    """m3 is away and on its way out."""
    return seeing(with_status(away(), ackers_next=("m1", "m2")), "m1", **seen)


def locked():
    accounts = {replica_account(name): name == "m3" for name in ("m1", "m2", "m3")}
    return {"accounts": accounts, "followers": frozenset({replica_account("m2")})}


# --- leaving -----------------------------------------------------------------------------------------------


def test_a_member_that_is_away_too_long_begins_to_leave():
    status = status_of(decide(away()))
    assert (status.ackers, status.ackers_next) == (("m1", "m2", "m3"), ("m1", "m2"))


def test_one_that_is_away_for_a_moment_does_not():
    assert decide(away(since=NOW - 10)).step is None


def test_nobody_leaves_whose_acknowledgement_the_rest_cannot_replace():
    view = dead(healthy(2), "m2")
    assert decide(view).step is None


def test_the_primary_locks_the_account_before_the_record_says_smaller():
    decision = decide(leaving())
    assert acts(decision) == (Admit("m1", 1, ("m1", "m2")),)
    assert chosen(decision).status is None


def test_it_does_so_under_another_version_of_the_record():
    assert status_of(decide(away())).version == away().shard.status.version + 1


def test_the_record_waits_until_the_primary_has_noted_that_version():
    """Its accounts may be right already; an older set that comes late would undo that."""
    view = with_status(leaving(**locked()), version=7)
    assert acts(decide(view)) == (Admit("m1", 1, ("m1", "m2")),)
    assert status_of(decide(seeing(view, "m1", noted=7))).ackers == ("m1", "m2")


def test_it_ends_under_one_more_version_which_says_one_thing_alone():
    """A member that noted both sets under the version before has an older note than who notes the smaller one."""
    view = with_status(leaving(**locked(), noted=7), version=7)
    status = status_of(decide(view))
    assert (status.ackers, status.ackers_next, status.version) == (("m1", "m2"), None, 8)


def test_so_it_does_where_it_is_taken_back():
    view = with_status(leaving(**locked(), noted=7), version=7)
    status = status_of(decide(dead(view, "m2")))
    assert (status.ackers, status.ackers_next, status.version) == (("m1", "m2", "m3"), None, 8)


def test_the_set_that_both_count_in_is_not_applied_again_meanwhile():
    """m2 is locked too, and must catch up: what unlocks it does not unlock m3."""
    both_locked = {**locked(), "accounts": {**locked()["accounts"], replica_account("m2"): True}}
    view = holding(leaving(**both_locked), "m1", gtids(m1="1-12"))
    assert acts(decide(view)) == (Admit("m1", 1, ("m1", "m2")),)


def test_a_change_that_goes_on_under_the_next_reign_does_so_under_another_version():
    view = with_status(promoting(healthy(), "m2"), ackers_next=("m1", "m2"), version=7)
    view = seeing(view, "m2", promise=2, opened=2, reigned=2, journal_term=2)
    status = status_of(decide(view))
    assert (status.reign.term, status.version) == (2, 8)


def test_a_session_that_is_still_there_is_cut_again():
    followers = frozenset({replica_account("m2"), replica_account("m3")})
    assert acts(decide(leaving(**{**locked(), "followers": followers}))) == (Admit("m1", 1, ("m1", "m2")),)


def test_the_record_waits_until_those_who_stay_hold_what_was_acknowledged():
    view = holding(leaving(**locked()), "m1", gtids(m1="1-12"))
    decision = decide(view)
    assert decision.step is None
    assert "held by those who stay" in decision.why


def test_then_the_smaller_set_is_the_record():
    status = status_of(decide(leaving(**locked())))
    assert (status.ackers, status.ackers_next) == (("m1", "m2"), None)


def test_until_then_revocation_counts_both_sets():
    """With m2 alone reached, m3 could still have acknowledged."""
    view = dead(with_status(away(), ackers_next=("m1", "m2")), "m1")
    assert unrevokable(view)
    assert not unrevokable(with_status(view, ackers=("m1", "m2"), ackers_next=None))


def test_the_primarys_death_is_survived_once_the_member_has_left():
    view = dead(with_status(away(), ackers=("m1", "m2")), "m1")
    assert status_of(decide(view)).issued == 2


def test_a_set_that_waits_for_a_member_does_not_keep_it_from_being_repaired():
    """m2 must hold everything before m3 has left, and m2 is the one whose replication is stopped."""
    view = holding(leaving(**locked()), "m1", gtids(m1="1-12"))
    view = on_channel(view, "m2", receiver="OFF", applier_on=False)
    assert acts(decide(view)) == (Follow("m2", 1, "m1", acks=True),)


# --- joining -----------------------------------------------------------------------------------------------


def test_a_member_that_replicates_is_counted_before_it_is_unlocked():
    view = with_status(seeing(healthy(), "m1", **locked()), ackers=("m1", "m2"))
    decision = decide(view)
    assert status_of(decision).ackers == ("m1", "m2", "m3")
    assert status_of(decision).version == view.shard.status.version + 1
    assert chosen(decision).acts == ()


def test_it_is_unlocked_after_that():
    view = seeing(healthy(), "m1", **locked())
    assert acts(decide(view)) == (Admit("m1", 1, ("m1", "m2", "m3")),)


def test_it_is_not_unlocked_before_it_has_attached():
    """Of a write that it acknowledged somebody might ask it, and it would not know under which reign."""
    view = seeing(seeing(healthy(), "m1", **locked()), "m3", note=None)
    assert acts(decide(view)) == (CatchUp("m3", 1, ""),)
    elsewhere = on_channel(view, "m3", host="m2.test")
    assert acts(decide(elsewhere)) == (Follow("m3", 1, "m1", acks=True),)


def test_whoever_is_let_in_stays_so_while_it_does_not_answer():
    assert decide(dead(healthy(), "m3", since=NOW)).step is None


def test_the_primary_notes_the_set_as_the_record_has_it():
    view = healthy()
    older = replace(view.members["m1"].snapshot.note, version=-1)
    assert acts(decide(seeing(view, "m1", note=older))) == (Admit("m1", 1, ("m1", "m2", "m3")),)


def test_one_that_obeys_older_acts_is_not_counted_yet():
    """It may be told to acknowledge under a durability, or to be cloned, by a leader that slept."""
    view = with_status(seeing(healthy(), "m1", **locked(), noted=7), ackers=("m1", "m2"), version=7)
    view = seeing(view, "m2", noted=7)
    assert acts(decide(view)) == (CatchUp("m3", 1, ""),)
    assert status_of(decide(seeing(view, "m3", noted=7))).ackers == ("m1", "m2", "m3")


def test_nobody_joins_while_another_leaves():
    view = with_status(seeing(healthy(4), "m1", **locked()), ackers=("m1", "m2", "m3"), ackers_next=("m1", "m2"))
    assert "m4" not in status_of(decide(view)).ackers


# --- the durability ------------------------------------------------------------------------------------------


def asked(acks, in_force):
    """The change has begun."""
    view = healthy(4, acks=in_force)
    asked = view.shard.spec.durability.model_copy(update={"acks": acks})
    return with_status(with_spec(view, durability=asked), durability_next=asked)


def test_more_acknowledgements_are_asked_of_the_primary_first():
    decision = decide(asked(2, 1))
    assert acts(decision) == (EnsureSemiSync("m1", 1, 2),)
    assert chosen(decision).status is None


def test_and_recorded_once_older_writes_are_held_by_as_many():
    view = seeing(asked(2, 1), "m1", semi_sync_acks=2)
    assert status_of(decide(view)).durability.acks == 2
    for name in ("m2", "m3", "m4"):
        view = holding(view, name, gtids(m1="1-8"))
    assert decide(view).step is None


def test_fewer_are_recorded_and_the_primarys_count_is_not_lowered():
    """Rule 1: never while commits may wait."""
    decision = decide(asked(1, 2))
    assert status_of(decision).durability.acks == 1
    assert chosen(decision).acts == ()


@pytest.mark.parametrize("changes", [{"semi_sync_source": False}, {"semi_sync_acks": 0}])
def test_semi_sync_that_is_off_or_too_small_is_put_right(changes):
    assert acts(decide(seeing(healthy(), "m1", **changes))) == (EnsureSemiSync("m1", 1, 1),)


def test_a_primary_that_waits_for_more_than_it_must_is_left_alone():
    """Rule 1: the count falls with the next promotion."""
    assert decide(seeing(healthy(), "m1", semi_sync_acks=2)).step is None
