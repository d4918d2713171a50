"""What to do next for one keyspace. Pure: a view in, a decision out.

The invariants, in the order in which the candidates below keep them:

1. A deleted keyspace comes down (``removal``), a paused one is not touched: only the word "paused" reaches its Shards.
2. Nothing is made for a keyspace before its finalizer is on it, so nothing is left behind by a deletion.
3. Endpoints follow the Shard's status before anything else is thought of.
4. A volume of another keyspace is never used, nor replaced by an empty one, unless the user says so (``adopt``).
5. A Shard is declared with all its members at once, when each has its address; the first primary is then chosen among
   all of them.
6. The pod of a declared member is deleted only when the topology service has let this very member go, or when nothing
   of it runs, or when its shard can spare nobody and is calm (rule 11); by uid, and the primary's never.
7. A pod whose node does not answer is forgotten only when its member was let go, so that nothing which still runs
   there can acknowledge a write, and has another volume, so that no two servers ever share one.
8. At most one voluntary change is under way in a keyspace.
9. Deletions come last; what is not known is kept.
"""

from collections.abc import Iterator

from flyball.decision import Decision
from flyball.declaring import CreateShard, HoldKeyspace, MovePrimary, ReplaceShard
from flyball.expand import DesiredShard
from flyball.leaving import is_released, leaving
from flyball.records import Shard
from flyball_operator import declare, needs, removal
from flyball_operator.naming import FINALIZER
from flyball_operator.orphans import orphans_to_remove
from flyball_operator.roles import marks
from flyball_operator.steps import (
    AdoptClaim,
    ApplyObjects,
    DeletePod,
    GrowClaim,
    MakeClaim,
    MakeCredentials,
    MakePod,
    MarkPods,
    RemoveClaim,
    RemoveSecrets,
    Step,
    WriteSecrets,
)
from flyball_operator.view import KeyspaceView, MemberView


def plan(view: KeyspaceView) -> Decision[Step]:
    """The next step for the keyspace, or what is awaited."""
    spec = view.keyspace.spec
    wanted = f"{len(view.desired)} shards with {spec.replicas} members each"
    if view.keyspace.metadata.deletion_requested:
        return removal.plan_removal(view)
    if spec.paused:
        step = next(_pauses(view), None)
        return Decision(wanted, step=step, why="the keyspace is paused", awaited=("the end of the pause",))
    seen = tuple(f"{name}: {text}" for name, text in troubles(view))
    refused = tuple(_refused(view))
    step = next(_candidates(view), None)
    if step is not None:
        return Decision(wanted, seen, step, refused, why=_why(step))
    awaited = tuple(_awaited(view))
    return Decision(wanted, seen, refused=refused, why="" if awaited else "all of it is there", awaited=awaited)


def troubles(view: KeyspaceView) -> Iterator[tuple[str, str]]:
    """What is wrong with members that are meant or declared."""
    for member in view.members.values():
        if view.desired_shard(member.name) is None and view.declaring(member.name) is None:
            continue
        if is_foreign(view, member):
            claim = member.newest
            name = claim.name if claim is not None else ""
            yield member.name, f"the volume claim {name} was made for an earlier keyspace of this name"
        elif member.trouble is not None:
            yield member.name, member.trouble.text
        elif member.pod is not None and member.pod.trouble:
            yield member.name, member.pod.trouble


def is_foreign(view: KeyspaceView, member: MemberView) -> bool:
    """Whether the member's volume belongs to an earlier keyspace of the same name."""
    return member.newest is not None and member.newest.owner != view.keyspace.metadata.uid


