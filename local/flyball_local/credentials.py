"""A keyspace's secrets, made once, and its members' certificates, made when they are due.

Two secrets: the one with the accounts' passwords and the authority's certificate, which the topology service
reads (``flyball.member.accounts`` names its keys), and one with the authority's private key, which only the engine
reads. Users that a keyspace gains later get their passwords added.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime

from flyball.certificates import Pair, is_issued_by, issue_authority, issue_member, renewal_due, write_files
from flyball.errors import Code, StoreError
from flyball.member import accounts
from flyball.member.accounts import authority_name, tls_name, wanted_keys
from flyball.records import Keyspace
from flyball.secrets import Secret, Secrets, generate_password
from flyball_local.home import Home
from flyball_local.identity import Identity


async def ensure_credentials(secrets: Secrets, keyspace: Keyspace) -> Secret:
    """The keyspace's credentials, made where they are missing; what is there is never changed."""
    authority = await _ensure_authority(secrets, keyspace.name)
    name = accounts.credentials_name(keyspace.name)
    present: Mapping[str, str] = await secrets.get(name) or {}
    missing = wanted_keys(keyspace) - present.keys()
    if missing:
        made = {key: authority.certificate if key == "ca" else generate_password() for key in missing}
        write = secrets.replace if present else secrets.create
        await write(name, {**present, **made})
    return Secret(await secrets.get(name) or {})


async def _ensure_authority(secrets: Secrets, keyspace: str) -> Pair:
    name = authority_name(keyspace)
    found = await secrets.get(name)
    if found is None:
        made = issue_authority(keyspace, datetime.now(UTC))
        await secrets.create(name, {"certificate": made.certificate, "key": made.key})
        return made
    try:
        return Pair(found["certificate"], found["key"])
    except KeyError as missing:
        raise StoreError(
            Code.STORE_CORRUPT,
            f"secret {name!r}: has no {missing}",
            "Restore it from a copy.",
        ) from missing


async def ensure_certificate(home: Home, secrets: Secrets, identity: Identity) -> None:
    """Write the member's certificate unless it has one of this authority that is good for long enough."""
    authority = await _ensure_authority(secrets, identity.keyspace)
    await asyncio.to_thread(_write_certificate, home, authority, identity)


def _write_certificate(home: Home, authority: Pair, identity: Identity) -> None:
    directory, now = home.certificate(identity.member), datetime.now(UTC)
    file = directory / "cert.pem"
    if file.is_file() and (directory / "key.pem").is_file():
        present = file.read_text(encoding="utf-8")
        if is_issued_by(present, authority.certificate) and not renewal_due(present, now):
            return
    pair = issue_member(
        authority, tls_name(identity.keyspace, identity.member), (identity.host.address, "localhost"), now
    )
    write_files(directory, authority.certificate, pair)
