"""Another durability for a living shard: at no moment is a write held as neither of the two asks."""

import pytest

from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.operation import ReseedPhase
from flyball_topology.decide import decide
from flyball_topology.steps import CatchUp, EnsureSemiSync, Follow
from flyball_topology.view import View
from tests.unit.topology.views import (
    acts,
    chosen,
    dead,
    declared,
    gtids,
    healthy,
    holding,
    promoting,
    seeing,
    status_of,
    with_spec,
    with_status,
    word,
)

NONE, SEMI_SYNC, CROSS_ZONE = DurabilityPolicy.NONE, DurabilityPolicy.SEMI_SYNC, DurabilityPolicy.CROSS_ZONE


def changing(old: DurabilityPolicy, new: DurabilityPolicy, zones=("a", "a", "b"), *, acks: int = 1) -> View:
    """m1, the primary, and m2 are in zone a, m3 is in b; the members are set for ``old``."""
    view = healthy(len(zones), zones=zones)
    view = with_status(view, durability=DurabilitySpec(policy=old, acks=acks))
    view = with_spec(view, durability=DurabilitySpec(policy=new, acks=acks))
    for name, zone in zip(view.members, zones, strict=True):
        if name != "m1":
            gives = old is SEMI_SYNC or (old is CROSS_ZONE and zone != zones[0])
            view = seeing(view, name, semi_sync_replica=gives)
    return seeing(view, "m1", semi_sync_source=old is not NONE, semi_sync_acks=acks)


def begun(old: DurabilityPolicy, new: DurabilityPolicy, *, version: int = 0) -> View:
    """The record says what is coming."""
    view = changing(old, new)
    return with_status(view, durability_next=view.shard.spec.durability, version=version)


# --- at all times -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(SEMI_SYNC, CROSS_ZONE), (CROSS_ZONE, SEMI_SYNC), (NONE, SEMI_SYNC)])
def test_it_begins_under_another_version_of_the_record(old, new):
    decision = decide(changing(old, new))
    status = status_of(decision)
    assert (status.durability.policy, status.durability_next.policy, status.version) == (old, new, 1)
    assert chosen(decision).acts == ()


def test_one_that_is_silent_and_obeys_older_acts_notes_the_version_first():
    """A leader that slept may let it acknowledge again."""
    view = seeing(begun(SEMI_SYNC, CROSS_ZONE, version=1), "m1", noted=1)
    view = seeing(seeing(view, "m2", semi_sync_replica=False), "m3", noted=1)
    assert acts(decide(view)) == (CatchUp("m2", 1, ""),)
    assert status_of(decide(seeing(view, "m2", noted=1))).durability.policy is CROSS_ZONE


def test_a_primary_that_may_be_told_to_wait_for_nobody_notes_the_version_first():
    view = seeing(begun(NONE, SEMI_SYNC, version=1), "m1", semi_sync_source=True)
    for name in ("m2", "m3"):
        view = seeing(view, name, semi_sync_replica=True, noted=1)
    assert acts(decide(view)) == (EnsureSemiSync("m1", 1, 1),)
    assert status_of(decide(seeing(view, "m1", noted=1))).durability.policy is SEMI_SYNC


def test_the_old_one_is_kept_where_another_is_declared_meanwhile():
    view = with_spec(begun(SEMI_SYNC, CROSS_ZONE), durability=DurabilitySpec(policy=NONE))
    status = status_of(decide(view))
    assert (status.durability.policy, status.durability_next, status.version) == (SEMI_SYNC, None, 1)


def test_the_old_one_is_kept_where_those_who_count_under_both_are_lost():
    status = status_of(decide(dead(begun(SEMI_SYNC, CROSS_ZONE), "m3", since=990.0)))
    assert (status.durability.policy, status.durability_next, status.version) == (SEMI_SYNC, None, 1)


def test_nothing_is_left_of_it_after_a_change_of_primary():
    """What was decided in its name under the new term must not come late: it begins again, under another version."""
    view = with_status(promoting(healthy(), "m2"), durability_next=DurabilitySpec(policy=CROSS_ZONE))
    view = seeing(view, "m2", promise=2, opened=2, reigned=2, journal_term=2)
    status = status_of(decide(view))
    assert (status.durability_next, status.version) == (None, view.shard.status.version + 1)


# --- to cross-zone ------------------------------------------------------------------------------------------


def test_who_will_not_count_falls_silent_first():
    decision = decide(begun(SEMI_SYNC, CROSS_ZONE))
    assert acts(decision) == (Follow("m2", 1, "m1", acks=False),)
    assert chosen(decision).status is None


def silent() -> View:
    return seeing(begun(SEMI_SYNC, CROSS_ZONE), "m2", semi_sync_replica=False)


