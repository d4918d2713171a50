"""What no decision ever does, whatever was seen: drawn views, most of which cannot be."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.gtid import GtidSet
from flyball.records.failover import Outcome
from flyball.records.keyspace import Approval, ReshardClaim
from flyball.records.operation import OperationType
from flyball.records.reshard import Stage
from flyball.records.shard import Access, Mode, Phase, ShardAccess, Transition
from flyball_topology.reshard import acts
from flyball_topology.reshard.decide import decide_reshard
from flyball_topology.reshard.seen import CopySeen, ShardSeen, Work, WorkSeen
from flyball_topology.reshard.steps import Job, ReshardStep
from flyball_topology.reshard.view import ReshardView, Sides
from tests.unit.topology.resharding.views import (
    LOWER,
    NAME,
    RANGES,
    SOURCE,
    SOURCES,
    TARGETS,
    UPPER,
    UUID,
    channel,
    seen,
    view_at,
    with_keyspace,
    with_shard,
    with_spec,
    with_status,
    without,
    word,
)

CALM = {stage: view_at(stage) for stage in Stage}
OPENING = acts.Thaw | acts.Open
CHANGING = Transition(mode=Mode.EMERGENCY, phase=Phase.ISSUED)
often = st.sampled_from([True, True, True, False])
sets = st.sampled_from([GtidSet(), GtidSet.span(UUID, 1, 100), GtidSet.span(UUID, 1, 101)])


@st.composite
def shards_seen(draw: st.DrawFn, name: str) -> ShardSeen:
    others = [other for other in RANGES if (other == SOURCE) != (name == SOURCE)]
    channels = {
        other: channel(draw(st.none() | sets), draw(st.sampled_from([0.0, 0.1, 5.0, None])), runs=draw(often))
        for other in others
        if draw(often)
    }
    return replace(
        seen(name, writable=draw(st.booleans())),
        frozen=draw(often),
        line=draw(sets),
        executed=draw(sets),
        channels=channels,
        ghosts=draw(st.sampled_from([0, 0, 0, 1, None])),
        journal=draw(st.sampled_from([1, 1, 1, 0])),
        guarded=draw(often),
        clean=draw(st.booleans()),
    )


@st.composite
def works(draw: st.DrawFn) -> WorkSeen:
    terms = draw(st.sampled_from([dict.fromkeys(RANGES, 1), dict.fromkeys(RANGES, 2), {}]))
    work = draw(st.sampled_from([Work.DONE, Work.DONE, *Work]))
    return WorkSeen(work, draw(st.sampled_from(["", "it broke"])), terms=terms, reverse=draw(st.booleans()))


@st.composite
def views(draw: st.DrawFn) -> ReshardView:
    stage = draw(st.sampled_from(Stage))
    view = CALM[stage]
    for name in RANGES:
        mode = draw(st.none() | st.sampled_from(Access))
        access = ShardAccess(mode=mode, by=NAME) if mode is not None else None
        view = with_shard(view, name, transition=None if draw(often) else CHANGING)
        view = view if draw(often) else with_shard(view, name, access=access)
        view = view if draw(often) else replace(view, seen={**view.seen, name: draw(shards_seen(name))})
        view = view if draw(often) else without(view, name)
    if not draw(often):
        routing = draw(st.sampled_from([SOURCES, TARGETS]))
        view = with_keyspace(view, routing=routing)
    if not draw(often):
        claim = ReshardClaim(workflow=draw(st.sampled_from([NAME, NAME, "other"])), armed=draw(st.booleans()))
        view = with_keyspace(view, reshard=draw(st.sampled_from([claim, None])))
    if not draw(often):
        seeded = {name: frozenset({f"{name}-1", f"{name}-2"}) for name in (LOWER, UPPER)}
        fingerprint = draw(st.sampled_from(["v1", "v1", "v2", ""]))
        copied = CopySeen(draw(works()), draw(works()), fingerprint=fingerprint, seeded=seeded)
        view = replace(view, copied=draw(st.sampled_from([copied, copied, None])))
    if not draw(often):
        view = with_status(view, verified=None)
    words = draw(st.lists(st.sampled_from(_WORDS), max_size=2, unique=True))
    return replace(
        with_spec(view, approval=draw(st.sampled_from([Approval.AUTOMATIC, Approval.AUTOMATIC, Approval.MANUAL]))),
        operations=tuple(word(kind, draw(st.sampled_from([Outcome.PENDING, Outcome.RUNNING]))) for kind in words),
        pause=draw(st.sampled_from(["", "", "paused"])),
        failure=draw(st.sampled_from(["", "", "it failed"])),
        stage_age=draw(st.sampled_from([0.0, 99.0])),
        jobs=frozenset(draw(st.lists(st.sampled_from(Job), max_size=3))),
    )


_WORDS = [
    OperationType.PAUSE,
    OperationType.APPROVE,
    OperationType.CANCEL,
    OperationType.REVERSE,
    OperationType.COMPLETE,
]


def _decided(view: ReshardView) -> ReshardStep | None:
    decision = decide_reshard(view)
    assert decision.step is not None or decision.why or decision.awaited, "it does not say why it waits"
    return decision.step


def _swaps(view: ReshardView, step: ReshardStep | None) -> Sides | None:
    if step is None or step.keyspace is None or step.keyspace.routing == view.keyspace.status.routing:
        return None
    return view.forward() if step.keyspace.routing == TARGETS else view.backward()


@settings(max_examples=600, deadline=None)
@given(views())
def test_no_decision_ever_does_what_could_lose_a_write(view: ReshardView):
    step = _decided(view)
    _the_routing_is_swapped_only_where_nothing_can_be_lost(view, step)
    if step is not None:
        _only_whom_the_routing_names_is_opened(view, step)
        _who_serves_is_frozen_only_inside_a_cutover_that_is_armed(view, step)
        _a_pause_begins_nothing_before_the_swap(view, step)
        _channels_never_run_both_ways(view, step)


def _the_routing_is_swapped_only_where_nothing_can_be_lost(view: ReshardView, step: ReshardStep | None) -> None:
    sides = _swaps(view, step)
    if sides is None:
        return
    assert view.is_armed
    assert view.stage in {Stage.SWITCHING, Stage.SWITCHING_BACK}
    assert step is not None
    assert not step.acts
    for one in (*sides.producers, *sides.consumers):
        assert one.status.transition is None
        assert view.seen[one.name].term == one.status.reign.term
    for one in sides.producers:
        assert one.access is Access.FROZEN
        assert view.seen[one.name].frozen
    for one in sides.consumers:
        assert view.seen[one.name].journal
        assert view.seen[one.name].ghosts == 0
    for producer, consumer in sides.pairs:
        assert view.seen[consumer.name].executed.contains(view.seen[producer.name].line)
    verified = view.reshard.status.verified
    assert verified is not None
    assert {one.shard: one.term for one in verified.terms} == view.terms()
    assert view.copied is not None
    assert view.copied.fingerprint == "v1"


def _only_whom_the_routing_names_is_opened(view: ReshardView, step: ReshardStep) -> None:
    routed = {route.shard for route in view.keyspace.status.routing}
    for act in step.acts:
        if isinstance(act, OPENING):
            assert act.shard in routed, step
    for change in step.accesses:
        opens = change.access is None if change.shard.spec.serving else False
        if opens or (change.access is not None and change.access.mode is Access.OPEN):
            assert change.shard.name in routed, step


def _who_serves_is_frozen_only_inside_a_cutover_that_is_armed(view: ReshardView, step: ReshardStep) -> None:
    routed = {route.shard for route in view.keyspace.status.routing}
    for act in step.acts:
        if isinstance(act, acts.Freeze):
            assert act.shard in routed
            assert view.is_armed
            assert view.stage in {Stage.SWITCHING, Stage.SWITCHING_BACK}


def _a_pause_begins_nothing_before_the_swap(view: ReshardView, step: ReshardStep) -> None:
    if view.stage is not Stage.MOVING or not view.is_paused or view.said(OperationType.CANCEL) is not None:
        return
    if step.acts or step.job is not None or step.accesses:
        assert step.job is Job.STOP


def _channels_never_run_both_ways(view: ReshardView, step: ReshardStep) -> None:
    for act in step.acts:
        if isinstance(act, acts.OpenChannel) and act.shard == SOURCE:
            assert SOURCE not in view.seen[act.producer].channels
