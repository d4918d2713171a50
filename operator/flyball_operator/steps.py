"""The operator's steps. Each is safe to repeat, and each leaves what the next look can see.

What takes something away names it by its uid: an object that was made anew under the same name is another one.
"""

from dataclasses import dataclass

from flyball.declaring import (
    CreateShard,
    DeleteShard,
    HoldKeyspace,
    MovePrimary,
    RecordStep,
    ReleaseKeyspace,
    ReplaceShard,
)


@dataclass(frozen=True, slots=True)
class MakeCredentials:
    """Make the passwords and the authority that are missing."""


@dataclass(frozen=True, slots=True)
class WriteSecrets:
    """Write the Secrets that members and applications read: missing, out of date, or with a certificate that is due."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveSecrets:
    """Delete the Secrets of members and accounts that are no more, by name and uid."""

    secrets: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ApplyObjects:
    """Apply Services, disruption budgets, policies, the members' program: whatever is not as it should be."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MakeClaim:
    """Make a volume claim for a member."""

    shard: str
    member: str
    volume: int


@dataclass(frozen=True, slots=True)
class AdoptClaim:
    """Take over the claim that an earlier keyspace of this name left behind: the user said so."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class GrowClaim:
    """Ask for a larger volume in the place of the one that there is; the member runs on."""

    name: str
    size: str


@dataclass(frozen=True, slots=True)
class MakePod:
    """Make a member's pod on this claim. Its mysqld starts closed."""

    shard: str
    member: str
    claim: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a pod is to carry: the role that endpoints go by, and the Shard that owns it."""

    pod: str
    uid: str
    role: str
    owner: str


@dataclass(frozen=True, slots=True)
class MarkPods:
    """Make pods carry their role and their owner; who loses the role of primary first."""

    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete this very pod; its first process stops mysqld by rule 1.

    :param force: forget it without word from its node, which does not answer: nothing that still runs there can
        acknowledge a write.
    """

    member: str
    uid: str
    why: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class DeletePods:
    """Delete these pods at once: the keyspace comes down."""

    pods: tuple[tuple[str, str], ...]
    force: bool = False


@dataclass(frozen=True, slots=True)
class RemoveClaim:
    """Delete a claim, and with it its data: nobody declares the member, or it serves from another one."""

    name: str
    uid: str


Step = (
    RecordStep
    | MakeCredentials
    | WriteSecrets
    | RemoveSecrets
    | ApplyObjects
    | MakeClaim
    | AdoptClaim
    | GrowClaim
    | MakePod
    | MarkPods
    | DeletePod
    | DeletePods
    | RemoveClaim
)
"""What the operator does, one at a time."""


RELEASES = (HoldKeyspace, ReleaseKeyspace)
"""After these the Keyspace that was read is not the one that stands, or stands no more: its status is left alone."""


def in_words(step: Step) -> str:
    """The step as a line of a log, ``DeletePod commerce-80-x-2``."""
    parts: list[str] = [type(step).__name__]
    match step:
        case ReplaceShard(read):
            parts.append(read.name)
        case CreateShard(name) | DeleteShard(name) | RemoveClaim(name) | AdoptClaim(name) | GrowClaim(name):
            parts.append(name)
        case MakeClaim(_, member) | MakePod(_, member) | MovePrimary(_, member) | DeletePod(member):
            parts.append(member)
        case WriteSecrets(names) | ApplyObjects(names):
            parts.extend(names)
        case MarkPods(marks):
            parts.extend(f"{mark.pod}={mark.role}" for mark in marks)
        case DeletePods(named) | RemoveSecrets(named):
            parts.extend(name for name, _ in named)
    return " ".join(parts)
