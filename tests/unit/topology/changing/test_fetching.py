"""The candidate fetches what only an errant member holds: declare, follow, stop; and what happens where that fails."""

from dataclasses import replace

import pytest

from flyball.errors import Code
from flyball.records.shard import Diverged, Phase
from flyball_topology.decide import decide
from flyball_topology.declaring import AT_ONCE
from flyball_topology.fetching import FETCH_TRY
from flyball_topology.steps import Declare, Fence, Follow, Lend, Promote
from flyball_topology.view import Tried
from tests.unit.topology.views import (
    LINE,
    NOW,
    acts,
    attached,
    chosen,
    dead,
    emergency,
    fenced,
    gtids,
    healthy,
    holding,
    on_channel,
    request,
    seeing,
    status_of,
    transition_of,
    uuid,
    with_received,
    with_status,
)

OWN = gtids(m3="1-2")
WHOLE = gtids(m1="1-12", m3="1-2")
DECLARE = Declare("m2", 2, (f"{uuid('m3')}:1", f"{uuid('m3')}:2"))
LEND = Lend("m3", 2, "m2")
FETCH = Follow("m2", 2, "m3", acks=False)


def appointed(members: int = 3):
    """m2 is to fetch m1's last writes from m3, which is closed; m1 is dead."""
    view = emergency(dead(healthy(members), "m1"))
    for name in list(view.members)[1:]:
        view = fenced(view, name, 2)
    view = seeing(holding(view, "m3", WHOLE), "m3", offline=True)
    return with_status(view, **dict(status_of(decide(view))))


def declared():
    """Both are ready."""
    return seeing(holding(appointed(), "m2", LINE.union(OWN)), "m3", offline=False)


def fetching(**channel: object):
    """m2 replicates from m3."""
    view = seeing(declared(), "m2", channel=replace(declared().members["m2"].snapshot.channel, host="m3.test"))
    return on_channel(view, "m2", **{"receiver": "ON", **channel})


def failing():
    return fetching(receiver="OFF", receiver_errno=13114, receiver_error="1236: purged")


# --- the way ------------------------------------------------------------------------------------------------


def test_the_source_opens_for_reading_while_its_errant_transactions_are_declared():
    assert acts(decide(appointed())) == (LEND, DECLARE)


def test_a_large_set_is_declared_in_bounded_acts():
    many = gtids(m3=f"1-{AT_ONCE * 2}")
    view = with_status(appointed(), transition=None, diverged=())
    view = holding(emergency(view), "m3", gtids(m1="1-12").union(many))
    view = with_status(view, **dict(status_of(decide(view))))
    lend, first = acts(decide(view))
    assert lend == LEND
    assert isinstance(first, Declare)
    assert len(first.gtids) == AT_ONCE
    (_, second) = acts(decide(holding(view, "m2", LINE.union(gtids(m3=f"1-{AT_ONCE}")))))
    assert isinstance(second, Declare)
    assert second.gtids[0] == f"{uuid('m3')}:{AT_ONCE + 1}"


def test_nothing_is_fetched_before_everything_errant_is_declared():
    view = seeing(holding(appointed(), "m2", LINE.union(gtids(m3="1"))), "m3", offline=False)
    assert acts(decide(view)) == (LEND, Declare("m2", 2, (f"{uuid('m3')}:2",)))


def test_nothing_is_fetched_before_the_source_has_applied_it():
    """Only what stands in its own binary log can be read."""
    view = with_received(holding(declared(), "m3", LINE.union(OWN)), "m3", WHOLE)
    decision = decide(view)
    assert decision.step is None
    assert "m3 applies what it received" in decision.why


def test_then_the_candidate_follows_the_source_and_gives_it_no_acknowledgements():
    assert acts(decide(declared())) == (LEND, FETCH)


def test_while_it_fetches_the_status_says_from_whom_and_what_is_awaited():
    decision = decide(fetching())
    assert decision.step is None
    assert decision.why == "m2 fetches from m3 what it alone holds"
    assert decision.awaited == ("3 transactions of m3",)


