"""The status that people read changes only when the state does, and answers what the engine asks."""

from dataclasses import replace

import pytest

from flyball.records.shard import Intent, LagClass, Release, Role
from flyball_topology.decide import decide
from flyball_topology.publish import Told, publish
from tests.unit.topology.views import (
    NOW,
    dead,
    declared,
    emergency,
    gtids,
    healthy,
    holding,
    member,
    on_channel,
    restarted,
    seeing,
    with_status,
)


def told(view):
    return publish(view, decide(view))


@pytest.mark.parametrize(
    "view",
    [healthy(), dead(dead(healthy(), "m1"), "m3"), on_channel(healthy(), "m2", receiver="OFF")],
    ids=["healthy", "no quorum", "stopped"],
)
def test_time_and_progress_alone_change_nothing(view):
    later = replace(view, now=NOW + 500, phase_age=77.0)
    for name, seen in view.members.items():
        if seen.seen is not None:
            later = member(later, name, heard_at=NOW + 500, lag=0.4)
            later = seeing(holding(later, name, gtids(m1="1-9000")), name, beat=505)
    for name in view.members:
        later = member(later, name, failures=view.members[name].failures * 50)
    assert told(later) == told(view)


def test_lag_is_told_in_classes():
    assert [told(member(healthy(), "m2", lag=lag)).members[1].lag for lag in (0.1, 3, 11, 61, None)] == [
        LagClass.OK, LagClass.OVER_1S, LagClass.OVER_10S, LagClass.OVER_1M, LagClass.UNKNOWN,
    ]  # fmt: skip


def test_a_decision_is_told_with_its_reason():
    about = told(dead(dead(healthy(), "m1"), "m3")).decision
    assert all((about.wanted, about.why, about.awaited, about.refused))


def test_roles():
    view = dead(holding(healthy(5), "m2", gtids(m1="1-9", m2="1")), "m3")
    view = seeing(seeing(view, "m4", clone_state="In Progress"), "m5", offline=True)
    roles = [status.role for status in told(view).members]
    assert roles == [Role.PRIMARY, Role.ISOLATED, Role.UNREACHABLE, Role.CLONING, Role.CLOSED]


def conditions(view):
    return {condition.type: condition for condition in told(view).conditions}


def test_unknown_is_never_no():
    assert conditions(dead(healthy(), "m1"))["Serving"].status is None
    assert conditions(restarted(healthy(), "m1"))["Serving"].status is False
    assert conditions(healthy())["Serving"].status is True


def test_a_change_of_primary_is_not_healthy():
    assert conditions(healthy())["Healthy"].status is True
    assert conditions(emergency(healthy(), term=1))["Healthy"].status is False


def released(view):
    return told(view).members[2].released_for


def test_a_member_is_released_once_it_has_left_the_ack_set_and_not_before():
    """Rule 11: the engine stops it after that."""
    leaving = declared(healthy(), "m3", intent=Intent.LEAVE, incarnation=4)
    left = with_status(leaving, ackers=("m1", "m2"))
    assert released(leaving) is None
    assert released(with_status(leaving, ackers_next=("m1", "m2"))) is None
    assert released(left) == Release(incarnation=4, generation=1)
    metadata = left.shard.metadata.model_copy(update={"generation": 7})
    later = replace(left, shard=left.shard.model_copy(update={"metadata": metadata}))
    assert released(later) == Release(incarnation=4, generation=7)
    assert released(with_status(left, ackers_next=("m1", "m2", "m3"))) is None
    assert released(with_status(left, transition=emergency(left).shard.status.transition)) is None
    assert released(with_status(healthy(), ackers=("m1", "m2"))) is None


def test_what_is_not_published_anew_would_read_the_same():
    view = healthy()
    stray = gtids(m1="1-9", m3="1-2")
    views = [
        view,
        dead(view, "m1"),
        dead(view, "m1", failures=1, since=NOW),
        dead(view, "m3"),
        restarted(view, "m1"),
        restarted(view, "m2"),
        on_channel(view, "m2", receiver="OFF"),
        holding(view, "m3", stray),
        holding(view, "m3", gtids(m1="1-9", m3="1-3")),
        seeing(view, "m1", waiting=1),
        seeing(view, "m1", waiting=2),
        seeing(view, "m2", clone_state="In Progress"),
        seeing(view, "m2", uuid="0000000f-0000-4000-8000-00000000000f"),
        seeing(view, "m2", offline=True),
        *(member(view, "m2", lag=seconds) for seconds in (None, 0.5, 3.0, 11.0, 61.0)),
    ]
    told_of = [(Told.of(view, decide(view)), told(view)) for view in views]
    for one, status in told_of:
        for other, status_of_other in told_of:
            assert one != other or status == status_of_other
    assert len({str(status) for _, status in told_of}) > 12, "the views do not tell enough apart"
