"""A member is made anew: it leaves first, its evidence is kept, and what may hold given-up writes is not touched."""

from dataclasses import replace

from flyball.errors import Code
from flyball.member.accounts import replica_account
from flyball.records.failover import Outcome
from flyball.records.operation import ReseedPhase
from flyball.records.shard import Access, Reseeding, ShardAccess
from flyball.stability import Budget
from flyball_topology.decide import decide
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from flyball_topology.reseed import CLONE_TRY, donor
from flyball_topology.revocation import unrevokable
from flyball_topology.steps import Clone, Fence, Follow, Freeze
from flyball_topology.view import Tried
from tests.unit.topology.views import (
    LINE,
    NOW,
    acts,
    chosen,
    dead,
    fenced,
    gtids,
    healthy,
    holding,
    on_channel,
    request,
    seeing,
    status_of,
    with_status,
    word,
)


def operation_of(decision):
    change = chosen(decision).operation
    assert change is not None
    return change.status


def under_way(phase, view=None):
    return word(view or healthy(), "reseed", "m3", outcome=Outcome.RUNNING, phase=phase)


def left():
    """m3 does not count any more, and is being cloned."""
    accounts = {replica_account(name): name == "m3" for name in ("m1", "m2", "m3")}
    view = seeing(with_status(healthy(), ackers=("m1", "m2")), "m1", accounts=accounts)
    return under_way(ReseedPhase.CLONING, fenced(view, "m3", 1))


def test_what_is_given_up_is_written_down_first():
    decision = decide(word(holding(healthy(), "m3", gtids(m1="1-9", m3="1-2")), "reseed", "m3"))
    status = operation_of(decision)
    assert (status.phase, status.evidence) == (ReseedPhase.LEAVING, str(gtids(m3="1-2")))
    assert chosen(decision).acts == ()


def test_it_leaves_the_ack_set_before_it_is_cloned():
    """Rule 11."""
    view = under_way(ReseedPhase.LEAVING)
    assert status_of(decide(view)).ackers_next == ("m1", "m2")
    assert operation_of(decide(with_status(view, ackers=("m1", "m2")))).phase is ReseedPhase.CLONING


def test_one_that_cannot_be_spared_is_cloned_without_leaving():
    """Rule 6 guards then: without a promise it counts as unreached."""
    view = word(healthy(2), "reseed", "m2", outcome=Outcome.RUNNING, phase=ReseedPhase.LEAVING)
    assert operation_of(decide(view)).phase is ReseedPhase.CLONING


def entered(view, counts_from=0):
    return with_status(view, reseeding=(Reseeding(name="m3", counts_from=counts_from),))


def test_the_shards_record_names_it_before_it_may_be_cloned():
    """Under another version: what was decided before, to let it follow say, must not come late."""
    decision = decide(with_status(under_way(ReseedPhase.LEAVING), ackers=("m1", "m2")))
    status = status_of(decision)
    assert (status.reseeding, status.version) == ((Reseeding(name="m3"),), 1)


def test_nobody_is_cloned_whom_the_shards_record_does_not_name():
    """What is known of the operation may be old; the record is what the decision is held against."""
    assert operation_of(decide(with_status(left(), reseeding=()))).phase is ReseedPhase.LEAVING
    back = entered(seeing(left(), "m3", promise=None), counts_from=1)
    assert operation_of(decide(back)).phase is ReseedPhase.JOINING


def test_one_that_may_be_cloned_is_let_alone_whatever_is_known_of_the_operation():
    """Its receiver was stopped so that it acknowledges nothing which it would forget."""
    view = entered(on_channel(healthy(acks=2), "m3", receiver="OFF"))
    assert not acts(decide(view))


def test_one_that_was_made_anew_counts_from_the_next_version_on():
    view = seeing(left(), "m3", promise=None, clone_state="Completed", channel=None)
    status = status_of(decide(view))
    assert (status.reseeding, status.version) == ((Reseeding(name="m3", counts_from=1),), 1)


