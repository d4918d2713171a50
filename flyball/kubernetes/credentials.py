"""How a cluster is reached: a kubeconfig, or the service account of the pod that we run in.

A kubeconfig that was named comes first, then ``KUBECONFIG`` (several files, as kubectl reads them), then the service
account of a pod, then ``~/.kube/config``. Reading them is the ``kubernetes`` package's work, plugins and refreshed
tokens included; it is loaded here and not before, for it costs 35 MB.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyball.errors import ClusterError, Code

IN_POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""What Kubernetes mounts into a pod that has a service account."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Which cluster, and which namespace of it; what is None is left to what there is (see above)."""

    namespace: str | None = None
    kubeconfig: Path | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster, and who we are there.

    :param configuration: the ``kubernetes`` package's ``Configuration``; it refreshes tokens by itself.
    :param namespace: the one that is meant where none is named.
    :param source: where this was read, in words.
    """

    configuration: Any
    namespace: str
    source: str


def is_there(kubeconfig: Path | None = None) -> bool:
    """Whether anything says how a cluster is reached; it need not answer."""
    return kubeconfig is not None or bool(os.environ.get("KUBECONFIG")) or _in_pod() or _default().exists()


def load(kubeconfig: Path | None = None, context: str | None = None) -> Access:
    """Read how the cluster is reached. It may run a kubeconfig's plugin, so not on the event loop.

    :param context: of the kubeconfig; its current one where None.
    :raises ClusterError: NO_CLUSTER.
    """
    reader, configuration = _package()
    named = kubeconfig is not None or bool(os.environ.get("KUBECONFIG")) or context is not None
    try:
        if not named and _in_pod():
            return _of_pod(reader, configuration)
        return _of_kubeconfig(reader, configuration, kubeconfig, context)
    except (reader.ConfigException, OSError) as error:
        raise ClusterError(
            Code.NO_CLUSTER,
            f"Kubernetes: {error}",
            "Name a kubeconfig with --kubeconfig or KUBECONFIG, or run in a pod with a service account.",
        ) from error


def _package() -> tuple[Any, Any]:
    """The ``kubernetes`` package's reader of configurations, and an empty one of its ``Configuration``."""
    try:
        reader = importlib.import_module("kubernetes.config")
        return reader, importlib.import_module("kubernetes.client.configuration").Configuration()
    except ImportError as error:
        raise ClusterError(
            Code.NO_CLUSTER,
            f"Kubernetes: the package `kubernetes` cannot be loaded: {error}",
            "Install flyball[kubernetes].",
        ) from error


def _of_kubeconfig(reader: Any, configuration: Any, kubeconfig: Path | None, context: str | None) -> Access:  # noqa: ANN401
    paths = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG") or str(_default())
    reader.load_kube_config(paths, context=context, client_configuration=configuration)
    contexts, current = reader.list_kube_config_contexts(paths)
    chosen = next((each for each in contexts if each["name"] == context), current)
    namespace = chosen["context"].get("namespace") or "default"
    return Access(configuration, namespace, f"context {chosen['name']!r} of {paths}")


def _of_pod(reader: Any, configuration: Any) -> Access:  # noqa: ANN401
    reader.load_incluster_config(client_configuration=configuration)
    namespace = (IN_POD / "namespace").read_text().strip()
    return Access(configuration, namespace, "the pod's service account")


def _in_pod() -> bool:
    return bool(os.environ.get("KUBERNETES_SERVICE_HOST")) and (IN_POD / "token").exists()


def _default() -> Path:
    return Path.home() / ".kube" / "config"
