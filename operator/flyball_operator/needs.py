"""What a member needs that it does not have: another pod, another volume; and whether it may be helped now. Pure.

A *wish* is the user's (another image, a larger volume) and waits for a calm moment. A *loss* (a volume that is gone, a
node that does not answer) waits for nothing but the topology service's word.
"""

from flyball.expand import DesiredShard
from flyball.leaving import leaving
from flyball.quantity import parse_quantity
from flyball.records import Shard
from flyball.records.shard import Role
from flyball_operator.manifests.pod import wishes
from flyball_operator.view import ClaimView, KeyspaceView, MemberView

_AT_WORK = frozenset({Role.PRIMARY, Role.REPLICA})


def volume_lost(member: MemberView) -> str:
    """Why the member cannot have its data back; empty when it can."""
    newest, pod = member.newest, member.pod
    if newest is None:
        return ""
    if newest.lost:
        return f"the volume of {member.name} is lost"
    if pod is not None and pod.leaving and pod.overdue and pod.claim == newest.name:
        return f"the node of {member.name} does not answer, and may hold its volume"
    return ""


def volume_small(view: KeyspaceView, member: MemberView) -> str:
    """Why the member needs another volume than the one that it has, which works."""
    newest = member.newest
    if newest is None or newest.expandable is not False or not grows(view, newest):
        return ""
    return f"the volume of {member.name} has {newest.size}, and its class does not let it grow"


def grows(view: KeyspaceView, claim: ClaimView) -> bool:
    """Whether the claim asks for less than is declared."""
    return parse_quantity(claim.size) < parse_quantity(view.keyspace.spec.storage.size)


def pod_lost(member: MemberView) -> str:
    """Why nobody hears of the member's pod any more; empty when somebody does."""
    pod = member.pod
    if pod is None or not (pod.leaving and pod.overdue):
        return ""
    return f"the pod of {member.name} has not ended long after it should have: its node does not answer"


def pod_stale(view: KeyspaceView, member: MemberView) -> str:
    """Why the member needs another pod than the one that it has, which may well work."""
    pod, newest = member.pod, member.newest
    if pod is None or pod.leaving:
        return ""
    if newest is not None and pod.claim != newest.name:
        return f"{member.name} is to use the volume {newest.name}"
    if pod.wishes != wishes(view.keyspace):
        return f"{member.name} runs with another image, config, resources or placement than declared"
    return ""


def loss(member: MemberView) -> str:
    """What is lost of the member, in words; empty for nothing."""
    return volume_lost(member) or pod_lost(member)


def wish(view: KeyspaceView, member: MemberView) -> str:
    """What is wanted of the member and takes its pod, in words; empty for nothing."""
    return volume_small(view, member) or pod_stale(view, member)


def works(member: MemberView) -> bool:
    """Whether the member's pod is there to stay and lets clients in."""
    return member.pod is not None and member.pod.ready and not member.pod.leaving and not member.pod.ended


def why_not_calm(view: KeyspaceView, desired: DesiredShard, record: Shard) -> str:
    """Why the shard can bear no voluntary change now; empty when it can."""
    status = record.status
    if status.observed_generation != record.metadata.generation:
        return f"the topology service has not seen shard {record.name} as it is declared"
    if status.transition is not None or not status.reign.term:
        return f"shard {record.name} is changing its primary"
    roles = {member.name: member.role for member in status.members}
    for name in desired.members:
        if record.spec.member(name) is None:
            return f"{name} has not joined yet"
        if roles.get(name) not in _AT_WORK:
            return f"{name} does not replicate"
        if not works(view.member(name)):
            return f"the pod of {name} is not ready"
    return ""


def elsewhere(view: KeyspaceView, shard: str) -> str:
    """The voluntary change that is under way in another shard of the keyspace: one at a time."""
    for desired in view.desired:
        record = view.shards.get(desired.name)
        if record is None or desired.name == shard:
            continue
        for told in leaving(record):
            return f"{told.name} leaves"
        for name in desired.members:
            pod = view.member(name).pod
            if record.spec.member(name) is not None and (pod is None or pod.leaving):
                return f"{name} is being made anew"
    return ""


def has_spare(view: KeyspaceView, desired: DesiredShard) -> bool:
    """Whether the shard can do without a member and still have writes acknowledged."""
    return len(desired.members) > view.keyspace.spec.durability.least_members
