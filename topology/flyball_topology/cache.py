"""What this service knows of the records between two reads: kept by watches, and by its own writes.

A watch may tell of a record a moment late. An ended workflow never becomes unended again, so a late word of one that
this service has ended already is not believed.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Generic, TypeVar

from flyball.records import Failover, Operation, Record
from flyball.store.port import Added, Deleted, Event, Modified, Records, Synced, Unreadable

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)


class Cache(Generic[R]):
    """All records of one kind."""

    def __init__(self, records: Records, kind: type[R], changed: Callable[[R], None]) -> None:
        self._records = records
        self._kind = kind
        self._changed = changed
        self._known: dict[str, R] = {}
        self._by_shard: dict[str | None, dict[str, R]] = {}
        self.synced = asyncio.Event()

    def all(self) -> tuple[R, ...]:
        """Every record, oldest first."""
        return tuple(sorted(self._known.values(), key=_age))

    def about(self, shard: str) -> tuple[R, ...]:
        """Those about the shard, and those about no shard in particular, oldest first."""
        found = (*self._by_shard.get(shard, {}).values(), *self._by_shard.get(None, {}).values())
        return tuple(sorted(found, key=_age)) if len(found) > 1 else found

    def put(self, record: R) -> None:
        """Take in what this service has written."""
        if (known := self._known.get(record.name)) is not None:
            self._drop(known)
        self._known[record.name] = record
        self._by_shard.setdefault(_shard_of(record), {})[record.name] = record

    def get(self, name: str) -> R | None:
        """The record of that name."""
        return self._known.get(name)

    async def run(self) -> None:
        """Follow the watch until cancelled."""
        async with aclosing(self._records.watch(self._kind)) as events:
            async for event in events:
                self._take(event)

    def _take(self, event: Event[R]) -> None:
        match event:
            case Added(record) | Modified(record):
                known = self._known.get(record.name)
                if (
                    known is not None
                    and known.metadata.uid == record.metadata.uid
                    and _ended(known)
                    and not _ended(record)
                ):
                    return
                if known == record:
                    return
                self.put(record)
                self._changed(record)
            case Deleted(record):
                gone = self._known.get(record.name)
                if gone is not None:
                    self._drop(gone)
                    self._changed(record)
            case Synced():
                self.synced.set()
            case Unreadable():
                logger.warning("%s", event.error)

    def _drop(self, record: R) -> None:
        del self._known[record.name]
        of_shard = self._by_shard[_shard_of(record)]
        del of_shard[record.name]
        if not of_shard:
            del self._by_shard[_shard_of(record)]


def _age(record: Record) -> tuple[str, str]:
    return record.metadata.created, record.name


def _shard_of(record: Record) -> str | None:
    return record.spec.shard if isinstance(record, Failover | Operation) else None


def _ended(record: Record) -> bool:
    return isinstance(record, Failover | Operation) and record.status.outcome.ended
