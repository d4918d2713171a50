"""From the issued term on a change of primary only rolls forward, and each term is one member's alone (rule 7)."""

from dataclasses import replace

from flyball.member.accounts import replica_account
from flyball.records.shard import Mode, Phase, Reign
from flyball_topology.decide import decide
from flyball_topology.steps import Admit, CatchUp, Fence, Follow, Promote
from flyball_topology.view import Reach
from tests.unit.topology.views import (
    LINE,
    acts,
    attached,
    channel_to,
    chosen,
    dead,
    emergency,
    fenced,
    gtids,
    healthy,
    holding,
    on_channel,
    promoting,
    restarted,
    seeing,
    status_of,
    swapped,
    transition_of,
    uuid,
    with_executed,
    with_received,
    with_status,
    word,
)


def revoked(members=3):
    """m1 is dead; the others are fenced under term 2."""
    view = emergency(dead(healthy(members), "m1"))
    for name in list(view.members)[1:]:
        view = fenced(view, name, 2)
    return view


# --- Issued ------------------------------------------------------------------------------------------------


def test_everybody_who_answers_is_fenced_under_the_new_term_at_once():
    decision = decide(emergency(dead(healthy(), "m1")))
    assert acts(decision) == (Fence("m2", 2), Fence("m3", 2))


def test_a_candidate_is_appointed_once_nobody_of_the_old_reign_can_acknowledge():
    appointed = transition_of(decide(revoked()))
    assert (appointed.phase, appointed.term) == (Phase.PROMOTING, 2)
    assert appointed.candidate in {"m2", "m3"}
    assert appointed.holds == str(LINE)
    assert [suspect.name for suspect in appointed.suspects] == [appointed.candidate]


def test_nobody_is_appointed_while_an_unreached_member_could_acknowledge():
    view = dead(revoked(), "m3", Reach.SILENT)
    decision = decide(view)
    assert decision.step is None
    assert "m1, or m3, to revoke m1" in decision.awaited


def test_no_more_members_are_awaited_than_revocation_needs():
    """Two acknowledgements of four: with three reached the fourth cannot give two."""
    view = emergency(dead(dead(healthy(5, acks=2), "m1"), "m5", Reach.SILENT))
    for name in ("m2", "m3", "m4"):
        view = fenced(view, name, 2)
    assert transition_of(decide(view)).phase is Phase.PROMOTING


def test_a_member_without_a_promise_counts_as_unreached():
    """Rule 6: it came from a clone, and may have acknowledged before."""
    view = seeing(fenced(revoked(), "m3", 2), "m3", promise=None, clone_state="In Progress")
    assert decide(view).step is None


def test_a_receiver_that_still_runs_counts_as_unreached():
    view = replace(on_channel(revoked(), "m3", receiver="ON"), failure="it refused")
    assert acts(decide(view)) == (Fence("m3", 2),)


def test_the_primary_itself_fenced_and_closed_revokes_its_reign():
    view = emergency(dead(dead(restarted(healthy(), "m1"), "m2"), "m3"))
    view = fenced(view, "m1", 2)
    assert transition_of(decide(view)).candidate == "m1"


def test_after_an_accepted_loss_a_candidate_is_appointed_and_the_missing_are_held():
    """Rule 17: who may hold what was given up is not reseeded until a person says so."""
    view = holding(dead(revoked(), "m3", Reach.SILENT), "m3", gtids(m1="1-11"))
    assert view.shard.status.transition is not None
    view = emergency(view, accept_loss=True)
    status = status_of(decide(view))
    assert status.held == ("m1", "m3")
    assert status.transition is not None
    assert status.transition.at_risk == str(gtids(m1="10-11"))


def test_a_switchover_whose_candidate_is_lost_goes_on_under_the_next_term():
    """Rule 7: m2 may have opened under term 2 already, so nobody else may."""
    view = fenced(fenced(dead(swapped(healthy()), "m2"), "m1", 2), "m3", 2)
    status = status_of(decide(view))
    assert status.issued == 3
    assert status.transition is not None
    assert (status.transition.phase, status.transition.term) == (Phase.ISSUED, 3)
    assert status.transition.candidate == ""
    assert [suspect.name for suspect in status.transition.suspects] == ["m2"]


