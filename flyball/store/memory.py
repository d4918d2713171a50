"""The record store without a file: for tests, and for the simulator, where time is virtual.

One :class:`MemoryRecords` is one process's way to the store; :meth:`~MemoryRecords.beside` gives another one on the
same records. What a write makes of a record is said by ``changes.py``, as in every store. A record is read back from
its text when it is written, so what could not be stored cannot be passed on either.

Everything happens between two awaits, so no lock is needed. Nothing here sleeps: a watch waits for the next change,
and a lease for the next change or for the holder's silence on the event loop's clock.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flyball.errors import Code, StoreError
from flyball.records import Record
from flyball.store import changes
from flyball.store.codec import reread
from flyball.store.port import ALL, Event, Lease, R, Selector, Synced, no_such

LEASES = "leases"


def _now() -> datetime:
    return datetime.now(UTC)


def _uid() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class _Held:
    """A lease as stored; ``beat`` rises with each renewal, so what reads the same twice was not renewed between."""

    holder: str
    term: int
    ttl: float
    beat: int = 0


@dataclass(slots=True)
class _Shelf:
    """What all processes share."""

    now: Callable[[], datetime]
    uid: Callable[[], str]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    leases: dict[str, _Held] = field(default_factory=dict)
    revision: int = 0
    changed: dict[str, asyncio.Event] = field(default_factory=dict)
    """By kind, and for the leases: renewing one concerns nobody who watches records."""

    def of(self, kind: type[R]) -> dict[str, R]:
        return self.records.setdefault(kind.kind, {})

    def change_of(self, kind: str) -> asyncio.Event:
        """What is set at the next change."""
        return self.changed.setdefault(kind, asyncio.Event())

    def tell(self, kind: str) -> None:
        """Wake everybody who waits for a change of the kind."""
        waited_for = self.changed.pop(kind, None)
        if waited_for is not None:
            waited_for.set()


class MemoryRecords:
    """The :class:`~flyball.store.port.Records` in this process's memory. All methods belong to one event loop.

    :param now: the wall clock, for ``created`` alone.
    :param uid: makes identities; a seeded one makes every run the same.
    """

    def __init__(self, *, now: Callable[[], datetime] = _now, uid: Callable[[], str] = _uid) -> None:
        self._shelf = _Shelf(now, uid)
        self._closed = False

    def beside(self) -> "MemoryRecords":
        """The same records, as another process has them."""
        other = MemoryRecords()
        other._shelf = self._shelf
        return other

    async def close(self) -> None:
        """End every watch and every wait of this one; the records stay for the others."""
        self._closed = True
        for kind in list(self._shelf.changed):
            self._shelf.tell(kind)

    # --- reading -----------------------------------------------------------------------------------

    async def get(self, kind: type[R], name: str) -> R | None:
        """See :meth:`Records.get`."""
        return self._shelf.of(kind).get(name)

    async def list(self, kind: type[R], where: Selector = ALL) -> tuple[R, ...]:
        """See :meth:`Records.list`."""
        return tuple(record for _, record in sorted(self._shelf.of(kind).items()) if where.matches(record))

    # --- writing -----------------------------------------------------------------------------------

    async def create(self, record: R) -> R:
        """See :meth:`Records.create`."""
        current = self._shelf.of(type(record)).get(record.name)
        if current is not None:
            raise changes.already_exists(current)
        created = self._shelf.now().isoformat(timespec="seconds")
        return self._store(changes.born(record, self._shelf.uid(), created))

    async def replace_spec(self, record: R) -> R:
        """See :meth:`Records.replace_spec`."""
        return self._swap(record, changes.with_spec)

    async def replace_status(self, record: R) -> R:
        """See :meth:`Records.replace_status`."""
        return self._swap(record, changes.with_status)

    async def replace_metadata(self, record: R) -> R:
        """See :meth:`Records.replace_metadata`."""
        return self._swap(record, changes.with_metadata)

    async def delete(self, kind: type[Record], name: str, expected: str | None = None) -> None:
        """See :meth:`Records.delete`."""
        current = self._current(kind, name)
        if expected is not None:
            changes.check_revision(current, expected)
        if not current.metadata.deletion_requested:
            self._store(changes.with_deletion(current))

    def _swap(self, record: R, change: Callable[[R, R], R]) -> R:
        current = self._current(type(record), record.name)
        changes.check_revision(current, record.metadata.revision)
        changed = change(current, record)
        return current if changed is current else self._store(changed)

    def _current(self, kind: type[R], name: str) -> R:
        current = self._shelf.of(kind).get(name)
        if current is None:
            raise no_such(kind, name)
        return current

    def _store(self, record: R) -> R:
        shelf, kind = self._shelf, type(record)
        shelf.revision += 1
        metadata = record.metadata.model_copy(update={"revision": str(shelf.revision)})
        record = reread(record.model_copy(update={"metadata": metadata}))
        if changes.is_gone(record):
            shelf.of(kind).pop(record.name, None)
        else:
            shelf.of(kind)[record.name] = record
        shelf.tell(kind.kind)
        return record

    # --- watching ----------------------------------------------------------------------------------

    async def watch(self, kind: type[R], where: Selector = ALL) -> AsyncGenerator[Event[R], None]:
        """See :meth:`Records.watch`."""
        known: dict[str, R] = {}
        synced = False
        while not self._closed:
            changed = self._shelf.change_of(kind.kind)
            now = {record.name: record for record in await self.list(kind, where)}
            for event in tuple(changes.differences(known, now, sorted(known.keys() | now.keys()))):
                changes.apply(known, event)
                yield event
            if not synced:
                synced = True
                yield Synced()
            await changed.wait()

    # --- leases ------------------------------------------------------------------------------------

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        """See :meth:`Records.acquire`."""
        clock = asyncio.get_running_loop().time
        seen: _Held | None = None
        since = clock()
        while not self._closed:
            changed, held, now = self._shelf.change_of(LEASES), self._shelf.leases.get(name), clock()
            if held != seen:
                seen, since = held, now
            if held is None or not held.holder or now - since >= held.ttl:
                taken = _Held(holder, held.term + 1 if held else 1, ttl)
                return self._hold(name, taken, now)
            try:
                async with asyncio.timeout(held.ttl - (now - since)):
                    await changed.wait()
            except TimeoutError:
                continue
        raise StoreError(Code.STORE_AWAY, f"lease {name!r}: the store was closed while {holder} waited for it")

    async def renew(self, lease: Lease) -> Lease:
        """See :meth:`Records.renew`."""
        held = self._shelf.leases.get(lease.name)
        if held is None or (held.term, held.holder) != (lease.term, lease.holder):
            holder = f"{held.holder} (term {held.term})" if held and held.holder else "nobody"
            raise StoreError(
                Code.LEASE_LOST,
                f"lease {lease.name!r}: {lease.holder} held it in term {lease.term}; now {holder} does",
                "Stop acting as the holder; acquire it again.",
            )
        renewed = replace(held, beat=held.beat + 1, ttl=lease.ttl)
        return self._hold(lease.name, renewed, asyncio.get_running_loop().time())

    async def release(self, lease: Lease) -> None:
        """See :meth:`Records.release`."""
        held = self._shelf.leases.get(lease.name)
        if held is not None and (held.term, held.holder) == (lease.term, lease.holder):
            self._hold(lease.name, replace(held, holder="", beat=held.beat + 1), 0.0)

    def _hold(self, name: str, held: _Held, now: float) -> Lease:
        self._shelf.leases[name] = held
        self._shelf.tell(LEASES)
        return Lease(name, held.holder, held.term, held.ttl, now + held.ttl)
