"""What a Kubernetes namespace tells of the keyspaces in it: objects, events, pods and their logs; never a Secret.

Who reports may not be allowed everything: what could not be read is named in the report, and the rest is there. The
Secrets are asked for only to know what to take out of the other texts.
"""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import yaml

from flyball.errors import ClusterError
from flyball.kubernetes import Api, Object, Resource, everything
from flyball.kubernetes.resources import (
    CLAIMS,
    DISRUPTION_BUDGETS,
    EVENTS,
    LEASES,
    NETWORK_POLICIES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICES,
)

KINDS: tuple[Resource, ...] = (
    PODS,
    CLAIMS,
    SERVICES,
    DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    ROLES,
    ROLE_BINDINGS,
    LEASES,
    EVENTS,
)
"""What is gathered."""

LINES = 5000
"""Lines of each container's log, counted from its end."""
AT_ONCE = 8
"""Logs that are read at once."""

WIDE = 1 << 20
"""Columns of YAML: no text is broken over lines, or a secret in it could not be found."""

_GENERATED = "kubectl.kubernetes.io/last-applied-configuration"
_OURS = ("flyball.dev/keyspace", "app.kubernetes.io/name")


class Cluster(Api, Protocol):
    """An API server that gives logs, too."""

    async def log(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines of a container's log, or of the one that ran in its place before."""
        ...


@dataclass(slots=True)
class Gathered:
    """What was found.

    :ivar texts: by their paths in the report.
    :ivar secrets: what must not stand in them.
    :ivar unread: what could not be read, and why.
    """

    texts: dict[str, str] = field(default_factory=dict)
    secrets: list[dict[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


async def gather(api: Cluster, namespace: str) -> Gathered:
    """Everything of the namespace that belongs to flyball."""
    found = Gathered()
    pods: list[Object] = []
    for kind in KINDS:
        things = [one async for one in _list(api, kind, namespace, found)]
        if kind in {PODS, CLAIMS, SERVICES, DISRUPTION_BUDGETS, NETWORK_POLICIES, ROLES, ROLE_BINDINGS}:
            things = [one for one in things if _is_ours(one)]
        if kind is PODS:
            pods = things
        found.texts[f"{kind.plural}.yaml"] = _text(map(_shown, things))
    async for secret in _list(api, SECRETS, namespace, found):
        found.secrets.append(dict(_values(secret)))
    await _logs(api, namespace, pods, found)
    return found


async def _list(api: Api, kind: Resource, namespace: str, found: Gathered) -> AsyncIterator[Object]:
    try:
        for one in await everything(api, kind, namespace):
            yield one
    except ClusterError as error:
        found.unread.append(error.message)


async def _logs(api: Cluster, namespace: str, pods: list[Object], found: Gathered) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def read(pod: str, container: str, previous: bool) -> None:  # noqa: FBT001 - one task each
        async with free:
            try:
                text = await api.log(namespace, pod, container, lines=LINES, previous=previous)
            except ClusterError as error:
                found.unread.append(f"the log of {pod}/{container}: {error.message}")
            else:
                found.texts[f"logs/{pod}/{container}{'.previous' if previous else ''}.log"] = text

    async with asyncio.TaskGroup() as reading:
        for pod in pods:
            status = pod.get("status", {})
            for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
                reading.create_task(read(pod["metadata"]["name"], one["name"], previous=False))
                if one.get("restartCount"):
                    reading.create_task(read(pod["metadata"]["name"], one["name"], previous=True))


def _is_ours(thing: Object) -> bool:
    labels = thing["metadata"].get("labels") or {}
    return _OURS[0] in labels or labels.get(_OURS[1]) == "flyball"


def _shown(thing: Object) -> Object:
    """The object without what may hold a secret: the values of its environment, and the copy that kubectl keeps."""
    metadata = dict(thing["metadata"])
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _GENERATED}
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    shown = {**thing, "metadata": metadata}
    if thing.get("kind") == "Pod":
        spec = dict(thing.get("spec") or {})
        for part in ("initContainers", "containers"):
            if part in spec:
                spec[part] = [{**one, "env": [_variable(each) for each in one.get("env") or ()]} for one in spec[part]]
        shown["spec"] = spec
    return shown


def _variable(variable: Object) -> Object:
    return {key: value for key, value in variable.items() if key != "value"}


def _values(secret: Object) -> Iterator[tuple[str, str]]:
    for key, value in (secret.get("data") or {}).items():
        try:
            yield key, base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue


def _text(things: Iterator[Object]) -> str:
    return yaml.safe_dump_all(things, sort_keys=False, allow_unicode=True, width=WIDE)
