"""How a deleted keyspace comes down. Pure.

Serving ends, the members' pods go (each stops by rule 1), the Shard records go, then the volumes by reclaimPolicy, and
the finalizer last; what else there is belongs to the Keyspace and goes with it. No step waits for another component. A
node that does not answer holds it up only until its pods are overdue: they are then forgotten. So a deletion ends.
"""

from collections.abc import Iterator

from flyball.decision import Decision
from flyball.declaring import DeleteShard, ReleaseKeyspace, ReplaceShard
from flyball_operator.naming import FINALIZER
from flyball_operator.steps import DeletePods, RemoveClaim, Step
from flyball_operator.view import ClaimView, KeyspaceView


def plan_removal(view: KeyspaceView) -> Decision[Step]:
    """The next step of the way down."""
    wanted = f"no keyspace {view.keyspace.name}"
    step = next(_candidates(view), None)
    if step is not None:
        return Decision(wanted, step=step, why="it was deleted")
    awaited = tuple(f"the pod of {member.name} ends" for member in view.members.values() if member.pod is not None)
    return Decision(wanted, why="it was deleted", awaited=awaited or ("others take their finalizers off",))


def _candidates(view: KeyspaceView) -> Iterator[Step]:
    for shard in view.shards.values():
        if shard.spec.serving and not shard.metadata.deletion_requested:
            yield ReplaceShard(shard, shard.spec.model_copy(update={"serving": False}))
    pods = [(member.name, member.pod) for member in view.members.values() if member.pod is not None]
    if going := tuple((name, pod.uid) for name, pod in pods if not pod.leaving):
        yield DeletePods(going)
    if overdue := tuple((name, pod.uid) for name, pod in pods if pod.leaving and pod.overdue):
        yield DeletePods(overdue, force=True)
    if pods:
        return
    for shard in view.shards.values():
        if not shard.metadata.deletion_requested:
            yield DeleteShard(shard.name)
    delete = view.keyspace.spec.reclaim_policy == "Delete"
    own = [claim for member in view.members.values() for claim in member.claims if _is_ours(view, claim)]
    if delete:
        yield from (RemoveClaim(claim.name, claim.uid) for claim in own)
    if FINALIZER in view.keyspace.metadata.finalizers:
        yield ReleaseKeyspace(forget=delete)


def _is_ours(view: KeyspaceView, claim: ClaimView) -> bool:
    return claim.owner == view.keyspace.metadata.uid and not claim.leaving