def test_then_the_new_durability_is_recorded():
    assert status_of(decide(silent())).durability == DurabilitySpec(policy=CROSS_ZONE)


def test_it_is_recorded_under_one_more_version():
    view = with_status(silent(), version=0)
    assert status_of(decide(view)).version == 1


def test_what_promises_nothing_is_in_force_under_another_version_too():
    status = status_of(decide(changing(SEMI_SYNC, NONE)))
    assert (status.durability.policy, status.version) == (NONE, 1)


def test_not_before_the_other_zone_holds_what_the_silent_one_may_have_acknowledged():
    """m1 was looked at before m2 fell silent: only m2 tells of the last write."""
    decision = decide(holding(silent(), "m2", gtids(m1="1-10")))
    assert decision.step is None
    assert "older writes" in decision.why


def test_not_while_one_that_does_not_answer_may_still_acknowledge():
    decision = decide(dead(begun(SEMI_SYNC, CROSS_ZONE), "m2"))
    assert decision.step is None or decision.step.status is None or decision.step.status.durability.policy is SEMI_SYNC
    waiting = decide(dead(begun(SEMI_SYNC, CROSS_ZONE), "m2", since=990.0))
    assert any("m2 to answer" in awaited for awaited in waiting.awaited)


def test_one_that_can_only_be_silenced_by_making_it_anew_is_made_anew_meanwhile():
    """m2 holds writes of its own, so nobody lets it follow: the change waits for its reseed, not the other way."""
    view = begun(SEMI_SYNC, CROSS_ZONE, version=1)
    for name in ("m1", "m3"):
        view = seeing(view, name, noted=1)
    view = seeing(view, "m2", executed=gtids(m1="1-9", m2="1"), offline=True, channel=None)
    begins = chosen(decide(word(view, "reseed", "m2"))).operation
    assert begins.status.phase is ReseedPhase.LEAVING
    assert status_of(decide(word(view, "reseed", "m2", phase="Leaving"))).ackers_next == ("m1", "m3")


@pytest.mark.parametrize("zones", [("a", "a", "a"), ("a", "a", "b")])
def test_nobody_falls_silent_where_writes_would_wait(zones):
    view = changing(SEMI_SYNC, CROSS_ZONE, zones)
    if "b" in zones:
        view = dead(view, "m3", since=990.0)
    decision = decide(view)
    assert decision.step is None
    assert any("able to acknowledge" in awaited for awaited in decision.awaited)


def test_nobody_falls_silent_while_the_old_durability_needs_more():
    view = changing(SEMI_SYNC, CROSS_ZONE, ("a", "a", "b"), acks=2)
    view = with_spec(view, durability=DurabilitySpec(policy=CROSS_ZONE, acks=1))
    decision = decide(view)
    assert decision.step is None
    assert any("able to acknowledge" in awaited for awaited in decision.awaited)


def test_a_member_without_a_zone_is_named():
    decision = decide(declared(changing(SEMI_SYNC, CROSS_ZONE), "m2", zone=""))
    assert decision.step is None
    assert any("a zone for m2" in awaited for awaited in decision.awaited)


# --- from cross-zone ----------------------------------------------------------------------------------------


def test_semi_sync_is_recorded_before_more_may_acknowledge():
    decision = decide(begun(CROSS_ZONE, SEMI_SYNC))
    assert status_of(decision).durability == DurabilitySpec(policy=SEMI_SYNC)
    assert chosen(decision).acts == ()
    recorded = with_status(changing(CROSS_ZONE, SEMI_SYNC), durability=DurabilitySpec(policy=SEMI_SYNC))
    assert acts(decide(recorded)) == (Follow("m2", 1, "m1", acks=True),)


# --- from and to none ---------------------------------------------------------------------------------------


def test_from_none_members_acknowledge_before_commits_wait():
    view = begun(NONE, SEMI_SYNC)
    assert acts(decide(view)) == (Follow("m2", 1, "m1", acks=True),)
    view = seeing(view, "m2", semi_sync_replica=True)
    assert acts(decide(view)) == (EnsureSemiSync("m1", 1, 1),)
    view = seeing(view, "m1", semi_sync_source=True)
    assert status_of(decide(view)).durability.policy is SEMI_SYNC


def test_to_none_commits_stop_waiting_before_nobody_acknowledges():
    view = changing(SEMI_SYNC, NONE)
    assert status_of(decide(view)).durability.policy is NONE
    view = with_status(view, durability=DurabilitySpec(policy=NONE))
    assert acts(decide(view)) == (EnsureSemiSync("m1", 1, 0),)
    assert acts(decide(seeing(view, "m1", semi_sync_source=False))) == (Follow("m2", 1, "m1", acks=False),)
