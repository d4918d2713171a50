"""What the API's objects say about a member. Pure: objects and a time in, frozen views out.

Texts that move by themselves (a back-off's seconds, a restart count) are left out: a status changes only when the state
does.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from flyball_operator import naming
from flyball_operator.manifests.pod import CONTAINER
from flyball_operator.objects import Object
from flyball_operator.view import ClaimView, PodView

OVERDUE = timedelta(seconds=60)
"""How long after the end of its grace a pod that is being deleted must be gone; its node does not answer otherwise."""

_ON_ITS_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})


def read_pod(pod: Object, nodes: Mapping[str, bool], now: datetime) -> PodView:
    """A member's pod.

    :param nodes: whether each node that is known takes no new pods.
    """
    metadata, spec, status = pod["metadata"], pod.get("spec", {}), pod.get("status", {})
    ends = metadata.get("deletionTimestamp")
    return PodView(
        uid=metadata["uid"],
        ip=status.get("podIP", ""),
        ready=_condition(status, "Ready").get("status") == "True",
        wishes=(metadata.get("annotations") or {}).get(naming.WISHES, ""),
        role=(metadata.get("labels") or {}).get(naming.ROLE, ""),
        owner=next((one["uid"] for one in metadata.get("ownerReferences", ()) if one["kind"] == "Shard"), ""),
        claim=next(
            (one["persistentVolumeClaim"]["claimName"] for one in spec.get("volumes", ()) if one["name"] == "data"), ""
        ),
        ended=status.get("phase") in {"Failed", "Succeeded"},
        leaving=ends is not None,
        overdue=ends is not None and now > datetime.fromisoformat(ends) + OVERDUE,
        cordoned=nodes.get(spec.get("nodeName", "")),
        trouble=next(_troubles(status), ""),
    )


def read_claim(claim: Object, classes: Mapping[str, bool]) -> ClaimView | None:
    """A member's claim; None where it is none of ours, whatever labels it carries.

    :param classes: whether volumes of each storage class that is known may grow.
    """
    metadata, spec = claim["metadata"], claim["spec"]
    volume = (metadata.get("labels") or {}).get(naming.VOLUME, "")
    if not volume.isdecimal():
        return None
    return ClaimView(
        name=metadata["name"],
        uid=metadata["uid"],
        volume=int(volume),
        owner=(metadata.get("annotations") or {}).get(naming.OWNER_UID, ""),
        size=spec["resources"]["requests"]["storage"],
        lost=claim.get("status", {}).get("phase") == "Lost",
        expandable=classes.get(spec.get("storageClassName", "")),
        leaving="deletionTimestamp" in metadata,
    )


def _condition(status: Object, kind: str) -> Object:
    found: Object = next((one for one in status.get("conditions") or () if one["type"] == kind), {})
    return found


def _troubles(status: Object) -> Iterator[str]:
    """What keeps a pod from working, in Kubernetes' own words."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        yield f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}".rstrip(": ")
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = container.get("state", {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason == "CrashLoopBackOff":
            ended = container.get("lastState", {}).get("terminated") or {}
            what = "mysqld" if container["name"] == CONTAINER else container["name"]
            yield f"{what} ends by itself, with exit code {ended.get('exitCode', '?')}: see the pod's log"
        elif reason not in _ON_ITS_WAY:
            yield f"{reason}: {waiting.get('message', '')}".rstrip(": ")
