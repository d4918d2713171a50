"""Which role each pod carries: endpoints follow the Shard's status, and nothing else. Pure."""

from flyball.records import Shard
from flyball.records.shard import Intent, Role
from flyball_operator.naming import NO_ROLE, PRIMARY, REPLICA
from flyball_operator.steps import Mark
from flyball_operator.view import KeyspaceView


def marks(view: KeyspaceView) -> tuple[Mark, ...]:
    """The pods whose role or owner is not as it should be; who is no primary comes first.

    So no moment has two primaries behind one Service, only one without any.
    """
    found = []
    for member in view.members.values():
        pod, record = member.pod, view.declaring(member.name)
        if pod is None or pod.leaving:
            continue
        role = role_of(record, member.name) if record is not None else NO_ROLE
        owner = record.metadata.uid if record is not None else pod.owner
        if (pod.role or NO_ROLE) != role or pod.owner != owner:
            found.append(Mark(member.name, pod.uid, role, owner))
    return tuple(sorted(found, key=lambda mark: (mark.role == PRIMARY, mark.pod)))


def role_of(record: Shard, member: str) -> str:
    """What the member is to applications, by the Shard's status."""
    if record.status.reign.term and record.status.reign.primary == member:
        return PRIMARY
    declared = record.spec.member(member)
    seen = next((one for one in record.status.members if one.name == member), None)
    if declared is None or declared.intent is Intent.LEAVE or seen is None or seen.role is not Role.REPLICA:
        return NO_ROLE
    return REPLICA
