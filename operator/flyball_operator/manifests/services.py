"""How applications reach a shard, and what may be taken from it at once.

Two Services a shard select pods by their role label, which follows the Shard's status. Members reach each other by
their pods' addresses and not by name: a failover must not wait for a name server.

The two disruption budgets never select the same pod (an eviction that meets two is refused for good). The primary's
refuses every eviction: the operator hands over first, and the former primary is then a replica. The replicas' keeps as
many as acknowledgements need. Both count with ``minAvailable``, the form that needs no scale of the owner.
"""

from flyball.expand import DesiredShard
from flyball.records import Keyspace
from flyball_operator import naming
from flyball_operator.manifests.digest import sealed
from flyball_operator.objects import Object


def of_shard(keyspace: Keyspace, shard: DesiredShard) -> tuple[Object, ...]:
    """The Services and the disruption budgets of a shard."""
    replicas = len(shard.members) - 1
    acks = keyspace.spec.durability.least_members - 1
    keep = max(acks, replicas - 1)
    made = [
        _service(keyspace, shard.name, naming.primary_name(shard.name), naming.PRIMARY),
        _service(keyspace, shard.name, naming.replicas_name(shard.name), naming.REPLICA),
        _budget(keyspace, shard.name, naming.primary_name(shard.name), naming.PRIMARY, 1),
    ]
    if replicas:
        made.append(_budget(keyspace, shard.name, naming.replicas_name(shard.name), naming.REPLICA, keep))
    return tuple(sealed(one) for one in made)


def _service(keyspace: Keyspace, shard: str, name: str, role: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(keyspace, shard, name),
        "spec": {
            "type": "ClusterIP",
            "selector": {naming.SHARD: shard, naming.ROLE: role},
            "ports": [{"name": "mysql", "port": naming.PORT, "targetPort": naming.PORT, "protocol": "TCP"}],
        },
    }


def _budget(keyspace: Keyspace, shard: str, name: str, role: str, keep: int) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(keyspace, shard, name),
        "spec": {
            "minAvailable": keep,
            "selector": {"matchLabels": {naming.SHARD: shard, naming.ROLE: role}},
        },
    }


def _metadata(keyspace: Keyspace, shard: str, name: str) -> Object:
    return {
        "name": name,
        "labels": naming.shard_labels(keyspace.name, shard),
        "annotations": {naming.OWNER_UID: keyspace.metadata.uid},
    }
