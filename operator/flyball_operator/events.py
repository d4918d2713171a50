"""The catalogue of Kubernetes events: what a person who runs ``kubectl describe keyspace`` wants to have been told.

One for each step that changes what serves, or that takes something away; none for a pass that waits, and none that
repeats itself. Conditions say how things stand; events say what was done. Pure.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from flyball.declaring import CreateShard, DeleteShard, MovePrimary
from flyball.records import API_VERSION, Keyspace
from flyball_operator.manifests.digest import digest
from flyball_operator.naming import MANAGER
from flyball_operator.objects import Object
from flyball_operator.steps import AdoptClaim, DeletePod, DeletePods, GrowClaim, MakeClaim, RemoveClaim, Step


class Reason(StrEnum):
    """Why there is an event. A reason never changes its meaning."""

    SHARD_DECLARED = "ShardDeclared"
    """A shard's members all run, and it was declared: its first primary is chosen next."""
    SHARD_REMOVED = "ShardRemoved"
    """A shard of a deleted keyspace was taken away."""
    PRIMARY_HANDS_OVER = "PrimaryHandsOver"
    """A planned change of primary was asked for."""
    MEMBER_RESTARTED = "MemberRestarted"
    """A member's pod was deleted, to be made anew on its volume or to go for good."""
    MEMBER_FORGOTTEN = "MemberForgotten"
    """A pod was forgotten without word from its node; nothing that runs there can acknowledge a write."""
    VOLUME_REPLACED = "VolumeReplaced"
    """A member gets another volume, and is made anew there from the others."""
    VOLUME_GROWN = "VolumeGrown"
    """A larger volume was asked for in the place of the one that there is."""
    VOLUME_ADOPTED = "VolumeAdopted"
    """The volume of an earlier keyspace was taken over, as the user said."""
    VOLUME_DELETED = "VolumeDeleted"
    """A volume that nobody uses any more was deleted, as ``reclaimPolicy`` says."""
    KEYSPACE_STOPPED = "KeyspaceStopped"
    """The pods of a deleted keyspace were told to end."""


WARNINGS = frozenset({Reason.MEMBER_FORGOTTEN, Reason.VOLUME_DELETED})
"""What a person should look at."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an event says."""

    reason: Reason
    message: str


def told_of(step: Step) -> Told | None:
    """What is told of a step that was taken; None for one that nobody needs to hear of."""
    match step:
        case CreateShard(name):
            return Told(Reason.SHARD_DECLARED, f"shard {name} was declared")
        case DeleteShard(name):
            return Told(Reason.SHARD_REMOVED, f"shard {name} was taken away")
        case MovePrimary(shard, member, reason):
            return Told(Reason.PRIMARY_HANDS_OVER, f"{member} hands shard {shard} over: {reason}")
        case DeletePod(member, _, why, True):
            return Told(Reason.MEMBER_FORGOTTEN, f"the pod of {member} was forgotten: {why}")
        case DeletePod(member, _, why):
            return Told(Reason.MEMBER_RESTARTED, f"the pod of {member} was deleted: {why}")
        case DeletePods(pods):
            return Told(Reason.KEYSPACE_STOPPED, f"the pods {', '.join(name for name, _ in pods)} were told to end")
        case MakeClaim(_, member, volume) if volume > 1:
            return Told(Reason.VOLUME_REPLACED, f"{member} gets its volume number {volume}")
        case GrowClaim(name, size):
            return Told(Reason.VOLUME_GROWN, f"{name} was asked to grow to {size}")
        case AdoptClaim(name):
            return Told(Reason.VOLUME_ADOPTED, f"{name} was taken over from an earlier keyspace")
        case RemoveClaim(name):
            return Told(Reason.VOLUME_DELETED, f"{name} was deleted with what was on it")
    return None


def event(keyspace: Keyspace, namespace: str, told: Told, now: datetime) -> Object:
    """The event. The same thing told twice in a second is one event: its name says what and when."""
    moment = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    regarding = {
        "apiVersion": API_VERSION,
        "kind": "Keyspace",
        "name": keyspace.name,
        "namespace": namespace,
        "uid": keyspace.metadata.uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{keyspace.name}.{digest([told.reason, told.message, moment])}",
            "namespace": namespace,
        },
        "involvedObject": regarding,
        "reason": str(told.reason),
        "message": told.message,
        "type": "Warning" if told.reason in WARNINGS else "Normal",
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
        "reportingInstance": MANAGER,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
