"""What to do next for one keyspace. Pure: a view in, a decision out.

The invariants, in the order in which the candidates below keep them:

1. A deleted keyspace comes down (``removal``), a paused one is not touched: only the word "paused" reaches its
   Shards. Deleting is the later and stronger word of the two.
2. Nothing is made for a keyspace before its finalizer is on it, so nothing is left behind by a deletion.
3. A directory is used only by the member that its identity names. A foreign one holds up its own shard alone.
4. A Shard is declared with all its members at once, when each has its address; the first primary is then chosen
   among all of them. A member that comes later is declared once its process runs.
5. A member that shall leave is told so (one at a time a shard, never the reigning primary), and is stopped only
   when the topology service has released exactly this incarnation of it (rule 11).
6. What a person stopped stays down. What ended by itself is started again, closed, after its rest; so is what a clone
   that failed has left without procedures.
7. What sleeps because its disk was full, or stumbled over a broken-off clone, is ended and started again.
8. A shard goes only once a reshard that has ended names it, and neither the routing nor another reshard does. Its data
   is kept or removed by reclaimPolicy, as that of every orphan.
9. At most ``AT_ONCE`` members start at the same time, and only one is initialised: a small machine has two cores.
"""

from collections.abc import Iterator

from flyball import resharding
from flyball.decision import Decision
from flyball.expand import DesiredShard
from flyball.leaving import is_released, leaving
from flyball.records import Shard
from flyball_local import declare, removal
from flyball_local.steps import (
    FINALIZER,
    ClaimDirectory,
    CreateReshard,
    CreateShard,
    DeleteShard,
    HoldKeyspace,
    Initialise,
    KillMember,
    MakeCredentials,
    MovePrimary,
    RemoveDirectories,
    ReplaceShard,
    StartMember,
    Step,
    StopMembers,
)
from flyball_local.view import KeyspaceView, MemberView, Process

AT_ONCE = 3
"""Members that may be starting at the same time."""

LOOK_AGAIN = 0.1
"""Seconds until the next look while a member is starting."""


def plan(view: KeyspaceView) -> Decision[Step]:
    """The next step for the keyspace, or what is awaited."""
    spec = view.keyspace.spec
    wanted = f"{len(view.desired)} shards with {spec.replicas} members each"
    if view.keyspace.metadata.deletion_requested:
        return removal.plan_removal(view)
    if spec.paused:
        step = next(_pauses(view), None)
        return Decision(wanted, step=step, why="the keyspace is paused", awaited=("the end of the pause",))
    seen = tuple(
        f"{member.name}: {member.trouble.text}"
        for member in view.members.values()
        if member.trouble is not None and (view.desires(member.name) or view.declares(member.name))
    )
    step = next(_candidates(view), None)
    if step is not None:
        return Decision(wanted, seen, step, why="it is the first thing that is missing")
    awaited = tuple(_awaited(view))
    again = LOOK_AGAIN if any(_is_on_its_way(member) for member in view.members.values()) else None
    return Decision(wanted, seen, why="" if awaited else "all of it is there", awaited=awaited, again=again)


def _candidates(view: KeyspaceView) -> Iterator[Step]:
    if FINALIZER not in view.keyspace.metadata.finalizers:
        yield HoldKeyspace()
    if not view.credentials:
        yield MakeCredentials()
    for shard in view.desired:
        yield from _claims(view, shard)
        yield from _declarations(view, shard)
    yield from _reshards(view)
    yield from _stops(view)
    yield from _starts(view)
    yield from _initialisations(view)
    yield from _removals(view)


def _claims(view: KeyspaceView, shard: DesiredShard) -> Iterator[Step]:
    for name in shard.members:
        member = view.member(name)
        if member.identity is None and not member.foreign and not member.rests:
            yield ClaimDirectory(shard.name, name)


