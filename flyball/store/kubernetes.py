"""The record store that a Kubernetes cluster keeps: custom resources of one namespace, and ``Lease`` objects.

The API server gives what the port promises: compare-and-swap is its resourceVersion, spec and status are written
through calls of their own, generation and finalizers are its own. What a write makes of a record is said by
``changes.py``, as in every store, so that a write which changes nothing is none here either.

A write costs one call when the record was read through this store: the object that it was read from is kept for a
while (what else it carries has to be written back with it), and the server compares the version. It costs a second one
where the object is not at hand. No more than ``KEPT`` objects are kept.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Self

from flyball.errors import ClusterError, Code, FlyballError, StoreError
from flyball.kubernetes import Api, Found, Gone, Object, everything, follow
from flyball.kubernetes.credentials import Cluster
from flyball.kubernetes.resources import of_record
from flyball.kubernetes.secrets import KubernetesSecrets
from flyball.records import Record
from flyball.secrets import Secrets
from flyball.store import changes
from flyball.store import kubernetes_objects as objects
from flyball.store.kubernetes_definitions import Definitions
from flyball.store.kubernetes_lease import Clocks, Leases
from flyball.store.kubernetes_refusals import meaning
from flyball.store.port import (
    ALL,
    Added,
    ConflictError,
    Deleted,
    Event,
    Lease,
    Modified,
    R,
    Selector,
    Synced,
    Unreadable,
    no_such,
)

KEPT = 512
"""Objects that are kept for the next write."""


def _now() -> datetime:
    return datetime.now(UTC)


class KubernetesRecords:
    """The :class:`~flyball.store.port.Records` in one namespace. All methods belong to one event loop.

    :param now: the wall clock, for times that people read.
    :param clock: seconds of a monotonic clock, for leases.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        *,
        now: Callable[[], datetime] = _now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._now = now
        self._ended = asyncio.Event()
        self._leases = Leases(api, namespace, Clocks(clock, now), self._ended)
        self._definitions = Definitions(clock)
        self._kept: OrderedDict[tuple[str, str], Object] = OrderedDict()

    @classmethod
    async def connect(cls, cluster: Cluster) -> Self:
        """The store in a cluster; nothing is asked of it yet.

        :raises StoreError: STORE_AWAY where nothing says how it is reached.
        """
        from flyball.kubernetes.client import connect  # noqa: PLC0415 - what it stands on costs 35 MB

        try:
            api, access = await connect(cluster.kubeconfig, cluster.context)
        except ClusterError as error:
            raise meaning(error) from error
        return cls(api, cluster.namespace or access.namespace)

    @property
    def secrets(self) -> Secrets:
        """The secrets that lie beside the records."""
        return KubernetesSecrets(self._api, self._namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every watch and every wait, and the connections."""
        self._ended.set()
        await self._api.close()

    # --- reading -----------------------------------------------------------------------------------

    async def get(self, kind: type[R], name: str) -> R | None:
        """See :meth:`Records.get`."""
        stands = await self._read(kind, name)
        return None if stands is None else objects.of_object(kind, stands)

    async def list(self, kind: type[R], where: Selector = ALL) -> tuple[R, ...]:
        """See :meth:`Records.list`."""
        if where.name is not None:
            found = await self.get(kind, where.name)
            return (found,) if found is not None and where.matches(found) else ()
        try:
            every = await everything(self._api, of_record(kind), self._namespace, labels=where.labels)
        except ClusterError as error:
            raise meaning(error) from error
        records = sorted(
            (objects.of_object(kind, self._keep(kind, each)) for each in every), key=lambda each: each.name
        )
        return tuple(record for record in records if where.matches(record))

    # --- writing -----------------------------------------------------------------------------------

    async def create(self, record: R) -> R:
        """See :meth:`Records.create`."""
        kind = type(record)
        while True:
            try:
                wanted = objects.to_object(record, self._namespace)
                made = await self._definitions.write(kind, wanted, lambda it: self._api.create(of_record(kind), it))
            except ClusterError as error:
                if error.code is not Code.API_EXISTS:
                    raise meaning(error) from error
                current = await self.get(kind, record.name)
                if current is not None:  # else it went meanwhile
                    raise changes.already_exists(current) from error
            else:
                return objects.of_object(kind, self._keep(kind, made))

    async def replace_spec(self, record: R) -> R:
        """See :meth:`Records.replace_spec`."""
        return await self._swap(record, changes.with_spec, objects.with_spec)

    async def replace_status(self, record: R) -> R:
        """See :meth:`Records.replace_status`."""

        def written(stands: Object, changed: Record) -> Object:
            return objects.with_status(stands, changed, self._now())

        return await self._swap(record, changes.with_status, written, "status")

    async def replace_metadata(self, record: R) -> R:
        """See :meth:`Records.replace_metadata`."""
        return await self._swap(record, changes.with_metadata, objects.with_metadata)

    async def delete(self, kind: type[Record], name: str, expected: str | None = None) -> None:
        """See :meth:`Records.delete`."""
        self._kept.pop((kind.kind, name), None)
        try:
            await self._api.delete(of_record(kind), self._namespace, name, revision=expected or "")
        except ClusterError as error:
            raise await self._refusal(error, kind, name, expected or "") from error

    async def _swap(
        self,
        record: R,
        change: Callable[[R, R], R],
        written: Callable[[Object, Record], Object],
        subresource: str = "",
    ) -> R:
        kind, revision = type(record), record.metadata.revision
        stands = self._kept.get((kind.kind, record.name))
        fresh = stands is None or stands["metadata"]["resourceVersion"] != revision
        while True:
            if fresh or stands is None:
                stands = await self._read(kind, record.name)
                if stands is None:
                    raise no_such(kind, record.name)
            current = objects.of_object(kind, stands)
            changes.check_revision(current, revision)
            changed = change(current, record)
            if changed is not current:
                break
            if fresh:
                return current
            fresh = True  # nothing would change; whether it still stands is to be seen
        try:
            made = await self._definitions.write(
                kind,
                written(stands, changed),
                lambda it: self._api.replace(of_record(kind), it, subresource=subresource),
            )
        except ClusterError as error:
            self._kept.pop((kind.kind, record.name), None)
            raise await self._refusal(error, kind, record.name, revision) from error
        return objects.of_object(kind, self._keep(kind, made))

    async def _refusal(self, error: ClusterError, kind: type[Record], name: str, expected: str) -> FlyballError:
        """What a write's refusal means; a conflict brings the record as it is now."""
        if error.code is Code.API_NOT_FOUND:
            return no_such(kind, name)
        if error.code is not Code.API_CONFLICT:
            return meaning(error)
        current = await self.get(kind, name)
        if current is None:
            return no_such(kind, name)
        try:
            changes.check_revision(current, expected)
        except ConflictError as conflict:
            return conflict
        return StoreError(Code.STORE_AWAY, error.message, error.next_step)

    async def _read(self, kind: type[Record], name: str) -> Object | None:
        try:
            stands = await self._api.get(of_record(kind), self._namespace, name)
        except ClusterError as error:
            raise meaning(error) from error
        if stands is None:
            self._kept.pop((kind.kind, name), None)
            return None
        return self._keep(kind, stands)

    def _keep(self, kind: type[Record], stands: Object) -> Object:
        key = (kind.kind, stands["metadata"]["name"])
        self._kept[key] = stands
        self._kept.move_to_end(key)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return stands

    # --- watching ----------------------------------------------------------------------------------

    async def watch(self, kind: type[R], where: Selector = ALL) -> AsyncGenerator[Event[R], None]:
        """See :meth:`Records.watch`."""
        known: dict[str, R] = {}
        stream = follow(
            self._api,
            of_record(kind),
            self._namespace,
            labels=where.labels,
            name=where.name or "",
            ended=self._ended,
        )
        try:
            async with aclosing(stream):
                async for news in stream:
                    for event in self._events(kind, where, known, news):
                        yield event
        except ClusterError as error:
            raise meaning(error) from error

    def _events(self, kind: type[R], where: Selector, known: dict[str, R], news: object) -> "tuple[Event[R], ...]":
        """What the news amount to for a watcher that knows ``known``, which is brought up to date."""
        now: dict[str, R] = {}
        match news:
            case Found(stands):
                name = stands["metadata"]["name"]
                try:
                    record = objects.of_object(kind, self._keep(kind, stands))
                except FlyballError as error:
                    return (Unreadable(name, error),)
                if where.matches(record):
                    now[name] = record
            case Gone((_, name), _):
                pass
            case _:
                return (Synced(),)
        events: tuple[Added[R] | Modified[R] | Deleted[R], ...] = tuple(changes.differences(known, now, [name]))
        for event in events:
            changes.apply(known, event)
        return events

    # --- leases ------------------------------------------------------------------------------------

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        """See :meth:`Records.acquire`."""
        return await self._leases.acquire(name, holder, ttl)

    async def renew(self, lease: Lease) -> Lease:
        """See :meth:`Records.renew`."""
        return await self._leases.renew(lease)

    async def release(self, lease: Lease) -> None:
        """See :meth:`Records.release`."""
        await self._leases.release(lease)
