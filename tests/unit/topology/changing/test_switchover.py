"""A planned change undoes itself at once until its term is issued (rules 7 to 9, 16)."""

from dataclasses import replace

import pytest

from flyball.errors import Code
from flyball.records.failover import Outcome
from flyball.records.shard import Intent, Phase
from flyball.stability import Budget
from flyball_topology.decide import decide
from flyball_topology.steps import CatchUp, Fence, Follow, Freeze, Thaw
from tests.unit.topology.views import (
    LINE,
    acts,
    chosen,
    dead,
    declared,
    frozen,
    gtids,
    healthy,
    holding,
    member,
    on_channel,
    request,
    restarted,
    status_of,
    switching,
    transition_of,
    uuid,
    with_received,
)


def failover_of(decision):
    change = chosen(decision).failover
    assert change is not None
    return change.status


# --- the request ---------------------------------------------------------------------------------------------


def test_a_request_is_taken_up_by_the_record_alone():
    decision = decide(request(healthy(), to="m3"))
    transition = transition_of(decision)
    assert (transition.phase, transition.candidate, transition.term) == (Phase.PREPARING, "m3", 0)
    assert failover_of(decision).outcome is Outcome.RUNNING
    assert chosen(decision).acts == ()
    assert status_of(decision).issued == 1


@pytest.mark.parametrize(
    ("view", "to", "code"),
    [
        (dead(healthy(), "m2"), "m2", Code.CANDIDATE_UNFIT),
        (healthy(), "m9", Code.NO_SUCH_OBJECT),
        (healthy(), "m1", Code.CANDIDATE_UNFIT),
        (dead(dead(healthy(), "m2"), "m3"), None, Code.CANDIDATE_UNFIT),
        (dead(healthy(), "m1", failures=1), "m2", Code.CANDIDATE_UNFIT),
    ],
)
def test_what_cannot_be_is_refused_with_a_code(view, to, code):
    decision = decide(request(view, to=to))
    assert failover_of(decision).outcome is Outcome.REFUSED
    assert failover_of(decision).code == code.number
    assert chosen(decision).status is None


def test_it_rests_after_an_emergency():
    view = replace(request(healthy()), emergencies=(healthy().now - 59,))
    assert decide(view).step is None
    assert decide(replace(view, emergencies=(view.now - 61,))).step is not None


def test_it_waits_for_its_budget():
    spent = Budget(1, 30, 60.0).take(healthy().now, "another")
    assert spent is not None
    decision = decide(replace(request(healthy()), moves=(spent,)))
    assert decision.step is None
    assert "budget" in decision.why


# --- Preparing: the others follow the candidate already (rule 16) ----------------------------------------------


def test_a_member_stops_receiving_before_it_is_moved():
    assert acts(decide(switching(healthy(), Phase.PREPARING))) == (Fence("m3", 1),)


def test_it_is_moved_only_when_the_candidate_has_received_all_that_it_received():
    view = on_channel(switching(healthy(), Phase.PREPARING), "m3", receiver="OFF", received=gtids(m1="1-10"))
    view = member(view, "m3", snapshot=replace(view.members["m3"].snapshot, executed=gtids(m1="1-10")))
    assert decide(view).step is None
    view = with_received(view, "m2", gtids(m1="1-10"))
    assert acts(decide(view)) == (Follow("m3", 1, "m2"),)


@pytest.mark.parametrize(
    "view", [healthy(4, acks=2), healthy(3, zones=("a", "b", "c"))], ids=["two acks", "across zones"]
)
def test_nobody_is_moved_where_the_old_primary_would_lack_ack_givers(view):
    assert transition_of(decide(switching(view, Phase.PREPARING))).phase is Phase.SWITCHING


def test_new_writes_are_held_once_the_others_follow():
    view = on_channel(switching(healthy(), Phase.PREPARING), "m3", host="m2.test")
    assert transition_of(decide(view)).phase is Phase.SWITCHING


@pytest.mark.parametrize(
    "fault",
    [
        lambda view: dead(view, "m2"),
        lambda view: member(view, "m2", lag=3.0),
        lambda view: replace(view, failure="m3: no answer"),
        lambda view: replace(view, phase_age=10.1),
    ],
    ids=["lost", "lags", "an act failed", "late"],
)
def test_what_fails_before_the_switch_is_recorded_as_cancelled_first(fault):
    """Rule 8: only then is anything put back."""
    decision = decide(fault(switching(healthy(), Phase.PREPARING)))
    assert transition_of(decision).phase is Phase.CANCELLING
    assert chosen(decision).acts == ()


