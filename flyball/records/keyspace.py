"""The Keyspace record: what a user declares, and what has come of it."""

from enum import StrEnum
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from flyball import errors, keyrange
from flyball.duration import Duration
from flyball.records.base import Condition, Label, Model, Record
from flyball.records.placing import CertificatesSpec, PlacementSpec, ResourcesSpec, StorageSpec


class DurabilityPolicy(StrEnum):
    """Which members must hold a write before the client hears "ok"."""

    NONE = "none"
    SEMI_SYNC = "semi-sync"
    CROSS_ZONE = "cross-zone"


class DurabilitySpec(Model):
    """``acks`` members beside the primary must have received a write before it is acknowledged.

    With ``none`` replication is asynchronous and a failover may lose writes that a client heard "ok" for.
    """

    policy: DurabilityPolicy = DurabilityPolicy.SEMI_SYNC
    acks: int = Field(default=1, ge=1, le=8)

    @property
    def least_members(self) -> int:
        """Members that a shard needs for writes to be acknowledged at all, the primary included."""
        return 1 if self.policy is DurabilityPolicy.NONE else self.acks + 1


class ErrantPolicy(StrEnum):
    """What to do about a member that holds transactions which nobody acknowledged and no primary issued."""

    ISOLATE = "isolate"
    RESEED = "reseed"


class RepairSpec(Model):
    """How far repair may go by itself.

    A crashed primary often comes back with a transaction that no client heard "ok" for; such a member is
    always reseeded. ``errant`` is about the rest: transactions written to a replica by other means.
    """

    errant: ErrantPolicy = ErrantPolicy.ISOLATE


class MySQLSpec(Model):
    """Settings of the members. ``config`` holds mysqld options by name, without the leading dashes.

    ``image`` and ``resources`` are for Kubernetes: a local engine runs the MySQL that it finds.
    """

    image: str = Field(default="mysql:9.7", min_length=1)
    config: dict[str, str | int] = Field(default_factory=dict)
    resources: ResourcesSpec = ResourcesSpec()


class TableSpec(Model):
    """How a table is spread: by a sharding key, or whole on every shard (a reference table)."""

    shard_by: str | None = None
    reference: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.shard_by is None) == (not self.reference):
            raise ValueError("a table has either shardBy: COLUMN or reference: true")
        return self


class SecretKey(Model):
    """A value in a Secret of the keyspace's namespace."""

    name: Label
    key: str = Field(default="password", pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)


class UserSpec(Model):
    """An account for applications. It reads and writes rows; ``ddl`` adds the right to change schemas.

    Its password is made up, unless ``password_secret`` names one (on Kubernetes; a local engine makes up its own). That
    one is taken over when the account is made; the account waits until it is there, and nothing else does.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="must not start with flyball")
    ddl: bool = False
    password_secret: SecretKey | None = None

    @model_validator(mode="after")
    def _not_ours(self) -> Self:
        if self.name.startswith("flyball") or self.name in {"root", "mysql"}:
            raise ValueError(f"the account name {self.name!r} is reserved")
        return self


class Approval(StrEnum):
    """Whether a reshard stops before each cutover, until a person approves it."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class ReshardPolicy(Model):
    """How a change of ``shards`` or ``ranges`` is carried out.

    After the cutover the former shards follow the new ones for ``keep_for``, so that it can be reversed; where that is
    absent, until a person completes the reshard.
    """

    approval: Approval = Approval.AUTOMATIC
    keep_for: Duration | None = Field(default=None, description="how long the way back is kept, 24h say")


def is_reserved(database: str) -> bool:
    """Whether a MySQL schema of that name is MySQL's own, or flyball's."""
    return database in {"information_schema", "ndbinfo"} or database.startswith(
        ("flyball", "mysql", "sys", "performance")
    )


