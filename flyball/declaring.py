"""What any engine does to the records of a keyspace, whatever it runs the members with: steps, and how they are taken.

Each step is safe to repeat, and each leaves what the next look can see. Every write carries what was read, so one that
comes too late raises :class:`~flyball.store.ConflictError` and changes nothing.
"""

import hashlib
from dataclasses import dataclass

from flyball.records import Failover, Keyspace, Metadata, Shard
from flyball.records.failover import FailoverSpec
from flyball.records.shard import ShardSpec
from flyball.store import Records


@dataclass(frozen=True, slots=True)
class HoldKeyspace:
    """Put the engine's finalizer on the keyspace, before anything is made for it."""


@dataclass(frozen=True, slots=True)
class ReleaseKeyspace:
    """Take the finalizer off: nothing of the keyspace runs any more.

    :param forget: its secrets go too.
    """

    forget: bool


@dataclass(frozen=True, slots=True)
class CreateShard:
    """Declare the shard, with all its members."""

    name: str
    spec: ShardSpec


@dataclass(frozen=True, slots=True)
class ReplaceShard:
    """Declare the shard anew, if it still is as it was read."""

    read: Shard
    spec: ShardSpec


@dataclass(frozen=True, slots=True)
class DeleteShard:
    """Take the Shard record away; its members are down."""

    name: str


@dataclass(frozen=True, slots=True)
class MovePrimary:
    """Ask for another primary.

    :param reason: why this member shall not be it, for people.
    """

    shard: str
    member: str
    reason: str


RecordStep = HoldKeyspace | ReleaseKeyspace | CreateShard | ReplaceShard | DeleteShard | MovePrimary
"""A step that changes records alone."""


async def take(records: Records, keyspace: Keyspace, step: RecordStep, finalizer: str, mark: str) -> None:
    """Take the step.

    :param finalizer: the engine's own.
    :param mark: of this attempt; asking for a move twice under one mark makes one Failover.
    :raises ConflictError: the record changed since it was read; for a move: it was asked for already.
    """
    match step:
        case HoldKeyspace() | ReleaseKeyspace():
            others = tuple(name for name in keyspace.metadata.finalizers if name != finalizer)
            wanted = (*others, finalizer) if isinstance(step, HoldKeyspace) else others
            metadata = keyspace.metadata.model_copy(update={"finalizers": wanted})
            await records.replace_metadata(keyspace.model_copy(update={"metadata": metadata}))
        case CreateShard(name, spec):
            await records.create(Shard(metadata=Metadata(name=name), spec=spec))
        case ReplaceShard(read, spec):
            await records.replace_spec(read.model_copy(update={"spec": spec}))
        case DeleteShard(name):
            await records.delete(Shard, name)
        case MovePrimary(shard, member, reason):
            text = f"{member}/{keyspace.metadata.generation}/{mark}"
            name = f"leave-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
            asked = FailoverSpec(keyspace=keyspace.name, shard=shard, mode="planned", reason=reason)
            await records.create(Failover(metadata=Metadata(name=name), spec=asked))
