"""What belongs to a shard's line, and what a member holds beside it (rules 12 and 13)."""

from dataclasses import replace

from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from flyball_topology.line import Errant, beside_the_line, line_of
from tests.unit.topology.views import (
    LINE,
    dead,
    earlier,
    gtids,
    healthy,
    holding,
    on_channel,
    restarted,
    seeing,
    uuid,
    with_received,
    with_status,
)


def second_reign():
    """m2 reigns under term 2 since m1, which wrote the base, was lost; m1 is back and closed."""
    view = healthy()
    reign = view.shard.status.reign.model_copy(
        update={"term": 2, "primary": "m2", "uuid": uuid("m2"), "base": str(LINE), "past": (uuid("m1"),)}
    )
    view = with_status(restarted(view, "m1"), issued=2, reign=reign)
    primary = view.members["m2"].snapshot
    assert primary is not None
    view = seeing(view, "m2", super_read_only=False, read_only=False, opened=2, reigned=2, promise=2, channel=None)
    channel = healthy().members["m3"].snapshot.channel
    return seeing(view, "m3", promise=2, channel=replace(channel, host="m2.test", source_uuid=uuid("m2")))


def kind_of(view, name):
    return beside_the_line(view, view.members[name]).kind


def test_a_healthy_member_holds_nothing_beside_the_line():
    assert all(kind_of(healthy(), name) is Errant.NONE for name in healthy().members)


def test_what_was_received_and_not_applied_belongs_to_the_members_line():
    view = with_received(healthy(), "m2", gtids(m1="1-12"))
    assert line_of(view, view.members["m2"].snapshot) == gtids(m1="1-12")


def test_a_past_primarys_writes_count_up_to_the_end_of_its_reign_only():
    """Rule 12: what m1 wrote beyond the base nobody acknowledged."""
    view = holding(second_reign(), "m3", gtids(m1="1-11", m2="1-2"))
    assert line_of(view, view.members["m3"].snapshot) == gtids(m1="1-9", m2="1-2")


def test_housekeeping_does_not_count():
    """Rule 13."""
    view = holding(healthy(), "m2", gtids(m1="1-9:flyball:1-40"))
    assert line_of(view, view.members["m2"].snapshot) == LINE


def test_transactions_written_by_other_means_are_errant():
    view = holding(healthy(), "m2", gtids(m1="1-9", m2="1"))
    assert beside_the_line(view, view.members["m2"]).transactions == gtids(m2="1")
    assert kind_of(view, "m2") is Errant.FOREIGN


def test_a_former_primarys_unacknowledged_writes_are_its_tail():
    assert kind_of(holding(second_reign(), "m1", gtids(m1="1-11")), "m1") is Errant.TAIL


def test_a_former_primary_with_somebody_elses_transactions_too_is_foreign():
    assert kind_of(holding(second_reign(), "m1", gtids(m1="1-11", m7="1")), "m1") is Errant.FOREIGN


def test_the_same_writes_on_a_member_that_did_not_reign_last_are_foreign():
    assert kind_of(holding(second_reign(), "m3", gtids(m1="1-11")), "m3") is Errant.FOREIGN


def test_housekeeping_that_only_a_former_primary_wrote_is_declared_not_cloned():
    """Rule 13: an idle partition leaves exactly those."""
    view = holding(second_reign(), "m1", gtids(m1="1-9:flyball:1-3"))
    assert kind_of(view, "m1") is Errant.HOUSEKEEPING


def test_a_member_that_does_not_answer_is_accused_of_nothing():
    view = dead(holding(healthy(), "m2", gtids(m1="1-9", m2="1")), "m2")
    assert kind_of(view, "m2") is Errant.NONE


def test_a_replica_ahead_of_the_primarys_probe_is_not_errant():
    assert kind_of(with_received(healthy(), "m2", gtids(m1="1-12")), "m2") is Errant.NONE


def test_a_commit_that_waits_for_its_acknowledgements_is_not_errant():
    """With AFTER_SYNC a replica holds it, and may have executed it, while the primary has not."""
    view = holding(healthy(acks=2), "m2", gtids(m1="1-10"))
    view = earlier(view, "m2")
    assert kind_of(view, "m2") is Errant.NONE
    assert kind_of(on_channel(seeing(view, "m1", waiting=1), "m2", receiver="OFF"), "m2") is Errant.NONE


def test_what_the_primary_itself_has_lost_is_errant():
    """A probe earlier the replica had it already, nothing waits, and the replica cannot connect any more."""
    view = on_channel(earlier(holding(healthy(), "m2", gtids(m1="1-10")), "m2"), "m2", receiver="OFF")
    assert kind_of(view, "m2") is Errant.FOREIGN


def test_a_race_between_two_probes_is_not_errant():
    view = earlier(holding(healthy(), "m2", gtids(m1="1-10")), "m2", executed=LINE)
    view = replace(view, members={**view.members})
    view = on_channel(earlier(view, "m2", executed=LINE, channel=None), "m2", receiver="OFF")
    assert kind_of(view, "m2") is Errant.NONE


def test_the_kinds_are_told_apart_in_the_findings():
    tail = holding(second_reign(), "m1", gtids(m1="1-11"))
    rows = holding(second_reign(), "m1", gtids(m1="1-9:flyball:1-3"))
    foreign = holding(second_reign(), "m3", gtids(m1="1-9", m3="1"))
    found = [{f.kind for f in diagnose(view) if f.member == name} for view, name in
             ((tail, "m1"), (rows, "m1"), (foreign, "m3"))]  # fmt: skip
    assert found == [{Kind.UNACKNOWLEDGED_TAIL}, {Kind.ERRANT_HOUSEKEEPING}, {Kind.ERRANT_TRANSACTIONS}]