def _declarations(view: KeyspaceView, shard: DesiredShard) -> Iterator[Step]:
    record = view.shards.get(shard.name)
    if record is None:
        if all(view.member(name).identity is not None for name in shard.members):
            yield CreateShard(shard.name, declare.first_spec(view, shard))
        return
    spec = declare.next_spec(view, shard, record)
    if spec != record.spec:
        yield ReplaceShard(record, spec)
    primary = declare.primary_to_move(shard, record)
    if primary is not None and shard.name not in view.resting and not _is_moving(view, record):
        yield MovePrimary(shard.name, primary)


def _reshards(view: KeyspaceView) -> Iterator[Step]:
    """Rows are to be moved; and the shards that a reshard has emptied go, their records first: nobody misses them."""
    wanted = resharding.wanted_reshard(view.keyspace, view.reshards, view.taken)
    if wanted is not None:
        yield CreateReshard(wanted)
    for name in view.shards:
        if view.is_retired(name):
            yield DeleteShard(name)


def _is_moving(view: KeyspaceView, shard: Shard) -> bool:
    return shard.status.transition is not None or any(failover.spec.shard == shard.name for failover in view.failovers)


def _stops(view: KeyspaceView) -> Iterator[Step]:
    for member in view.members.values():
        goes = not _shall_run(view, member) or (member.emptied and member.process is Process.RUNNING)
        if member.identity is not None and member.process.alive and goes:
            yield StopMembers((member.name,))
        elif member.process is Process.RUNNING and (member.sleeps or member.broken):
            yield KillMember(member.name)


def _starts(view: KeyspaceView) -> Iterator[Step]:
    starting = sum(member.process is Process.STARTING for member in view.members.values())
    for member in view.members.values():
        if starting < AT_ONCE and member.initialised and not member.process.alive and _may_run(view, member):
            yield StartMember(member.name)


def _initialisations(view: KeyspaceView) -> Iterator[Step]:
    for member in view.members.values():
        if member.identity is not None and not member.initialised and _may_run(view, member):
            yield Initialise(member.name)


def _removals(view: KeyspaceView) -> Iterator[Step]:
    """By reclaimPolicy, what left by the protocol: no record names it any more. What was only a copy goes anyway."""
    delete = view.keyspace.spec.reclaim_policy == "Delete"
    for member in view.members.values():
        if member.identity is None or member.process.alive or view.desires(member.name) or view.declares(member.name):
            continue
        shard = member.identity.shard
        is_copy = view.is_retired(shard) and resharding.is_only_a_copy(shard, view.reshards)
        if is_copy or (delete and (shard in view.shards or view.is_retired(shard))):
            yield RemoveDirectories((member.name,))


def _shall_run(view: KeyspaceView, member: MemberView) -> bool:
    if member.stopped:
        return False
    for shard in view.shards.values():
        if shard.spec.member(member.name) is not None:
            return not is_released(shard, member.name) or view.desires(member.name)
    return view.desires(member.name)


def _may_run(view: KeyspaceView, member: MemberView) -> bool:
    return member.identity is not None and not member.rests and _shall_run(view, member)


def _is_on_its_way(member: MemberView) -> bool:
    return member.process is Process.STARTING or member.rests


def _pauses(view: KeyspaceView) -> Iterator[Step]:
    for shard in view.shards.values():
        if not shard.spec.paused:
            yield ReplaceShard(shard, shard.spec.model_copy(update={"paused": True}))


def _awaited(view: KeyspaceView) -> Iterator[str]:
    for member in view.members.values():
        if member.process is Process.STARTING:
            yield f"{member.name} accepts connections"
        elif member.foreign and view.desires(member.name):
            yield f"the directory of {member.name} is moved away"
        elif member.rests:
            yield f"the next attempt with {member.name}, after a rest"
        elif member.stopped and view.desires(member.name):
            yield f"a person starts {member.name}, which a person stopped"
    for shard in view.shards.values():
        for one in leaving(shard):
            yield f"the topology service releases {one.name}"
