"""Everything of a keyspace beside pods and volumes: what there should be, and what of it is not so. Pure.

Objects are told apart by kind and name. What belongs to the Keyspace says so, and goes with it; the credentials and the
volumes do not, so that nothing but the user's word takes data away.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from flyball.certificates import Pair, is_issued_by, issue_member, renewal_due
from flyball.expand import DesiredShard
from flyball.kubernetes import Resource
from flyball.kubernetes.resources import (
    CONFIG_MAPS,
    DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICES,
)
from flyball.member.accounts import tls_name, wanted_keys
from flyball.records import API_VERSION, Keyspace
from flyball_operator import naming
from flyball_operator.manifests import network, services, start
from flyball_operator.manifests.access import Reader, access
from flyball_operator.manifests.digest import is_applied
from flyball_operator.objects import Object, text_of

KINDS: tuple[Resource, ...] = (SERVICES, DISRUPTION_BUDGETS, NETWORK_POLICIES, CONFIG_MAPS, ROLES, ROLE_BINDINGS)
"""The kinds of objects that are applied."""


@dataclass(frozen=True, slots=True, repr=False)
class Held:
    """What the operator holds of a keyspace that must stay secret. Never printed."""

    credentials: Mapping[str, str]
    authority: Pair


def objects(keyspace: Keyspace, desired: Iterable[DesiredShard], reader: Reader | None) -> dict[str, Object]:
    """The objects that there should be, by ``Kind/name``.

    :param reader: the topology service's account; None where it has its rights otherwise.
    """
    made = [start.program_map(keyspace), network.policy(keyspace)]
    for shard in desired:
        made.extend(services.of_shard(keyspace, shard))
    if reader is not None:
        made.extend(access(keyspace, reader))
    return {label(one): _owned(keyspace, one) for one in made}


def unapplied(wanted: Mapping[str, Object], found: Mapping[str, Object]) -> tuple[str, ...]:
    """Those that are missing, or not as they should be."""
    return tuple(name for name, manifest in wanted.items() if not is_applied(manifest, found.get(name)))


def label(manifest: Object) -> str:
    """``Kind/name``."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def resource_of(manifest: Object) -> Resource:
    """Where an object of :data:`KINDS`, or a Secret, is kept."""
    return next(kind for kind in (*KINDS, SECRETS) if kind.kind == manifest["kind"])


def is_complete(keyspace: Keyspace, held: Held | None) -> bool:
    """Whether the credentials hold what they must, and trust the authority that signs."""
    if held is None or not wanted_keys(keyspace) <= held.credentials.keys():
        return False
    return held.credentials["ca"].strip().startswith(held.authority.certificate.strip())


def stale_secrets(
    keyspace: Keyspace, desired: Iterable[DesiredShard], held: Held, found: Mapping[str, Object], now: datetime
) -> tuple[str, ...]:
    """The names of the Secrets that are missing, not as they should be, or with a certificate that is due."""
    plain = [one["metadata"]["name"] for one in _plain(keyspace, held) if not _stands(one, found)]
    members = [name for shard in desired for name in shard.members]
    due = [
        naming.certificate_name(name) for name in members if _is_due(held, found, naming.certificate_name(name), now)
    ]
    return (*plain, *due)


def secrets(
    keyspace: Keyspace, desired: Iterable[DesiredShard], held: Held, names: Iterable[str], now: datetime
) -> Iterator[Object]:
    """The Secrets of these names, with new certificates where they hold one."""
    wanted = frozenset(names)
    for one in _plain(keyspace, held):
        if one["metadata"]["name"] in wanted:
            yield _owned(keyspace, one)
    for shard in desired:
        for member in shard.members:
            if naming.certificate_name(member) in wanted:
                reached = (naming.primary_name(shard.name), naming.replicas_name(shard.name), "localhost")
                pair = issue_member(held.authority, tls_name(keyspace.name, member), reached, now)
                made = start.certificate_secret(keyspace, shard.name, member, held.credentials["ca"], pair)
                yield _owned(keyspace, made)


def _plain(keyspace: Keyspace, held: Held) -> Iterator[Object]:
    """The Secrets that hold no certificate of a member."""
    yield start.start_secret(keyspace, held.credentials)
    for user in keyspace.spec.users:
        yield start.user_secret(keyspace, user.name, held.credentials)


def _stands(wanted: Object, found: Mapping[str, Object]) -> bool:
    return is_applied(wanted, found.get(wanted["metadata"]["name"]))


def _is_due(held: Held, found: Mapping[str, Object], name: str, now: datetime) -> bool:
    secret = found.get(name)
    if secret is None or text_of(secret, "ca.crt") != held.credentials["ca"] or not text_of(secret, "tls.key"):
        return True
    certificate = text_of(secret, "tls.crt")
    return (
        "BEGIN CERTIFICATE" not in certificate
        or not is_issued_by(certificate, held.authority.certificate)
        or renewal_due(certificate, now)
    )


def _owned(keyspace: Keyspace, manifest: Object) -> Object:
    """The object as the Keyspace's own: the garbage collector takes it away with it."""
    owner = {"apiVersion": API_VERSION, "kind": "Keyspace", "name": keyspace.name, "uid": keyspace.metadata.uid}
    return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [owner]}}
