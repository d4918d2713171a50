"""Where the cluster for tests keeps what it writes, and what its networks are called.

    STATE/pki/            certificates and kubeconfigs; ``admin.kubeconfig`` is the user's
    STATE/log/            one file a component
    STATE/node-N/         a node's containers and kubelet
    RUN/                  sockets, and which processes were started

A node's address is NODE_NET.(N+1), its pods are in POD_NET.N.0/24.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from tools.kubernetes.build import cache_directory

HERE = Path(__file__).resolve().parent
MOST_NODES = 9
NODE_NET = "10.199.0"
POD_NET = "10.244"
SERVICES = "10.96.0.0/16"
SERVICE_OF_API = "10.96.0.1"
SERVICE_OF_DNS = "10.96.0.10"


@dataclass(frozen=True, slots=True)
class Layout:
    """One cluster's places; all of it is this cluster's alone."""

    name: str = "flyball-cluster"
    """Of its network namespaces and its control groups."""
    nodes: int = 3
    port: int = 6443
    """Of the API server, on 127.0.0.1 of the machine too."""
    state: Path = field(default_factory=lambda: Path(os.environ.get("FLYBALL_CLUSTER", "/var/lib/flyball-cluster")))

    @property
    def run(self) -> Path:
        """Sockets: in a directory with a short name, for a socket's path has 107 bytes at most (unix(7))."""
        return Path("/run") / self.name

    @property
    def pki(self) -> Path:
        """Certificates, keys and kubeconfigs."""
        return self.state / "pki"

    @property
    def log(self) -> Path:
        """What the components print."""
        return self.state / "log"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; it holds on the machine and in the cluster's network."""
        return self.pki / "admin.kubeconfig"

    @property
    def switch(self) -> str:
        """The network namespace of the switch between the nodes."""
        return f"{self.name}-switch"

    def network(self, node: int) -> str:
        """The network namespace of a node; the first one's is the control plane's too."""
        return self.name if node == 0 else f"{self.name}-{node}"


def images() -> Path:
    """Where archives of images are kept: they outlive a cluster."""
    folder = cache_directory() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