def test_a_switchover_that_failed_after_its_swap_does_not_give_its_term_to_another():
    view = replace(fenced(fenced(swapped(healthy()), "m1", 2), "m3", 2), failure="m2: no answer")
    assert status_of(decide(view)).issued == 3


def test_after_the_swap_the_old_primary_is_fenced_first():
    assert acts(decide(swapped(healthy()))) == (Fence("m1", 2),)


def test_then_the_candidate_opens_for_those_who_have_attached():
    view = attached(on_channel(fenced(swapped(healthy()), "m1", 2), "m3", host="m2.test"), "m3", 2)
    assert acts(decide(view)) == (Promote("m2", 2, str(LINE), 1, ("m2", "m3"), "planned"),)
    assert acts(decide(fenced(swapped(healthy()), "m1", 2))) == (Follow("m3", 2, "m2"),)


def test_what_the_old_primary_still_wrote_is_not_lost_by_the_switchover():
    """It was frozen with a commit in flight: the candidate must hold that, or a new term decides."""
    view = fenced(holding(swapped(healthy()), "m1", gtids(m1="1-10")), "m1", 2)
    assert not any(isinstance(act, Promote) for act in chosen(decide(view)).acts)


# --- Promoting ---------------------------------------------------------------------------------------------


def test_the_candidate_applies_what_it_received_before_it_opens():
    view = promoting(fenced(with_executed(revoked(), "m2", gtids(m1="1-7")), "m2", 2))
    kinds = {type(act) for act in acts(decide(view))}
    assert CatchUp in kinds
    assert Promote not in kinds


def test_a_candidate_that_received_more_than_it_must_hold_applies_that_too():
    view = promoting(with_received(fenced(revoked(), "m2", 2), "m2", gtids(m1="1-11")))
    assert Promote not in {type(act) for act in acts(decide(view))}


def test_a_candidate_that_lacks_part_of_the_line_does_not_open():
    decision = decide(promoting(revoked(), holds=gtids(m1="1-12")))
    assert CatchUp("m2", 2, str(gtids(m1="1-12"))) in acts(decision)
    assert Promote not in {type(act) for act in acts(decision)}


def test_the_others_attach_as_the_candidate_is_appointed():
    decision = decide(revoked())
    assert acts(decision) == (Follow("m2", 2, "m3"),)
    assert chosen(decision).record_first


def followed(view, name="m3"):
    """The member follows m2, and has attached to its reign."""
    return attached(on_channel(view, name, host="m2.test", receiver="ON"), name, 2)


def test_who_acknowledges_the_first_write_attaches_before_the_candidate_opens():
    view = promoting(revoked())
    assert acts(decide(view)) == (Follow("m3", 2, "m2"),)
    assert acts(decide(followed(view))) == (Promote("m2", 2, str(LINE), 1, ("m2", "m3"), "emergency"),)


def test_who_follows_already_and_has_not_attached_is_not_let_in():
    view = on_channel(promoting(revoked()), "m3", host="m2.test", receiver="ON")
    assert acts(decide(view)) == (Follow("m3", 2, "m2"),)
    failed = replace(view, failure="m3: it did not answer")
    assert acts(decide(failed))[-1] == Promote("m2", 2, str(LINE), 1, ("m2",), "emergency")


def test_another_issue_of_the_same_term_is_none_that_was_noted():
    view = followed(promoting(revoked()))
    note = replace(view.members["m3"].snapshot.note, issue="another")
    assert acts(decide(seeing(view, "m3", note=note))) == (Follow("m3", 2, "m2"),)


def test_where_two_must_acknowledge_two_attach_first():
    view = revoked(4)
    view = promoting(with_status(view, durability=view.shard.spec.durability.model_copy(update={"acks": 2})))
    assert acts(decide(followed(view))) == (Follow("m4", 2, "m2"),)
    assert acts(decide(followed(followed(view), "m4")))[0].ackers == ("m2", "m3", "m4")


def test_nobody_is_awaited_where_nobody_can_attach():
    view = promoting(dead(revoked(), "m3"))
    assert acts(decide(view)) == (Promote("m2", 2, str(LINE), 1, ("m2",), "emergency"),)


