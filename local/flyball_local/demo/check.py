"""The check: every table on every member against its source.

Three questions for each shard and table, asked of the primary and of every replica: how many rows; the sum of a
checksum over each row's text (the same that was taken while the source was read); and how many rows are here
although their keyspace id, computed by the server, belongs to another shard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.keyrange import KeyRange
from flyball.keyspaceid import KeyKind, sql_expression
from flyball.records import Shard
from flyball_local.demo.load import Loaded, Tally
from flyball_local.demo.tables import Table
from flyball_local.trial.audit import read_everywhere
from flyball_local.trial.writer import Login


@dataclass(frozen=True, slots=True)
class Found:
    """What one member holds of one table, beside what it must hold."""

    shard: str
    member: str
    table: str
    rows: int
    expected: int
    same: bool
    misplaced: int

    @property
    def is_right(self) -> bool:
        """All rows are there, unchanged, and none that belongs elsewhere."""
        return self.rows == self.expected and self.same and self.misplaced == 0

    def __str__(self) -> str:
        contents = "same contents" if self.same else "other contents"
        return (
            f"{self.member}: {self.table} has {self.rows} rows, expected {self.expected}; "
            f"{contents}; {self.misplaced} rows of another shard"
        )


def questions(table: Table, part: KeyRange) -> str:
    """The three questions about one table, as one statement."""
    texts = ", ".join(f"COALESCE(`{name}`, '')" for name in table.names)
    misplaced = "0"
    if table.key is not None:
        here = sql_expression(f"`{table.key}`", KeyKind.TEXT)
        misplaced = f"COALESCE(SUM(NOT {here} BETWEEN {part.start} AND {part.end - 1}), 0)"
    checksum = f"COALESCE(SUM(CRC32(CONCAT_WS('|', {texts}))), 0)"
    return f"SELECT COUNT(*), {checksum}, {misplaced} FROM `{table.name}`"  # noqa: S608 - names of our own


def check(shard: Shard, login: Login, loaded: Sequence[Loaded]) -> list[Found]:
    """Ask every member of the shard about every table."""
    part = KeyRange.parse(shard.spec.range)
    statements = [questions(each.table, part) for each in loaded]
    expected: Mapping[str, Tally] = {each.table.name: each.shards[shard.name] for each in loaded}
    found = []
    for member, answers in read_everywhere(shard, login, *statements).items():
        for each, ((rows, checksum, misplaced),) in zip(loaded, answers, strict=True):
            must = expected[each.table.name]
            same = int(checksum) == must.checksum
            found.append(Found(shard.name, member, each.table.name, rows, must.rows, same, int(misplaced)))
    return found
