"""The records of some kinds as a watch told of them last, by keyspace: reading them costs no call.

It is a moment behind what stands, like every watch; a write made from what is read here carries its revision, so one
that was too late is refused.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from flyball.records import Record
from flyball.store.port import Deleted, Event, R, Synced, Unreadable, keyspace_of


class Known:
    """What the watches of several kinds have told."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], str] = {}
        """The keyspace of each record, by kind and name."""
        self._records: dict[tuple[str, str], dict[str, Any]] = {}
        """The records of each kind and keyspace, by name."""
        self._synced: dict[str, asyncio.Event] = {}

    def see(self, kind: type[Record], event: Event[Any]) -> None:
        """Take in what a watch of ``kind`` told. A record that cannot be read is not known any more."""
        match event:
            case Synced():
                self._synced.setdefault(kind.kind, asyncio.Event()).set()
            case Unreadable(name):
                self._forget(kind, name)
            case Deleted(record):
                self._forget(kind, record.name)
            case _:
                keyspace = keyspace_of(event.record) or ""
                self._places[kind.kind, event.record.name] = keyspace
                self._records.setdefault((kind.kind, keyspace), {})[event.record.name] = event.record

    def of(self, kind: type[R], keyspace: str) -> Iterator[R]:
        """The records of a keyspace, by name; its own, too."""
        found: dict[str, R] = self._records.get((kind.kind, keyspace), {})
        for name in sorted(found):
            yield found[name]

    async def synced(self, *kinds: type[Record]) -> None:
        """Wait until all that there is of these kinds has been told."""
        for kind in kinds:
            await self._synced.setdefault(kind.kind, asyncio.Event()).wait()

    def _forget(self, kind: type[Record], name: str) -> None:
        place = kind.kind, self._places.pop((kind.kind, name), "")
        found = self._records.get(place, {})
        found.pop(name, None)
        if not found:
            self._records.pop(place, None)