class KeyspaceSpec(Model):
    """The set point of a keyspace.

    ``shards: N`` cuts the keyspace ids into N equal key ranges; ``ranges`` names them instead. ``database``
    is the MySQL schema on every shard; the keyspace's name with ``-`` as ``_`` where it is not given. ``storage``,
    ``placement`` and ``certificates`` are for Kubernetes.
    """

    shards: int | None = Field(default=None, ge=1, le=256)
    ranges: tuple[str, ...] | None = None
    replicas: int = Field(default=3, ge=1, le=9, description="members a shard, the primary included")
    zones: tuple[Label, ...] = Field(
        default=(),
        max_length=9,
        description="members are spread over them in turn; one that exists keeps its zone",
    )
    durability: DurabilitySpec = DurabilitySpec()
    repair: RepairSpec = RepairSpec()
    mysql: MySQLSpec = MySQLSpec()
    storage: StorageSpec = StorageSpec()
    placement: PlacementSpec = PlacementSpec()
    certificates: CertificatesSpec = CertificatesSpec()
    database: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]{0,63}$")
    tables: dict[str, TableSpec] = Field(default_factory=dict)
    users: tuple[UserSpec, ...] = ()
    reshard: ReshardPolicy = ReshardPolicy()
    reclaim_policy: Literal["Retain", "Delete"] = "Retain"
    paused: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shards is not None and self.ranges is not None:
            raise ValueError("give shards or ranges, not both")
        self.key_ranges()
        need = self.durability.least_members
        if self.replicas < need:
            raise errors.InputError(
                errors.Code.TOO_FEW_REPLICAS,
                f"replicas: {self.replicas} is below the {need} members that "
                f"durability {self.durability.policy} with acks: {self.durability.acks} needs",
                f"set replicas to {need} or more, or ask for fewer acks",
            )
        self._check_zones()
        names = [user.name for user in self.users]
        if len(set(names)) != len(names):
            raise ValueError("users: the same name twice")
        if self.database is not None and is_reserved(self.database):
            raise ValueError(f"database: {self.database!r} is reserved")
        return self

    def zone(self, ordinal: int) -> str:
        """The zone that a shard's member number ``ordinal``, from 1 on, is made in; empty where none is declared."""
        return self.zones[(ordinal - 1) % len(self.zones)] if self.zones else ""

    def _check_zones(self) -> None:
        if len(set(self.zones)) != len(self.zones):
            raise ValueError("zones: the same name twice")
        if self.durability.policy is not DurabilityPolicy.CROSS_ZONE:
            return
        homes = [self.zone(ordinal) for ordinal in range(1, self.replicas + 1)]
        for zone in dict.fromkeys(homes):
            outside = sum(home != zone for home in homes)
            if outside < self.durability.acks:
                raise errors.InputError(
                    errors.Code.TOO_FEW_REPLICAS,
                    f"replicas: {outside} of {self.replicas} members live outside {zone or 'the one zone there is'}; "
                    f"durability cross-zone with acks: {self.durability.acks} needs {self.durability.acks}",
                    "declare more zones, or more replicas to spread over them",
                )

    def key_ranges(self) -> tuple[keyrange.KeyRange, ...]:
        """The key ranges in order; :raises InputError: where they do not tile the keyspace ids."""
        if self.ranges is None:
            return tuple(keyrange.split_equally(self.shards or 1))
        ranges = tuple(keyrange.KeyRange.parse(text) for text in self.ranges)
        return keyrange.tiles(ranges)


class ShardRoute(Model):
    """Which shard serves a key range."""

    range: str
    shard: Label


class ShardGtids(Model):
    """A GTID set of one shard."""

    shard: Label
    gtids: str


class ReshardClaim(Model):
    """The one workflow that may change the routing, and whether it may do so now.

    The swap of the routing is a compare-and-swap of a status in which the claim is ``armed``. Undoing a cutover disarms
    it first, by a write of its own, so the later one of the two loses (rule 8). ``held`` is written with the swap: what
    each shard that serves from then on had executed before. Nothing of it is an application's write that the former
    shards lack, so the way back counts it as executed there (rule 21).
    """

    workflow: Label
    armed: bool = False
    held: tuple[ShardGtids, ...] = ()


class Overview(Model):
    """The shards in short, in the order of their ranges: what ``kubectl get keyspaces`` shows."""

    ready: str = Field(default="", description="shards that serve, of those that are meant: 2/2")
    terms: str = Field(default="", description="the terms of the reigns; the least and the greatest of more than four")
    lag: str = Field(default="", description="the worst class of any replica")
    workflow: str = Field(default="", description="what is changing: a reshard, or the first change of primary")


class KeyspaceStatus(Model):
    """What has come of a keyspace. ``routing`` and ``reshard`` are the topology service's, the rest the engine's."""

    observed_generation: int = 0
    routing: tuple[ShardRoute, ...] = ()
    reshard: ReshardClaim | None = None
    overview: Overview = Overview()
    conditions: tuple[Condition, ...] = ()


class Keyspace(Record):
    """A logical database, split into shards by a sharding key."""

    kind: ClassVar[str] = "Keyspace"
    shown: ClassVar[frozenset[str]] = frozenset({"overview"})

    spec: KeyspaceSpec
    status: KeyspaceStatus = KeyspaceStatus()

    @model_validator(mode="after")
    def _name_is_a_database(self) -> Self:
        if is_reserved(self.database):
            raise ValueError(
                f"metadata.name: {self.name!r} gives the reserved database {self.database!r}; name another"
            )
        return self

    @property
    def database(self) -> str:
        """The MySQL schema that holds the keyspace's tables on every shard."""
        return self.spec.database or self.name.replace("-", "_")