def test_a_former_primary_that_is_back_with_a_tail_is_not_attached_with_it():
    """Later it is told apart as such, and made anew; attached, its tail would look like a stranger's writes."""
    view = fenced(restarted(promoting(revoked()), "m1"), "m1", 2)
    assert {act.member for act in acts(decide(view))} == {"m1", "m3"}
    view = holding(view, "m1", gtids(m1="1-11"))
    assert {act.member for act in acts(decide(view))} == {"m3"}


def test_what_the_open_candidate_wrote_is_nobodys_tail():
    """m3 has received it already, m2's last snapshot is a moment older."""
    view = fenced(restarted(promoting(revoked()), "m1"), "m1", 2)
    view = seeing(view, "m2", opened=2, super_read_only=False, read_only=False, waiting=1)
    view = followed(holding(view, "m3", gtids(m1="1-9", m2="1")))
    assert decide(holding(view, "m1", gtids(m1="1-11"))).step is None


def test_unless_the_first_acknowledgement_can_only_be_its_own():
    view = fenced(restarted(promoting(dead(revoked(), "m3")), "m1"), "m1", 2)
    view = holding(view, "m1", gtids(m1="1-11"))
    assert Follow("m1", 2, "m2") in acts(decide(view))


def test_a_candidate_that_is_open_does_not_reign_before_its_journal_row():
    view = seeing(promoting(revoked()), "m2", opened=2, super_read_only=False, read_only=False, waiting=1)
    decision = decide(view)
    assert decision.step is None or decision.step.status is None


def test_a_former_primary_that_comes_back_open_is_closed_so_that_it_can_follow():
    """It was stopped while the others were fenced; the first acknowledgement may have to be its own."""
    view = promoting(fenced(healthy(2), "m2", 2), "m2")
    view = seeing(view, "m2", channel=None, super_read_only=False, read_only=False, offline=False, opened=2, waiting=1)
    assert acts(decide(view)) == (Fence("m1", 2),)
    tried = replace(view, failure="fence m1: m1: no answer within 1.5 s")
    assert decide(tried).step is None
    assert acts(decide(fenced(view, "m1", 2))) == (Follow("m1", 2, "m2"),)


def test_it_reigns_once_its_journal_shows_the_term():
    view = seeing(promoting(revoked()), "m2", opened=2, super_read_only=False, read_only=False, journal_term=2)
    status = status_of(decide(view))
    assert status.reign == Reign(term=2, primary="m2", uuid=uuid("m2"), base=str(LINE), past=(uuid("m1"),))
    assert status.transition is None


def test_a_journal_row_that_only_came_by_replication_is_no_reign():
    """m3 held term 2 before; its row reached m2, which has not opened."""
    view = seeing(promoting(revoked(), term=2), "m2", journal_term=2)
    status = status_of(decide(view))
    assert status.reign.term == 1
    assert status.issued == 3


def test_a_candidate_that_is_lost_leaves_its_term_spent():
    status = status_of(decide(dead(promoting(revoked()), "m2")))
    assert status.issued == 3
    assert status.transition is not None
    assert (status.transition.mode, status.transition.phase) == (Mode.EMERGENCY, Phase.ISSUED)
    assert [suspect.name for suspect in status.transition.suspects] == ["m2"]


def test_one_missed_probe_does_not_lose_the_candidate():
    decision = decide(dead(promoting(revoked()), "m2", failures=1))
    assert decision.step is None
    assert decision.again


def test_a_candidate_of_an_older_term_must_be_revoked_too():
    """m2 was appointed under term 2 and lost: with its ack-givers unreached nobody else is appointed."""
    suspects = promoting(revoked()).shard.status.transition.suspects
    view = dead(emergency(fenced(revoked(4), "m3", 3), term=3, suspects=suspects), "m2")
    view = dead(fenced(fenced(view, "m1", 3), "m3", 3), "m4", Reach.SILENT)
    decision = decide(view)
    assert decision.step is None
    assert any("to revoke m2" in awaited for awaited in decision.awaited)


def test_a_candidate_that_promised_a_newer_term_is_left_alone():
    decision = decide(seeing(promoting(revoked()), "m2", promise=3))
    assert decision.step is None


# --- a first write that nobody acknowledges ----------------------------------------------------------------


def alone(ackers=("m1", "m2"), **seen):
    """m3 was away and has left the ack set; then m1 died. m2 is open, and its first write waits; m3 is back."""
    view = with_status(dead(promoting(healthy()), "m1"), ackers=ackers)
    accounts = {replica_account(name): name not in {"m1", "m2"} for name in view.members}
    opened = {"opened": 2, "promise": 2, "super_read_only": False, "read_only": False, "waiting": 1, "channel": None}
    return seeing(view, "m2", **{**opened, "accounts": accounts, **seen})


