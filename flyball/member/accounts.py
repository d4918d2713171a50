"""The accounts that flyball makes: their names, and where their passwords stand in a keyspace's secret.

A keyspace has one secret, ``<keyspace>-credentials``, with these keys: ``topology``, ``clone``, ``engine`` (the
passwords of the accounts that each member makes for itself), ``replica-seed`` (each member's replication password is
derived from it, so that a new member needs no new secret), ``user-NAME`` for each of ``spec.users``, and ``ca`` (the
certificate authority's certificate, PEM).
"""

import base64
import hashlib
import hmac
from functools import lru_cache

from flyball.records import Keyspace

TOPOLOGY = "flyball_topology"
CLONE = "flyball_clone"
ENGINE = "flyball_engine"
REPLICA_PREFIX = "flyball_r_"
MOVER_PREFIX = "flyball_m_"
READER_PREFIX = "flyball_v_"

_OWN = ("topology", "clone", "engine", "replica-seed")


@lru_cache(maxsize=65536)
def replica_account(member: str) -> str:
    """The account that ``member`` replicates with: one each, so that one can be locked out alone.

    MySQL allows 32 characters in an account's name; a member's name may have 63, so it is hashed.
    """
    return REPLICA_PREFIX + hashlib.sha256(member.encode()).hexdigest()[:16]


def replica_password(seed: str, member: str) -> str:
    """The password of ``replica_account(member)``: HMAC-SHA256 of the member's name under the keyspace's seed.

    SOURCE_PASSWORD takes at most 32 characters (MySQL's error 3056): 192 of the 256 bits.
    """
    digest = hmac.new(seed.encode(), member.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode()[:32]


def mover_account(workflow: str) -> str:
    """The account that moves rows for one workflow, while it lives."""
    return MOVER_PREFIX + hashlib.sha256(workflow.encode()).hexdigest()[:16]


def mover_password(seed: str, workflow: str) -> str:
    """The password of ``mover_account(workflow)``, derived as a replica's is."""
    return replica_password(seed, f"mover {workflow}")


def reader_account(operation: str) -> str:
    """The account that compares rows for one ``flyball verify``, while it lives."""
    return READER_PREFIX + hashlib.sha256(operation.encode()).hexdigest()[:16]


def reader_password(seed: str, operation: str) -> str:
    """The password of ``reader_account(operation)``, derived as a replica's is."""
    return replica_password(seed, f"reader {operation}")


def credentials_name(keyspace: str) -> str:
    """The name of the keyspace's secret."""
    return f"{keyspace}-credentials"


def authority_name(keyspace: str) -> str:
    """The name of the secret with the private key of the keyspace's authority."""
    return f"{keyspace}-authority"


def tls_name(keyspace: str, member: str) -> str:
    """The name in a member's certificate; no other member of any keyspace has it."""
    return f"{member}.{keyspace}.flyball.internal"


def wanted_keys(keyspace: Keyspace) -> frozenset[str]:
    """What the keyspace's credentials must hold."""
    users = (user_key(user.name) for user in keyspace.spec.users)
    return frozenset({*_OWN, "ca", *users})


def user_key(user: str) -> str:
    """The key of an application account's password in the secret."""
    return f"user-{user}"
