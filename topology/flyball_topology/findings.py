"""Findings: every thing that can be wrong with a shard, by name. ``remedies.py`` says what is done about each."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What is wrong; the value is the text that people read, in status and in ``explain``."""

    # --- the record -----------------------------------------------------------------------------------
    RECORD_OLDER_THAN_MEMBERS = "the record is older than what members have promised"
    # --- the primary ----------------------------------------------------------------------------------
    PRIMARY_UNREACHABLE = "the primary does not answer, and may be alive"
    PRIMARY_DEAD = "the primary is dead: it does not answer, and no replica hears it"
    PRIMARY_CLOSED = "the primary restarted, and is closed"
    PRIMARY_FROZEN = "the primary is frozen, and no switchover is in flight"
    SERVES_NOT_YET = "the primary keeps applications out, and its shard serves"
    SERVES_UNASKED = "the primary lets applications write, and its shard does not serve"
    PRIMARY_CANNOT_WRITE = "the primary answers, and cannot write"
    WRITES_WAIT = "the primary's writes wait, and nobody acknowledges them"
    DISK_FULL = "a member's disk is full"
    PRIMARY_HAS_SOURCE = "the primary still has a replication source configured"
    SEMI_SYNC_SETTINGS = "the primary's semi-sync settings are not those of the durability"
    DURABILITY_CHANGED = "the durability in force is not the declared one"
    ACCOUNTS_MISSING = "the primary lacks the database or accounts"
    ACK_SET_NOT_APPLIED = "the primary admits other members than the record's ack set"
    # --- any other member -----------------------------------------------------------------------------
    WRITABLE_REPLICA = "a replica is writable"
    HALF_FROZEN = "a replica is read_only, and super_read_only waits for its applier"
    MEMBER_UNREACHABLE = "a member does not answer"
    MEMBER_AWAY = "a member has been away too long to count on"
    OLD_PROMISE = "a member has not promised the present term, or not noted the record's version, yet"
    NO_PROMISE = "a member has promised nothing"
    LACKS_PURGED = "a member lacks transactions that the primary has purged"
    ERRANT_HOUSEKEEPING = "a member holds housekeeping rows that the line does not"
    UNACKNOWLEDGED_TAIL = "a former primary holds writes that no client heard ok for"
    ERRANT_TRANSACTIONS = "a member holds errant transactions"
    DIVERGED = "a member holds transactions of its own where the line holds empty ones"
    NOT_AN_ACKER = "a member that replicates is not in the ack set"
    WRONG_SOURCE = "a member does not follow the primary"
    REPLICATION_STOPPED = "a member's replication is stopped"
    REPLICATION_FAILED = "a member's replication failed"
    NOT_CONNECTED = "a member cannot connect to the primary"
    NOT_ACKING = "a member's semi-sync is not as the durability asks"
    FORMER_PRIMARY = "a former primary follows, and has not settled as a replica yet"
    REPLICA_CLOSED = "a replica serves no reads"
    CLONING = "a member is being made anew"
    CLONE_FAILED = "a clone of a member failed, and is tried again"
    LEAVING = "a member is asked to leave"
    FENCED = "a member is kept out by a person"
    LAG = "a member lags"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and with whom. ``detail`` changes only when the state does."""

    kind: Kind
    member: str = ""
    detail: str = ""

    def __str__(self) -> str:
        where = f"{self.member}: " if self.member else ""
        return f"{where}{self.kind.value}" + (f" ({self.detail})" if self.detail else "")