def test_a_source_that_is_not_reached_yet_is_named_with_the_reason():
    decision = decide(fetching(receiver="CONNECTING", receiver_errno=3118, receiver_error="Account is locked"))
    assert decision.step is None
    assert "3118 Account is locked" in decision.why


def test_its_receiver_is_stopped_before_anything_else_once_it_has_received_everything():
    assert acts(decide(with_received(fetching(), "m2", WHOLE))) == (Fence("m2", 2),)


def test_then_it_is_promoted_like_any_other_and_what_was_declared_is_part_of_the_line():
    """m3 alone can acknowledge: its acknowledgements are good."""
    view = on_channel(holding(fetching(), "m2", WHOLE), "m2", receiver="OFF")
    assert acts(decide(view)) == (Follow("m3", 2, "m2"),)
    view = attached(on_channel(view, "m3", host="m2.test", receiver="ON"), "m3", 2)
    assert acts(decide(view)) == (Promote("m2", 2, str(WHOLE), 1, ("m2", "m3"), "emergency"),)
    view = seeing(view, "m2", opened=2, super_read_only=False, read_only=False, journal_term=2)
    status = status_of(decide(view))
    assert (status.reign.primary, status.reign.base, status.transition) == ("m2", str(WHOLE), None)
    assert [mark.name for mark in status.diverged if mark.known] == ["m3"]


def test_others_do_not_follow_a_candidate_that_fetches_still():
    view = appointed(4)
    transition = view.shard.status.transition
    assert {act.member for act in acts(decide(view))} == {transition.candidate, "m3"}


def test_where_only_empty_transactions_are_missing_nobody_is_asked_for_them():
    view = appointed()
    transition = view.shard.status.transition
    view = with_status(view, transition=transition.model_copy(update={"fetch_from": ""}))
    view = dead(holding(view, "m2", gtids(m1="1-12")), "m3")
    assert acts(decide(view)) == (DECLARE,)


# --- what may go wrong --------------------------------------------------------------------------------------


def test_a_source_that_is_lost_costs_the_term_and_the_next_one_says_who_is_missing():
    view = dead(declared(), "m3")
    again = transition_of(decide(view))
    assert (again.phase, again.term, again.candidate, again.fetch_from) == (Phase.ISSUED, 3, "", "")
    assert again.declared == str(OWN)
    decision = decide(fenced(with_status(view, issued=3, transition=again), "m2", 3))
    assert decision.step is None
    assert any("m3" in awaited and "to revoke m1" in awaited for awaited in decision.awaited)


def test_one_missed_probe_does_not_lose_the_source():
    decision = decide(dead(declared(), "m3", failures=1))
    assert decision.step is None
    assert decision.again


def test_a_candidate_that_is_lost_half_way_leaves_what_it_declared_on_the_line():
    """Else it would come back with errant transactions, which are none."""
    view = dead(declared(), "m2")
    again = transition_of(decide(view))
    assert (again.term, again.declared) == (3, str(OWN))
    back = fenced(fenced(with_status(declared(), issued=3, transition=again), "m2", 3), "m3", 3)
    appointed_again = transition_of(decide(back))
    assert (appointed_again.candidate, appointed_again.fetch_from, appointed_again.declared) == ("m2", "m3", str(OWN))


def test_a_candidate_that_got_errant_transactions_after_all_is_not_promoted():
    view = holding(fetching(), "m2", WHOLE.union(gtids(m3="3")))
    assert transition_of(decide(view)).term == 3


def test_a_source_that_is_written_to_meanwhile_is_looked_at_anew():
    again = transition_of(decide(holding(declared(), "m3", WHOLE.union(gtids(m3="3")))))
    assert (again.phase, again.term) == (Phase.ISSUED, 3)


def test_a_source_that_keeps_being_written_to_costs_no_term_after_the_other():
    view = holding(declared(), "m3", WHOLE.union(gtids(m3="3")))
    step = chosen(decide(view))
    assert step.remedies == f"{FETCH_TRY} m3"
    decision = decide(replace(view, tried={step.remedies: Tried(2, NOW - 1)}))
    assert decision.step is None
    assert "m3 is not what it was" in decision.why
    assert decide(replace(view, tried={step.remedies: Tried(2, NOW - 3)})).step is not None


