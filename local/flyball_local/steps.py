"""The engine's steps. Each is safe to repeat, and each leaves what the next look can see."""

from dataclasses import dataclass

from flyball.records import Reshard, Shard
from flyball.records.shard import ShardSpec

FINALIZER = "flyball.dev/local-engine"
"""Holds a deleted keyspace back until its members are down."""


@dataclass(frozen=True, slots=True)
class HoldKeyspace:
    """Put the finalizer on the keyspace, before anything is made for it."""


@dataclass(frozen=True, slots=True)
class ReleaseKeyspace:
    """Take the finalizer off: nothing of the keyspace runs any more.

    :param forget: its secrets go too.
    """

    forget: bool


@dataclass(frozen=True, slots=True)
class MakeCredentials:
    """Make the secrets that are missing."""


@dataclass(frozen=True, slots=True)
class ClaimDirectory:
    """Make the member's directory and say whose it is; choose its port and its server id."""

    shard: str
    member: str


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
class CreateReshard:
    """Ask for rows to be moved: the keyspace declares other key ranges than those that serve."""

    reshard: Reshard


@dataclass(frozen=True, slots=True)
class DeleteReshard:
    """Take the Reshard record away; its keyspace is going."""

    name: str


@dataclass(frozen=True, slots=True)
class Initialise:
    """Make the member's data directory."""

    member: str


@dataclass(frozen=True, slots=True)
class StartMember:
    """Start the member's mysqld, closed."""

    member: str


@dataclass(frozen=True, slots=True)
class StopMembers:
    """Stop the members' mysqlds as rule 1 says."""

    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KillMember:
    """End the member's mysqld as a crash does; it is started again at once."""

    member: str


@dataclass(frozen=True, slots=True)
class MovePrimary:
    """Ask for another primary, since this member shall leave."""

    shard: str
    member: str


@dataclass(frozen=True, slots=True)
class RemoveDirectories:
    """Remove the members' directories with their data: nobody declares them any more, and they are down."""

    members: tuple[str, ...]


Step = (
    HoldKeyspace
    | ReleaseKeyspace
    | MakeCredentials
    | ClaimDirectory
    | CreateShard
    | ReplaceShard
    | DeleteShard
    | CreateReshard
    | DeleteReshard
    | Initialise
    | StartMember
    | StopMembers
    | KillMember
    | MovePrimary
    | RemoveDirectories
)
"""What the engine does, one at a time."""


def in_words(step: Step) -> str:
    """The step as a line of a log, ``StartMember commerce-80-x-2``."""
    parts: list[str] = [type(step).__name__]
    match step:
        case CreateShard(name) | DeleteShard(name) | DeleteReshard(name):
            parts.append(name)
        case ReplaceShard(read) | CreateReshard(read):
            parts.append(read.name)
        case ClaimDirectory(_, member) | MovePrimary(_, member):
            parts.append(member)
        case Initialise(member) | StartMember(member) | KillMember(member):
            parts.append(member)
        case StopMembers(members) | RemoveDirectories(members):
            parts.extend(members)
    return " ".join(parts)
