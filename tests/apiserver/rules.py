"""What the API server in memory makes of one object or one change: pure."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flyball.errors import ClusterError, Code
from flyball.kubernetes.answers import Asked, error
from flyball.kubernetes.port import Change, Changed, Object, Resource

Key = tuple[str, str]
"""Namespace and name."""

Where = tuple[str, str]
"""Group and plural."""

_COUNTED = {"pods", "poddisruptionbudgets", "networkpolicies"}
"""Kinds beside our own whose spec has a generation."""
_WITHOUT_STATUS = {"secrets", "configmaps", "serviceaccounts", "events", "leases", "roles", "rolebindings"}


@dataclass(frozen=True, slots=True)
class Past:
    """One change, as a watch tells it; ``before`` decides what a selector makes of it."""

    revision: int
    where: Where
    before: Object | None
    after: Object | None


def fails(verb: str, resource: Resource, name: str, code: Code, text: str) -> ClusterError:
    return error(code, Asked(verb, f"{resource.kind} {name}"), text)


def key(thing: Object) -> Key:
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]


def body(thing: Object) -> Object:
    return {part: value for part, value in thing.items() if part not in {"metadata", "status"}}


def counts(resource: Resource) -> bool:
    return resource.group == "flyball.dev" or resource.plural in _COUNTED


def has_status(resource: Resource) -> bool:
    return resource.plural not in _WITHOUT_STATUS


def grace(resource: Resource, thing: Object, asked: int | None) -> int:
    """Seconds for which a deleted object stays: only a pod that a node has taken on."""
    spec = thing.get("spec") or {}
    if resource.plural != "pods" or not spec.get("nodeName"):
        return 0
    if thing.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    return spec.get("terminationGracePeriodSeconds", 30) if asked is None else asked


def matches(thing: Object | None, namespace: str | None, labels: Mapping[str, str], name: str) -> bool:
    if thing is None:
        return False
    metadata: dict[str, Any] = thing["metadata"]
    if namespace is not None and metadata.get("namespace", "") != namespace:
        return False
    if name and metadata["name"] != name:
        return False
    return all((metadata.get("labels") or {}).get(key) == value for key, value in labels.items())


def told(past: Past, where: Where, namespace: str | None, labels: Mapping[str, str], name: str) -> Change | None:
    """What a watch with these selectors tells of a change."""
    if past.where != where:
        return None
    was, is_now = (matches(thing, namespace, labels, name) for thing in (past.before, past.after))
    if past.after is not None and is_now:
        return Change(Changed.MODIFIED if was else Changed.ADDED, deepcopy(past.after))
    if past.before is not None and was:
        last = deepcopy(past.before)
        last["metadata"]["resourceVersion"] = str(past.revision)
        return Change(Changed.DELETED, last)
    return None


def merge(live: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, dict):
        return deepcopy(change)
    live = live if isinstance(live, dict) else {}
    for key, value in change.items():
        if value is None:
            live.pop(key, None)
        else:
            live[key] = merge(live.get(key), value)
    return live