def test_a_member_that_had_left_is_counted_when_nobody_else_is_there_to_acknowledge():
    status = status_of(decide(alone()))
    assert status.ackers == ("m1", "m2", "m3")
    assert status.transition is not None


def test_then_it_follows_and_attaches():
    decision = decide(alone(ackers=("m1", "m2", "m3")))
    assert acts(decision) == (Follow("m3", 2, "m2", acks=True),)


def test_then_its_account_is_unlocked_and_only_then():
    view = followed(alone(ackers=("m1", "m2", "m3")))
    assert acts(decide(view)) == (Admit("m2", 2, ("m1", "m2", "m3")),)


def test_nobody_is_counted_while_one_who_is_counted_already_is_there():
    view = restarted(alone(), "m1")
    assert all(not isinstance(act, Admit) for act in acts(decide(view)))
    assert chosen(decide(view)).status is None


def test_one_that_lacks_what_the_candidate_has_purged_does_not_count_as_there():
    """m3 could never connect to m2; m1 is back with a tail, and the first acknowledgement can only be its own."""
    view = holding(alone(purged=gtids(m1="1-9"), ackers=("m1", "m2", "m3")), "m3", gtids(m1="1-8"))
    waiting = decide(on_channel(view, "m3", receiver="OFF", receiver_errno=13114))
    assert waiting.step is None
    assert any("m3, which lacks what it has purged" in awaited for awaited in waiting.awaited)
    back = fenced(holding(restarted(view, "m1"), "m1", gtids(m1="1-11")), "m1", 2)
    assert acts(decide(back)) == (Follow("m1", 2, "m2", acks=True),)


def test_nor_is_it_counted_again():
    view = holding(alone(purged=gtids(m1="1-9")), "m3", gtids(m1="1-8"))
    assert decide(view).step is None


def test_a_member_with_a_tail_of_its_own_is_not_counted():
    view = seeing(alone(), "m3", executed=LINE.union(gtids(m3="1")))
    assert decide(view).step is None


def test_an_errant_member_follows_where_the_first_acknowledgement_can_only_be_its_own():
    """m3 is being made anew, which takes a primary that reigns; m1 is back with writes of its own."""
    view = restarted(alone(ackers=("m1", "m2")), "m1")
    view = word(view, "reseed", "m3", phase="Cloning")
    view = seeing(view, "m1", executed=LINE.union(gtids(m9="1")))
    assert acts(decide(view)) == (Follow("m1", 2, "m2", acks=True),)


def test_an_errant_member_does_not_follow_where_another_can_acknowledge():
    unlocked = {replica_account(name): False for name in ("m1", "m2", "m3")}
    view = restarted(alone(ackers=("m1", "m2", "m3"), accounts=unlocked), "m1")
    view = seeing(view, "m1", executed=LINE.union(gtids(m9="1")))
    assert acts(decide(view)) == (Follow("m3", 2, "m2", acks=True),)


def test_what_a_candidate_has_to_apply_is_named():
    view = with_received(promoting(revoked()), "m2", LINE.union(gtids(m1="10-11")))
    assert decide(view).awaited == (f"m2 to apply {gtids(m1='10-11')}",)


def test_one_that_followed_before_it_was_counted_follows_again_to_acknowledge():
    unlocked = {replica_account(name): False for name in ("m1", "m2", "m3")}
    view = alone(ackers=("m1", "m2", "m3"), accounts=unlocked)
    following = attached(seeing(view, "m3", channel=channel_to("m2"), semi_sync_replica=False), "m3", 2)
    assert acts(decide(following)) == (Follow("m3", 2, "m2", acks=True),)
    assert decide(seeing(following, "m3", semi_sync_replica=True)).step is None


def test_an_errant_member_that_had_to_follow_is_unlocked_too():
    """It attached late, and nobody else is there."""
    view = alone(ackers=("m1", "m2", "m3"))
    view = followed(seeing(view, "m3", executed=LINE.union(gtids(m9="1"))))
    assert acts(decide(view)) == (Admit("m2", 2, ("m1", "m2", "m3")),)