def _candidates(view: KeyspaceView) -> Iterator[Step]:
    if FINALIZER not in view.keyspace.metadata.finalizers:
        yield HoldKeyspace()
    if found := marks(view):
        yield MarkPods(found)
    if not view.credentials:
        yield MakeCredentials()
    if view.stale:
        yield WriteSecrets(view.stale)
    if view.unapplied:
        yield ApplyObjects(view.unapplied)
    for shard in view.desired:
        yield from _claims(view, shard)
    yield from _pods(view)
    for shard in view.desired:
        yield from _declarations(view, shard)
    yield from _departures(view)
    yield from _growths(view)
    if view.spent:
        yield RemoveSecrets(view.spent)
    yield from (RemoveClaim(claim.name, claim.uid) for claim in orphans_to_remove(view))


def _pauses(view: KeyspaceView) -> Iterator[Step]:
    for shard in view.shards.values():
        if not shard.spec.paused:
            yield ReplaceShard(shard, shard.spec.model_copy(update={"paused": True}))


def _claims(view: KeyspaceView, shard: DesiredShard) -> Iterator[Step]:
    for name in shard.members:
        member = view.member(name, shard.name)
        if member.newest is None:
            yield MakeClaim(shard.name, name, 1)
        elif is_foreign(view, member) and view.keyspace.spec.storage.adopt:
            for claim in member.claims:
                if claim.owner != view.keyspace.metadata.uid:
                    yield AdoptClaim(claim.name, claim.uid)


def _pods(view: KeyspaceView) -> Iterator[Step]:
    for member in view.members.values():
        pod, newest = member.pod, member.newest
        if pod is not None and pod.ended and not pod.leaving:
            yield DeletePod(member.name, pod.uid, "nothing of it runs any more")
        if pod is None and newest is not None and not member.rests and _may_run(view, member):
            yield MakePod(member.shard, member.name, newest.name)


def _may_run(view: KeyspaceView, member: MemberView) -> bool:
    newest = member.newest
    if newest is None or newest.lost or newest.leaving or is_foreign(view, member):
        return False
    record = view.declaring(member.name)
    if view.desired_shard(member.name) is not None:
        return True
    return record is not None and not is_released(record, member.name)


def _declarations(view: KeyspaceView, shard: DesiredShard) -> Iterator[Step]:
    record = view.shards.get(shard.name)
    if record is None:
        members = [view.member(name) for name in shard.members]
        if all(needs.works(member) and not is_foreign(view, member) for member in members):
            yield CreateShard(shard.name, declare.first_spec(view, shard))
        return
    spec = declare.next_spec(view, shard, record)
    if spec != record.spec:
        yield ReplaceShard(record, spec)
    if (move := _move(view, shard, record)) is not None and shard.name not in view.resting:
        yield move


def _move(view: KeyspaceView, shard: DesiredShard, record: Shard) -> MovePrimary | None:
    """The primary hands over when it is the last that must go, or when its node is about to be drained."""
    primary = record.status.reign.primary
    if record.status.transition is not None or any(one.spec.shard == shard.name for one in view.failovers):
        return None
    if len(record.spec.members) < 2 or leaving(record) or needs.pod_lost(view.member(primary)):
        return None
    told = declare.chosen(view, shard, record)
    if told is not None and told[0] == primary:
        return MovePrimary(shard.name, primary, told[1])
    pod = view.member(primary).pod
    if pod is not None and pod.cordoned and _has_place_to_go(view, record, primary):
        return MovePrimary(shard.name, primary, f"the node of {primary} takes no new pods: it is about to be drained")
    return None


def _has_place_to_go(view: KeyspaceView, record: Shard, primary: str) -> bool:
    """Whether a replica works on a node that stays; from one node that is drained to another would help nobody."""
    others = (view.member(member.name) for member in record.spec.members if member.name != primary)
    return any(needs.works(other) and other.pod is not None and not other.pod.cordoned for other in others)


def _departures(view: KeyspaceView) -> Iterator[Step]:
    """Pods and volumes that give way."""
    for member in view.members.values():
        record = view.declaring(member.name)
        if record is None:
            yield from _of_undeclared(view, member)
        elif is_released(record, member.name):
            yield from _of_released(view, member)
        elif (shard := view.desired_shard(member.name)) is not None:
            yield from _of_serving(view, shard, record, member)