def test_it_counts_once_it_has_noted_that_version():
    """Until then a clone may come late, from a leader that slept."""
    view = with_status(entered(under_way(ReseedPhase.JOINING), counts_from=1), version=1)
    for name in ("m1", "m2"):
        view = seeing(view, name, noted=1)
    assert acts(decide(view)) == (Fence("m3", 1),)
    assert unrevokable(dead(dead(view, "m1"), "m2"))
    assert status_of(decide(seeing(view, "m3", noted=1))).reseeding == ()
    cloning = seeing(view, "m3", noted=1, clone_state="In Progress", super_read_only=False)
    assert decide(cloning).step is None


def test_and_holds_what_was_acknowledged():
    """A clone that broke may have left it with nothing. One that left the ack set before need remember nothing."""
    view = with_status(entered(healthy(), counts_from=1), version=1)
    for name in view.members:
        view = seeing(view, name, noted=1)
    lacks = holding(view, "m3", gtids(m1="1-8"))
    assert status_of(decide(view)).reseeding == ()
    assert decide(lacks).step is None
    assert decide(dead(view, "m1", failures=1)).step is None
    assert status_of(decide(with_status(lacks, ackers=("m1", "m2")))).reseeding == ()


def test_one_that_takes_writes_is_closed_whatever_waits_for_it():
    view = seeing(under_way(ReseedPhase.CLONING), "m3", super_read_only=False, read_only=False)
    assert acts(decide(view)) == (Fence("m3", 1),)


def test_a_reseed_that_nobody_asks_for_any_more_ends_in_the_record_too():
    status = status_of(decide(entered(healthy())))
    assert (status.reseeding, status.version) == ((Reseeding(name="m3", counts_from=1),), 1)


def test_one_that_was_not_made_anew_begins_again():
    view = under_way(ReseedPhase.JOINING, holding(healthy(), "m3", gtids(m1="1-9", m3="1-2")))
    assert operation_of(decide(view)).phase is ReseedPhase.LEAVING


def test_it_is_cloned_from_a_healthy_replica():
    assert acts(decide(left())) == (Clone("m3", 1, "m2"),)


def test_a_member_without_a_promise_promises_first():
    assert acts(decide(seeing(left(), "m3", promise=None))) == (Fence("m3", 1),)


def test_a_clone_in_progress_is_left_alone():
    assert decide(seeing(left(), "m3", clone_state="In Progress", super_read_only=False)).step is None


def test_a_clone_that_failed_is_tried_again_after_a_rest_that_grows():
    view = replace(left(), tried={"CLONE m3": Tried(3, NOW - 19)})
    assert decide(view).step is None
    assert acts(decide(replace(view, tried={"CLONE m3": Tried(3, NOW - 21)})))


def test_it_comes_back_without_a_promise_and_joins():
    view = seeing(left(), "m3", promise=None, clone_state="Completed", channel=None)
    assert operation_of(decide(view)).phase is ReseedPhase.JOINING


def test_it_has_ended_when_nothing_is_wrong_with_the_member():
    joining = under_way(ReseedPhase.JOINING)
    assert operation_of(decide(joining)).outcome is Outcome.SUCCEEDED
    assert chosen(decide(on_channel(joining, "m3", receiver="OFF"))).operation is None


def test_donors_are_healthy_and_rather_not_the_primary():
    view = healthy()
    assert donor(view, view.members["m3"]).name == "m2"
    for ill in (dead(view, "m2"), holding(view, "m2", gtids(m1="1-9", m2="1")), seeing(view, "m2", offline=True),
                 seeing(view, "m2", promise=None), on_channel(view, "m2", host="m3.test")):  # fmt: skip
        assert donor(ill, ill.members["m3"]).name == "m1"


def test_a_shard_that_is_filled_has_its_primary_alone_for_a_donor():
    """What was copied is in no binary log: another replica may have none of it."""
    filling = with_status(healthy(), access=ShardAccess(mode=Access.FILLING, by="commerce-reshard-2"))
    assert [donor(filling, filling.members["m3"], times).name for times in range(3)] == ["m1", "m1", "m1"]
    assert donor(dead(filling, "m1"), filling.members["m3"]) is None


def test_after_a_failure_another_donor_is_tried():
    view = left()
    assert donor(view, view.members["m3"], 1).name == "m1"
    assert donor(view, view.members["m3"], 2).name == "m2"
    failed = seeing(view, "m3", clone_state="Failed", clone_error="Clone Donor Error: Connect failed")
    failed = replace(failed, tried={f"{CLONE_TRY} m3": Tried(1, NOW - 60)})
    assert acts(decide(failed)) == (Clone("m3", 1, "m1"),)


