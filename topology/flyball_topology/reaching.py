"""How a member is reached: where it listens, by which secret of its keyspace, and whose certificates are believed."""

import ssl

from flyball.errors import Code, MemberError
from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball.secrets import Secret, Secrets
from flyball.session import Target


def target_of(member: MemberSpec) -> Target:
    """Where the member listens, and the name that its certificate shows: its host's where it has none of its own."""
    return Target(member.host, member.port, member.tls_name or member.host)


async def secret_of(secrets: Secrets, shard: Shard) -> Secret:
    """The passwords of the shard's keyspace.

    :raises MemberError: MEMBER_LOGIN, when there are none.
    """
    secret = await secrets.get(shard.spec.credentials)
    if secret is None:
        raise MemberError(
            Code.MEMBER_LOGIN,
            f"the secret {shard.spec.credentials} of shard {shard.name} does not exist",
            "the engine makes it: check that it runs",
        )
    return secret


def believing(authority: str) -> ssl.SSLContext:
    """TLS that believes the keyspace's authority and no other."""
    context = ssl.create_default_context(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
