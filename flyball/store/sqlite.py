"""The embedded record store: one SQLite file that several processes share.

Three connections, each with one purpose. The *writer* and the *reader* are lanes of their own
(``sqlite_lane.py``), so a writer that waits for a lock holds up no reader; the *pulse* (``sqlite_pulse.py``)
notices what other processes write.

A swap is one ``BEGIN IMMEDIATE`` transaction: read the record, check the revision, let ``changes.py`` say what
the write makes of it, store it with a line in the log of changes.

How a watch finds out what changed is told in ``sqlite_watch.py``, how leases pass on in ``sqlite_lease.py``.
"""

import asyncio
import logging
import sqlite3
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Self

from flyball.errors import Code, StoreError
from flyball.records import Record
from flyball.store import changes, sqlite_file, sqlite_lease, sqlite_table, sqlite_watch
from flyball.store.codec import decode
from flyball.store.port import ALL, Event, Lease, R, Selector, Synced, no_such
from flyball.store.sqlite_lane import Lane, T
from flyball.store.sqlite_pulse import Pulse

logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What one may turn; the defaults suit a laptop and a server alike."""

    limit: float = 5.0
    """Seconds that a call waits for a locked store before it fails with STORE_AWAY."""

    interval: float = 0.01
    """Seconds between two looks for other processes' writes where the system has no inotify."""

    log_length: int = 10_000
    """Changes that the log keeps at least. A watcher that is farther behind lists everything again."""

    retry: float = 2.0
    """The longest rest of a watch, in seconds, while the store is away."""


