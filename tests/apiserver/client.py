"""A client of the API server in memory."""

import asyncio
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyball.errors import Code
from flyball.kubernetes.port import Object, Propagation, Resource
from tests.apiserver import rules

if TYPE_CHECKING:
    from tests.apiserver.server import FakeServer


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a client made."""

    verb: str
    resource: Resource
    namespace: str | None
    name: str
    wanted: Object | None = None
    subresource: str = ""


class FakeApi:
    """A client of a :class:`FakeServer`: the :class:`~flyball.kubernetes.port.Api`."""

    def __init__(self, server: "FakeServer", manager: str) -> None:
        self._server = server
        self._manager = manager
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        self._server.end_watches()

    async def list(self, resource, namespace=None, *, labels=None, name="", limit=500, after=""):
        await self._called("list", resource, namespace, name)
        return self._server.page(resource, namespace, labels or {}, name, limit, after)

    async def get(self, resource, namespace, name):
        await self._called("get", resource, namespace, name)
        return self._server.read(resource, namespace, name)

    async def create(self, resource, wanted):
        await self._called("create", resource, wanted["metadata"].get("namespace"), wanted["metadata"]["name"], wanted)
        return self._server.create(resource, wanted, self._manager)

    async def apply(self, resource, wanted, manager, *, force=False, subresource=""):
        place = wanted["metadata"].get("namespace"), wanted["metadata"]["name"]
        await self._called("apply", resource, *place, wanted, subresource)
        return self._server.apply(resource, wanted, manager, force=force, subresource=subresource)

    async def replace(self, resource, wanted, *, subresource=""):
        place = wanted["metadata"].get("namespace"), wanted["metadata"]["name"]
        await self._called("replace", resource, *place, wanted, subresource)
        return self._server.replace(resource, wanted, self._manager, subresource)

    async def patch(self, resource, namespace, name, change, *, subresource=""):
        await self._called("patch", resource, namespace, name, change, subresource)
        return self._server.patch(resource, (namespace or "", name), change, self._manager, subresource)

    async def delete(
        self, resource, namespace, name, *, uid="", revision="", grace=None, propagation: Propagation = "Background"
    ):
        await self._called("delete", resource, namespace, name)
        self._server.delete(resource, (namespace or "", name), uid, revision, grace)

    async def watch(self, resource, namespace=None, *, since, labels=None, name=""):
        await self._called("watch", resource, namespace, name)
        watch = self._server.watch(resource, namespace, since, labels or {}, name)
        try:
            async for change in watch:
                yield deepcopy(change)
                if self._closed:
                    return
        finally:
            await watch.aclose()

    async def _called(self, verb, resource, namespace, name, wanted=None, subresource=""):
        await asyncio.sleep(0)
        call = Call(verb, resource, namespace, name, deepcopy(wanted), subresource)
        if self._closed:
            raise rules.fails(verb, resource, name, Code.API_AWAY, "the connection was closed here")
        self._server.called(call)
