"""Where only a member that cannot be promoted holds part of the line, the candidate can fetch it there (rule 12)."""

import pytest

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.records.operation import ReseedPhase
from flyball.records.shard import Diverged, Intent, Phase
from flyball_topology.candidates import Choice, Unfit, choose_after_revocation
from flyball_topology.decide import decide
from flyball_topology.line import hollow
from tests.unit.topology.views import (
    LINE,
    dead,
    declared,
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
    with_executed,
    with_received,
    with_status,
    word,
)

OWN = gtids(m3="1-2")
WHOLE = gtids(m1="1-12", m3="1-2")


def errant_holder(members: int = 3):
    """m1 is dead; m3 alone received its last writes, and holds two transactions of its own."""
    view = emergency(dead(healthy(members), "m1"))
    for name in list(view.members)[1:]:
        view = fenced(view, name, 2)
    return holding(view, "m3", WHOLE)


def choice_of(view) -> Choice:
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Choice), choice
    return choice


def test_what_only_an_errant_member_holds_is_fetched_from_it():
    choice = choice_of(errant_holder())
    assert (choice.candidate, choice.fetch_from) == ("m2", "m3")
    assert (choice.holds, choice.declared) == (WHOLE, OWN)


def test_received_and_not_applied_counts_like_anywhere_else():
    view = with_received(holding(errant_holder(), "m3", gtids(m1="1-9", m3="1-2")), "m3", WHOLE)
    assert choice_of(view).fetch_from == "m3"


def test_nothing_is_fetched_or_declared_where_another_one_holds_the_whole_line():
    choice = choice_of(holding(errant_holder(4), "m4", gtids(m1="1-12")))
    assert (choice.candidate, choice.fetch_from, choice.declared) == ("m4", "", GtidSet())


def test_what_belongs_to_the_line_is_never_declared():
    """An empty transaction there would be a lost write, whatever else is wrong with its holder."""
    for view in (errant_holder(), with_executed(errant_holder(), "m3", LINE)):
        choice = choice_of(view)
        assert choice.declared.only_uuids(gtids(m1="1").sids).is_empty


def test_housekeeping_is_fetched_not_declared():
    held = WHOLE.union(gtids(m1="flyball:1-9", m3="flyball:1-3"))
    assert choice_of(holding(errant_holder(), "m3", held)).declared == OWN


def test_one_that_leaves_can_be_read_although_it_is_not_promoted():
    view = declared(holding(errant_holder(), "m3", gtids(m1="1-12")), "m3", intent=Intent.LEAVE)
    choice = choice_of(view)
    assert (choice.candidate, choice.fetch_from, choice.declared) == ("m2", "m3", GtidSet())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda view: seeing(view, "m3", purged=gtids(m1="1-10")), "it has purged binary logs that m2 lacks"),
        (lambda view: word(view, "fence", "m3"), "kept out by the operation fence"),
        (lambda view: on_channel(with_executed(view, "m3", LINE), "m3", applier_errno=1062), "cannot apply"),
    ],
    ids=["purged", "kept out", "cannot apply"],
)
def test_where_it_cannot_be_read_the_failover_waits_and_says_why(change, reason):
    view = change(errant_holder())
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Unfit)
    assert choice.code is Code.LINE_INCOMPLETE
    decision = decide(view)
    assert decision.step is None
    assert f"m2 lacks {gtids(m1='10-12')}" in decision.why
    assert "m3 would hold it, and cannot be promoted, nor read" in decision.why
    assert reason in decision.why
    assert "a member that holds the rest, or a person: failover --accept-loss" in decision.awaited


def test_nothing_is_fetched_from_a_member_that_is_being_made_anew():
    view = word(errant_holder(), "reseed", "m3", phase=ReseedPhase.CLONING)
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Unfit)
    assert "being made anew" in choice.reason
    assert decide(view).step is None


def test_purged_logs_that_the_candidate_has_or_declares_do_no_harm():
    assert choice_of(seeing(errant_holder(), "m3", purged=gtids(m1="1-9", m3="1-2"))).fetch_from == "m3"