class SqliteRecords:
    """The :class:`~flyball.store.port.Records` in one SQLite file. Make it with :meth:`open`.

    All methods belong to one event loop.
    """

    def __init__(
        self,
        path: Path,
        tuning: Tuning,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        self._tuning = tuning
        self._now = now
        self._clock = clock
        self._writer = Lane(path, "write", "BEGIN IMMEDIATE", tuning.limit)
        self._reader = Lane(path, "read", "BEGIN", tuning.limit)
        self._pulse = Pulse(path, tuning.interval)

    @classmethod
    async def open(
        cls,
        path: Path,
        tuning: Tuning | None = None,
        *,
        now: Callable[[], datetime] = _now,
        clock: Callable[[], float] = time.monotonic,
    ) -> Self:
        """Open the store in the file at ``path``, and make it (0600, its directory 0700) where there is none.

        :param now: the wall clock, for ``created`` alone.
        :param clock: seconds of a monotonic clock, for leases.
        :raises StoreError: STORE_CORRUPT, STORE_TOO_NEW, STORE_UNWRITABLE or STORE_AWAY.
        """
        tuning = tuning or Tuning()
        await asyncio.to_thread(sqlite_file.create_or_check, path, tuning.limit)
        return cls(path, tuning, now, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every watch and close the file."""
        self._pulse.close()
        await self._writer.close()
        await self._reader.close()

    # --- reading -----------------------------------------------------------------------------------

    async def get(self, kind: type[R], name: str) -> R | None:
        """See :meth:`Records.get`."""
        return await self._reader.run(lambda connection: sqlite_table.read(connection, kind, name))

    async def list(self, kind: type[R], where: Selector = ALL) -> tuple[R, ...]:
        """See :meth:`Records.list`."""
        texts = await self._reader.run(lambda connection: sqlite_table.texts(connection, kind))
        records = (decode(kind, name, text) for name, text in texts)
        return tuple(record for record in records if where.matches(record))

    # --- writing -----------------------------------------------------------------------------------

    async def create(self, record: R) -> R:
        """See :meth:`Records.create`."""
        born = changes.born(record, str(uuid.uuid4()), self._now().isoformat(timespec="seconds"))

        def work(connection: sqlite3.Connection) -> R:
            current = sqlite_table.read(connection, type(record), record.name)
            if current is not None:
                raise changes.already_exists(current)
            return self._store(connection, born)

        return await self._write(work)

    async def replace_spec(self, record: R) -> R:
        """See :meth:`Records.replace_spec`."""
        return await self._swap(record, changes.with_spec)

    async def replace_status(self, record: R) -> R:
        """See :meth:`Records.replace_status`."""
        return await self._swap(record, changes.with_status)

    async def replace_metadata(self, record: R) -> R:
        """See :meth:`Records.replace_metadata`."""
        return await self._swap(record, changes.with_metadata)

    async def delete(self, kind: type[Record], name: str, expected: str | None = None) -> None:
        """See :meth:`Records.delete`."""

        def work(connection: sqlite3.Connection) -> None:
            current = sqlite_table.read(connection, kind, name)
            if current is None:
                raise no_such(kind, name)
            if expected is not None:
                changes.check_revision(current, expected)
            if not current.metadata.deletion_requested:
                self._store(connection, changes.with_deletion(current))

        await self._write(work)

    async def _swap(self, record: R, change: Callable[[R, R], R]) -> R:
        def work(connection: sqlite3.Connection) -> R:
            current = sqlite_table.read(connection, type(record), record.name)
            if current is None:
                raise no_such(type(record), record.name)
            changes.check_revision(current, record.metadata.revision)
            changed = change(current, record)
            return current if changed is current else self._store(connection, changed)

        return await self._write(work)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._writer.run(work)
        finally:
            self._pulse.beat()

    def _store(self, connection: sqlite3.Connection, record: R) -> R:
        return sqlite_table.store(connection, record, self._tuning.log_length)

    # --- watching ----------------------------------------------------------------------------------

    async def watch(self, kind: type[R], where: Selector = ALL) -> AsyncGenerator[Event[R], None]:
        """See :meth:`Records.watch`."""
        cache: sqlite_watch.Cache[R] = sqlite_watch.Cache(kind, where)
        synced, failures = False, 0
        while not self._pulse.closed:
            beats = self._pulse.beats
            try:
                news = await self._reader.run(cache.read)
            except StoreError as error:
                if self._pulse.closed:
                    return
                if error.code is not Code.STORE_AWAY:
                    raise
                if failures == 0:
                    logger.warning("watch of %s: %s", kind.kind, error)
                failures = min(failures + 1, 16)
                await asyncio.sleep(_jitter.random() * min(self._tuning.retry, 0.05 * 2**failures))
                continue
            failures = 0
            for event in cache.take(news):
                yield event
            if not synced:
                synced = True
                yield Synced()
            await self._pulse.after(beats)

    # --- leases ------------------------------------------------------------------------------------

    async def acquire(self, name: str, holder: str, ttl: float) -> Lease:
        """See :meth:`Records.acquire`."""
        seen: sqlite_lease.Row | None = None
        since = self._clock()
        while not self._pulse.closed:
            beats = self._pulse.beats
            row = await self._reader.run(lambda connection: sqlite_lease.read(connection, name))
            now = self._clock()
            if row != seen:
                seen, since = row, now
            if row is None or row.is_free or now - since >= row.ttl:
                wanted = sqlite_lease.taken(row, name, holder, ttl)
                if await self._write(partial(sqlite_lease.swap, seen=row, wanted=wanted)):
                    return wanted.lease(now)
                continue
            await self._pulse.after(beats, row.ttl - (now - since))
        raise StoreError(Code.STORE_AWAY, f"lease {name!r}: the store was closed while {holder} waited for it")

    async def renew(self, lease: Lease) -> Lease:
        """See :meth:`Records.renew`."""
        now = self._clock()
        row = await self._write(lambda connection: sqlite_lease.renew(connection, lease))
        return row.lease(now)

    async def release(self, lease: Lease) -> None:
        """See :meth:`Records.release`."""
        await self._write(lambda connection: sqlite_lease.release(connection, lease))


_jitter = Random()  # noqa: S311 - spreads retries, guards nothing
