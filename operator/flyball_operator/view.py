"""What the operator sees of one keyspace: the only input of its plan. Frozen, and without a secret in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyball.attempts import Trouble
from flyball.expand import DesiredShard
from flyball.records import Failover, Keyspace, Shard


@dataclass(frozen=True, slots=True)
class PodView:
    """A member's pod.

    :param ip: empty until it has one.
    :param ready: its mysqld lets clients in, or would, were it open.
    :param wishes: the digest of what it was made for.
    :param role: the role label that it carries.
    :param owner: the uid of the Shard that it says owns it; empty for none.
    :param claim: the volume claim that it mounts.
    :param ended: all its processes have ended for good (evicted, or its node is gone): nothing of it runs.
    :param leaving: its deletion was asked for.
    :param overdue: its deletion was asked for longer ago than any stop takes: its node does not answer.
    :param cordoned: its node takes no new pods, as before a drain; None where nodes cannot be read.
    :param trouble: what it waits for, in Kubernetes' words: an image, a node to run on, a restart after a crash.
    """

    uid: str
    ip: str = ""
    ready: bool = False
    wishes: str = ""
    role: str = ""
    owner: str = ""
    claim: str = ""
    ended: bool = False
    leaving: bool = False
    overdue: bool = False
    cordoned: bool | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A volume claim of a member.

    :param volume: its number among the member's, from 1 on.
    :param owner: the uid of the Keyspace that it was made for.
    :param size: what it asks for.
    :param lost: what was on it is gone (its volume was deleted).
    :param expandable: whether its class lets it grow; None where that is not known.
    :param leaving: its deletion was asked for.
    """

    name: str
    uid: str
    volume: int
    owner: str
    size: str
    lost: bool = False
    expandable: bool | None = None
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class MemberView:
    """One member, by its pod and its claims.

    :param claims: the lowest volume first; the last one is the one in use.
    :param rests: something about it failed a moment ago, and is not tried again yet.
    """

    name: str
    shard: str
    pod: PodView | None = None
    claims: tuple[ClaimView, ...] = ()
    rests: bool = False
    trouble: Trouble | None = None

    @property
    def newest(self) -> ClaimView | None:
        """The claim with the member's data, or with room for it."""
        return self.claims[-1] if self.claims else None


@dataclass(frozen=True, slots=True)
class KeyspaceView:
    """One keyspace with all that was made for it.

    :param desired: the shards that the keyspace means.
    :param shards: its Shard records, by name.
    :param members: everything that is desired, declared in a Shard, or has a pod or a claim.
    :param failovers: its Failovers that have not ended.
    :param credentials: its credentials are complete.
    :param lacking: why the password of an account that names a Secret cannot be read, by the account's name.
    :param unknown: the accounts that have no password yet.
    :param stale: the Secrets that are missing, or not as they should be, by name.
    :param differing: the accounts whose Secret holds another password than they were made with.
    :param spent: the Secrets of members and accounts that are no more, by name and uid.
    :param unapplied: the other objects that are missing, or not as they should be, by kind and name.
    :param resting: shards whose primary was asked to move a moment ago.
    """

    keyspace: Keyspace
    desired: tuple[DesiredShard, ...] = ()
    shards: Mapping[str, Shard] = field(default_factory=dict)
    members: Mapping[str, MemberView] = field(default_factory=dict)
    failovers: tuple[Failover, ...] = ()
    credentials: bool = False
    lacking: Mapping[str, str] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    stale: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    spent: tuple[tuple[str, str], ...] = ()
    unapplied: tuple[str, ...] = ()
    resting: frozenset[str] = frozenset()

    def member(self, name: str, shard: str = "") -> MemberView:
        """The member of that name; one that nothing is known of has nothing yet."""
        return self.members.get(name) or MemberView(name, shard)

    def desired_shard(self, member: str) -> DesiredShard | None:
        """The shard that means the member, if one does."""
        return next((shard for shard in self.desired if member in shard.members), None)

    def declaring(self, member: str) -> Shard | None:
        """The Shard record that names the member, if one does."""
        return next((shard for shard in self.shards.values() if shard.spec.member(member) is not None), None)


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such keyspace any more."""
