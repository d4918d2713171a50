"""What befalls members, nodes and the control plane in a trial.

Nodes are cut off, and the API server is stopped, on a cluster that was made here only: nobody's own cluster is harmed.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.kubernetes.build import Unavailable
from tools.kubernetes.layout import Layout
from tools.kubernetes.trial.stage import Stage


def kill_mysqld(stage: Stage, member: str) -> float:
    """Kill the server's process; its container ends, and is started again."""
    command = "kill -KILL $(cat /run/mysqld/mysqld.pid); true"
    began = time.monotonic()
    # The answer may be lost with the container.
    stage.kubectl("exec", member, "-c", "mysqld", "--", "/bin/bash", "-c", command, succeeds=False)
    return began


def delete_pod(stage: Stage, pod: str, *, force: bool = False) -> float:
    """Delete a pod; by force nobody waits for its end, and its name is free at once."""
    words = ("--force", "--grace-period=0") if force else ()
    began = time.monotonic()
    stage.kubectl("delete", "pod", pod, "--wait=false", *words)
    return began


def kill_components(stage: Stage, *components: str) -> None:
    """Kill every process of these components, leaders and standbys; their Deployments make new ones."""
    wanted = f"app.kubernetes.io/component in ({', '.join(components)})"
    stage.kubectl("delete", "pod", "-l", wanted, "--wait=false", "--force", "--grace-period=0")


@contextmanager
def cut_off(stage: Stage, node: str) -> Iterator[float]:
    """Take the node's link away, and give it back at the end; gives the moment of the cut.

    :raises Unavailable: where the cluster is not one that was made here.
    """
    place = _own(stage)
    port = f"port{node.rpartition('-')[2]}"
    subprocess.run(["ip", "-n", place.switch, "link", "set", port, "down"], check=True)
    try:
        yield time.monotonic()
    finally:
        subprocess.run(["ip", "-n", place.switch, "link", "set", port, "up"], check=True)


@contextmanager
def without_api_server(stage: Stage) -> Iterator[float]:
    """Stop the API server, and let it go on at the end: it answers nobody, and its connections stay open meanwhile.
    Gives the moment.

    :raises Unavailable: where the cluster is not one that was made here.
    """
    number = _api_server(_own(stage))
    os.kill(number, signal.SIGSTOP)
    try:
        yield time.monotonic()
    finally:
        os.kill(number, signal.SIGCONT)


def _own(stage: Stage) -> Layout:
    if stage.own is None:
        raise Unavailable("only a cluster that was made here is harmed")
    return stage.own


def _api_server(place: Layout) -> int:
    """The process of this cluster's own API server, by the certificate that it was started with."""
    certificate = str(place.pki / "apiserver.crt")
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == "kube-apiserver" and certificate in words:
            return int(entry.name)
    raise Unavailable("the API server's process is not found")
