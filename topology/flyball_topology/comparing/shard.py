"""One shard: every replica's rows are compared with the primary's, all seen at one GTID set; rows astray are named.

    1  each replica catches up with the primary, as far as that is by now
    2  the primary's tables are read-locked, its snapshot is opened, the GTID set S is read; each replica applies what
       it lacks of S, and its snapshot is opened; the lock is let go. Writes wait for that moment alone; where a
       replica does not get there within ``HOLD`` the lock is let go at once, and tried again
    3  chunk by chunk every member computes its checksum inside its own server, all at the same time
    4  a chunk that differs is looked at row by row, until the first few keys are known
    5  rows on the primary whose keyspace id is out of the shard's range are counted, and the first are named

Each member is read by one session, so a comparison takes no more than a core of it.
"""

import contextlib
import ssl
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from flyball.errors import Code, InputError, MemberError
from flyball.gtid import NOTHING, GtidSet
from flyball.keyrange import EVERYTHING, KeyRange
from flyball.keyspaceid import KeyKind
from flyball.records.keyspace import TableSpec
from flyball.records.operation import ShardVerified
from flyball.session import Login, Target, literal
from flyball_topology.moving import chunks, copying, definitions, snapshots, tables
from flyball_topology.moving.chunks import Chunk, Key
from flyball_topology.moving.definitions import TableSeen, definition
from flyball_topology.moving.job import SESSION
from flyball_topology.moving.tables import Table
from flyball_topology.moving.wire import Link

ROWS = 20_000
"""Rows of a chunk."""
CAUGHT_UP_WITHIN = 60.0
"""Seconds that a replica may be behind before it is given up."""
HOLD = 0.25
"""Seconds that writes may wait for the snapshots of the replicas."""
NAMED = 20
"""Differences that are told one by one; the others are counted."""


@dataclass(frozen=True, slots=True)
class Side:
    """A member that is compared."""

    name: str
    target: Target


@dataclass(frozen=True, slots=True)
class ShardJob:
    """What is compared, and as whom."""

    shard: str
    range: KeyRange
    database: str
    specs: Mapping[str, TableSpec]
    primary: Side
    replicas: tuple[Side, ...]
    login: Login
    tls: ssl.SSLContext

    def link(self, side: Side) -> Link:
        """A session with a member."""
        return Link.open(side.target, self.login, self.tls, SESSION)


@dataclass(slots=True)
class Found:
    """What was found so far. ``named`` are the first of ``count`` differences."""

    rows: int = 0
    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, text: str, count: int = 1) -> None:
        """One more, or several that one text tells."""
        self.count += count
        if len(self.named) < NAMED:
            self.named.append(text)


def compare(job: ShardJob, stop: threading.Event, report: Callable[[int], None] = lambda _rows: None) -> ShardVerified:
    """Compare one shard; blocks.

    :param stop: set by whoever gives it up; it ends within a chunk then.
    :param report: is told how many rows were compared, after each chunk.
    :raises MemberError: TIMED_OUT, where a replica stays behind or nobody ever lets go of a table; what a member
        refuses; a member that goes away.
    """
    with contextlib.ExitStack() as open_links:

        def opened(side: Side) -> Link:
            return open_links.enter_context(contextlib.closing(job.link(side)))

        control, first = opened(job.primary), opened(job.primary)
        others = {side.name: opened(side) for side in job.replicas}
        found = Found()
        seen = definitions.read_tables(control, job.database)
        for name, link in others.items():
            _same_definitions(name, seen, definitions.read_tables(link, job.database), found)
        comparable, skipped = _comparable(seen, job.specs)
        for link in others.values():
            _catch_up(link, control, stop)
        taken = snapshots.open_at_once(
            control, [first], job.database, [t.name for t in comparable], lambda taken: _beside(others, taken)
        )
        with ThreadPoolExecutor(len(others) + 1, thread_name_prefix=f"verify {job.shard}") as beside:
            comparison = _Comparison(job, first, others, beside, found)
            for table in comparable:
                for chunk in _chunks(first, job.database, table):
                    if stop.is_set():
                        raise MemberError(Code.NOT_DONE, f"{job.shard}: the comparison was given up")
                    comparison.compare(table, chunk)
                    report(found.rows)
        return ShardVerified(
            shard=job.shard,
            primary=job.primary.name,
            replicas=tuple(others),
            gtids=str(taken),
            tables=len(comparable),
            rows=found.rows,
            skipped=skipped,
            differences=tuple(found.named),
            differing=found.count,
        )


# --- what can be compared ---------------------------------------------------------------------------------


def _same_definitions(replica: str, here: Sequence[TableSeen], there: Sequence[TableSeen], found: Found) -> None:
    mine, theirs = ({table.name: definition(table) for table in side} for side in (here, there))
    for name in sorted(mine.keys() | theirs.keys()):
        if name not in theirs:
            found.add(f"{replica}: lacks the table {name}")
        elif name not in mine:
            found.add(f"{replica}: has a table {name} that the primary lacks")
        elif mine[name] != theirs[name]:
            found.add(f"{replica}: defines the table {name} in another way")


