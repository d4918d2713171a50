"""Where the observer looks: at the API server itself, or at what its watches have told.

A look at the server costs a dozen calls, and is what every step and every word of a status rest on. A glance costs
none: it is a moment behind, so it is good for one answer only, that there is nothing to do. With hundreds of keyspaces
nearly every look of every round is a glance.

Between the two stands what endpoints go by. While they name a primary that is gone, applications write nothing, so the
three questions that they rest on are asked by themselves, before the rest.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from flyball.kubernetes import Api, Resource, everything
from flyball.kubernetes.cache import Cache
from flyball.kubernetes.resources import CLAIMS, PODS, SECRETS
from flyball.kubernetes.secrets import texts
from flyball.records import Failover, Keyspace, Shard
from flyball.secrets import Secret, Secrets
from flyball.store import Records, Selector
from flyball.store.known import Known
from flyball_operator import naming, wanted
from flyball_operator.objects import Object

REMEMBERED = 10.0
"""Seconds for which a glance remembers what belongs to no namespace: a node, a storage class."""


class Source(Protocol):
    """Where the observer looks."""

    @property
    def secrets(self) -> Secrets:
        """The keyspaces' secrets."""
        ...

    async def keyspace(self, name: str) -> Keyspace | None:
        """The Keyspace of that name."""
        ...

    async def shards(self, keyspace: str, desired: Iterable[str]) -> tuple[Shard, ...]:
        """The Shards of a keyspace.

        :param desired: the names of those that it means.
        """
        ...

    async def failovers(self, keyspace: str) -> tuple[Failover, ...]:
        """The Failovers of a keyspace."""
        ...

    async def objects(self, resource: Resource, keyspace: str) -> list[Object]:
        """The objects of a kind that were made for a keyspace."""
        ...

    async def unbound(self, resource: Resource, name: str) -> Object | None:
        """An object that belongs to no namespace."""
        ...


class Server:
    """The API server and the record store themselves.

    :param known: what a watch has told of records: the names of Shards that are not meant any more. No store can list
        the Shards of one keyspace alone, and hundreds are many to read for the sake of one.
    """

    def __init__(
        self, api: Api, namespace: str, records: Records, secrets: Secrets, known: Known | None = None
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._records = records
        self._known = known
        self.secrets: Secrets = secrets

    async def keyspace(self, name: str) -> Keyspace | None:
        """See :meth:`Source.keyspace`."""
        return await self._records.get(Keyspace, name)

    async def shards(self, keyspace: str, desired: Iterable[str]) -> tuple[Shard, ...]:
        """See :meth:`Source.shards`."""
        if self._known is None:
            return await self._records.list(Shard, Selector(keyspace=keyspace))
        names = {*desired, *(shard.name for shard in self._known.of(Shard, keyspace))}
        found = [await self._records.get(Shard, name) for name in sorted(names)]
        return tuple(one for one in found if one is not None and one.spec.keyspace == keyspace)

    async def failovers(self, keyspace: str) -> tuple[Failover, ...]:
        """See :meth:`Source.failovers`."""
        return await self._records.list(Failover, Selector(keyspace=keyspace))

    async def objects(self, resource: Resource, keyspace: str) -> list[Object]:
        """See :meth:`Source.objects`."""
        return await everything(self._api, resource, self._namespace, labels=naming.keyspace_labels(keyspace))

    async def unbound(self, resource: Resource, name: str) -> Object | None:
        """See :meth:`Source.unbound`."""
        return await self._api.get(resource, None, name)


class Watched:
    """What watches have told; of the server it asks only what no watch tells.

    :param clock: seconds of a clock that only moves forward.
    """

    def __init__(self, cache: Cache, known: Known, server: Server, clock: Callable[[], float]) -> None:
        self._cache = cache
        self._known = known
        self._server = server
        self._clock = clock
        self._unbound: dict[tuple[Resource, str], tuple[float, Object | None]] = {}
        self.secrets: Secrets = _WatchedSecrets(cache, server.secrets)

    async def keyspace(self, name: str) -> Keyspace | None:
        """See :meth:`Source.keyspace`."""
        return next(self._known.of(Keyspace, name), None)

    async def shards(self, keyspace: str, desired: Iterable[str]) -> tuple[Shard, ...]:
        """See :meth:`Source.shards`."""
        return tuple(self._known.of(Shard, keyspace))

    async def failovers(self, keyspace: str) -> tuple[Failover, ...]:
        """See :meth:`Source.failovers`."""
        return tuple(self._known.of(Failover, keyspace))

    async def objects(self, resource: Resource, keyspace: str) -> list[Object]:
        """See :meth:`Source.objects`."""
        return self._cache.list(resource, keyspace)

    async def unbound(self, resource: Resource, name: str) -> Object | None:
        """See :meth:`Source.unbound`."""
        now = self._clock()
        asked, found = self._unbound.get((resource, name), (-REMEMBERED, None))
        if now - asked >= REMEMBERED:
            found = await self._server.unbound(resource, name)
            self._unbound = {key: held for key, held in self._unbound.items() if now - held[0] < REMEMBERED}
            self._unbound[resource, name] = now, found
        return found


class Endpoints:
    """What endpoints go by, from the server: the Keyspace, its Shards and its pods; the rest as watches have told."""

    def __init__(self, watched: Watched, server: Server) -> None:
        self._watched = watched
        self._server = server
        self.secrets: Secrets = watched.secrets

    async def keyspace(self, name: str) -> Keyspace | None:
        """See :meth:`Source.keyspace`."""
        return await self._server.keyspace(name)

    async def shards(self, keyspace: str, desired: Iterable[str]) -> tuple[Shard, ...]:
        """See :meth:`Source.shards`."""
        return await self._server.shards(keyspace, desired)

    async def failovers(self, keyspace: str) -> tuple[Failover, ...]:
        """See :meth:`Source.failovers`."""
        return await self._watched.failovers(keyspace)

    async def objects(self, resource: Resource, keyspace: str) -> list[Object]:
        """See :meth:`Source.objects`."""
        source: Source = self._server if resource == PODS else self._watched
        return await source.objects(resource, keyspace)

    async def unbound(self, resource: Resource, name: str) -> Object | None:
        """Unknown: endpoints do not depend on it."""
        return None


def cache_of(api: Api, namespace: str) -> Cache:
    """A cache of all that the operator makes."""
    kinds = (*wanted.KINDS, SECRETS, PODS, CLAIMS)
    return Cache(api, namespace, kinds, labels={naming.MANAGED_BY: naming.MANAGER}, by=naming.KEYSPACE)


class _WatchedSecrets:
    """Secrets from the cache; those that somebody else made, and every write, are the server's."""

    def __init__(self, cache: Cache, server: Secrets) -> None:
        self._cache = cache
        self._server = server

    async def get(self, name: str) -> Secret | None:
        found = self._cache.get(SECRETS, name)
        return await self._server.get(name) if found is None else Secret(texts(name, found))

    async def create(self, name: str, values: Mapping[str, str]) -> None:
        await self._server.create(name, values)

    async def replace(self, name: str, values: Mapping[str, str]) -> None:
        await self._server.replace(name, values)

    async def delete(self, name: str) -> None:
        await self._server.delete(name)
