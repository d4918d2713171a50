"""Who may speak with a keyspace's members: each other, the topology service, and applications.

Members need no way out but to each other: they know addresses, not names, and fetch nothing. Applications are the pods
of the keyspace's own namespace, and those elsewhere that carry the label ``flyball.dev/client``.
"""

from flyball.records import Keyspace
from flyball_operator import naming
from flyball_operator.manifests.digest import sealed
from flyball_operator.objects import Object

CLIENT = "flyball.dev/client"
TOPOLOGY = {"app.kubernetes.io/name": "flyball", "app.kubernetes.io/component": "topology"}
"""What the topology service's pods carry, in whatever namespace."""


def policy(keyspace: Keyspace) -> Object:
    """The one NetworkPolicy of a keyspace's members."""
    members = {"matchLabels": {naming.KEYSPACE: keyspace.name, naming.MANAGED_BY: naming.MANAGER}}
    port = [{"protocol": "TCP", "port": naming.PORT}]
    clients = {"matchExpressions": [{"key": CLIENT, "operator": "Exists"}]}
    return sealed(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": f"{keyspace.name}-members",
                "labels": naming.keyspace_labels(keyspace.name),
                "annotations": {naming.OWNER_UID: keyspace.metadata.uid},
            },
            "spec": {
                "podSelector": members,
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [
                    {
                        "from": [
                            {"podSelector": {}},
                            {"namespaceSelector": {}, "podSelector": {"matchLabels": TOPOLOGY}},
                            {"namespaceSelector": {}, "podSelector": clients},
                        ],
                        "ports": port,
                    }
                ],
                "egress": [{"to": [{"podSelector": members}], "ports": port}],
            },
        }
    )
