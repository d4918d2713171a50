"""Loading: each row to the shard that its sharding key belongs to, in batches, all shards at once.

A few threads share one stream of batches, and each inserts what it takes: while one waits for an acknowledgement,
another one's rows are on their way. As rows pass by, a tally is kept of what each shard must hold in the end: rows,
and the sum of a checksum over each row's text. The check asks the servers for the same two numbers.
"""

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from flyball.client import KeyspaceClient
from flyball.expand import shard_for
from flyball.keyspaceid import keyspace_id
from flyball.records.keyspace import ShardRoute
from flyball_local.demo.tables import Row, Table

BATCH = 500
"""Rows of one INSERT."""
THREADS = 4

Batch = tuple[str, list[Row]]
"""Rows for one shard."""


@dataclass(slots=True)
class Tally:
    """What a shard must hold of a table: how many rows, and the sum of their checksums."""

    rows: int = 0
    checksum: int = 0

    def add(self, row: Row) -> None:
        """Count one row."""
        self.rows += 1
        self.checksum += zlib.crc32("|".join(["" if value is None else value for value in row]).encode())


@dataclass(slots=True)
class Loaded:
    """What was loaded of one table: a tally for each shard, and the rows that have no sharding key."""

    table: Table
    shards: dict[str, Tally]
    keyless: int = 0

    @property
    def rows(self) -> int:
        """Rows of the source that were loaded; a reference table's count once."""
        counts = [tally.rows for tally in self.shards.values()]
        return sum(counts) if self.table.key is not None else max(counts)


def load(
    table: Table,
    routes: Sequence[ShardRoute],
    connect: Callable[[], KeyspaceClient],
    progress: Callable[[int], None],
    limit: int | None = None,
) -> Loaded:
    """Load a table, and return what must be where.

    :param connect: makes a client; every thread has its own.
    :param progress: hears of each batch that a shard has taken, with its rows.
    :param limit: rows of the source to take; all when None.
    :raises FlyballError: whatever a batch failed with; so does :class:`pymysql.MySQLError`.
    """
    loaded = Loaded(table, {route.shard: Tally() for route in routes})
    batches, lock = _sorted(islice(table.rows(), limit), routes, loaded), threading.Lock()
    failed = threading.Event()

    def insert() -> None:
        with connect() as client:
            while not failed.is_set():
                with lock:
                    shard, batch = next(batches, ("", []))
                if not batch:
                    return
                try:
                    client.shard(shard).execute(*_statement(table, batch))
                except BaseException:
                    failed.set()
                    raise
                progress(len(batch))

    with ThreadPoolExecutor(THREADS) as threads:
        inserting = [threads.submit(insert) for _ in range(THREADS)]
        try:
            for insertion in inserting:
                insertion.result()
        finally:
            failed.set()  # whoever waits no more for the others does not want their rows either
    return loaded


def _sorted(rows: Iterable[Row], routes: Sequence[ShardRoute], loaded: Loaded) -> Iterator[Batch]:
    """The rows in batches, each for one shard; tallies them."""
    batches: dict[str, list[Row]] = {shard: [] for shard in loaded.shards}
    position, known = loaded.table.key_position, dict[str, str]()
    for row in rows:
        targets: Iterable[str] = loaded.shards
        if position is not None:
            key = row[position]
            if key is None:
                loaded.keyless += 1
                continue
            if key not in known:
                known[key] = shard_for(keyspace_id(key), routes)
            targets = (known[key],)
        for shard in targets:
            loaded.shards[shard].add(row)
            batches[shard].append(row)
            if len(batches[shard]) >= BATCH:
                yield shard, batches[shard]
                batches[shard] = []
    yield from ((shard, batch) for shard, batch in batches.items() if batch)


def _statement(table: Table, batch: Sequence[Row]) -> tuple[str, list[str | None]]:
    """One INSERT of all the rows, and its values."""
    one = f"({', '.join(['%s'] * len(table.columns))})"
    return table.insert + ", ".join([one] * len(batch)), [value for row in batch for value in row]
