"""Volumes that nobody uses any more: shown always, deleted only by the user's word and when it is certain. Pure."""

from collections.abc import Iterator

from flyball.records import Shard
from flyball_operator import needs
from flyball_operator.view import ClaimView, KeyspaceView, MemberView


def orphans(view: KeyspaceView) -> Iterator[tuple[MemberView, ClaimView]]:
    """The claims of this keyspace that no member uses, with the member that they were made for."""
    for member in view.members.values():
        meant = view.desired_shard(member.name) is not None or view.declaring(member.name) is not None
        for claim in member.claims:
            in_use = meant and claim is member.newest
            if not in_use and (member.pod is None or member.pod.claim != claim.name):
                yield member, claim


def orphans_to_remove(view: KeyspaceView) -> Iterator[ClaimView]:
    """Those that ``reclaimPolicy: Delete`` lets go now.

    Each is this keyspace's own, no pod mounts it, and its shard is calm: whatever was on it is on every member that
    serves. What a person may still need (a member held after an accepted loss) stays.
    """
    if view.keyspace.spec.reclaim_policy != "Delete":
        return
    for member, claim in orphans(view):
        record = view.shards.get(member.shard)
        desired = next((shard for shard in view.desired if shard.name == member.shard), None)
        if record is None or desired is None or claim.leaving or claim.owner != view.keyspace.metadata.uid:
            continue
        if _is_held(record, member.name) or needs.why_not_calm(view, desired, record):
            continue
        yield claim


def _is_held(record: Shard, member: str) -> bool:
    return member in record.status.held or any(one.name == member for one in record.status.diverged)
