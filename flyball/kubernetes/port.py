"""The port to a Kubernetes API server: eight verbs on plain objects, as the server speaks them.

An object is what JSON makes of it: a dictionary with ``apiVersion``, ``kind``, ``metadata`` and the rest, and nobody
changes one that was handed out. Who writes names what was read: ``replace`` carries ``metadata.resourceVersion``, and
so may ``patch``; ``delete`` carries the uid and the resourceVersion that must still stand. ``apply`` (server-side
apply) says the fields that one manager wants and owns, and leaves the others' alone.

What every adapter promises, and the contract test checks:

- ``metadata.managedFields`` is never handed out: it can be larger than the rest, and no one here reads it. A write
  without it leaves it as it stands.
- Writes are validated strictly: a field that the server does not know is refused (API_INVALID), never dropped.
- :attr:`~flyball.errors.Code.API_AWAY` from a write means *unknown*: it may have landed. Read until it is known.
- A watch tells every change after ``since``, in order, or says that it cannot (API_GONE): then list again.

All raise :class:`~flyball.errors.ClusterError`: API_AWAY, API_FORBIDDEN and API_UNKNOWN_KIND any of them, and what
their descriptions name.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

Object = dict[str, Any]
"""One object, as JSON has it."""

Propagation = Literal["Background", "Foreground", "Orphan"]
"""What a deletion does to the objects that the deleted one owns."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object, and where the server keeps it.

    :param group: the API group; empty for the core group.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The path on the server.

        :param namespace: all of them when None; what is not namespaced has none.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts += [self.plural, name, subresource]
        return "/" + "/".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list.

    :param revision: the resourceVersion that the list was taken at; a watch may begin there.
    :param after: what to ask the next page with; empty on the last.
    """

    items: tuple[Object, ...]
    revision: str
    after: str = ""


class Changed(StrEnum):
    """What became of an object. A bookmark says only that the watch has come as far as its resourceVersion."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True)
class Change:
    """One change that a watch tells; the object as it is now, or as it was last."""

    changed: Changed
    object: Object

    @property
    def revision(self) -> str:
        """The resourceVersion that a watch goes on from."""
        revision: str = self.object["metadata"]["resourceVersion"]
        return revision


class Api(Protocol):
    """A Kubernetes API server. All methods belong to one event loop."""

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
        """One page of the objects that carry the labels (and the name), by namespace and name.

        :param namespace: all of them when None.
        :param after: of the page before; with it the other arguments stay as they were.
        :raises ClusterError: API_GONE when that page is too long ago: begin anew.
        """
        ...

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object, or None: not being there is an answer."""
        ...

    async def create(self, resource: Resource, wanted: Object) -> Object:
        """Create the object; the namespace is the one in its metadata.

        :raises ClusterError: API_EXISTS, API_INVALID.
        """
        ...

    async def apply(
        self, resource: Resource, wanted: Object, manager: str, *, force: bool = False, subresource: str = ""
    ) -> Object:
        """Make the object have these fields, owned by ``manager``; it is created where it is not there.

        What the manager applied before and leaves out now is taken off, unless someone else owns it too.

        :param force: take fields over that others own.
        :raises ClusterError: API_CONFLICT names who owns a field that would change; API_INVALID.
        """
        ...

    async def replace(self, resource: Resource, wanted: Object, *, subresource: str = "") -> Object:
        """Put the object in the place of the one that has its ``metadata.resourceVersion``.

        With ``subresource="status"`` only the status is taken from it, and without it all but the status.

        :raises ClusterError: API_CONFLICT, API_NOT_FOUND, API_INVALID.
        """
        ...

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, change: Object, *, subresource: str = ""
    ) -> Object:
        """Merge ``change`` into the object (RFC 7386: null takes a field off; lists are replaced).

        :raises ClusterError: API_CONFLICT when the change carries a resourceVersion that no longer stands;
            API_NOT_FOUND, API_INVALID.
        """
        ...

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
        """Delete the object, or request it while finalizers, or a pod's node, hold it back.

        :param uid: that it must have; any when empty. So is ``revision``, its resourceVersion.
        :param grace: seconds that a pod has to end in; 0 forgets it without word from its node.
        :raises ClusterError: API_NOT_FOUND; API_CONFLICT when another uid or resourceVersion stands.
        """
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        since: str,
        labels: Mapping[str, str] | None = None,
        name: str = "",
    ) -> AsyncGenerator[Change, None]:
        """Every change after the resourceVersion ``since``, until the server ends it, after a minute or so.

        An object that ceases to carry the labels is told as DELETED. Close it (``contextlib.aclosing``).

        :raises ClusterError: API_GONE when the server no longer knows all that happened since.
        """
        ...

    async def close(self) -> None:
        """End every watch and every connection."""
        ...
