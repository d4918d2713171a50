"""Acts of a reshard on the members of one shard, as data.

Each carries the term of the shard's reign; a member that has promised itself to a newer one refuses it. Each is safe
to repeat: it looks first, and does what is missing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one shard under one term."""

    shard: str
    term: int


@dataclass(frozen=True, slots=True)
class PrepareMovers(Act):
    """Make the movers' account, with the least rights, on every member; not binlogged."""


@dataclass(frozen=True, slots=True)
class Guard(Act):
    """Refuse changes of sharding keys, and NULL ones, by triggers on every member; not binlogged."""


@dataclass(frozen=True, slots=True)
class OpenChannel(Act):
    """Replicate the keyspace's tables from the primary of ``producer``, by a channel of its own; also where the
    producer has another primary now. ``IDEMPOTENT`` as long as the shard is a consumer (rule 22).
    """

    producer: str


@dataclass(frozen=True, slots=True)
class HoldChannel(Act):
    """Apply nothing more that comes by that channel, but what leads to ``upto``, while it goes on receiving.
    ``OpenChannel`` lets it go on.
    """

    producer: str
    upto: str = ""


@dataclass(frozen=True, slots=True)
class CloseChannel(Act):
    """End that channel, and forget it; with the last one, ``STRICT`` again."""

    producer: str


@dataclass(frozen=True, slots=True)
class Prune(Act):
    """Delete a bounded number of rows out of the shard's range, under the tag of prunes; count what is left."""


@dataclass(frozen=True, slots=True)
class Freeze(Act):
    """Take no writes any more: open transactions get ``grace`` seconds, then commits in flight ``wait`` seconds."""

    grace: float = 0.5
    wait: float = 1.0


@dataclass(frozen=True, slots=True)
class Thaw(Act):
    """Undo a freeze: take the writes of applications again."""


@dataclass(frozen=True, slots=True)
class CatchUp(Act):
    """Wait at most ``wait`` seconds until the channel from ``producer`` has applied ``holds``; where that is empty,
    all that the producer holds as the act begins.
    """

    producer: str
    holds: str = ""
    wait: float = 0.5


@dataclass(frozen=True, slots=True)
class Journal(Act):
    """Commit the workflow's journal row with the shard's real durability, while it is still closed (rule 23)."""


@dataclass(frozen=True, slots=True)
class Open(Act):
    """Take the writes of applications: both read-only flags OFF."""


@dataclass(frozen=True, slots=True)
class DeclareForeign(Act):
    """Count ``gtids`` as executed on every member that answers, the primary last, so that the shard's own channels ask
    for nothing of them (rule 21). That the primary has executed them tells that it is done.
    """

    gtids: str


@dataclass(frozen=True, slots=True)
class Clean(Act):
    """Take away from every member what the crossing made there: channels, guards, the movers' account; ``STRICT``."""
