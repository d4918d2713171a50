"""Whose directory this is: a member's directory carries its owner's name.

A directory with data is used only for the member that it was made for. The keyspace's uid tells a keyspace from
a later one of the same name: the later one gets its forerunner's directories only when a person says so
(:func:`adopt`). Everything else is foreign, and nothing in it is touched.

What was chosen once for the member stands here too: its host, its port and its server id outlive every restart.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball.secrets import write_private
from flyball_local.hosts import Host, host_of


@dataclass(frozen=True, slots=True)
class Identity:
    """What a member's directory belongs to, and what was chosen for it.

    :param uid: of the keyspace.
    :param server_id: MySQL's, unique within the home.
    """

    keyspace: str
    uid: str
    shard: str
    member: str
    incarnation: int
    port: int
    server_id: int
    host: Host = field(default_factory=Host)


def identity_file(member: Path) -> Path:
    """Where a member's directory says whose it is."""
    return member / "identity.json"


def read_identity(member: Path) -> Identity | None:
    """The identity of a member's directory; None when the directory is missing or empty.

    :raises EngineError: FOREIGN_DIRECTORY when something is in it that carries no identity of flyball's.
    """
    file = identity_file(member)
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return Identity(**{**known, "host": host_of(known.get("host", {}))})
    except NotADirectoryError:
        seen = "it is no directory"
    except FileNotFoundError:
        if not member.is_dir() or not any(member.iterdir()):
            return None
        seen = "it has no identity.json"
    except (ValueError, TypeError, AttributeError) as damage:
        seen = f"its identity.json cannot be read ({damage})"
    raise EngineError(
        Code.FOREIGN_DIRECTORY,
        f"{member} is not a directory that flyball made: {seen}",
        "see what it is, and move it away; nothing in it was touched.",
    )


def write_identity(member: Path, identity: Identity) -> None:
    """Say whose directory this is; the directory exists."""
    write_private(identity_file(member), json.dumps(asdict(identity), indent=1) + "\n")


def check_owner(member: Path, identity: Identity, keyspace: str, uid: str, shard: str) -> None:
    """Make sure that the directory belongs to this shard of this very keyspace.

    :raises EngineError: FOREIGN_DIRECTORY.
    """
    if (identity.keyspace, identity.uid, identity.shard) == (keyspace, uid, shard):
        return
    again = identity.keyspace == keyspace and identity.shard == shard
    raise EngineError(
        Code.FOREIGN_DIRECTORY,
        f"{member} holds the data of the shard {identity.shard} of "
        + (f"an earlier keyspace {keyspace!r}" if again else f"the keyspace {identity.keyspace!r}"),
        "run `flyball local up --adopt` to go on with that data, or move the directory away."
        if again
        else "move the directory away, or name the keyspace otherwise.",
    )


def adopt(members: Path, keyspace: str, uid: str) -> tuple[str, ...]:
    """Give a keyspace the directories of its forerunners of the same name; returns their members' names."""
    adopted = []
    for member, identity in identities(members).items():
        if identity.keyspace == keyspace and identity.uid != uid:
            write_identity(members / member, replace(identity, uid=uid, incarnation=identity.incarnation + 1))
            adopted.append(member)
    return tuple(adopted)


def identities(members: Path) -> dict[str, Identity]:
    """Every member's directory that is ours, by the directory's name."""
    found: dict[str, Identity] = {}
    if not members.is_dir():
        return found
    for directory in sorted(members.iterdir()):
        try:
            identity = read_identity(directory)
        except EngineError:  # foreign: none of our business
            continue
        if identity is not None and identity.member == directory.name:
            found[directory.name] = identity
    return found