@pytest.mark.parametrize("change", [{"promise": None}, {"promise": 3}], ids=str)
def test_a_source_under_another_term_is_not_read(change):
    decision = decide(seeing(declared(), "m3", **change))
    assert decision.step is None or decision.step.acts == ()


def test_fetching_that_failed_is_tried_again_after_a_rest_that_grows_and_the_status_says_why():
    assert acts(decide(failing())) == (LEND, FETCH)
    rests = replace(failing(), tried={f"{FETCH_TRY} m3": Tried(3, NOW - 3)})
    decision = decide(rests)
    assert decision.step is None
    assert "m2 cannot fetch from m3: 13114 1236: purged" in decision.why
    assert "or a person: failover --accept-loss" in decision.awaited
    assert any(Code.LINE_INCOMPLETE.number in refused for refused in decision.refused)
    assert acts(decide(replace(failing(), tried={f"{FETCH_TRY} m3": Tried(3, NOW - 5)})))


def test_a_source_that_cannot_apply_is_waited_for_with_the_reason():
    view = with_received(holding(declared(), "m3", LINE.union(OWN)), "m3", WHOLE)
    view = on_channel(view, "m3", applier_errno=1062)
    assert acts(decide(view)) == (LEND,)
    decision = decide(replace(view, tried={f"{FETCH_TRY} m3": Tried(1, NOW)}))
    assert decision.step is None
    assert "m3 cannot apply what it received: 1062" in decision.why


def test_where_fetching_fails_another_one_that_holds_everything_takes_over():
    """m1 is back."""
    view = fenced(holding(failing(), "m1", gtids(m1="1-12")), "m1", 2)
    view = replace(
        view, members={**view.members, "m1": replace(view.members["m1"], reach=healthy().members["m1"].reach)}
    )
    view = with_status(view, diverged=tuple(mark for mark in view.shard.status.diverged if mark.known))
    again = transition_of(decide(view))
    assert (again.phase, again.term, again.unreadable) == (Phase.ISSUED, 3, ("m3",))
    view = with_status(view, issued=3, transition=again)
    for name in view.members:
        view = fenced(view, name, 3)
    instead = transition_of(decide(view))
    assert (instead.candidate, instead.fetch_from, instead.declared) == ("m1", "", str(OWN))


def test_a_person_can_give_up_what_is_being_fetched():
    view = request(failing(), "emergency", accept_loss=True)
    again = transition_of(decide(view))
    assert (again.term, again.accept_loss, again.failover, again.unreadable) == (3, True, "please", ("m3",))
    view = with_status(view, issued=3, transition=again)
    view = fenced(fenced(view, "m2", 3), "m3", 3)
    status = status_of(decide(view))
    assert status.transition is not None
    assert (status.transition.candidate, status.transition.at_risk) == ("m2", str(gtids(m1="10-12")))
    assert "m3" in status.held


# --- who did not answer -------------------------------------------------------------------------------------


def back(held):
    """m1 answers again, with ``held``, before anything was done with it."""
    view = with_status(healthy(), diverged=(Diverged(name="m2", gtids=str(OWN), known=False),))
    view = with_status(view, reign=view.reign.model_copy(update={"base": str(OWN)}))
    return holding(view, "m2", held)


def test_one_that_was_away_and_holds_what_was_declared_has_diverged():
    assert status_of(decide(back(LINE.union(gtids(m3="2"))))).diverged == (
        Diverged(name="m2", gtids=str(gtids(m3="2"))),
    )


def test_one_that_was_away_and_does_not_hold_it_is_sound():
    assert status_of(decide(back(LINE))).diverged == ()


def test_nothing_is_said_of_one_that_does_not_answer_yet():
    view = dead(back(LINE), "m2")
    decision = decide(view)
    assert decision.step is None or decision.step.status is None or decision.step.status.diverged
