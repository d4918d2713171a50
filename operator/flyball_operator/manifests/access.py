"""The topology service's right to read one keyspace's credentials, by name, and no other Secret."""

from dataclasses import dataclass

from flyball.member.accounts import credentials_name
from flyball.records import Keyspace
from flyball_operator import naming
from flyball_operator.manifests.digest import sealed
from flyball_operator.objects import Object


@dataclass(frozen=True, slots=True)
class Reader:
    """The topology service's account."""

    name: str
    namespace: str


def access(keyspace: Keyspace, reader: Reader) -> tuple[Object, Object]:
    """A Role that reads the keyspace's credentials, and who has it."""
    name = f"{credentials_name(keyspace.name)}-reader"
    metadata = {
        "name": name,
        "labels": naming.keyspace_labels(keyspace.name),
        "annotations": {naming.OWNER_UID: keyspace.metadata.uid},
    }
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": [credentials_name(keyspace.name)],
                "verbs": ["get"],
            }
        ],
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": reader.name, "namespace": reader.namespace}],
    }
    return sealed(role), sealed(binding)
