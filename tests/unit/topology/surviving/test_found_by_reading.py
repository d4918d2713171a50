"""Schedules that a careful reader found: each would have lost a write, or left a shard stuck without a word."""

from dataclasses import replace

import pytest

from flyball.records.operation import ReseedPhase
from flyball.records.shard import Phase, Reseeding
from flyball_topology.decide import decide
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from flyball_topology.publish import publish
from flyball_topology.revocation import unrevokable, unrevoked
from flyball_topology.steps import Admit, Clone, Fence, Follow, Freeze, Isolate, Promote, Thaw
from flyball_topology.view import Tried
from tests.unit.topology.views import (
    NOW,
    acts,
    attached,
    chosen,
    dead,
    emergency,
    fenced,
    frozen,
    gtids,
    healthy,
    holding,
    member,
    on_channel,
    promoting,
    seeing,
    status_of,
    swapped,
    transition_of,
    with_status,
    word,
)


def test_a_member_that_is_being_cloned_revokes_nobody_whatever_it_promised() -> None:
    """Rule 6: its clone failed, it came back empty, and was fenced; it remembers no write."""
    view = word(emergency(dead(healthy(2), "m1")), "reseed", "m2", outcome="Running", phase=ReseedPhase.CLONING)
    view = fenced(view, "m2", 2)
    assert [suspect.name for suspect, _ in unrevoked(view, 2)] == ["m1"]
    assert decide(view).step is None


def test_another_server_under_the_primarys_name_does_not_revoke_the_primary() -> None:
    view = fenced(emergency(dead(healthy(), "m3")), "m1", 2)
    assert not unrevoked(view, 2)
    view = seeing(view, "m1", uuid="99999999-0000-4000-8000-000000000099")
    assert [suspect.name for suspect, _ in unrevoked(view, 2)] == ["m1"]


def test_a_member_that_remembers_no_promise_stops_counting_before_it_promises() -> None:
    assert status_of(decide(seeing(healthy(), "m2", promise=None))).ackers_next == ("m1", "m3")
    last = seeing(dead(healthy(), "m3"), "m2", promise=None)
    status = status_of(decide(last))  # who cannot be spared counts again once it holds what was acknowledged
    assert (status.version, status.reseeding) == (1, (Reseeding(name="m2", counts_from=1),))
    listed = with_status(last, version=1, reseeding=status.reseeding)
    assert unrevokable(dead(listed, "m1"))
    assert acts(decide(seeing(listed, "m1", noted=1))) == (Fence("m2", 1),)


def test_nobody_leaves_the_ack_set_while_the_rest_is_not_there() -> None:
    away = dead(dead(healthy(), "m2"), "m3")
    assert decide(away).step is None


def test_a_member_comes_back_into_the_ack_set_when_those_who_stay_are_lost() -> None:
    """m2 was told to leave while m3 was there; now only m2 is."""
    view = with_status(dead(healthy(), "m3"), ackers_next=("m1", "m3"))
    status = status_of(decide(view))
    assert (status.ackers, status.ackers_next) == (("m1", "m2", "m3"), None)
    locked = dict.fromkeys(view.members["m1"].snapshot.accounts or {}, False)
    first = next(iter(locked))
    view = seeing(with_status(dead(healthy(), "m3")), "m1", accounts={**locked, first: True})
    assert acts(decide(view)) == (Admit("m1", 1, ("m1", "m2", "m3")),)


def test_what_a_leaver_has_received_counts_although_its_commit_waits_still() -> None:
    """It may have acknowledged a commit that is not in the primary's executed set yet."""
    view = with_status(healthy(), ackers_next=("m1", "m3"))
    accounts = dict.fromkeys(view.members["m1"].snapshot.accounts or {}, False)
    from flyball.member.accounts import replica_account  # noqa: PLC0415 - beside its one use

    accounts[replica_account("m2")] = True
    view = seeing(view, "m1", accounts=accounts, followers=frozenset())
    assert status_of(decide(view)).ackers == ("m1", "m3")
    ahead = on_channel(view, "m2", received=gtids(m1="1-10"))
    assert decide(ahead).step is None