def _of_released(view: KeyspaceView, member: MemberView) -> Iterator[Step]:
    """The topology service has let it go: it acknowledges nothing, and is not the primary."""
    if view.desired_shard(member.name) is None:
        if member.pod is not None and (not member.pod.leaving or member.pod.overdue):
            yield DeletePod(member.name, member.pod.uid, "it has left its shard", force=member.pod.overdue)
        return
    newest = member.newest
    if newest is not None and (needs.volume_lost(member) or needs.volume_small(view, member)):
        yield MakeClaim(member.shard, member.name, newest.volume + 1)
    if member.pod is not None and (why := needs.pod_lost(member)):
        yield DeletePod(member.name, member.pod.uid, why, force=True)
    elif member.pod is not None and (why := needs.pod_stale(view, member)):
        yield DeletePod(member.name, member.pod.uid, why)


def _of_undeclared(view: KeyspaceView, member: MemberView) -> Iterator[Step]:
    """No shard counts on it: it has not joined yet, or it has left."""
    pod, newest = member.pod, member.newest
    if pod is None or pod.leaving or is_foreign(view, member):
        return
    if view.desired_shard(member.name) is None:
        if newest is not None and member.shard in view.shards:
            yield DeletePod(member.name, pod.uid, "nobody declares it")
    elif why := needs.pod_stale(view, member):
        yield DeletePod(member.name, pod.uid, why)


def _of_serving(view: KeyspaceView, shard: DesiredShard, record: Shard, member: MemberView) -> Iterator[Step]:
    pod, why = member.pod, needs.pod_stale(view, member)
    if pod is None or not why:
        return
    if not pod.ready and member.name != record.status.reign.primary:
        yield DeletePod(member.name, pod.uid, f"{why}; it does not work as it is")
        return
    told = declare.chosen(view, shard, record)
    is_told = told is not None and told[0] == member.name
    may_move = member.name != record.status.reign.primary or len(shard.members) == 1
    if is_told and may_move and declare.is_restarted_in_place(view, shard, member.name):
        yield DeletePod(member.name, pod.uid, f"{why}; its shard can spare nobody, and waits for it")


def _growths(view: KeyspaceView) -> Iterator[Step]:
    for member in view.members.values():
        claim = member.newest
        if claim is None or claim.lost or claim.leaving or is_foreign(view, member):
            continue
        if view.desired_shard(member.name) is not None and claim.expandable is not False and needs.grows(view, claim):
            yield GrowClaim(claim.name, view.keyspace.spec.storage.size)


def _why(step: Step) -> str:
    if isinstance(step, DeletePod):
        return step.why
    if isinstance(step, MovePrimary):
        return step.reason
    return "it is the first thing that is missing"


def _refused(view: KeyspaceView) -> Iterator[str]:
    for shard in view.desired:
        if (record := view.shards.get(shard.name)) is not None:
            yield from declare.refused(view, shard, record)


def _awaited(view: KeyspaceView) -> Iterator[str]:
    for shard in view.desired:
        for name in shard.members:
            member = view.member(name, shard.name)
            pod = member.pod
            if is_foreign(view, member):
                yield f"a person moves the claims of {name} away, or says storage.adopt: true"
            elif member.rests:
                yield f"the next attempt with {name}, after a rest"
            elif pod is not None and pod.overdue:
                yield f"the node of {name} answers, or the topology service lets {name} go"
            elif pod is not None and pod.leaving:
                yield f"the pod of {name} ends"
            elif pod is None or not pod.ready:
                yield f"the pod of {name} is ready" + (f" ({pod.trouble})" if pod and pod.trouble else "")
    for record in view.shards.values():
        for told in leaving(record):
            if not is_released(record, told.name):
                yield f"the topology service lets {told.name} go"
    if view.failovers:
        yield f"{', '.join(one.name for one in view.failovers)} ends"
