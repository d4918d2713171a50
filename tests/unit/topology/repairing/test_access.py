"""A shard that does not serve has a primary like any other, and lets no application in (rule 18)."""

from dataclasses import replace

from flyball.gtid import GtidSet
from flyball.records.shard import Access, Mode, Phase, Reign, ShardAccess, Suspect, Transition
from flyball_topology.decide import decide
from flyball_topology.diagnose import diagnose
from flyball_topology.findings import Kind
from flyball_topology.publish import publish
from flyball_topology.steps import Hold, Promote, Serve, Thaw
from flyball_topology.view import View
from tests.unit.topology.views import LINE, acts, attached, healthy, on_channel, uuid

OTHER = "99999999-0000-4000-8000-000000000099"


def kept(view: View, mode: Access = Access.FROZEN) -> View:
    """A reshard has decided that the shard does not serve."""
    return view.with_status(view.shard.status.model_copy(update={"access": ShardAccess(mode=mode, by="move-1")}))


def primary_with(view: View, **changes: object) -> View:
    primary = view.members["m1"]
    assert primary.snapshot is not None
    snapshot = replace(primary.snapshot, **changes)
    return replace(view, members={**view.members, "m1": replace(primary, snapshot=snapshot)})


def holding(view: View) -> View:
    """Its primary keeps applications out."""
    return primary_with(view, read_only=True)


def kinds(view: View) -> set[Kind]:
    return {finding.kind for finding in diagnose(view)}


def test_a_primary_that_is_held_as_it_should_be_is_left_alone() -> None:
    view = holding(kept(healthy()))
    assert diagnose(view) == ()
    assert decide(view).step is None


def test_applications_are_kept_out_of_a_shard_that_stopped_serving() -> None:
    view = kept(healthy())
    assert kinds(view) == {Kind.SERVES_UNASKED}
    assert acts(decide(view)) == (Hold("m1", 1),)


def test_a_shard_that_the_engine_does_not_want_to_serve_is_held() -> None:
    assert acts(decide(healthy(serving=False))) == (Hold("m1", 1),)


def test_applications_are_let_in_where_a_shard_serves_again() -> None:
    view = holding(healthy())
    assert kinds(view) == {Kind.SERVES_NOT_YET}
    assert acts(decide(view)) == (Serve("m1", 1),)


def test_a_frozen_primary_of_a_held_shard_is_thawed_and_no_more() -> None:
    view = primary_with(kept(healthy()), read_only=True, super_read_only=True)
    assert acts(decide(view)) == (Thaw("m1", 1),)


def test_a_failover_in_the_middle_promotes_closed() -> None:
    view = kept(healthy())
    transition = Transition(
        mode=Mode.EMERGENCY,
        phase=Phase.PROMOTING,
        candidate="m2",
        term=2,
        holds=str(LINE),
        suspects=(Suspect(name="m2", uuid=uuid("m2"), term=2),),
    )
    status = view.shard.status.model_copy(update={"issued": 2, "transition": transition})
    view = attached(on_channel(view.with_status(status), "m3", host="m2.test"), "m3", 2)
    promotes = [act for act in acts(decide(view)) if isinstance(act, Promote)]
    assert [(act.member, act.serves) for act in promotes] == [("m2", False)]


def test_a_held_shard_is_told_as_not_serving() -> None:
    view = holding(kept(healthy()))
    status = publish(view, decide(view))
    serving = next(condition for condition in status.conditions if condition.type == "Serving")
    assert (serving.status, serving.reason) == (False, "NotAsked")


def test_what_comes_from_another_shard_is_on_the_line_and_not_errant() -> None:
    """Rule 12: a target's members hold what the sources wrote."""
    brought = GtidSet.parse(f"{OTHER}:1-5")
    view = healthy()
    replica = view.members["m2"]
    assert replica.snapshot is not None
    got = replace(replica, snapshot=replace(replica.snapshot, executed=replica.snapshot.executed.union(brought)))
    view = replace(view, members={**view.members, "m2": got})
    assert Kind.ERRANT_TRANSACTIONS in kinds(view)
    named = view.with_status(view.shard.status.model_copy(update={"imports": (OTHER,)}))
    assert Kind.ERRANT_TRANSACTIONS not in kinds(named)


def test_a_candidate_must_hold_what_was_brought_from_another_shard() -> None:
    """After the cutover those rows are nowhere else: losing them would lose acknowledged writes."""
    brought = GtidSet.parse(f"{OTHER}:1-5")
    view = primary_with(holding(kept(healthy())), executed=LINE.union(brought))
    reign = Reign(term=1, primary="m1", uuid=uuid("m1"))
    transition = Transition(mode=Mode.PLANNED, phase=Phase.SWITCHING, candidate="m2")
    update = {"imports": (OTHER,), "transition": transition, "reign": reign}
    view = view.with_status(view.shard.status.model_copy(update=update))
    view = primary_with(view, super_read_only=True)
    (act,) = acts(decide(view))
    assert GtidSet.parse(getattr(act, "holds", "")) == LINE.union(brought), act