def test_a_person_can_give_that_part_up_while_the_failover_waits_and_it_is_written_down():
    purged = seeing(errant_holder(), "m3", purged=gtids(m1="1-10"))
    asked = request(purged, "emergency", accept_loss=True)
    going_on = transition_of(decide(asked))
    assert (going_on.accept_loss, going_on.failover, going_on.term) == (True, "please", 2)
    status = status_of(decide(with_status(asked, transition=going_on)))
    assert status.transition is not None
    assert (status.transition.candidate, status.transition.holds) == ("m2", str(LINE))
    assert status.transition.at_risk == str(gtids(m1="10-12"))
    assert "m3" in status.held


def test_an_accepted_loss_gives_up_nothing_that_can_still_be_fetched():
    choice = choose_after_revocation(errant_holder(), 2, accept_loss=True)
    assert isinstance(choice, Choice)
    assert (choice.fetch_from, choice.given_up) == ("m3", GtidSet())


def test_what_could_not_be_fetched_is_given_up_once_a_person_says_so():
    choice = choose_after_revocation(errant_holder(), 2, accept_loss=True, unreadable=frozenset({"m3"}))
    assert isinstance(choice, Choice)
    assert (choice.fetch_from, choice.given_up) == ("", gtids(m1="10-12"))


def test_another_source_goes_before_one_that_failed():
    view = holding(errant_holder(4), "m4", gtids(m1="1-12", m4="1"))
    for failed, other in (("m3", "m4"), ("m4", "m3")):
        choice = choose_after_revocation(view, 2, unreadable=frozenset({failed}))
        assert isinstance(choice, Choice)
        assert choice.fetch_from == other


# --- the appointment ---------------------------------------------------------------------------------------


def test_appointment_source_declaration_and_mark_are_one_swap():
    status = status_of(decide(errant_holder()))
    transition = status.transition
    assert transition is not None
    assert (transition.phase, transition.candidate, transition.fetch_from) == (Phase.PROMOTING, "m2", "m3")
    assert (transition.holds, transition.declared) == (str(WHOLE), str(OWN))
    assert Diverged(name="m3", gtids=str(OWN)) in status.diverged


def test_whoever_did_not_answer_then_is_to_be_looked_at():
    """m1 may hold m3's transactions, too: nobody can say yet."""
    marks = {mark.name: mark for mark in status_of(decide(errant_holder())).diverged}
    assert set(marks) == {"m1", "m3"}
    assert (marks["m1"].known, marks["m1"].gtids) == (False, str(OWN))


def test_everybody_who_holds_what_is_declared_has_diverged():
    view = holding(errant_holder(4), "m4", gtids(m1="1-9", m3="2"))
    marks = {mark.name: mark for mark in status_of(decide(view)).diverged if mark.known}
    assert {name: mark.gtids for name, mark in marks.items()} == {"m3": str(OWN), "m4": str(gtids(m3="2"))}


# --- later failovers ---------------------------------------------------------------------------------------


def later_reign(view, *names):
    """m3's transactions are part of the line as empty ones; ``names`` hold their own there."""
    reign = view.reign.model_copy(update={"base": str(OWN)})
    return with_status(view, reign=reign, diverged=tuple(Diverged(name=name, gtids=str(OWN)) for name in names))


def test_one_that_has_diverged_is_fetched_from_again_and_never_promoted():
    view = later_reign(errant_holder(), "m3")
    choice = choice_of(view)
    assert (choice.candidate, choice.fetch_from, choice.declared) == ("m2", "m3", OWN)
    assert status_of(decide(view)).diverged == view.shard.status.diverged


def test_empty_transactions_need_nobody_to_fetch_them_from():
    """m2 holds everything else, and declares them itself."""
    view = later_reign(holding(errant_holder(), "m2", gtids(m1="1-12")), "m3")
    choice = choice_of(view)
    assert (choice.candidate, choice.fetch_from, choice.declared) == ("m2", "", OWN)
    assert choice.holds.contains(OWN)


def test_once_everybody_was_made_anew_they_are_transactions_like_any_other():
    view = later_reign(holding(errant_holder(), "m2", gtids(m1="1-12")))
    assert hollow(view).is_empty
    assert choice_of(view).candidate == "m3"
