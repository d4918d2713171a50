"""What a watcher of the SQLite store knows, and how it learns what is new.

A watcher keeps the records that it has told of, and its place in the log. At each beat it reads which names
the log holds beyond its place, reads those records as they are now, and tells the difference to what it knew.
So the log needs no contents, bursts fall together, and a watcher that the log no longer reaches back to (or
whose store was put back to an older copy) does the same with every name. Nothing depends on having seen each
change.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic

from flyball.errors import FlyballError
from flyball.store import changes, sqlite_table
from flyball.store.codec import decode
from flyball.store.port import Event, R, Selector, Unreadable

BEFORE_ALL = -1
"""The place of a watcher that has read nothing yet."""


@dataclass(frozen=True, slots=True)
class News:
    """The texts of all records that may have changed (None: it is gone), as of a place in the log."""

    place: int
    texts: dict[str, str | None]


class Cache(Generic[R]):
    """What one watcher was told of, and where in the log it stands."""

    def __init__(self, kind: type[R], where: Selector) -> None:
        self._kind = kind
        self._where = where
        self._known: dict[str, R] = {}
        self._unreadable: dict[str, str] = {}
        self._place = BEFORE_ALL

    def read(self, connection: sqlite3.Connection) -> News:
        """What is new in the store; changes nothing here, so that a failed read is simply read again."""
        first, last = connection.execute(
            "SELECT coalesce(min(sequence), 0), coalesce(max(sequence), 0) FROM changes"
        ).fetchone()
        if self._place == last:
            return News(last, {})
        behind = self._place + 1 < first or self._place > last
        if self._place == BEFORE_ALL or behind:
            every: dict[str, str | None] = dict.fromkeys([*self._known, *self._unreadable])
            every.update(sqlite_table.texts(connection, self._kind))
            return News(last, every)
        names = connection.execute(
            "SELECT DISTINCT name FROM changes WHERE sequence > ? AND kind = ?", (self._place, self._kind.kind)
        ).fetchall()
        return News(last, {name: sqlite_table.text(connection, self._kind, name) for (name,) in names})

    def take(self, news: News) -> Iterator[Event[R]]:
        """The events that the news amount to, by name."""
        self._place = news.place
        for name, text in sorted(news.texts.items(), key=lambda item: item[0]):
            now: dict[str, R] = {}
            if text is not None:
                try:
                    record = decode(self._kind, name, text)
                except FlyballError as error:
                    if self._unreadable.get(name) != text:
                        self._unreadable[name] = text
                        yield Unreadable(name, error)
                    continue
                if self._where.matches(record):
                    now[name] = record
            self._unreadable.pop(name, None)
            for event in changes.differences(self._known, now, [name]):
                changes.apply(self._known, event)
                yield event