# --- Switching -------------------------------------------------------------------------------------------------


def at_switch():
    view = switching(healthy(), Phase.SWITCHING)
    return on_channel(view, "m3", host="m2.test")


def test_the_old_primary_stops_writes_first():
    assert acts(decide(at_switch())) == (Freeze("m1", 1),)


def test_no_term_is_issued_before_the_candidate_has_executed_everything():
    view = holding(frozen(at_switch()), "m1", gtids(m1="1-12"))
    assert acts(decide(view)) == (CatchUp("m2", 1, str(gtids(m1="1-12")), 1.0),)
    view = with_received(view, "m2", gtids(m1="1-12"))
    assert isinstance(acts(decide(view))[0], CatchUp)


def test_then_one_swap_issues_the_next_term_and_names_what_must_be_held():
    decision = decide(frozen(at_switch()))
    status = status_of(decision)
    assert chosen(decision).acts == (Fence("m1", 2), Follow("m3", 2, "m2"))
    assert chosen(decision).record_first
    assert (status.issued, status.reign.term) == (2, 1)
    assert status.transition is not None
    assert (status.transition.phase, status.transition.term) == (Phase.ISSUED, 2)
    assert status.transition.holds == str(LINE)
    assert [(s.name, s.uuid, s.term) for s in status.transition.suspects] == [("m2", uuid("m2"), 2)]


@pytest.mark.parametrize(
    "fault",
    [
        lambda view: dead(view, "m2"),
        lambda view: replace(view, failure="m1: 1205 lock wait timeout"),
        lambda view: replace(view, phase_age=3.1),
        lambda view: holding(view, "m2", gtids(m1="1-9", m2="1")),
    ],
    ids=["candidate lost", "an act failed", "late", "candidate errant"],
)
@pytest.mark.parametrize("stopped", [False, True], ids=["writing", "frozen"])
def test_what_fails_before_the_swap_is_undone(fault, stopped):
    view = fault(frozen(at_switch()) if stopped else at_switch())
    assert transition_of(decide(view)).phase is Phase.CANCELLING
    assert status_of(decide(view)).issued == 1


@pytest.mark.parametrize("gone", [lambda view: dead(view, "m1"), lambda view: restarted(view, "m1")])
def test_a_primary_that_is_lost_is_left_to_a_failover(gone):
    decision = decide(gone(at_switch()))
    assert status_of(decision).transition is None
    assert failover_of(decision).outcome is Outcome.UNDONE


# --- Cancelling -------------------------------------------------------------------------------------------------


def test_the_old_primary_opens_again_under_its_own_term():
    """Rule 4: a thaw of an old term does nothing where the fence has moved on."""
    assert acts(decide(frozen(switching(healthy(), Phase.CANCELLING)))) == (Thaw("m1", 1),)


def test_a_set_super_read_only_that_lands_late_is_undone_too():
    """Rule 9: the flags are read again; frozen with no change in flight is a finding."""
    assert acts(decide(frozen(healthy()))) == (Thaw("m1", 1),)


def test_when_it_takes_writes_the_switchover_has_ended_undone():
    decision = decide(switching(healthy(), Phase.CANCELLING, reason="m2 was lost"))
    assert status_of(decision).transition is None
    assert failover_of(decision).outcome is Outcome.UNDONE
    assert failover_of(decision).message == "m2 was lost"


def test_the_members_that_were_moved_come_back_by_themselves():
    view = on_channel(healthy(), "m3", host="m2.test")
    assert acts(decide(view)) == (Follow("m3", 1, "m1"),)


def test_a_member_that_leaves_is_no_candidate_any_more():
    view = declared(switching(healthy(), Phase.PREPARING), "m2", intent=Intent.LEAVE)
    assert transition_of(decide(view)).phase is Phase.CANCELLING


@pytest.mark.parametrize(("wanted", "outcome"), [("m1", Outcome.SUCCEEDED), ("m2", Outcome.UNDONE)])
def test_a_request_that_its_leader_left_running_is_closed_by_what_shows(wanted, outcome):
    """m1 reigns, and nothing is in flight."""
    view = request(healthy(), to=wanted, outcome=Outcome.RUNNING)
    (failover,) = view.failovers
    status = failover.status.model_copy(update={"to_primary": wanted})
    view = replace(view, failovers=(failover.model_copy(update={"status": status}),))
    assert failover_of(decide(view)).outcome is outcome
