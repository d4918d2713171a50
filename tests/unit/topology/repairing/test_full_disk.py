"""A full disk is named; who has one neither acknowledges nor takes over, and a primary with one is replaced."""

from dataclasses import replace

from flyball.member.accounts import replica_account
from flyball_topology.decide import decide
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from tests.unit.topology.views import (
    dead,
    emergency,
    fenced,
    healthy,
    request,
    seeing,
    status_of,
    transition_of,
    with_status,
)


def left():
    """m3 does not count any more, and is locked out."""
    accounts = {**healthy().members["m1"].snapshot.accounts, replica_account("m3"): True}
    return seeing(with_status(healthy(), ackers=("m1", "m2")), "m1", accounts=accounts)


def kinds(view):
    return [(finding.kind, finding.member) for finding in diagnose(view)]


def test_a_replica_with_a_full_disk_leaves_the_ack_set_and_nothing_else_is_tried():
    full = seeing(healthy(), "m3", disk_full=True)
    assert kinds(full) == [(Kind.DISK_FULL, "m3")]
    assert status_of(decide(full)).ackers_next == ("m1", "m2")
    gone = seeing(left(), "m3", disk_full=True)
    assert kinds(gone) == [(Kind.DISK_FULL, "m3")]
    assert decide(gone).step is None


def test_it_comes_back_by_itself():
    assert status_of(decide(left())).ackers == ("m1", "m2", "m3")


def test_nobody_leaves_while_only_another_full_disk_would_acknowledge():
    full = seeing(seeing(healthy(), "m3", disk_full=True), "m2", disk_full=True)
    assert decide(full).step is None


def test_it_is_no_candidate():
    planned = request(seeing(healthy(), "m2", disk_full=True), "planned", to="m2")
    change = decide(planned).step.failover
    assert "the disk of m2 is full" in change.status.message
    view = fenced(fenced(emergency(dead(healthy(), "m1")), "m2", 2), "m3", 2)
    assert transition_of(decide(seeing(view, "m2", disk_full=True))).candidate == "m3"
    assert transition_of(decide(seeing(view, "m3", disk_full=True))).candidate == "m2"


def test_a_primary_that_cannot_write_for_want_of_space_is_replaced_though_commits_wait_there():
    view = replace(seeing(healthy(), "m1", disk_full=True, waiting=3), beat_hung=60.0)
    assert {(Kind.PRIMARY_CANNOT_WRITE, "m1"), (Kind.DISK_FULL, "m1")} <= set(kinds(view))
    assert status_of(decide(view)).issued == 2
    assert (Kind.PRIMARY_CANNOT_WRITE, "m1") not in kinds(seeing(view, "m1", disk_full=False))
