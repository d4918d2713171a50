"""What a member reads at its start: its program, the SQL that makes its accounts and procedures, its certificate.

Only these hold what must stay secret, and only Secrets hold these: a pod sees the passwords of the accounts that its
mysqld makes, never the seed of the replication passwords, a user's password, or the authority's key.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from flyball.certificates import Pair
from flyball.member.accounts import ENGINE
from flyball.member.init_file import Passwords, render
from flyball.member.stragglers import STRAGGLERS
from flyball.records import Keyspace
from flyball_operator import naming
from flyball_operator.manifests.digest import digest, sealed
from flyball_operator.objects import Object

ACCOUNT_TYPE = "kubernetes.io/basic-auth"
"""The type of the Secret that an application logs in with."""


@cache
def program() -> Mapping[str, str]:
    """The files of the members' program."""
    script = (resources.files("flyball_operator") / "scripts" / "member.sh").read_text(encoding="utf-8")
    return {"member.sh": script, "stragglers.sql": STRAGGLERS.strip() + "\n"}


def program_map(keyspace: Keyspace) -> Object:
    """The ConfigMap with the members' program. It never changes: another program is another ConfigMap."""
    files = dict(program())
    return sealed(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(keyspace, naming.script_name(keyspace.name, digest(files))),
            "immutable": True,
            "data": files,
        }
    )


def start_secret(keyspace: Keyspace, credentials: Mapping[str, str]) -> Object:
    """The Secret with the init file, and with what a member's own program logs in by."""
    passwords = Passwords(credentials["topology"], credentials["clone"], credentials["engine"])
    client = f"[client]\nuser={ENGINE}\npassword={credentials['engine']}\n"
    name = naming.start_name(keyspace.name)
    return sealed(_secret(keyspace, name, {"init.sql": render(passwords), "engine.cnf": client}))


@dataclass(frozen=True, slots=True, repr=False)
class Trust:
    """What a member trusts, and since when. Never printed, for it stands beside a key."""

    authorities: str
    since: str


def certificate_secret(keyspace: Keyspace, shard: str, member: str, trust: Trust, pair: Pair) -> Object:
    """The Secret with a member's certificate."""
    made = _secret(
        keyspace,
        naming.certificate_name(member),
        {"ca.crt": trust.authorities, "tls.crt": pair.certificate, "tls.key": pair.key},
        kind="kubernetes.io/tls",
    )
    made["metadata"]["labels"] = naming.member_labels(keyspace.name, shard, member)
    made["metadata"]["annotations"][naming.TRUSTS_SINCE] = trust.since
    return sealed(made)


def user_secret(keyspace: Keyspace, user: str, credentials: Mapping[str, str]) -> Object:
    """The Secret that an application reads its account from."""
    values = {"username": user, "password": credentials[f"user-{user}"], "ca.crt": credentials["ca"]}
    return sealed(_secret(keyspace, naming.user_name(keyspace.name, user), values, kind=ACCOUNT_TYPE))


def _secret(keyspace: Keyspace, name: str, values: Mapping[str, str], kind: str = "Opaque") -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(keyspace, name),
        "type": kind,
        "data": data,
    }


def _metadata(keyspace: Keyspace, name: str) -> Object:
    return {
        "name": name,
        "labels": naming.keyspace_labels(keyspace.name),
        "annotations": {naming.OWNER_UID: keyspace.metadata.uid},
    }
