"""A keyspace's secrets: passwords made once, and the authority that its members are trusted by.

Two secrets: the one with the accounts' passwords and the certificates that are trusted, which the topology service
reads (``flyball.member.accounts`` names its keys), and one with the authority's private key, which only the engine
reads. Users that a keyspace gains later get their passwords added; what is there is never changed, but for ``ca``.

``ca`` holds the authority's certificate, and behind it the one before where the authority was changed: members that
still show a certificate of the former one are trusted until they have got theirs from the new one. Each comes with
those that issued it, up to one that issued itself: OpenSSL trusts no chain that has no such end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flyball.certificates import Pair, is_self_issued, issue_authority
from flyball.errors import Code, StoreError
from flyball.member.accounts import authority_name, credentials_name, user_key, wanted_keys
from flyball.records import Keyspace
from flyball.secrets import Secret, Secrets, generate_password

LONGEST_PASSWORD = 255
"""Characters; the procedure that makes accounts takes no more."""

_OWN = ("certificate", "key")
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords that somebody else keeps, for the accounts that name one.

    :param values: by the account's key in the credentials.
    :param lacking: why there is none for an account, in words, by the account's name.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    lacking: Mapping[str, str] = field(default_factory=dict)


async def read_passwords(secrets: Secrets, keyspace: Keyspace) -> Passwords:
    """The passwords that ``passwordSecret`` names; one that is not there is told, and is no error."""
    values: dict[str, str] = {}
    lacking: dict[str, str] = {}
    for user in keyspace.spec.users:
        if (named := user.password_secret) is None:
            continue
        found = await secrets.get(named.name)
        value = "" if found is None else found.get(named.key, "")
        if 0 < len(value) <= LONGEST_PASSWORD:
            values[user_key(user.name)] = value
        else:
            seen = "does not exist" if found is None else f"has no {named.key!r}" if not value else "is too long"
            lacking[user.name] = f"the Secret {named.name!r}, which holds the password of {user.name}, {seen}"
    return Passwords(values, lacking)


async def ensure_credentials(
    secrets: Secrets, keyspace: Keyspace, given: str | None = None, passwords: Passwords | None = None
) -> Secret:
    """The keyspace's credentials, made where they are missing.

    :param given: as in :func:`ensure_authority`.
    :param passwords: of accounts whose passwords somebody else keeps; what they lack is not made up.
    """
    passwords = passwords or Passwords()
    authority = await ensure_authority(secrets, keyspace.name, given)
    name = credentials_name(keyspace.name)
    present: Mapping[str, str] = await secrets.get(name) or {}
    awaited = {user_key(user) for user in passwords.lacking}
    made = {key: generate_password() for key in wanted_keys(keyspace) - present.keys() - awaited}
    made |= {key: value for key, value in passwords.values.items() if key not in present}
    made["ca"] = trusted(present.get("ca", ""), authority.certificate)
    if not made.items() <= present.items():
        write = secrets.replace if present else secrets.create
        await write(name, {**present, **made})
    return Secret(await secrets.get(name) or {})


async def ensure_authority(secrets: Secrets, keyspace: str, given: str | None = None) -> Pair:
    """The keyspace's authority: the one that is given, else its own, made where it is missing.

    :param given: the secret (``tls.crt``, ``tls.key``) with an authority that somebody else made.
    :raises StoreError: STORE_CORRUPT when the secret is none, or the one that is given does not exist.
    """
    name, certificate, key = (given, "tls.crt", "tls.key") if given else (authority_name(keyspace), *_OWN)
    found = await secrets.get(name)
    if found is None and given is None:
        made = issue_authority(keyspace, datetime.now(UTC))
        await secrets.create(name, {"certificate": made.certificate, "key": made.key})
        return made
    held: Mapping[str, str] = found or {}
    try:
        return Pair(_chain(held[certificate], held.get("ca.crt", "") if given else ""), held[key])
    except KeyError as missing:
        raise StoreError(
            Code.STORE_CORRUPT,
            f"secret {name!r}: " + ("does not exist" if found is None else f"has no {missing}"),
            "Make it, as spec.certificates says." if given else "Restore it from a copy.",
        ) from missing


def trusted(present: str, authority: str) -> str:
    """What is trusted: the authority, and the one before it."""
    first = _first_chain(present)
    if first == authority.strip():
        return present
    return authority.strip() + "\n" + (first + "\n" if first else "")


def _chain(certificate: str, issuers: str) -> str:
    """An authority's certificate and those of who issued it, each once, up to one that issued itself."""
    listed = tuple(dict.fromkeys((*_certificates(certificate), *_certificates(issuers))))
    return _first_chain("\n".join(listed)) + "\n" if len(listed) > 1 else certificate


def _first_chain(text: str) -> str:
    """The certificates up to the first that issued itself; where none did, the first alone."""
    listed = _certificates(text)
    ends = (number for number, one in enumerate(listed, start=1) if is_self_issued(one))
    return "\n".join(listed[: next(ends, 1)])


def _certificates(text: str) -> tuple[str, ...]:
    return tuple((part + _END).strip() for part in text.split(_END)[:-1])
