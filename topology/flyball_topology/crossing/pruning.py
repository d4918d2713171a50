"""Prunes: rows out of a shard's range, found by the functional index and deleted in small batches. Pure.

A channel brings whole transactions, so rows of other ranges slip in. What deletes them runs under a GTID tag of its
own: a consumer of this shard must not wait for it, and a former source must not lose those rows.
"""

from flyball.keyrange import END_OF_IDS, KeyRange
from flyball.keyspaceid import KeyKind, sql_expression
from flyball.session import literal, quote_name

TAG = "prune"
IMPATIENT = "innodb_lock_wait_timeout = 1, transaction_isolation = 'READ-COMMITTED'"
BUSY = frozenset({1205, 1213})
"""A prune that waits for a row gives up soon, and comes again: an applier's worker may hold that row, and wait for its
turn to commit behind another one that waits for a row of the prune. No server sees that as a deadlock.
"""
BATCH = 500
"""Rows that one transaction deletes: it holds up what the channels apply no longer than that."""
BATCHES = 10
"""Transactions of one round at most. Half of what is written to a shard that is split in two slips in at either target:
a round every few seconds must take away more than that."""


def outside(column: str, kind: KeyKind, part: KeyRange) -> tuple[str, ...]:
    """The conditions that rows out of the range meet: one for each end that is not open.

    The expression is the functional index's own, to the letter: else MySQL would look at every row, and clients would
    wait for that in a cutover.
    """
    found = sql_expression(quote_name(column), kind)
    below = (f"{found} < {part.start}",) if part.start else ()
    above = (f"{found} >= {part.end}",) if part.end != END_OF_IDS else ()
    return below + above


def key_type(database: str, table: str, column: str) -> str:
    """The statement that tells the column's type."""
    return (
        "SELECT data_type AS kind FROM information_schema.columns "
        f"WHERE table_schema = {literal(database)} AND table_name = {literal(table)} "
        f"AND column_name = {literal(column)}"
    )


def count(table: str, conditions: tuple[str, ...]) -> str:
    """The statement that counts such rows."""
    each = (f"(SELECT COUNT(*) FROM {quote_name(table)} WHERE {condition})" for condition in conditions)
    return f"SELECT {' + '.join(each) or '0'} AS ghosts"


def batches(left: int | None) -> int:
    """How many batches of each table a round has, given the rows that the round before left.

    It is one inside a cutover, where clients wait and there are few.
    """
    return BATCHES if left is not None and left > BATCH // 2 else 1


def delete(table: str, conditions: tuple[str, ...]) -> tuple[str, ...]:
    """The statements that delete a batch of them."""
    return tuple(f"DELETE FROM {quote_name(table)} WHERE {condition} LIMIT {BATCH}" for condition in conditions)