def test_one_reseed_holds_up_nobody_else() -> None:
    view = word(dead(healthy(), "m3"), "reseed", "m3", outcome="Running", phase=ReseedPhase.CLONING)
    view = on_channel(view, "m2", receiver="OFF")
    assert acts(decide(view)) == (Follow("m2", 1, "m1"),)


def test_a_candidate_that_cannot_apply_gives_its_term_up() -> None:
    view = promoting(fenced(fenced(dead(healthy(), "m1"), "m2", 2), "m3", 2), "m2")
    view = on_channel(view, "m2", applier_errno=1062)
    again = transition_of(decide(view))
    assert (again.phase, again.term, again.candidate) == (Phase.ISSUED, 3, "")
    next_term = emergency(view, term=3)
    next_term = fenced(fenced(next_term, "m2", 3), "m3", 3)
    next_term = on_channel(next_term, "m2", applier_errno=1062)
    assert transition_of(decide(next_term)).candidate == "m3"


def test_a_reseed_that_is_only_asked_for_takes_no_ack_giver_away() -> None:
    view = promoting(fenced(fenced(dead(healthy(), "m1"), "m2", 2), "m3", 2), "m2")
    asked = word(view, "reseed", "m3")
    assert any(isinstance(act, Follow) and act.member == "m3" for act in acts(decide(asked)))
    cloning = word(view, "reseed", "m3", outcome="Running", phase=ReseedPhase.CLONING)
    cloning = seeing(cloning, "m3", clone_state="In Progress", super_read_only=False)
    assert not any(isinstance(act, Follow) for act in acts(decide(cloning)))


@pytest.mark.parametrize("phase", [ReseedPhase.LEAVING, ReseedPhase.CLONING])
def test_the_only_ack_giver_that_waits_to_be_made_anew_acknowledges_the_first_write(phase: ReseedPhase) -> None:
    """The reseed goes on only after the reign begins, and that waits for an acknowledgement."""
    view = promoting(fenced(fenced(dead(healthy(), "m1"), "m2", 2), "m3", 2), "m2")
    view = word(view, "reseed", "m3", outcome="Running", phase=phase)
    assert Follow("m3", 2, "m2") in acts(decide(view))
    forgetful = seeing(view, "m3", promise=None)
    assert Fence("m3", 2) in acts(decide(forgetful))
    four = promoting(fenced(fenced(fenced(dead(healthy(4), "m1"), "m2", 2), "m3", 2), "m4", 2), "m2")
    four = word(four, "reseed", "m3", outcome="Running", phase=phase)
    assert "m3" not in {act.member for act in acts(decide(four))}


def test_an_errant_member_acknowledges_the_first_write_only_where_nobody_else_can() -> None:
    view = promoting(fenced(fenced(dead(healthy(), "m1"), "m2", 2), "m3", 2), "m2")
    view = holding(view, "m3", gtids(m1="1-9", m3="1"))
    assert Follow("m3", 2, "m2") in acts(decide(view))
    four = promoting(fenced(fenced(fenced(dead(healthy(4), "m1"), "m2", 2), "m3", 2), "m4", 2), "m2")
    four = holding(four, "m3", gtids(m1="1-9", m3="1"))
    assert "m3" not in {act.member for act in acts(decide(four))}


def test_a_primary_that_wrote_between_freeze_and_swap_is_not_cut_off_from_its_line() -> None:
    """A leader that slept in Cancelling opened it again: what it wrote is not in what the candidate must hold."""
    view = attached(on_channel(fenced(swapped(healthy(), "m2"), "m1", 2), "m3", host="m2.test"), "m3", 2)
    assert any(isinstance(act, Promote) for act in acts(decide(view)))
    wrote = holding(view, "m1", gtids(m1="1-10"))
    wrote = holding(wrote, "m2", gtids(m1="1-10"))
    again = transition_of(decide(wrote))
    assert (again.phase, again.term) == (Phase.ISSUED, 3)


