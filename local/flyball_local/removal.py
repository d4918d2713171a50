"""How a deleted keyspace comes down. Pure.

Serving ends, the members stop by rule 1, the Shard records go, then the data by reclaimPolicy, and the finalizer
last. No step waits for another component, so a deletion ends even where nothing else runs; foreign directories
do not hold it up, they are only left alone.
"""

from collections.abc import Iterator

from flyball.decision import Decision
from flyball_local.steps import (
    FINALIZER,
    DeleteReshard,
    DeleteShard,
    ReleaseKeyspace,
    RemoveDirectories,
    ReplaceShard,
    Step,
    StopMembers,
)
from flyball_local.view import KeyspaceView


def plan_removal(view: KeyspaceView) -> Decision[Step]:
    """The next step of the way down."""
    step = next(_candidates(view), None)
    awaited = () if step else ("others take their finalizers off",)
    return Decision(f"no keyspace {view.keyspace.name}", step=step, why="it was deleted", awaited=awaited)


def _candidates(view: KeyspaceView) -> Iterator[Step]:
    for shard in view.shards.values():
        if shard.spec.serving:
            yield ReplaceShard(shard, shard.spec.model_copy(update={"serving": False}))
    ours = [member for member in view.members.values() if member.identity is not None]
    alive = tuple(member.name for member in ours if member.process.alive)
    if alive:
        yield StopMembers(alive)
    for reshard in view.reshards:
        yield DeleteReshard(reshard.name)
    for shard in view.shards.values():
        if not shard.metadata.deletion_requested:
            yield DeleteShard(shard.name)
    delete = view.keyspace.spec.reclaim_policy == "Delete"
    if delete and ours:
        yield RemoveDirectories(tuple(member.name for member in ours))
    if FINALIZER in view.keyspace.metadata.finalizers:
        yield ReleaseKeyspace(forget=delete)
