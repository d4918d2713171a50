"""What a target remembers of the copy, beside the rows: how far each lane is, from which snapshot, and how it ended.

A *lane* is one table on its way from one source to one target, in the order of its primary key. Its note is written in
the transaction that loads a chunk, so after any interruption the note and the rows agree: a lane goes on above the
key that its note names. Nothing of it is binlogged, as the rows are not; a member that was cloned has both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flyball.gtid import GtidSet
from flyball.session import literal
from flyball_topology.moving.chunks import Key
from flyball_topology.moving.wire import Link

SCHEMA = "flyball_moving"
"""The schema of the notes; no application may have one of that name."""
_BETWEEN = "\n"
"""Divides the literals of a key: they are ASCII without control characters."""

_CREATE = (
    f"CREATE DATABASE IF NOT EXISTS {SCHEMA}",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.lanes (
      workflow VARCHAR(63) NOT NULL, source VARCHAR(63) NOT NULL, table_name VARCHAR(64) NOT NULL,
      upto TEXT NOT NULL, row_count BIGINT NOT NULL, size BIGINT NOT NULL, phase VARCHAR(16) NOT NULL,
      PRIMARY KEY (workflow, source, table_name))""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.snapshots (
      workflow VARCHAR(63) NOT NULL, source VARCHAR(63) NOT NULL, gtids LONGTEXT NOT NULL,
      PRIMARY KEY (workflow, source))""",
    f"""CREATE TABLE IF NOT EXISTS {SCHEMA}.works (
      workflow VARCHAR(63) NOT NULL, work VARCHAR(16) NOT NULL, state VARCHAR(16) NOT NULL, told LONGTEXT NOT NULL,
      PRIMARY KEY (workflow, work))""",
)


@dataclass(frozen=True, slots=True)
class LaneNote:
    """How far a lane is.

    :param upto: the key up to which rows are at the target.
    :param phase: ``rows``, then ``loaded`` once all rows are there, then ``indexed``.
    """

    source: str
    table: str
    upto: Key = ()
    rows: int = 0
    size: int = 0
    phase: str = "rows"

    def advanced(self, upto: Key, rows: int, size: int) -> "LaneNote":
        """After a further chunk."""
        return replace(self, upto=upto, rows=self.rows + rows, size=self.size + size)


def prepare(link: Link) -> None:
    """Make the tables of the notes, where they are missing."""
    for statement in _CREATE:
        link.run(statement)


def exist(link: Link) -> bool:
    """Whether there is any note."""
    return bool(
        link.run(
            f"SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{SCHEMA}' AND TABLE_NAME = 'works'"
        ).rows
    )


def lanes(link: Link, workflow: str) -> dict[tuple[str, str], LaneNote]:
    """All lanes of a workflow, by source and table."""
    found = link.run(
        f"SELECT source, table_name, upto, row_count, size, phase FROM {SCHEMA}.lanes "
        f"WHERE workflow = {literal(workflow)}"
    )
    notes = {}
    for row in found.rows:
        source, table, upto, rows, size, phase = ((value or b"").decode() for value in row)
        key = tuple(upto.split(_BETWEEN)) if upto else ()
        notes[source, table] = LaneNote(source, table, key, int(rows), int(size), phase)
    return notes


def write_lane(link: Link, workflow: str, note: LaneNote) -> None:
    """Write a lane's note; in the transaction that is open, if one is."""
    texts = (workflow, note.source, note.table, _BETWEEN.join(note.upto))
    link.run(
        f"REPLACE INTO {SCHEMA}.lanes VALUES "
        f"({', '.join(map(literal, texts))}, {note.rows}, {note.size}, {literal(note.phase)})"
    )


def snapshot(link: Link, workflow: str, source: str, taken: GtidSet) -> GtidSet:
    """Note a snapshot; the oldest counts, for some rows may be of it.

    :return: the transactions that every row from that source holds.
    """
    known = snapshots(link, workflow).get(source)
    oldest = taken if known is None else known.intersect(taken)
    values = ", ".join(map(literal, (workflow, source, str(oldest))))
    link.run(f"REPLACE INTO {SCHEMA}.snapshots VALUES ({values})")
    return oldest


def snapshots(link: Link, workflow: str) -> dict[str, GtidSet]:
    """The oldest snapshots, by source."""
    found = link.run(f"SELECT source, gtids FROM {SCHEMA}.snapshots WHERE workflow = {literal(workflow)}")
    return {(source or b"").decode(): GtidSet.parse((gtids or b"").decode()) for source, gtids in found.rows}


def write_work(link: Link, workflow: str, work: str, state: str, told: str = "{}") -> None:
    """Note how a work stands: ``running``, ``done`` or ``failed``, and what there is to tell, as JSON."""
    link.run(f"REPLACE INTO {SCHEMA}.works VALUES ({', '.join(map(literal, (workflow, work, state, told)))})")


def works(link: Link, workflow: str) -> dict[str, tuple[str, str]]:
    """How each work stands, and what it told."""
    found = link.run(f"SELECT work, state, told FROM {SCHEMA}.works WHERE workflow = {literal(workflow)}")
    return {
        work: (state, told) for work, state, told in (tuple((v or b"").decode() for v in row) for row in found.rows)
    }


def joined(taken: Iterable[Mapping[str, GtidSet]]) -> dict[str, GtidSet]:
    """The oldest snapshot by source, over several targets."""
    found: dict[str, GtidSet] = {}
    for one in taken:
        for source, gtids in one.items():
            found[source] = gtids if source not in found else found[source].intersect(gtids)
    return found


def forget(link: Link, workflow: str) -> None:
    """Remove a workflow's notes; the schema too, when no other workflow has any."""
    if not exist(link):
        return
    for table in ("lanes", "snapshots", "works"):
        link.run(f"DELETE FROM {SCHEMA}.{table} WHERE workflow = {literal(workflow)}")
    if not link.run(f"SELECT 1 FROM {SCHEMA}.works LIMIT 1").rows:
        link.run(f"DROP DATABASE {SCHEMA}")
