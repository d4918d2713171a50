"""What the engine sees of one keyspace: the only input of its plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from flyball import resharding
from flyball.attempts import Trouble
from flyball.expand import DesiredShard
from flyball.records import Failover, Keyspace, Reshard, Shard
from flyball_local.identity import Identity


class Process(Enum):
    """How a member's mysqld stands."""

    NONE = "was never started"
    STARTING = "is starting"
    RUNNING = "runs"
    ENDED = "has ended"

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self in {Process.STARTING, Process.RUNNING}


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member as its directory and its process tell.

    :param identity: None while the directory is not made; also when it is foreign.
    :param foreign: the directory is not ours: nothing in it may be touched.
    :param stopped: a person stopped it, and it stays down until a person starts it.
    :param emptied: a clone that failed took its procedures away: a start makes them anew.
    :param outdated: it runs, and was started before the last edit of the keyspace's ``mysql.config``.
    :param rests: it failed a moment ago, and is not tried again yet.
    :param sleeps: it waits for space on its disk, although there is room again.
    :param broken: it runs without accounts and procedures, since a clone was broken off; one more start mends it.
    :param trouble: what failed last.
    """

    name: str
    identity: Identity | None = None
    foreign: bool = False
    initialised: bool = False
    process: Process = Process.NONE
    stopped: bool = False
    emptied: bool = False
    outdated: bool = False
    rests: bool = False
    sleeps: bool = False
    broken: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class KeyspaceView:
    """One keyspace with all that the engine has made for it.

    :param desired: the shards that the keyspace means.
    :param shards: the Shard records of the keyspace, by name.
    :param members: everything desired, declared in a Shard, or with a directory of this keyspace's.
    :param failovers: the Failover records of the keyspace that have not ended.
    :param reshards: the Reshard records of the keyspace.
    :param taken: the names of shards that anything in this home belongs to, orphans of others included.
    :param resting: shards whose primary was asked to move a moment ago.
    """

    keyspace: Keyspace
    credentials: bool = False
    desired: tuple[DesiredShard, ...] = ()
    shards: Mapping[str, Shard] = field(default_factory=dict)
    members: Mapping[str, MemberView] = field(default_factory=dict)
    failovers: tuple[Failover, ...] = ()
    reshards: tuple[Reshard, ...] = ()
    taken: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()

    def member(self, name: str) -> MemberView:
        """The member of that name; one that nothing is known of has no directory yet."""
        return self.members.get(name) or MemberView(name)

    def desires(self, member: str) -> bool:
        """Whether the keyspace means the member."""
        return any(member in shard.members for shard in self.desired)

    def is_retired(self, shard: str) -> bool:
        """Whether a shard has gone: a reshard that has ended names it, and nothing means it any more. What nobody
        names is kept.
        """
        meant = any(one.name == shard for one in self.desired)
        return bool(self.keyspace.status.routing) and not meant and resharding.is_of_the_past(shard, self.reshards)

    def declares(self, member: str) -> bool:
        """Whether a Shard record names the member."""
        return any(shard.spec.member(member) is not None for shard in self.shards.values())


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such keyspace any more."""
