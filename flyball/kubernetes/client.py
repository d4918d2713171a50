"""The port's adapter over HTTP: paths, queries and bodies of each verb.

It is made by :func:`connect`, which reads a kubeconfig or the pod's service account.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

from flyball.errors import ClusterError, Code
from flyball.kubernetes import answers
from flyball.kubernetes.answers import Asked
from flyball.kubernetes.credentials import Access, load
from flyball.kubernetes.port import Change, Changed, Object, Page, Propagation, Resource
from flyball.kubernetes.resources import LEASES, PODS
from flyball.kubernetes.transport import Limits, Request, Transport

_STRICT = {"fieldValidation": "Strict"}
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"


async def connect(
    kubeconfig: Path | None = None, context: str | None = None, limits: Limits | None = None
) -> tuple["Client", Access]:
    """A client of the cluster that the kubeconfig, or the pod that we run in, names; nothing is asked of it yet.

    :raises ClusterError: NO_CLUSTER.
    """
    access = await asyncio.to_thread(load, kubeconfig, context)
    return Client(access, limits or Limits()), access


class Client:
    """The :class:`~flyball.kubernetes.port.Api` of one API server."""

    def __init__(self, access: Access, limits: Limits) -> None:
        self._transport = Transport(access, limits)

    async def close(self) -> None:
        """See :meth:`Api.close`."""
        await self._transport.close()

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        name: str = "",
        limit: int = 500,
        after: str = "",
    ) -> Page:
        """See :meth:`Api.list`."""
        query = {**_selected(labels, name), "limit": str(limit)} | ({"continue": after} if after else {})
        request = Request("GET", resource.path(namespace), query)
        answer = await self._transport.ask(_asked("list", resource, namespace, name), request)
        return Page(
            tuple(
                _tidy({"apiVersion": resource.api_version, "kind": resource.kind, **item}) for item in answer["items"]
            ),
            answer["metadata"]["resourceVersion"],
            answer["metadata"].get("continue", ""),
        )

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """See :meth:`Api.get`."""
        asked = _asked("get", resource, namespace, name)
        try:
            return _tidy(
                await self._transport.ask(
                    asked, Request("GET", resource.path(namespace, name), {}, urgent=resource == LEASES)
                )
            )
        except ClusterError as error:
            if error.code is Code.API_NOT_FOUND:
                return None
            raise

    async def create(self, resource: Resource, wanted: Object) -> Object:
        """See :meth:`Api.create`."""
        namespace, name = _place(wanted)
        request = Request("POST", resource.path(namespace), _STRICT, wanted, urgent=resource == LEASES)
        return _tidy(await self._transport.ask(_asked("create", resource, namespace, name), request))

    async def apply(
        self, resource: Resource, wanted: Object, manager: str, *, force: bool = False, subresource: str = ""
    ) -> Object:
        """See :meth:`Api.apply`."""
        namespace, name = _place(wanted)
        query = {**_STRICT, "fieldManager": manager, "force": "true" if force else "false"}
        request = Request("PATCH", resource.path(namespace, name, subresource), query, wanted, _APPLY)
        return _tidy(await self._transport.ask(_asked("apply", resource, namespace, name), request))

    async def replace(self, resource: Resource, wanted: Object, *, subresource: str = "") -> Object:
        """See :meth:`Api.replace`."""
        namespace, name = _place(wanted)
        path = resource.path(namespace, name, subresource)
        request = Request("PUT", path, _STRICT, wanted, urgent=resource == LEASES)
        return _tidy(await self._transport.ask(_asked("replace", resource, namespace, name), request))

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, change: Object, *, subresource: str = ""
    ) -> Object:
        """See :meth:`Api.patch`."""
        request = Request("PATCH", resource.path(namespace, name, subresource), _STRICT, change, _MERGE)
        return _tidy(await self._transport.ask(_asked("patch", resource, namespace, name), request))

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str = "",
        revision: str = "",
        grace: int | None = None,
        propagation: Propagation = "Background",
    ) -> None:
        """See :meth:`Api.delete`."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid or revision:
            options["preconditions"] = ({"uid": uid} if uid else {}) | (
                {"resourceVersion": revision} if revision else {}
            )
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        request = Request("DELETE", resource.path(namespace, name), {}, options)
        await self._transport.ask(_asked("delete", resource, namespace, name), request)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        since: str,
        labels: Mapping[str, str] | None = None,
        name: str = "",
    ) -> AsyncGenerator[Change, None]:
        """See :meth:`Api.watch`."""
        asked = _asked("watch", resource, namespace, name)
        query = {**_selected(labels, name), "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": since}
        async with aclosing(self._transport.lines(asked, Request("GET", resource.path(namespace), query))) as lines:
            async for line in lines:
                if line["type"] == "ERROR":
                    raise answers.of_status(asked, line["object"])
                yield Change(Changed(line["type"]), _tidy(line["object"]))

    async def log(self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False) -> str:
        """The last lines of a container's log, or of the one that ran in its place before; not among the port's verbs.

        :raises ClusterError: API_NOT_FOUND, API_INVALID (it has not begun), API_FORBIDDEN, API_AWAY (its node is).
        """
        query = {"container": container, "tailLines": str(lines)} | ({"previous": "true"} if previous else {})
        request = Request("GET", PODS.path(namespace, pod, "log"), query)
        return (await self._transport.read(Asked("read", f"the log of Pod {namespace}/{pod}"), request)).decode(
            errors="replace"
        )


def _asked(verb: str, resource: Resource, namespace: str | None, name: str) -> Asked:
    where = "/".join(part for part in (namespace, name) if part)
    return Asked(verb, f"{resource.kind} {where}" if where else resource.plural)


def _place(wanted: Object) -> tuple[str | None, str]:
    return wanted["metadata"].get("namespace"), wanted["metadata"]["name"]


def _selected(labels: Mapping[str, str] | None, name: str) -> dict[str, str]:
    query = {}
    if labels:
        query["labelSelector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    if name:
        query["fieldSelector"] = f"metadata.name={name}"
    return query


def _tidy(thing: Object) -> Object:
    """The object, fresh from the server, without what nobody reads."""
    thing["metadata"].pop("managedFields", None)
    return thing
