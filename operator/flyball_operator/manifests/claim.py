"""A member's volume claim. It carries no owner reference: the garbage collector must never take data away."""

from flyball.records import Keyspace
from flyball_operator import naming
from flyball_operator.objects import Object


def claim(keyspace: Keyspace, shard: str, member: str, volume: int) -> Object:
    """The claim of a member's volume number ``volume``."""
    storage = keyspace.spec.storage
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage.size}},
    }
    if storage.storage_class_name is not None:
        spec["storageClassName"] = storage.storage_class_name
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": naming.claim_name(member, volume),
            "labels": {**naming.member_labels(keyspace.name, shard, member), naming.VOLUME: str(volume)},
            "annotations": {naming.OWNER_UID: keyspace.metadata.uid},
        },
        "spec": spec,
    }
