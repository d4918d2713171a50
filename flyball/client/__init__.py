"""A small blocking client that follows the records: how an application rides through a change of primary.

It reads the Shard record, so it knows who reigns, and before each statement it looks whether that is still so
(15 µs were measured on a busy machine). What it does when a primary changes:

    planned     while the record says ``Switching`` or later it holds new statements, connects to the candidate
                meanwhile, and sends them there once the candidate reigns
    unplanned   a broken connection makes it look at the record every millisecond until somebody else reigns

A statement is sent again only where that is safe: it was not sent, or the server said that it did nothing. When
a connection breaks after a statement was sent, nobody knows what it did: :class:`OutcomeUnknownError` says so, and
the caller decides. ``idempotent=True`` is the caller's word that a second execution does no harm.

Everything is for one thread; a thread each has a client each.
"""

from flyball.client.connection import Login, Result
from flyball.client.keyspace import KeyspaceClient
from flyball.client.record_reader import RecordReader
from flyball.client.shard import Counters, OutcomeUnknownError, ShardClient, Tuning

__all__ = [
    "Counters",
    "KeyspaceClient",
    "Login",
    "OutcomeUnknownError",
    "RecordReader",
    "Result",
    "ShardClient",
    "Tuning",
]
