"""Who may take over: whoever holds the whole line, and nothing beside it (rule 12)."""

import pytest

from flyball.errors import Code
from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.shard import Intent, Phase, Reseeding, Suspect
from flyball_topology.candidates import (
    Choice,
    Unfit,
    best_for_switchover,
    choose_after_revocation,
    unfit_for_switchover,
    unfit_to_acknowledge,
)
from flyball_topology.decide import decide
from tests.unit.topology.views import (
    LINE,
    dead,
    declared,
    emergency,
    fenced,
    gtids,
    healthy,
    holding,
    member,
    on_channel,
    seeing,
    transition_of,
    uuid,
    with_executed,
    with_received,
    with_status,
    word,
)


def after_death(members=3):
    view = emergency(dead(healthy(members), "m1"))
    for name in list(view.members)[1:]:
        view = fenced(view, name, 2)
    return view


# --- unplanned -----------------------------------------------------------------------------------------------


def test_the_member_that_received_most_takes_over_applied_or_not():
    view = with_received(after_death(), "m2", gtids(m1="1-12"))
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Choice)
    assert (choice.candidate, choice.holds) == ("m2", gtids(m1="1-12"))


def test_housekeeping_never_decides_who_takes_over():
    """Rule 13: m3 holds more rows, m2 more of the line."""
    view = holding(holding(after_death(), "m3", gtids(m1="1-9:flyball:1-90")), "m2", gtids(m1="1-10"))
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Choice)
    assert choice.candidate == "m2"


def test_a_member_with_errant_transactions_is_never_promoted():
    view = holding(after_death(), "m3", gtids(m1="1-9", m3="1"))
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Choice)
    assert choice.candidate == "m2"


def test_of_two_that_hold_parts_neither_takes_over():
    view = holding(holding(after_death(), "m2", gtids(m1="1-8:10")), "m3", gtids(m1="1-9"))
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Unfit)
    assert choice.code is Code.LINE_INCOMPLETE
    assert "m2 lacks" in choice.reason
    assert decide(view).step is None


def both_opened(members=2, **changes):
    """m2 was opened under term 2 and wrote 1-2, then m1 under term 3 and wrote 10; each was lost before it reigned."""
    suspects = tuple(Suspect(name=f"m{n}", uuid=uuid(f"m{n}"), term=term) for n, term in ((2, 2), (1, 3)))
    view = emergency(healthy(members), term=4, suspects=suspects, **changes)
    for name in view.members:
        view = fenced(view, name, 4)
    return holding(holding(view, "m1", gtids(m1="1-10")), "m2", gtids(m1="1-9", m2="1-2"))


def test_of_two_tails_that_nobody_can_have_acknowledged_one_is_given_up():
    choice = choose_after_revocation(both_opened(), 4)
    assert isinstance(choice, Choice)
    assert (choice.candidate, choice.holds) == ("m2", gtids(m1="1-9", m2="1-2"))
    assert choice.given_up.is_empty


def test_neither_is_where_somebody_who_is_not_reached_may_have_acknowledged_one():
    assert isinstance(choose_after_revocation(dead(both_opened(3), "m3"), 4), Unfit)
    assert isinstance(choose_after_revocation(both_opened(3), 4), Choice)


def test_a_member_that_is_being_made_anew_may_have_acknowledged_and_forgotten():
    for remade, candidate in (("m1", "m2"), ("m2", "m1")):
        choice = choose_after_revocation(with_status(both_opened(), reseeding=(Reseeding(name=remade),)), 4)
        assert isinstance(choice, Choice)
        assert choice.candidate == candidate


def test_nobody_takes_over_who_lacks_what_the_reign_began_with():
    """Whoever held it has forgotten it; where durability promises nothing, nothing is waited for."""
    view = after_death()
    view = with_status(view, reign=view.shard.status.reign.model_copy(update={"base": str(gtids(m1="1-5"))}))
    empty = holding(holding(view, "m2", gtids()), "m3", gtids())
    assert isinstance(choose_after_revocation(view, 2), Choice)
    assert isinstance(choose_after_revocation(empty, 2), Unfit)
    none = DurabilitySpec(policy=DurabilityPolicy.NONE)
    assert isinstance(choose_after_revocation(with_status(empty, durability=none), 2), Choice)


def test_a_member_that_is_kept_out_or_leaves_is_not_promoted():
    for view in (word(after_death(), "fence", "m3"), declared(after_death(), "m3", intent=Intent.LEAVE)):
        choice = choose_after_revocation(view, 2)
        assert isinstance(choice, Choice)
        assert choice.candidate == "m2"


def test_only_members_that_promised_the_term_are_compared():
    """m2 follows still: what it says it has may be more a moment later."""
    view = on_channel(holding(after_death(), "m2", gtids(m1="1-12")), "m2", receiver="ON")
    choice = choose_after_revocation(view, 2)
    assert isinstance(choice, Choice)
    assert choice.candidate == "m3"


def test_of_equals_the_one_that_leaves_ack_givers_elsewhere_and_has_applied_takes_over():
    view = with_executed(after_death(), "m3", gtids(m1="1-4"))
    assert transition_of(decide(view)).candidate == "m2"


# --- planned -------------------------------------------------------------------------------------------------


def test_a_healthy_replica_is_fit():
    assert unfit_for_switchover(healthy(), "m2") is None
    assert best_for_switchover(healthy()) in {"m2", "m3"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda view: dead(view, "m2"), "not reachable"),
        (lambda view: holding(view, "m2", gtids(m1="1-9", m2="1")), "errant"),
        (lambda view: on_channel(view, "m2", host="m3.test"), "does not follow"),
        (lambda view: seeing(view, "m2", channel=None), "does not follow"),
        (lambda view: on_channel(view, "m2", receiver="CONNECTING"), "does not replicate"),
        (lambda view: on_channel(view, "m2", applier_on=False), "does not replicate"),
        (lambda view: member(view, "m2", lag=3.0), "lags"),
        (lambda view: word(view, "fence", "m2"), "kept out"),
        (lambda view: word(view, "reseed", "m2"), "kept out"),
        (lambda view: declared(view, "m2", intent=Intent.LEAVE), "leaving"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_replica_is_unfit_with_its_reason(change, reason):
    unfit = unfit_for_switchover(change(healthy()), "m2")
    assert unfit is not None
    assert unfit.code is Code.CANDIDATE_UNFIT
    assert reason in unfit.reason
    assert best_for_switchover(change(healthy())) == "m3"


def test_the_primary_and_strangers_are_no_candidates():
    assert unfit_for_switchover(healthy(), "m1").code is Code.CANDIDATE_UNFIT
    assert unfit_for_switchover(healthy(), "m9").code is Code.NO_SUCH_OBJECT


def test_nobody_takes_over_whose_writes_nobody_could_acknowledge():
    view = dead(healthy(4, zones=("a", "b", "b", "b")), "m1")
    assert unfit_to_acknowledge(view, "m2") is not None
    assert unfit_to_acknowledge(healthy(), "m2") is None


def test_the_choice_holds_everything_that_any_reached_member_received():
    choice = choose_after_revocation(after_death(), 2)
    assert isinstance(choice, Choice)
    assert choice.holds == LINE
    assert transition_of(decide(after_death())).phase is Phase.PROMOTING
