"""Views of a reshard from one shard to two, built so that exactly one thing can be made to lack."""

from dataclasses import replace
from datetime import UTC, datetime

from flyball.gtid import GtidSet
from flyball.records import Keyspace, Metadata, Operation, Reshard, Shard
from flyball.records.failover import Outcome, Step, StepState
from flyball.records.keyspace import KeyspaceSpec, KeyspaceStatus, ReshardClaim, ShardRoute
from flyball.records.operation import OperationSpec, OperationType
from flyball.records.reshard import ReshardSpec, ReshardStatus, ShardTerm, Stage, StepName, Verified
from flyball.records.shard import Access, MemberSpec, Reign, ShardAccess, ShardSpec, ShardStatus
from flyball_topology.reshard.seen import ChannelSeen, CopySeen, ShardSeen, Work, WorkSeen
from flyball_topology.reshard.view import ReshardView

NAME = "commerce-reshard-2"
SOURCE, LOWER, UPPER = "commerce-x-x", "commerce-x-80", "commerce-80-x"
RANGES = {SOURCE: "-", LOWER: "-80", UPPER: "80-"}
SOURCES = (ShardRoute(range="-", shard=SOURCE),)
TARGETS = (ShardRoute(range="-80", shard=LOWER), ShardRoute(range="80-", shard=UPPER))
UUID = "00000001-0000-0000-0000-000000000000"
LINE = GtidSet.span(UUID, 1, 100)
TODAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
DONE = {Stage.MOVING: 5, Stage.SWITCHING: 5, Stage.UNDOING: 5}
"""How many steps are told as done at each stage; more later."""


def shard(name: str, access: Access | None = None, *, serving: bool = True, term: int = 1) -> Shard:
    members = tuple(MemberSpec(name=f"{name}-{n}", host="h", port=3306) for n in (1, 2))
    spec = ShardSpec(
        keyspace="commerce", range=RANGES[name], database="commerce", members=members, credentials="c", serving=serving
    )
    decided = ShardAccess(mode=access, by=NAME) if access is not None else None
    status = ShardStatus(issued=term, reign=Reign(term=term, primary=f"{name}-1", uuid=UUID), access=decided)
    return Shard(metadata=Metadata(name=name), spec=spec, status=status)


def channel(lacks: GtidSet | None = None, lag: float | None = 0.0, *, runs: bool = True) -> ChannelSeen:
    return ChannelSeen(runs, runs, GtidSet() if lacks is None else lacks, lag)


def seen(name: str, *producers: str, writable: bool, **more: object) -> ShardSeen:
    told = ShardSeen(
        shard=name,
        term=1,
        writable=writable,
        frozen=not writable,
        executed=LINE,
        line=LINE,
        movers=frozenset({f"{name}-1", f"{name}-2"}),
        guarded=True,
        channels={producer: channel() for producer in producers},
        ghosts=0,
        journal=1,
    )
    return replace(told, **more)


def status(stage: Stage = Stage.MOVING, **more: object) -> ReshardStatus:
    """Everything is done that comes before the cutover."""
    count = DONE.get(stage, 6)
    terms = tuple(ShardTerm(shard=name, term=1) for name in RANGES)
    known: dict[str, object] = {
        "outcome": Outcome.RUNNING,
        "stage": stage,
        "steps": tuple(
            Step(name=name, state=StepState.DONE, started="2026-01-01T11:00:00+00:00")
            for name in list(StepName)[:count]
        ),
        "fingerprint": "v1",
        "tables": ("orders",),
        "verified": Verified(terms=terms, rows=10),
    }
    return ReshardStatus.model_validate({**known, **more})


def view_at(stage: Stage = Stage.MOVING, **more: object) -> ReshardView:
    """A calm view at a stage: the cutover, or what follows the stage, may begin."""
    switched = stage in {Stage.SWITCHED, Stage.SWITCHING_BACK, Stage.UNDOING_BACK, Stage.COMPLETING}
    armed = stage in {Stage.SWITCHING, Stage.SWITCHING_BACK}
    claim = ReshardClaim(workflow=NAME, armed=armed)
    keyspace = Keyspace(
        metadata=Metadata(name="commerce", generation=2),
        spec=KeyspaceSpec(shards=2, replicas=2),
        status=KeyspaceStatus(routing=TARGETS if switched else SOURCES, reshard=claim),
    )
    spec = ReshardSpec(keyspace="commerce", generation=2, sources=SOURCES, targets=TARGETS)
    source = shard(SOURCE, Access.FROZEN if switched or stage is Stage.SWITCHING else None, serving=not switched)
    access = Access.OPEN if switched else Access.FILLING
    if stage is Stage.SWITCHING_BACK:
        access = Access.FROZEN
    targets = tuple(shard(name, access, serving=switched) for name in (LOWER, UPPER))
    takes = source.serves
    forth, back = (() if switched else (SOURCE,)), ((LOWER, UPPER) if switched else ())
    told = {
        SOURCE: seen(SOURCE, *back, writable=takes),
        **{name: seen(name, *forth, writable=access is Access.OPEN) for name in (LOWER, UPPER)},
    }
    done = WorkSeen(Work.DONE, terms=dict.fromkeys(RANGES, 1), reverse=switched)
    members = {name: frozenset({f"{name}-1", f"{name}-2"}) for name in (LOWER, UPPER)}
    view = ReshardView(
        now=100.0,
        today=TODAY,
        reshard=Reshard(metadata=Metadata(name=NAME), spec=spec, status=status(stage)),
        keyspace=keyspace,
        sources=(source,),
        targets=targets,
        copied=CopySeen(WorkSeen(Work.DONE), done, fingerprint="v1", seeded=members),
        seen=told,
        pruned_age=0.0,
    )
    return replace(view, **more)


def with_seen(view: ReshardView, name: str, **changes: object) -> ReshardView:
    return replace(view, seen={**view.seen, name: replace(view.seen[name], **changes)})


def with_status(view: ReshardView, **changes: object) -> ReshardView:
    known = view.reshard.status.model_copy(update=changes)
    return replace(view, reshard=view.reshard.model_copy(update={"status": known}))


def with_spec(view: ReshardView, **changes: object) -> ReshardView:
    known = view.reshard.spec.model_copy(update=changes)
    return replace(view, reshard=view.reshard.model_copy(update={"spec": known}))


def with_keyspace(view: ReshardView, **changes: object) -> ReshardView:
    known = view.keyspace.status.model_copy(update=changes)
    return replace(view, keyspace=view.keyspace.model_copy(update={"status": known}))


def with_shard(view: ReshardView, name: str, **changes: object) -> ReshardView:
    def changed(one: Shard) -> Shard:
        if one.name != name:
            return one
        return one.model_copy(update={"status": one.status.model_copy(update=changes)})

    return replace(view, sources=tuple(map(changed, view.sources)), targets=tuple(map(changed, view.targets)))


def word(kind: OperationType, outcome: Outcome = Outcome.PENDING) -> Operation:
    spec = OperationSpec(type=kind, keyspace="commerce", workflow=NAME)
    made = Operation(metadata=Metadata(name=f"{kind}-1"), spec=spec)
    return made.model_copy(update={"status": made.status.model_copy(update={"outcome": outcome})})


def without(view: ReshardView, name: str) -> ReshardView:
    """The shard does not answer."""
    return replace(view, seen={key: one for key, one in view.seen.items() if key != name}, unseen={name: "silent"})
