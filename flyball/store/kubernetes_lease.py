"""Leases in the Kubernetes store: one ``Lease`` object each, changed by compare-and-swap only.

``leaseTransitions`` is the term: it rises by one with each acquisition, and nobody here deletes the object. Should a
person do so, terms begin above the highest that the next holder has seen. An object without a holder is free.

Each renewal is a new resourceVersion, so one that reads the same twice has not been renewed in between. A waiter
watches the object, and counts the holder's silence on its own clock from its own first look at that version; that it is
still that version when the waiter takes over is what the swap makes sure of.

``leaseDurationSeconds`` holds whole seconds; the exact time stands in an annotation.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from flyball.errors import ClusterError, Code, StoreError
from flyball.kubernetes import Api, Found, Gone, Object, follow
from flyball.kubernetes.resources import LEASES
from flyball.store.kubernetes_refusals import meaning
from flyball.store.port import Lease

_TTL = "flyball.dev/ttl"
_MICROS = "%Y-%m-%dT%H:%M:%S.%fZ"

RETRY = 1.0
"""Seconds until a server that did not answer is asked for the lease again."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two clocks: seconds that leases are counted by, and the wall's time that people read."""

    seconds: Callable[[], float]
    now: Callable[[], datetime]


class Leases:
    """The leases of one namespace, as one process holds them and waits for them.

    :param ended: set when the store is closed.
    """

    def __init__(self, api: Api, namespace: str, clocks: Clocks, ended: asyncio.Event) -> None:
        self._api = api
        self._namespace = namespace
        self._clocks = clocks
        self._ended = ended
        self._held: dict[str, Object] = {}
        self._highest: dict[str, int] = {}
        """The highest term that was seen of each lease."""

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        """See :meth:`Records.acquire`."""
        look = _Look()
        watching = asyncio.create_task(self._watch(name, look))
        try:
            while not self._ended.is_set():
                look.changed.clear()
                if watching.done():
                    watching.result()
                    break
                wait = self._wait(look, holder)
                if wait is not None and wait <= 0:
                    lease = await self._take(look, name, holder, ttl)
                    if lease is not None:
                        return lease
                    wait = RETRY
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await look.changed.wait()
        except ClusterError as error:
            raise meaning(error) from error
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, ClusterError):
                await watching
        raise StoreError(Code.STORE_AWAY, f"lease {name!r}: the store was closed while {holder} waited for it")

    async def renew(self, lease: Lease) -> Lease:
        """See :meth:`Records.renew`."""
        while True:
            asked = self._clocks.seconds()
            stands = await self._mine(lease)
            wanted = self._written(stands, lease.holder, lease.term, lease.ttl)
            if await self._swap(lease.name, wanted):
                return Lease(lease.name, lease.holder, lease.term, lease.ttl, asked + lease.ttl)

    async def release(self, lease: Lease) -> None:
        """See :meth:`Records.release`."""
        while True:
            try:
                stands = await self._mine(lease)
            except StoreError as error:
                if error.code is Code.LEASE_LOST:
                    return
                raise
            wanted = self._written(stands, "", lease.term, lease.ttl)
            if await self._swap(lease.name, wanted):
                self._held.pop(lease.name, None)
                return

    async def _watch(self, name: str, look: "_Look") -> None:
        """Keep ``look`` what the server says."""
        news = follow(self._api, LEASES, self._namespace, name=name, ended=self._ended)
        try:
            async with aclosing(news):
                async for each in news:
                    if isinstance(each, Found):
                        term = each.object["spec"].get("leaseTransitions") or 0
                        self._highest[name] = max(term, self._highest.get(name, 0))
                        look.see(each.object, self._clocks.seconds())
                    elif isinstance(each, Gone):
                        look.see(None, self._clocks.seconds())
                    look.synced = True
                    look.changed.set()
        finally:
            look.synced = True
            look.changed.set()

    def _wait(self, look: "_Look", holder: str) -> float | None:
        """Seconds until the lease may be taken over, from what was seen; None before the first look."""
        if not look.synced:
            return None
        if look.object is None:
            return 0.0
        spec = look.object["spec"]
        if spec.get("holderIdentity") in {None, "", holder}:
            return 0.0
        return _ttl_of(look.object) - (self._clocks.seconds() - look.since)

    async def _take(self, look: "_Look", name: str, holder: str, ttl: float) -> Lease | None:
        """Take the lease over from what was seen; None when that is not so any more, or nobody answered."""
        seen, asked = look.object, self._clocks.seconds()
        stands = seen or {"metadata": {"name": name, "namespace": self._namespace}}
        term = 1 + self._highest.get(name, 0)
        wanted = self._written(stands, holder, term, ttl)
        wanted["spec"]["acquireTime"] = wanted["spec"]["renewTime"]
        try:
            taken = await (self._api.replace(LEASES, wanted) if seen else self._api.create(LEASES, wanted))
        except ClusterError as error:
            if error.code in {Code.API_CONFLICT, Code.API_EXISTS, Code.API_NOT_FOUND, Code.API_AWAY}:
                return None
            raise
        self._held[name], self._highest[name] = taken, term
        return Lease(name, holder, term, ttl, asked + ttl)

    async def _mine(self, lease: Lease) -> Object:
        """The object as it stands for its holder; :raises StoreError: LEASE_LOST when it stands for another."""
        stands = self._held.get(lease.name)
        if stands is None:
            try:
                stands = await self._api.get(LEASES, self._namespace, lease.name)
            except ClusterError as error:
                raise meaning(error) from error
        spec = stands["spec"] if stands else {}
        if stands is not None and (spec.get("holderIdentity"), spec.get("leaseTransitions")) == (
            lease.holder,
            lease.term,
        ):
            return stands
        holder = (
            f"{spec['holderIdentity']} (term {spec['leaseTransitions']})" if spec.get("holderIdentity") else "nobody"
        )
        raise StoreError(
            Code.LEASE_LOST,
            f"lease {lease.name!r}: {lease.holder} held it in term {lease.term}; now {holder} does",
            "Stop acting as the holder; acquire it again.",
        )

    async def _swap(self, name: str, wanted: Object) -> bool:
        """Write the lease; False when it does not stand as we knew it, which is then forgotten."""
        known = self._held.pop(name, None)
        try:
            self._held[name] = await self._api.replace(LEASES, wanted)
        except ClusterError as error:
            if error.code in {Code.API_CONFLICT, Code.API_NOT_FOUND}:
                return False
            if error.code is not Code.API_AWAY and known is not None:
                self._held[name] = known
            raise meaning(error) from error
        return True

    def _written(self, stands: Object, holder: str, term: int, ttl: float) -> Object:
        metadata, spec = stands["metadata"], stands.get("spec", {})
        written = {
            **spec,
            "holderIdentity": holder,
            "leaseTransitions": term,
            "leaseDurationSeconds": math.ceil(ttl),
            "renewTime": _later(self._clocks.now(), spec.get("renewTime")),
        }
        if not holder:
            del written["holderIdentity"]
        annotations = {**(metadata.get("annotations") or {}), _TTL: repr(ttl)}
        return {**stands, "metadata": {**metadata, "annotations": annotations}, "spec": written}


class _Look:
    """What a waiter has seen last, and since when on its own clock."""

    __slots__ = ("changed", "object", "since", "synced")

    def __init__(self) -> None:
        self.object: Object | None = None
        self.since = 0.0
        self.synced = False
        self.changed = asyncio.Event()

    def see(self, stands: Object | None, now: float) -> None:
        self.object, self.since = stands, now


def _ttl_of(stands: Object) -> float:
    try:
        return float(stands["metadata"]["annotations"][_TTL])
    except (KeyError, TypeError, ValueError):
        return float(stands["spec"].get("leaseDurationSeconds") or 0)


def _later(now: datetime, before: str | None) -> str:
    """The time as the server writes it, and never the one that stands: each renewal is a new version."""
    text = now.strftime(_MICROS)
    return (now + timedelta(microseconds=1)).strftime(_MICROS) if text == before else text
