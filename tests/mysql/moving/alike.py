"""The judge of copies: rows are read as they are from both sides, in order, and compared byte by byte."""

from flyball_topology.moving import definitions, refusals, tables
from flyball_topology.moving.job import Job, Lane, lanes
from flyball_topology.moving.wire import Row

_MARKS = tables.Marks("f", "r", "the null")


def check_alike(job: Job) -> None:
    """Each source's rows in range are its target's rows in range; rows out of range are pruned by others."""
    seen = None
    for place in (*job.sources, *job.targets):
        link = job.source(place)
        found = definitions.read(link, job.database)
        link.close()
        seen = seen or found
        assert found.fingerprint == seen.fingerprint, place.shard
    assert seen is not None
    every = refusals.moving(seen, job.tables)
    assert {table.name for table in every} == set(job.tables)
    for lane in lanes(job, every):
        here, there = _rows(job, lane, at_target=False), _rows(job, lane, at_target=True)
        assert here == there, f"{lane}: {_told(lane, here, there)}"


def _told(lane: Lane, here: tuple[Row, ...], there: tuple[Row, ...]) -> str:
    """The first row that differs, and where."""
    for left, right in zip(here, there, strict=False):
        if left != right:
            columns = [column for column in lane.table.columns for _ in range(3)]
            pairs = zip(columns, left, right, strict=True)
            return str(
                [(column.name, column.type, mine, theirs) for column, mine, theirs in pairs if mine != theirs][:3]
            )
    return f"{len(here)} rows and {len(there)}"


def _rows(job: Job, lane: Lane, *, at_target: bool) -> tuple[Row, ...]:
    columns = ", ".join(
        f"HEX(CAST({column.sql} AS BINARY)), {column.read(_MARKS)}, {column.sql}" for column in lane.table.columns
    )
    order = tables.names(lane.table.key)
    link = job.source(lane.target if at_target else lane.source)
    try:
        return link.run(
            f"SELECT {columns} FROM {tables.place(job.database, lane.table)} "
            f"WHERE {lane.table.in_range(lane.part)} ORDER BY {order}"
        ).rows
    finally:
        link.close()
