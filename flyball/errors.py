"""Every error that a user can cause, as one tree with stable codes.

    FlyballError                     has a code, a message and a next step
    ├── InputError          FB1xxx   what was declared or typed cannot be
    ├── StoreError          FB2xxx   the record store: conflicts, corruption, versions
    ├── MemberError         FB3xxx   a mysqld could not be reached, or refused
    ├── RefusedError        FB4xxx   safety forbids the act now; says what is missing
    ├── EngineError         FB5xxx   the local engine: processes, ports, directories, MySQL itself
    └── ClusterError        FB6xxx   the Kubernetes API refused, or cannot be reached

A code never changes its meaning. ``docs/reference/errors.md`` lists every code, and a test holds both
lists against each other. A message names the object, what was seen, what was expected; ``next_step`` says
what the reader can do about it.
"""

from dataclasses import dataclass
from enum import Enum


class Code(Enum):
    """A stable error code; the value is ``(number, what it means)``."""

    # --- input -------------------------------------------------------------------------------------
    NOT_A_KEY_RANGE = ("FB1001", "a key range is not written in the notation START-END of hexadecimal bytes")
    RANGES_DO_NOT_TILE = ("FB1002", "a keyspace's key ranges overlap or leave a gap")
    NOT_A_GTID_SET = ("FB1003", "a text is not a GTID set")
    NOT_HASHABLE = ("FB1004", "a sharding key's type or value has no keyspace id")
    INVALID_RECORD = ("FB1005", "a record has an unknown field, a missing field or a value out of bounds")
    NOT_A_NAME = ("FB1006", "a name is not a DNS label")
    TOO_FEW_REPLICAS = ("FB1007", "the members a shard has are too few for the durability asked for")
    WOULD_LOSE_DATA = ("FB1008", "an edit would drop data without saying so")
    NO_SUCH_OBJECT = ("FB1009", "a keyspace, shard, member or record does not exist")
    NOT_A_DURATION = ("FB1010", "a text is not a duration or a quantity")
    BAD_USAGE = ("FB1011", "a command's arguments do not fit together")
    NOT_CONFIRMED = ("FB1012", "a person did not confirm what cannot be undone")
    # --- store -------------------------------------------------------------------------------------
    CONFLICT = ("FB2001", "a record changed between reading and writing it")
    ALREADY_EXISTS = ("FB2002", "a record of that kind and name exists already")
    STORE_CORRUPT = ("FB2003", "the store's file is damaged or is no store")
    STORE_TOO_NEW = ("FB2004", "the store's file was written by a newer version")
    STORE_AWAY = ("FB2005", "the store cannot be reached, or stays locked")
    LEASE_LOST = ("FB2006", "another process leads now")
    STORE_UNWRITABLE = ("FB2007", "the store cannot be written: it is read-only, or its disk is full")
    STORE_REFUSES = ("FB2008", "the store does not let this account do it, or is not set up for our records")
    # --- members -----------------------------------------------------------------------------------
    MEMBER_UNREACHABLE = ("FB3001", "a member does not answer")
    MEMBER_REFUSED = ("FB3002", "a member answered with an error")
    TERM_TOO_OLD = ("FB3003", "a member has promised itself to a newer term")
    MEMBER_LOGIN = ("FB3004", "a member refuses the account or its certificate")
    OUTCOME_UNKNOWN = ("FB3005", "a connection broke after a statement was sent: what it did is unknown")
    VERSION_TOO_OLD = ("FB3006", "a member has noted a newer version of the record")
    # --- refusals ----------------------------------------------------------------------------------
    NOT_REVOKED = ("FB4001", "members that are not reached could still acknowledge writes")
    CANDIDATE_UNFIT = ("FB4002", "the member asked for cannot become primary")
    SHARD_PAUSED = ("FB4003", "the shard or keyspace is paused")
    RECORD_OLDER_THAN_MEMBERS = ("FB4004", "the record is below a member's fence or journal")
    WORKFLOW_IN_FLIGHT = ("FB4005", "another workflow holds the shard")
    LINE_INCOMPLETE = ("FB4006", "no reached member holds every transaction that was received")
    NOT_EMPTY = ("FB4007", "a member that should be empty holds data")
    TIMED_OUT = ("FB4008", "what was asked for did not happen within its limit")
    NOT_DONE = ("FB4009", "a request ended without doing what was asked for")
    RESHARD_REFUSED = ("FB4010", "rows cannot be moved: what must hold for a reshard does not")
    SCHEMA_CHANGED = ("FB4011", "a table's definition changed while a reshard was moving its rows")
    ROWS_DIFFER = ("FB4012", "rows of source and target differ, and still differ after they were copied again")
    CUTOVER_UNDONE = ("FB4013", "a cutover did not end within its limits, and was undone")
    TOO_LATE = ("FB4014", "a workflow is past the point up to which that can be asked for")
    NO_WAY_BACK = ("FB4015", "the way back of a reshard is not open")
    SPEC_NOT_FOLLOWED = ("FB4016", "the declared key ranges are not those that serve, and nobody moves rows")
    KEY_CHANGED = ("FB4017", "rows are being moved between shards: a sharding key can be neither changed nor NULL")
    LOG_PURGED = ("FB4018", "a channel of a reshard lacks transactions that its source has purged")
    # --- engine ------------------------------------------------------------------------------------
    NO_MYSQL = ("FB5001", "no MySQL 8.4 or newer can be had")
    PORT_IN_USE = ("FB5002", "a port that the engine needs is taken")
    FOREIGN_DIRECTORY = ("FB5003", "a data directory belongs to something else")
    ENGINE_RUNNING = ("FB5004", "an engine runs already for this home, or none does")
    PROCESS_FAILED = ("FB5005", "a process that the engine started ended by itself")
    DISK_FULL = ("FB5006", "the disk has no room")
    # --- Kubernetes --------------------------------------------------------------------------------
    API_CONFLICT = ("FB6001", "an object changed since it was read, or another manager owns a field that was applied")
    API_EXISTS = ("FB6002", "an object of that kind and name exists already")
    API_NOT_FOUND = ("FB6003", "an object does not exist")
    API_FORBIDDEN = ("FB6004", "the API server does not know the account, or the account may not do this")
    API_INVALID = ("FB6005", "the API server refuses an object as it is written")
    API_GONE = ("FB6006", "the API server no longer remembers the version that a list or a watch wants to go on from")
    API_AWAY = ("FB6007", "the API server cannot be reached, or cannot answer now; a write may have landed")
    API_UNKNOWN_KIND = ("FB6008", "the API server does not serve that kind of object")
    NO_CLUSTER = ("FB6009", "there is no kubeconfig and no service account to reach a cluster with")
    DEFINITIONS_OLD = ("FB6010", "the cluster's definitions are older than this program, and lack what it has to keep")

    @property
    def number(self) -> str:
        """The code as users see it, ``FB1003`` say."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """One line of what the code stands for."""
        return self.value[1]


@dataclass(eq=False)
class FlyballError(Exception):
    """The root of the tree: anything that flyball tells a user about.

    :param code: the stable code.
    :param message: names the object, what was seen and what was expected.
    :param next_step: what the reader can do now; may be empty where nothing can be done.
    """

    code: Code
    message: str
    next_step: str = ""

    def __post_init__(self) -> None:
        super().__init__(self.message)

    def __str__(self) -> str:
        text = f"{self.code.number}: {self.message}"
        return f"{text} Next: {self.next_step}" if self.next_step else text


class InputError(FlyballError):
    """What was declared or typed cannot be; nothing was changed."""


class StoreError(FlyballError):
    """The record store refused or failed."""


class MemberError(FlyballError):
    """A mysqld could not be reached, or refused."""


class RefusedError(FlyballError):
    """Safety forbids the act now; the message says what is missing."""


class EngineError(FlyballError):
    """The local engine cannot do what it was asked to."""


class ClusterError(FlyballError):
    """The Kubernetes API refused, or cannot be reached."""


TREE: dict[type[FlyballError], str] = {
    InputError: "FB1",
    StoreError: "FB2",
    MemberError: "FB3",
    RefusedError: "FB4",
    EngineError: "FB5",
    ClusterError: "FB6",
}
"""Which branch of the tree a code's first digits belong to."""
