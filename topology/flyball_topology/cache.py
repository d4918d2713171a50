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
        self.synced = asyncio.Event()

    def all(self) -> tuple[R, ...]:
        """Every record, oldest first."""
        return tuple(sorted(self._known.values(), key=lambda record: (record.metadata.created, record.name)))

    def put(self, record: R) -> None:
        """Take in what this service has written."""
        self._known[record.name] = record

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
                self._known[record.name] = record
                self._changed(record)
            case Deleted(record):
                if self._known.pop(record.name, None) is not None:
                    self._changed(record)
            case Synced():
                self.synced.set()
            case Unreadable():
                logger.warning("%s", event.error)


def _ended(record: Record) -> bool:
    return isinstance(record, Failover | Operation) and record.status.outcome.ended
