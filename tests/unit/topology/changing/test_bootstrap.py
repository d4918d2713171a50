"""An empty shard gets term 1 at one member; a record that was lost starts no second line (rule 10)."""

import pytest

from flyball.records.keyspace import DurabilityPolicy, DurabilitySpec
from flyball.records.shard import Mode, Phase, Reign
from flyball_topology.decide import decide
from flyball_topology.steps import Establish, Follow, Promote
from flyball_topology.view import Reach
from tests.unit.topology.views import (
    acts,
    channel_to,
    chosen,
    dead,
    empty,
    gtids,
    healthy,
    member,
    seeing,
    status_of,
    with_spec,
    with_status,
)


def test_term_1_goes_to_the_first_member_by_the_record_alone():
    decision = decide(empty())
    status = status_of(decision)
    assert chosen(decision).acts == ()
    assert (status.issued, status.reign, status.ackers) == (1, Reign(), ("m1", "m2", "m3"))
    assert status.transition is not None
    assert (status.transition.mode, status.transition.phase) == (Mode.BOOTSTRAP, Phase.PROMOTING)
    assert [suspect.name for suspect in status.transition.suspects] == ["m1"]


@pytest.mark.parametrize("reach", [Reach.SILENT, Reach.REFUSED, Reach.LOGIN, Reach.UNKNOWN])
def test_not_before_every_declared_member_is_reached(reach):
    decision = decide(member(empty(), "m3", reach=reach, failures=9))
    assert decision.step is None
    assert any("m3" in awaited for awaited in decision.awaited)


@pytest.mark.parametrize(
    "used", [{"executed": gtids(m3="1")}, {"channel": healthy().members["m2"].snapshot.channel}], ids=["data", "source"]
)
def test_not_where_a_member_holds_something(used):
    decision = decide(seeing(empty(), "m3", **used))
    assert decision.step is None
    assert "adopt" in decision.awaited[0]


def test_not_where_a_member_has_promised_something():
    """A record below a fence is older than its members: it stops every act."""
    decision = decide(seeing(empty(), "m3", promise=4))
    assert decision.step is None
    assert decision.refused


def test_never_again_once_a_term_was_issued():
    """Everybody is empty, and the record has issued: data was lost, and a person must know."""
    view = with_status(empty(), issued=1)
    decision = decide(view)
    assert decision.step is None or decision.step.status is None


def test_not_without_members():
    view = with_spec(empty(), members=())
    view = type(view)(view.now, view.shard, {})
    assert decide(view).step is None


def test_across_zones_not_without_zones():
    view = with_spec(empty(), durability=DurabilitySpec(policy=DurabilityPolicy.CROSS_ZONE))
    assert decide(view).step is None


def under_way():
    status = status_of(decide(empty()))
    return with_status(empty(), **dict(status))


def test_the_first_primary_makes_what_all_share_before_it_opens():
    (act,) = acts(decide(under_way()))
    assert act == Establish("m1", 1, "commerce", (), ("m1", "m2", "m3"))


def test_then_it_opens_and_the_others_follow():
    primary = healthy().members["m1"].snapshot
    view = seeing(under_way(), "m1", opened=1, promise=1, super_read_only=False, offline=False,
                  executed=gtids(m1="1-9"), accounts=primary.accounts, databases=primary.databases)  # fmt: skip
    kinds = [type(act) for act in acts(decide(view))]
    assert kinds == [Follow, Follow, Promote]


def test_one_that_restarted_in_between_is_established_to_the_end():
    """It is not empty any more; what it was given may be the half of it, and members could not even log in."""
    view = seeing(under_way(), "m1", promise=1, reigned=1, executed=gtids(m1="1-2"))
    assert isinstance(acts(decide(view))[0], Establish)
    complete = seeing(view, "m1", opened=2, journal_term=1)
    assert not any(isinstance(act, Establish) for act in acts(decide(complete)) or ())


def test_what_another_first_primary_left_behind_is_applied_before_the_rest_is_made():
    """A row that it inserted, and that is on its way here, must not be inserted twice."""
    view = seeing(under_way(), "m1", promise=1, channel=channel_to("m2", gtids(m2="1-3"), receiver="OFF"))
    assert not any(isinstance(act, Establish) for act in acts(decide(view)))
    applied = seeing(view, "m1", executed=gtids(m2="1-3"))
    assert isinstance(acts(decide(applied))[0], Establish)


def test_one_that_is_lost_before_it_reigned_leaves_its_term_spent():
    status = status_of(decide(dead(under_way(), "m1")))
    assert status.issued == 2
    assert status.transition is not None
    assert (status.transition.mode, status.transition.phase) == (Mode.BOOTSTRAP, Phase.ISSUED)
