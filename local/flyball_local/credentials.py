"""A member's certificate in the engine's home, made when it is due."""

import asyncio
from datetime import UTC, datetime

from flyball.certificates import Pair, is_issued_by, issue_member, renewal_due, write_files
from flyball.credentials import ensure_authority
from flyball.member.accounts import tls_name
from flyball.secrets import Secrets
from flyball_local.home import Home
from flyball_local.identity import Identity


async def ensure_certificate(home: Home, secrets: Secrets, identity: Identity) -> None:
    """Write the member's certificate unless it has one of this authority that is good for long enough."""
    authority = await ensure_authority(secrets, identity.keyspace)
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