def test_a_persons_acceptance_of_a_loss_is_about_one_term() -> None:
    view = promoting(fenced(dead(dead(healthy(), "m1"), "m2"), "m3", 2), "m2")
    transition = view.shard.status.transition
    assert transition is not None
    view = with_status(view, transition=transition.model_copy(update={"accept_loss": True}))
    again = transition_of(decide(view))
    assert (again.term, again.accept_loss) == (3, False)


def test_whoever_could_not_be_fenced_is_held_after_an_accepted_loss() -> None:
    """Rule 17: it answers, but may hold what was given up."""
    view = fenced(emergency(dead(healthy(), "m1"), accept_loss=True), "m3", 2)
    view = replace(view, failure="m2: no answer within 1.5 s")
    assert status_of(decide(view)).held == ("m1", "m2")


def test_a_heartbeat_that_hung_behind_a_partition_proves_nothing_against_the_primary() -> None:
    view = replace(healthy(), beat_hung=60.0)
    assert any(finding.kind is Kind.PRIMARY_CANNOT_WRITE for finding in diagnose(member(view, "m1", since=NOW - 60)))
    assert not any(finding.kind is Kind.PRIMARY_CANNOT_WRITE for finding in diagnose(member(view, "m1", since=NOW - 1)))


def test_fencing_the_primary_asks_for_a_switchover_once_and_then_rests() -> None:
    view = word(healthy(), "fence", "m1")
    step = chosen(decide(view))
    assert step.failover is not None
    tried = replace(view, tried={step.remedies: Tried(1, NOW - 0.1)})
    assert decide(tried).step is None


def test_a_primary_that_is_not_declared_any_more_is_a_finding() -> None:
    view = healthy()
    view = with_status(view, reign=view.reign.model_copy(update={"primary": "gone"}))
    assert any(finding.kind is Kind.PRIMARY_UNREACHABLE and finding.member == "gone" for finding in diagnose(view))
    assert decide(view).step is None


def test_commits_that_wait_are_not_called_serving() -> None:
    view = seeing(healthy(), "m1", waiting=2)
    serving = next(c for c in publish(view, decide(view)).conditions if c.type == "Serving")
    assert (serving.status, serving.reason) == (False, "WritesWait")


def test_a_member_whose_replication_failed_is_no_donor() -> None:
    view = word(healthy(), "reseed", "m3", outcome="Running", phase=ReseedPhase.CLONING)
    assert acts(decide(view))[0].donor == "m2"
    broken = on_channel(view, "m2", applier_errno=1062, applier_on=False)
    broken = replace(broken, tried={"REPLICATION_FAILED m2": Tried(6, NOW)})
    assert acts(decide(broken))[0].donor == "m1"


def test_an_errant_member_is_not_cut_off_while_its_acknowledgements_are_needed() -> None:
    view = holding(healthy(2), "m2", gtids(m1="1-9", m2="1"))
    assert decide(view).step is None
    closed = seeing(view, "m2", channel=None, offline=True)
    assert acts(decide(closed)) == (Follow("m2", 1, "m1"),)
    assert acts(decide(holding(healthy(3), "m2", gtids(m1="1-9", m2="1")))) == (Isolate("m2", 1),)


def test_the_only_ack_giver_is_cloned_while_writes_are_held_and_no_commit_waits_for_it() -> None:
    """CLONE waits for commits in flight, and those would wait for the member that is being cloned."""
    view = word(healthy(2), "reseed", "m2", outcome="Running", phase=ReseedPhase.CLONING)
    assert acts(decide(view)) == (Freeze("m1", 1),)
    loose = on_channel(view, "m2", receiver="OFF")
    assert acts(decide(loose)) == (Follow("m2", 1, "m1"),)
    held = frozen(view)
    assert acts(decide(held)) == (Clone("m2", 1, "m1"),)
    assert decide(dead(held, "m2")).step is None
    assert acts(decide(frozen(healthy(2)))) == (Thaw("m1", 1),)
