"""Everything of a keyspace beside pods and volumes: what there should be, and what of it is not so. Pure.

Objects are told apart by kind and name. What belongs to the Keyspace says so, and goes with it; the credentials and the
volumes do not, so that nothing but the user's word takes data away.
"""

from collections.abc import Iterable, Mapping

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
from flyball.records import API_VERSION, Keyspace
from flyball_operator.manifests import network, services, start
from flyball_operator.manifests.access import Reader, access
from flyball_operator.manifests.digest import is_applied
from flyball_operator.objects import Object

KINDS: tuple[Resource, ...] = (SERVICES, DISRUPTION_BUDGETS, NETWORK_POLICIES, CONFIG_MAPS, ROLES, ROLE_BINDINGS)
"""The kinds of objects that are applied."""


def objects(keyspace: Keyspace, desired: Iterable[DesiredShard], reader: Reader | None) -> dict[str, Object]:
    """The objects that there should be, by ``Kind/name``.

    :param reader: the topology service's account; None where it has its rights otherwise.
    """
    made = [start.program_map(keyspace), network.policy(keyspace)]
    for shard in desired:
        made.extend(services.of_shard(keyspace, shard))
    if reader is not None:
        made.extend(access(keyspace, reader))
    return {label(one): owned(keyspace, one) for one in made}


def unapplied(wanted: Mapping[str, Object], found: Mapping[str, Object]) -> tuple[str, ...]:
    """Those that are missing, or not as they should be."""
    return tuple(name for name, manifest in wanted.items() if not is_applied(manifest, found.get(name)))


def label(manifest: Object) -> str:
    """``Kind/name``."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def resource_of(manifest: Object) -> Resource:
    """Where an object of :data:`KINDS`, or a Secret, is kept."""
    return next(kind for kind in (*KINDS, SECRETS) if kind.kind == manifest["kind"])


def owned(keyspace: Keyspace, manifest: Object) -> Object:
    """The object as the Keyspace's own: the garbage collector takes it away with it."""
    owner = {"apiVersion": API_VERSION, "kind": "Keyspace", "name": keyspace.name, "uid": keyspace.metadata.uid}
    return {**manifest, "metadata": {**manifest["metadata"], "ownerReferences": [owner]}}
