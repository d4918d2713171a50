"""The Secrets that members and applications read: which there should be, and what of them is not so. Pure.

A change of authority goes in two steps, so that nobody refuses anybody on the way: every member first trusts the new
authority beside the former one, and gets a certificate of the new one when all of them know it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flyball.certificates import Pair, is_issued_by, issue_member, renewal_due
from flyball.credentials import Passwords
from flyball.expand import DesiredShard
from flyball.member.accounts import tls_name, user_key, wanted_keys
from flyball.records import Keyspace
from flyball_operator import naming
from flyball_operator.manifests import start
from flyball_operator.manifests.digest import is_applied
from flyball_operator.objects import Object, text_of
from flyball_operator.wanted import owned

SPREAD = timedelta(seconds=180)
"""How long a member's mysqld may take to know of an authority that it is to trust: the kubelet looks each minute."""


@dataclass(frozen=True, slots=True, repr=False)
class Held:
    """What the operator holds of a keyspace that must stay secret. Never printed."""

    credentials: Mapping[str, str]
    authority: Pair
    passwords: Passwords


def is_complete(keyspace: Keyspace, held: Held | None) -> bool:
    """Whether the credentials hold what they can, and trust the authority that signs."""
    if held is None:
        return False
    awaited = {user_key(name) for name in held.passwords.lacking}
    if not wanted_keys(keyspace) - awaited <= held.credentials.keys():
        return False
    return held.credentials["ca"].strip().startswith(held.authority.certificate.strip())


def without_password(keyspace: Keyspace, held: Held | None) -> frozenset[str]:
    """The accounts that have no password yet: they are declared once they have."""
    known = held.credentials if held is not None else {}
    return frozenset(user.name for user in keyspace.spec.users if user_key(user.name) not in known)


def differing(held: Held | None) -> tuple[str, ...]:
    """The accounts whose password is another one than that which somebody keeps for them."""
    given = held.passwords.values if held is not None else {}
    known = held.credentials if held is not None else {}
    return tuple(key.removeprefix("user-") for key, value in sorted(given.items()) if known.get(key, value) != value)


def stale_secrets(
    keyspace: Keyspace, desired: Iterable[DesiredShard], held: Held, found: Mapping[str, Object], now: datetime
) -> tuple[str, ...]:
    """The names of the Secrets that are missing, not as they should be, or with a certificate that is due."""
    plain = [one["metadata"]["name"] for one in _plain(keyspace, held) if not _stands(one, found)]
    members = [name for shard in desired for name in shard.members]
    is_trusted = trusted_by_all(members, held, found, now)
    due = [name for name in map(naming.certificate_name, members) if _is_due(held, found.get(name), is_trusted, now)]
    return (*plain, *due)


def trusted_by_all(members: Iterable[str], held: Held, found: Mapping[str, Object], now: datetime) -> bool:
    """Whether every member has trusted the authority for so long that its mysqld knows by now."""
    certificates = [found.get(naming.certificate_name(member)) for member in members]
    return all(
        one is not None and text_of(one, "ca.crt") == held.credentials["ca"] and now - _trusts_since(one) >= SPREAD
        for one in certificates
    )


def secrets(
    keyspace: Keyspace,
    desired: Iterable[DesiredShard],
    held: Held,
    names: Iterable[str],
    found: Mapping[str, Object],
    *,
    now: datetime,
) -> Iterator[Object]:
    """The Secrets of these names; with a new certificate where they have none that is to stay.

    :param found: the Secrets that there are.
    """
    asked, shards = frozenset(names), tuple(desired)
    for one in _plain(keyspace, held):
        if one["metadata"]["name"] in asked:
            yield owned(keyspace, one)
    is_trusted = trusted_by_all((name for shard in shards for name in shard.members), held, found, now)
    for shard in shards:
        for member in shard.members:
            if (name := naming.certificate_name(member)) in asked:
                stands = found.get(name)
                pair = _pair_that_stays(held, stands, is_trusted, now)
                if pair is None:
                    reached = (naming.primary_name(shard.name), naming.replicas_name(shard.name), "localhost")
                    pair = issue_member(held.authority, tls_name(keyspace.name, member), reached, now)
                trust = start.Trust(held.credentials["ca"], _since(held, stands, now))
                yield owned(keyspace, start.certificate_secret(keyspace, shard.name, member, trust, pair))


def spent_secrets(
    keyspace: Keyspace, members: Iterable[str], found: Mapping[str, Object]
) -> tuple[tuple[str, str], ...]:
    """The Secrets of members and accounts that are no more, by name and uid.

    :param members: those that are meant, declared, or have a pod.
    """
    living = frozenset(members)
    users = {naming.user_name(keyspace.name, user.name) for user in keyspace.spec.users}
    spent = []
    for name, secret in sorted(found.items()):
        metadata = secret["metadata"]
        if (metadata.get("annotations") or {}).get(naming.OWNER_UID) != keyspace.metadata.uid:
            continue
        member = metadata["labels"].get(naming.MEMBER)
        is_user = secret.get("type") == start.ACCOUNT_TYPE and name not in users
        if is_user or (member is not None and member not in living):
            spent.append((name, metadata["uid"]))
    return tuple(spent)


def _plain(keyspace: Keyspace, held: Held) -> Iterator[Object]:
    """The Secrets that hold no certificate of a member."""
    yield start.start_secret(keyspace, held.credentials)
    for user in keyspace.spec.users:
        if user_key(user.name) not in held.credentials:
            continue  # its password is awaited
        yield start.user_secret(keyspace, user.name, held.credentials)


def _stands(wanted: Object, found: Mapping[str, Object]) -> bool:
    return is_applied(wanted, found.get(wanted["metadata"]["name"]))


def _is_due(held: Held, secret: Object | None, is_trusted: bool, now: datetime) -> bool:  # noqa: FBT001 - a fact
    if secret is None or text_of(secret, "ca.crt") != held.credentials["ca"]:
        return True
    return _pair_that_stays(held, secret, is_trusted, now) is None


def _pair_that_stays(held: Held, secret: Object | None, is_trusted: bool, now: datetime) -> Pair | None:  # noqa: FBT001
    """The certificate that the member has, unless it needs another one.

    After a change of authority it keeps the one of the former until every member trusts the new one, too: else those
    that do not yet would refuse it.
    """
    if secret is None:
        return None
    pair = Pair(text_of(secret, "tls.crt"), text_of(secret, "tls.key"))
    if "BEGIN CERTIFICATE" not in pair.certificate or not pair.key:
        return None
    if is_issued_by(pair.certificate, held.authority.certificate):
        return None if renewal_due(pair.certificate, now) else pair
    former = held.credentials["ca"].strip().removeprefix(held.authority.certificate.strip())
    is_former = "BEGIN CERTIFICATE" in former and is_issued_by(pair.certificate, former)
    return pair if is_former and not is_trusted else None


def _since(held: Held, secret: Object | None, now: datetime) -> str:
    """Since when what the member trusts is written down."""
    if secret is not None and text_of(secret, "ca.crt") == held.credentials["ca"]:
        return _trusts_since(secret).isoformat()
    return now.isoformat()


def _trusts_since(secret: Object) -> datetime:
    """What says nothing was written by an earlier version, long ago."""
    said = (secret["metadata"].get("annotations") or {}).get(naming.TRUSTS_SINCE)
    try:
        return datetime.fromisoformat(said or "")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