def test_a_failed_clone_is_a_finding_with_its_cause():
    failed = seeing(left(), "m3", clone_state="Failed", clone_error="Clone Donor Error: Connect failed")
    found = [str(finding) for finding in diagnose(failed) if finding.kind is Kind.CLONE_FAILED]
    assert found == ["m3: a clone of a member failed, and is tried again (Clone Donor Error: Connect failed)"]
    ended = replace(failed, operations=())
    assert not any(finding.kind is Kind.CLONE_FAILED for finding in diagnose(ended))


def test_one_member_of_a_shard_at_a_time():
    view = word(under_way(ReseedPhase.JOINING, on_channel(healthy(4), "m3", receiver="OFF")), "reseed", "m4")
    step = chosen(decide(view))
    assert step.operation is None


def test_the_fleets_budget_is_kept():
    spent = Budget(1, 6, 600.0).take(NOW, "another")
    assert decide(replace(word(healthy(), "reseed", "m3"), clones=(spent,))).step is None


def refused_with(view):
    status = operation_of(decide(view))
    assert status.outcome is Outcome.REFUSED
    return status.code


def test_the_primary_is_never_reseeded():
    assert refused_with(word(healthy(), "reseed", "m1")) == Code.CANDIDATE_UNFIT.number


def test_a_member_that_may_hold_given_up_writes_is_not_reseeded_until_released():
    """Rule 17: neither by a person's word nor by itself."""
    held = with_status(healthy(), held=("m3",))
    assert refused_with(word(held, "reseed", "m3")) == Code.NOT_EMPTY.number
    lacks = seeing(holding(held, "m3", gtids(m1="1-3")), "m1", purged=gtids(m1="1-5"))
    assert decide(lacks).step is None
    assert chosen(decide(with_status(lacks, held=()))).operation is not None


def test_a_release_lifts_it():
    decision = decide(word(with_status(healthy(), held=("m2", "m3")), "release", "m3"))
    assert status_of(decision).held == ("m2",)
    assert operation_of(decision).outcome is Outcome.SUCCEEDED


def test_a_change_of_primary_goes_first():
    view = request(left(), "emergency")
    assert status_of(decide(view)).issued == 2


def test_a_stranger_is_refused():
    assert refused_with(word(healthy(), "reseed", "m9")) == Code.NO_SUCH_OBJECT.number


def test_the_line_of_a_healthy_shard_gives_nothing_up():
    assert operation_of(decide(word(healthy(), "reseed", "m3"))).evidence == ""
    assert healthy().members["m3"].snapshot.executed == LINE


def all_needed():
    """Two acknowledgements, three members: m3 is to be cloned and cannot leave."""
    return under_way(ReseedPhase.CLONING, healthy(acks=2))


def test_one_that_cannot_be_spared_acknowledges_nothing_more_before_it_is_cloned():
    """What it acknowledges after its donor was looked at would be forgotten."""
    assert acts(decide(all_needed())) == (Fence("m3", 1),)


def test_one_that_cannot_be_spared_is_cloned_once_its_donor_has_executed_what_it_holds():
    """A clone does not bring what the donor has received alone. With m1 and m2 lost, m3 would lack it and count."""
    stopped = on_channel(all_needed(), "m3", receiver="OFF")
    behind = seeing(stopped, "m2", executed=gtids(m1="1-7"))
    assert decide(behind).step is None
    assert acts(decide(stopped)) == (Clone("m3", 1, "m2"),)


def test_a_primary_whose_commits_wait_for_others_is_not_frozen_before_those_are_back():
    """The freeze would wait with the commits, again and again, and whoever could acknowledge them would stay away."""
    view = word(dead(healthy(4, acks=2), "m4"), "reseed", "m3", outcome=Outcome.RUNNING, phase=ReseedPhase.CLONING)
    view = on_channel(view, "m2", receiver="OFF")
    assert acts(decide(view)) == (Freeze("m1", 1),)
    assert acts(decide(seeing(view, "m1", waiting=1))) == (Follow("m2", 1, "m1"),)