def _comparable(seen: Sequence[TableSeen], specs: Mapping[str, TableSpec]) -> tuple[list[Table], tuple[str, ...]]:
    """The tables that chunks can be cut of and rows be hashed of; the others by name."""
    comparable, skipped = [], []
    for table in seen:
        key = tuple(column for name in table.key.columns if (column := table.column(name))) if table.key else ()
        strange = next((c for c in table.columns if c.carriage is None), None)
        if not key or not chunks.has_literal(key[0]):
            skipped.append(f"{table.name}: has no primary key that begins with a number, a time, a text or bytes")
        elif strange is not None:
            skipped.append(f"{table.name}: the column {strange.name} is of type {strange.type}")
        else:
            spec = specs.get(table.name)
            shard_by = table.column(spec.shard_by) if spec is not None and spec.shard_by else None
            comparable.append(Table(table.name, table.columns, key, _hashable(shard_by), table.create))
    return comparable, tuple(skipped)


def _hashable(column: tables.Column | None) -> tables.Column | None:
    """The sharding column, where it has a keyspace id."""
    with contextlib.suppress(InputError):
        if column is not None and KeyKind.of_column(column.type):
            return column
    return None


# --- one GTID set -----------------------------------------------------------------------------------------


def _catch_up(replica: Link, primary: Link, stop: threading.Event) -> None:
    """Until the replica has what the primary had at the beginning."""
    wanted, limit = primary.run("SELECT @@GLOBAL.gtid_executed").value, monotonic() + CAUGHT_UP_WITHIN
    while not _applied(replica, wanted, 1.0):
        if monotonic() > limit or stop.is_set():
            raise MemberError(
                Code.TIMED_OUT,
                f"{replica.target}: has not applied what its primary has after {CAUGHT_UP_WITHIN:.0f} s",
                "See whether it replicates (flyball status).",
            )


def _beside(others: Mapping[str, Link], taken: GtidSet) -> bool:
    """Open the replicas' snapshots at what the primary's hold, with the primary's tables locked."""
    limit = monotonic() + HOLD
    for link in others.values():
        if not _applied(link, str(taken), max(0.01, limit - monotonic())):
            return False
        snapshots.open_one(link)
    return True


def _applied(link: Link, gtids: str, within: float) -> bool:
    if GtidSet.parse(gtids) == NOTHING:
        return True
    return link.run(f"SELECT WAIT_FOR_EXECUTED_GTID_SET({literal(gtids)}, {within:.3f})").value == "0"


# --- rows -------------------------------------------------------------------------------------------------


def _chunks(link: Link, database: str, table: Table) -> Iterator[Chunk]:
    low: Key = ()
    while True:
        chunk = chunks.next_chunk(link, database, table, low, ROWS)
        yield chunk
        if not chunk.high:
            return
        low = chunk.high


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Sessions that see all members at one GTID set, and what they found."""

    job: ShardJob
    first: Link
    others: Mapping[str, Link]
    beside: ThreadPoolExecutor
    found: Found

    def compare(self, table: Table, chunk: Chunk) -> None:
        """One chunk, on all members at the same time."""
        where = chunk.condition(table)
        question = tables.digest(self.job.database, table, where)
        asked = {name: self.beside.submit(copying.reader_digest, link, question) for name, link in self.others.items()}
        mine = copying.reader_digest(self.first, question)
        self.found.rows += int(mine[0] or b"0")
        for name, answer in asked.items():
            if answer.result() != mine:
                self._name_rows(table, where, name)
        if table.shard_by is not None and self.job.range != EVERYTHING:
            self._name_astray(table, where)

    def _name_rows(self, table: Table, where: str, replica: str) -> None:
        """Which rows of a chunk differ: both sides' hashes, row by row."""
        question = tables.row_digests(self.job.database, table, where)
        sides = (self.first.run(question), self.others[replica].run(question))
        mine, theirs = ({row[:-1]: row[-1] for row in side.rows} for side in sides)
        for what, keys in (
            ("it lacks", mine.keys() - theirs.keys()),
            ("the primary lacks", theirs.keys() - mine.keys()),
            ("differ", {key for key in mine.keys() & theirs.keys() if mine[key] != theirs[key]}),
        ):
            if keys:
                self.found.add(
                    f"{replica}: {table.name}: {_counted(keys)} {what}: {_shown(sorted(keys, key=str))}", len(keys)
                )

    def _name_astray(self, table: Table, where: str) -> None:
        """Rows on the primary that belong to another shard."""
        outside = f"({where}) AND NOT ({table.in_range(self.job.range)})"
        keys = self.first.run(tables.keys(self.job.database, table, outside)).rows
        if keys:
            text = f"{_counted(keys)} out of its range {self.job.range}: {_shown(keys)}"
            self.found.add(f"{self.job.shard}: {table.name}: {text}", len(keys))


def _counted(rows: Collection[object]) -> str:
    return f"{len(rows)} row{'s' if len(rows) > 1 else ''}"


def _shown(keys: Sequence[Sequence[bytes | None]]) -> str:
    """The first few keys, for people."""
    texts = ("(" + ", ".join((v or b"").decode("utf-8", "backslashreplace") for v in key) + ")" for key in keys[:3])
    return ", ".join(texts) + (" …" if len(keys) > 3 else "")
