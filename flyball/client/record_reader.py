"""Reading records in a blocking program: one SQLite connection, and a cheap look whether anything changed.

``PRAGMA data_version`` reads SQLite's shared memory and no disk; only when it moved is a record read again. A
store that goes away does not stop a client: what was last known is served on.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Self, TypeVar

from flyball.addressing import Target, find_shard, in_order
from flyball.client.situation import Situation, situation_of
from flyball.errors import Code, InputError, StoreError
from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Record, Shard
from flyball.records.keyspace import ShardRoute
from flyball.store import sqlite_file, sqlite_table
from flyball.store.codec import decode

LIMIT = 5.0
"""Seconds that a read waits for a locked store."""

K = TypeVar("K", bound=Record)
V = TypeVar("V")


class RecordReader:
    """The records in the store at ``path``, which must exist. Close it, or use it as a context.

    :raises StoreError: STORE_AWAY when there is no store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = sqlite_file.connect(path, LIMIT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def version(self) -> tuple[int, int] | None:
        """What differs after any change of the store; None while it cannot be told."""
        if self._connection is None:
            return None
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            return int(version), self._path.stat().st_ino
        except (sqlite3.Error, OSError):
            return None

    def find_shard(self, keyspace: str, shard: str | None) -> str:
        """The name of the Shard record that is meant, by name or key range (``flyball.addressing``).

        :raises InputError: NO_SUCH_OBJECT, or BAD_USAGE when several are meant.
        """
        return find_shard(self._all(Shard), Target(keyspace, shard)).name

    def situation(self, shard: str) -> Situation:
        """What a client needs to know of the shard.

        :raises InputError: NO_SUCH_OBJECT.
        """
        return situation_of(self._one(Shard, shard))

    def routing(self, keyspace: str) -> tuple[ShardRoute, ...]:
        """Which shard serves which key range: as the keyspace says, or else as its serving shards are declared."""
        routing = self._one(Keyspace, keyspace).status.routing
        if routing:
            return routing
        shards = (shard for shard in self._all(Shard) if shard.spec.keyspace == keyspace and shard.serves)
        return tuple(ShardRoute(range=shard.spec.range, shard=shard.name) for shard in in_order(shards))

    def heirs(self, keyspace: str, shard: str) -> tuple[str, ...]:
        """Those who may serve the shard's rows after it: they reign over some of its key range, and do not serve."""
        every = [one for one in self._all(Shard) if one.spec.keyspace == keyspace]
        mine = next((KeyRange.parse(one.spec.range) for one in every if one.name == shard), None)
        return tuple(
            one.name
            for one in in_order(every)
            if mine is not None
            and one.name != shard
            and one.status.reign.term
            and not one.serves
            and mine.overlap(KeyRange.parse(one.spec.range)) is not None
        )

    def _one(self, kind: type[K], name: str) -> K:
        with sqlite_file.coded(self._path):
            record = sqlite_table.read(self._open(), kind, name)
        if record is None:
            raise InputError(
                Code.NO_SUCH_OBJECT, f"{kind.kind} {name!r} does not exist", "`flyball status` shows what there is."
            )
        return record

    def _all(self, kind: type[K]) -> list[K]:
        with sqlite_file.coded(self._path):
            texts = sqlite_table.texts(self._open(), kind)
        return [decode(kind, name, text) for name, text in texts]

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite_file.away(self._path, "is closed")
        return self._connection


class Followed(Generic[V]):
    """A value read from the records, read again only when the store has changed.

    :param read: raises :class:`StoreError` while the store is away; then the value last known stands.
    """

    def __init__(self, version: Callable[[], tuple[int, int] | None], read: Callable[[], V]) -> None:
        self._version = version
        self._read = read
        self._seen = version()
        self._value = read()

    def look(self) -> V:
        """The value as of now."""
        version = self._version()
        if version is not None and version != self._seen:
            try:
                self._value = self._read()
            except StoreError:
                return self._value
            self._seen = version
        return self._value
