"""The names, labels and annotations of all that the operator makes: in one place, for by them it is found again.

Names come from the record (``commerce``, ``commerce-80-x``, ``commerce-80-x-2``), so two passes never make two objects
for one purpose. A volume's name carries its number: a member that gets a new volume keeps the old one beside it.
"""

import hashlib

from flyball.records.base import LONGEST_NAME

MANAGER = "flyball-operator"
"""Who owns the fields that the operator applies."""

FINALIZER = "flyball.dev/operator"
"""Holds a deleted keyspace back until its members are down."""

KEYSPACE = "flyball.dev/keyspace"
SHARD = "flyball.dev/shard"
MEMBER = "flyball.dev/member"
ROLE = "flyball.dev/role"
"""``primary``, ``replica`` or ``none``: follows the Shard's status."""
VOLUME = "flyball.dev/volume"
"""Which volume of its member a claim is, from 1 on."""
MANAGED_BY = "app.kubernetes.io/managed-by"

OWNER_UID = "flyball.dev/keyspace-uid"
"""Annotation: the uid of the Keyspace that an object was made for. One of another uid is not ours."""
WISHES = "flyball.dev/wishes"
"""Annotation of a pod: what the user asked for when it was made, as a digest. Another one asks for a new pod."""
APPLIED = "flyball.dev/applied"
"""Annotation: the digest of what was applied."""

TRUSTS_SINCE = "flyball.dev/trusts-since"
"""Annotation of a member's certificate: when the authorities that it trusts were written."""

PORT = 3306

PRIMARY, REPLICA, NO_ROLE = "primary", "replica", "none"


def keyspace_labels(keyspace: str) -> dict[str, str]:
    """What everything of a keyspace carries."""
    return {MANAGED_BY: MANAGER, KEYSPACE: keyspace}


def shard_labels(keyspace: str, shard: str) -> dict[str, str]:
    """What everything of a shard carries."""
    return {**keyspace_labels(keyspace), SHARD: shard}


def member_labels(keyspace: str, shard: str, member: str) -> dict[str, str]:
    """What everything of a member carries."""
    return {**shard_labels(keyspace, shard), MEMBER: member}


def claim_name(member: str, volume: int) -> str:
    """``commerce-80-x-2-data``, from the second volume on ``commerce-80-x-2-data-2``."""
    return f"{member}-data" if volume == 1 else f"{member}-data-{volume}"


def certificate_name(member: str) -> str:
    """The Secret with a member's certificate."""
    return f"{member}-tls"


def start_name(keyspace: str) -> str:
    """The Secret with what each member of a keyspace reads at its start."""
    return f"{keyspace}-member"


def user_name(keyspace: str, user: str) -> str:
    """The Secret that an application reads one account from; an account's name has no dash, so names stay apart."""
    return f"{keyspace}-user-{user.replace('_', '-')}"


def primary_name(shard: str) -> str:
    """The Service, and the disruption budget, of a shard's primary."""
    return f"{shard}-primary"


def replicas_name(shard: str) -> str:
    """The Service, and the disruption budget, of a shard's replicas."""
    return f"{shard}-replicas"


def script_name(keyspace: str, digest: str) -> str:
    """The ConfigMap with the members' program; another program has another name."""
    return f"{keyspace}-program-{digest[:10]}"


LONGEST_SHARD = LONGEST_NAME - len("-replicas")
"""Characters that a shard's name may have on Kubernetes: a Service's name is a DNS label."""


def server_id(shard: str, ordinal: int) -> int:
    """MySQL's server_id: different for each member of a shard, and the same for as long as the member lives.

    28 bits of the shard's name, and 4 of the ordinal (9 at most): never 0, and below 2**32.
    """
    high = int.from_bytes(hashlib.sha256(shard.encode()).digest()[:4]) & 0xFFFFFFF0
    return high | ordinal
