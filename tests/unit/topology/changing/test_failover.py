"""An unplanned change begins only where it can end, and holds back where it may do harm."""

from dataclasses import replace

import pytest

from flyball.errors import Code
from flyball.records.failover import Outcome
from flyball.records.shard import Mode, Phase
from flyball_topology.decide import decide
from flyball_topology.failover import Queued
from flyball_topology.view import Fleet, Reach
from tests.unit.topology.views import (
    NOW,
    chosen,
    dead,
    healthy,
    member,
    on_channel,
    request,
    restarted,
    seeing,
    status_of,
)


def begun(view):
    decision = decide(view)
    return decision.step is not None and decision.step.status is not None and decision.step.status.issued == 2


def test_a_dead_primary_is_answered_by_the_next_term_and_a_record():
    decision = decide(dead(healthy(), "m1"))
    step, status = chosen(decision), status_of(decision)
    assert (status.issued, status.reign.term) == (2, 1)
    assert status.transition is not None
    assert (status.transition.mode, status.transition.phase) == (Mode.EMERGENCY, Phase.ISSUED)
    assert step.acts == ()
    assert step.failover is not None
    assert step.failover.spec is not None
    assert step.failover.status.outcome is Outcome.RUNNING


@pytest.mark.parametrize(
    "view",
    [
        restarted(healthy(), "m1"),
        replace(healthy(), beat_hung=6.0),
    ],
    ids=["restarted", "cannot write"],
)
def test_a_primary_that_is_closed_or_cannot_write_is_one_too(view):
    assert begun(view)


def test_all_members_restarted_is_one_too():
    view = healthy()
    for name in view.members:
        view = restarted(view, name)
    assert begun(view)


def test_nothing_is_touched_where_members_that_could_acknowledge_are_missing():
    decision = decide(dead(dead(healthy(), "m1"), "m3", Reach.SILENT))
    assert decision.step is None
    assert decision.awaited == ("m1, or m3, to revoke m1",)
    assert decision.refused[0].startswith(f"failover: {Code.NOT_REVOKED.number}")


def test_a_member_without_a_promise_does_not_count_as_reached():
    """Rule 6."""
    assert not begun(seeing(dead(healthy(), "m1"), "m3", promise=None))


def test_a_primary_that_is_only_unreachable_is_waited_for():
    view = member(on_channel(dead(healthy(), "m1"), "m2", receiver="ON"), "m2", heard_at=NOW)
    decision = decide(view)
    assert decision.step is None
    assert decision.again


def test_the_first_two_in_a_row_never_wait_and_the_third_rests():
    view = dead(healthy(), "m1")
    assert begun(replace(view, emergencies=(NOW - 5,)))
    assert not begun(replace(view, emergencies=(NOW - 20, NOW - 4)))
    assert begun(replace(view, emergencies=(NOW - 20, NOW - 6)))
    assert not begun(replace(view, emergencies=(NOW - 30, NOW - 20, NOW - 9)))
    waits = decide(replace(view, emergencies=(NOW - 20, NOW - 4)))
    assert waits.awaited == ("the end of the 5 s of rest since the last one",)
    assert waits.again == pytest.approx(1.0)


def lonely(view):
    """No replica confirms the death: each says that its receiver is on."""
    for name in ("m2", "m3"):
        view = member(on_channel(view, name, receiver="ON"), name, heard_at=NOW - 60)
    return view


def test_when_so_many_look_dead_at_once_the_observer_is_suspect():
    view = replace(lonely(dead(healthy(), "m1", Reach.SILENT)), fleet=Fleet(shards=10, lost=4))
    decision = decide(view)
    assert decision.step is None
    assert "more than a fifth of the 10 primaries" in decision.refused[0]


def test_a_death_that_a_replica_confirms_is_believed_even_then():
    assert begun(replace(dead(healthy(), "m1"), fleet=Fleet(shards=10, lost=4)))


def test_few_deaths_are_believed():
    assert begun(replace(lonely(dead(healthy(), "m1", Reach.SILENT)), fleet=Fleet(shards=10, lost=3)))


def test_of_very_many_real_deaths_each_waits_for_its_turn_and_says_how_many_are_before_it():
    view = replace(dead(healthy(), "m1"), fleet=Fleet(shards=1000, lost=0, ahead=50))
    decision = decide(view)
    assert isinstance(decision, Queued)
    assert decision.step is None
    assert "the fleet's budget, 16 at once, is spent; at most 64 are before it" in decision.refused[0]
    assert "its turn" in decision.awaited[0]
    nearer = replace(view, fleet=Fleet(shards=1000, lost=0, ahead=49))
    assert decide(nearer) == decision  # else the status would be written at each step of the row


def test_one_that_may_not_fail_over_anyway_stands_in_nobodys_way():
    view = replace(dead(dead(healthy(), "m1"), "m3"), fleet=Fleet(shards=1000, lost=0, ahead=50))
    assert not isinstance(decide(view), Queued)


def test_a_person_waits_for_no_turn():
    assert begun(replace(request(healthy(), "emergency"), fleet=Fleet(shards=1000, ahead=50)))


def test_a_person_gets_one_from_a_living_primary():
    assert begun(request(healthy(), "emergency"))


def test_a_person_is_told_who_is_missing():
    view = request(dead(dead(healthy(), "m1"), "m3"), "emergency")
    step = chosen(decide(view))
    assert step.failover is not None
    assert step.failover.status.outcome is Outcome.REFUSED
    assert step.failover.status.code == Code.NOT_REVOKED.number
    assert "m1, or m3" in step.failover.status.message
    assert step.status is None


def test_a_persons_word_accepts_the_loss_and_is_recorded():
    """Rule 17."""
    view = request(dead(dead(healthy(), "m1"), "m3"), "emergency", accept_loss=True)
    status = status_of(decide(view))
    assert status.issued == 2
    assert status.transition is not None
    assert status.transition.accept_loss
