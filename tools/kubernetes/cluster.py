"""A cluster that runs pods, for tests: up, images into it, down.

What the user has comes first:

    KUBECONFIG   names another cluster: that one is used as it is, and nothing is started
    kind         is on PATH, and Docker answers: a kind cluster named ``flyball``
    else         this machine's own, in network, mount and process namespaces made for it: root is needed

The last one has 1 to 9 nodes with containerd, each in a network of its own behind one switch. There is no way out of
it: no traffic of a test leaves the machine, the machine's own network and packet filter stay as they are, and the end
of one process ends all of it. Nodes are in zones ``zone-0`` to ``zone-2``. A node is cut off by
``ip -n flyball-cluster-switch link set port1 down``. NetworkPolicies are stored and not enforced.

    python -m tools.kubernetes.cluster prepare            make all that one takes, and start nothing
    python -m tools.kubernetes.cluster up [--nodes 3]     print the kubeconfig's path
    python -m tools.kubernetes.cluster load ARCHIVE…      images into every node
    python -m tools.kubernetes.cluster down               safe at any time, twice too
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.kubernetes import images, layout, pki, processes
from tools.kubernetes.build import Part, Unavailable, binaries
from tools.kubernetes.layout import HERE, Layout

READY_LIMIT = 300.0
"""Seconds for each of the conditions of a cluster that starts; 15 s is usual, a loaded machine needs minutes."""
TOOLS = ("containerd", "runc", "ctr", "iptables", "ip", "conntrack", "nsenter", "unshare")
KERNEL = ("vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops")
"""Settings of the whole machine that kubelet changes; they are put back."""
KIND = "flyball"
SPACE_NEEDED = 12 << 30
"""Bytes: three nodes hold 7 GB with the images of a keyspace in them, before it has data."""
MEMORY_NEEDED = 5 << 30
"""Bytes: a control plane, three nodes, and a keyspace of six members."""


def up(place: Layout, *, outlives_us: bool = True) -> Path:
    """The kubeconfig of a cluster that is ready.

    :param outlives_us: False where one that is made here ends with the caller, be it killed.
    :raises Unavailable: when there can be none here, or it does not become ready.
    """
    theirs = users_own(place, os.environ)
    if theirs is not None:
        _say(f"KUBECONFIG is set: its cluster is used ({theirs})")
        return theirs
    if _has_kind():
        return _kind_up(place)
    if processes.running(place.run / "cluster.pid") is None:
        check_machine(place)
        home = binaries(*Part, report=_say)
        archives = images.system()
        down(place)
        try:
            _start(place, home, outlives_us=outlives_us)
            _wait_for_nodes(place, home)
            load(place, archives)
            _install(place, home)
        except BaseException:
            _show_log(place)
            down(place)
            raise
    return place.kubeconfig


def prepare(place: Layout) -> None:
    """Make all that a cluster and a trial on it take, so that it starts in seconds. Blocks, for minutes the first time.

    :raises Unavailable: at once where this machine could not have one.
    """
    if users_own(place, os.environ) is not None:
        return
    if not _has_kind():
        check_machine(place)
        binaries(*Part, report=_say)
        images.system()
    for image in images.IMAGES.values():
        images.build(image)


def users_own(place: Layout, environ: Mapping[str, str]) -> Path | None:
    """The kubeconfig that the user named; None where it is that of the cluster that is made here."""
    named = environ.get("KUBECONFIG", "")
    return None if named in ("", str(place.kubeconfig), str(_kind_kubeconfig(place))) else Path(named)


def load(place: Layout, archives: Sequence[Path]) -> None:
    """Bring images into every node of the cluster that is up.

    :raises Unavailable: when the cluster is the user's own: its images come from a registry.
    """
    if users_own(place, os.environ) is not None:
        raise Unavailable("the cluster of KUBECONFIG takes its images from a registry; push them there")
    if _has_kind():
        for archive in archives:
            _run(["kind", "load", "image-archive", "--name", KIND, str(archive)])
        return
    sockets = sorted(place.run.glob("node-*/containerd.sock"))
    if not sockets:
        raise Unavailable("the cluster is not up; run `make cluster`")

    def bring(socket: Path) -> None:
        for archive in archives:
            _run(["ctr", "--address", str(socket), "--namespace", "k8s.io", "images", "import", str(archive)])

    with ThreadPoolExecutor(len(sockets)) as nodes:
        list(nodes.map(bring, sockets))


def down(place: Layout) -> None:
    """End the cluster that was started here, and remove all that it left."""
    if _has_kind() and KIND in _run(["kind", "get", "clusters"]).split():
        _run(["kind", "delete", "cluster", "--name", KIND])
    for note in ("forward.pid", "cluster.pid"):
        processes.end(place.run / note)
    for network in Path("/run/netns").glob(f"{place.name}*"):
        if network.name == place.name or network.name.startswith(f"{place.name}-"):
            _run(["ip", "netns", "del", network.name])
    for hierarchy in Path("/sys/fs/cgroup").glob(f"*/{place.name}"):
        _poll(30.0, lambda found=hierarchy: _remove_groups(found))
    settings = place.run / "kernel"
    if settings.exists():
        _run(["sysctl", "-q", "-p", str(settings)])
    for left in (place.run, place.state):
        shutil.rmtree(left, ignore_errors=True)


def check_machine(place: Layout) -> None:
    """See whether this machine can have a cluster of its own.

    :raises Unavailable: with what is missing, and what would change that.
    """
    if os.geteuid() != 0:
        raise Unavailable("a cluster's nodes need root; set KUBECONFIG, or install kind")
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if not Path("/usr/lib/cni/bridge").exists():
        missing.append("containernetworking-plugins")
    if missing:
        raise Unavailable(
            f"a cluster's nodes need {', '.join(missing)}. Debian: apt-get install containerd runc "
            "containernetworking-plugins iptables iproute2 conntrack util-linux busybox-static buildah mmdebstrap"
        )
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        raise Unavailable("this machine has control groups of version 2 only; set KUBECONFIG, or install kind")
    _run(["unshare", "--mount", "--pid", "--net", "--fork", "true"])
    there = next(folder for folder in (place.state, *place.state.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < SPACE_NEEDED:
        raise Unavailable(
            f"{there} has {free >> 20} MiB free, a cluster of {place.nodes} nodes needs {SPACE_NEEDED >> 20}"
        )
    memory = _available_memory(Path("/proc/meminfo").read_text(encoding="utf-8"))
    if memory < MEMORY_NEEDED:
        raise Unavailable(f"{memory >> 20} MiB of memory are available, a cluster needs {MEMORY_NEEDED >> 20}")


def _available_memory(told: str) -> int:
    """Bytes that processes could have without swapping, as the kernel tells (proc(5))."""
    [kilobytes] = re.findall(r"^MemAvailable:\s+(\d+) kB$", told, re.MULTILINE)
    return int(kilobytes) << 10


def _start(place: Layout, home: Path, *, outlives_us: bool) -> None:
    """The networks, the control plane and its nodes, and the way to the API server."""
    place.log.mkdir(parents=True)
    place.run.mkdir(parents=True)
    (place.run / "kernel").write_text(_run(["sysctl", *KERNEL]), encoding="utf-8")
    pki.make(place)
    _make_networks(place)
    environ = {
        **os.environ,
        "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
        "BIN": str(home),
        "HERE": str(HERE),
        "LOG": str(place.log),
        "NAME": place.name,
        "NODES": str(place.nodes),
        "NODE_NET": layout.NODE_NET,
        "PKI": str(place.pki),
        "POD_NET": layout.POD_NET,
        "PORT": str(place.port),
        "RUN": str(place.run),
        "SERVICES": layout.SERVICES,
        "SERVICE_OF_DNS": layout.SERVICE_OF_DNS,
        "STATE": str(place.state),
    }
    # nsenter, for `ip netns exec` mounts a /sys of its own, which hides the control groups.
    network = f"/run/netns/{place.network(0)}"
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    plane = ["nsenter", f"--net={network}", *apart, str(HERE / "control_plane.sh")]
    processes.start(place.run / "cluster.pid", plane, place.log / "cluster.log", environ, outlives_us=outlives_us)
    forward = [sys.executable, str(HERE / "forward.py"), network, str(place.port)]
    processes.start(place.run / "forward.pid", forward, place.log / "forward.log", environ, outlives_us=outlives_us)


def _make_networks(place: Layout) -> None:
    """A switch in a network of its own (in a node's, packets would pass that node's filter twice), and the nodes'.

    The default route is there for packets to service addresses to be made at all: kube-proxy rewrites them before they
    leave. It leads nowhere else.
    """
    switch = place.switch
    _run(["ip", "netns", "add", switch])
    _run(["ip", "-n", switch, "link", "add", "nodes", "type", "bridge"])
    _run(["ip", "-n", switch, "link", "set", "nodes", "up"])
    for node in range(place.nodes):
        network, device, port = place.network(node), f"node{node}", f"port{node}"
        _run(["ip", "netns", "add", network])
        _run(["ip", "link", "add", device, "netns", network, "type", "veth", "peer", "name", port, "netns", switch])
        _run(["ip", "-n", switch, "link", "set", port, "master", "nodes", "up"])
        _run(["ip", "-n", network, "link", "set", "lo", "up"])
        _run(["ip", "-n", network, "address", "add", f"{layout.NODE_NET}.{node + 1}/24", "dev", device])
        _run(["ip", "-n", network, "link", "set", device, "up"])
        _run(["ip", "-n", network, "route", "add", "default", "dev", device])
        for other in range(place.nodes):
            if other != node:
                via = f"{layout.NODE_NET}.{other + 1}"
                _run(["ip", "-n", network, "route", "add", f"{layout.POD_NET}.{other}.0/24", "via", via])
        settings = ["net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"]
        _run(["nsenter", f"--net=/run/netns/{network}", "sysctl", "-qw", *settings])


def _wait_for_nodes(place: Layout, home: Path) -> None:
    def is_registered() -> bool:
        for node in range(place.nodes):
            if not (place.run / f"node-{node}/containerd.sock").exists():
                return False
        listed = _try(_kubectl(place, home, "get", "nodes", "-o", "name"))
        return listed is not None and len(listed.split()) == place.nodes

    _wait(place, is_registered, "its nodes to register")


def _install(place: Layout, home: Path) -> None:
    """DNS and volumes."""
    account = _kubectl(place, home, "-n", "kube-system", "get", "serviceaccount", "default")
    _wait(place, lambda: _try(account) is not None, "its first service account")
    for manifest in sorted((HERE / "manifests").glob("*.yaml")):
        text = manifest.read_text(encoding="utf-8").replace("@VOLUMES@", str(place.state / "volumes"))
        _run([*_kubectl(place, home, "apply", "-f", "-")], text)
    limit = f"--timeout={READY_LIMIT:.0f}s"
    _run(_kubectl(place, home, "wait", "--for=condition=Ready", "node", "--all", limit))
    _run(_kubectl(place, home, "-n", "kube-system", "rollout", "status", "deployment/coredns", limit))
    _run(_kubectl(place, home, "-n", "volumes", "rollout", "status", "deployment/provisioner", limit))


def _kubectl(place: Layout, home: Path, *words: str) -> list[str]:
    return [str(home / "kubectl"), "--kubeconfig", str(place.kubeconfig), *words]


def _wait(place: Layout, is_so: Callable[[], bool], what: str) -> None:
    def is_over() -> bool:
        if processes.running(place.run / "cluster.pid") is None:
            raise Unavailable(f"the cluster ended while it waited for {what}")
        return is_so()

    if not _poll(READY_LIMIT, is_over):
        raise Unavailable(f"the cluster waited {READY_LIMIT:.0f} s for {what} in vain")


def _poll(limit: float, is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + limit
    while not (now := is_so()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def _remove_groups(root: Path) -> bool:
    """Whether a control group and all below it are gone; one that still holds a process that ends stays for now."""
    for group in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        _remove_group(group)
    _remove_group(root)
    return not root.exists()


def _remove_group(group: Path) -> None:
    try:
        group.rmdir()
    except OSError:
        return


def _has_kind() -> bool:
    return shutil.which("kind") is not None and _try(["docker", "info"]) is not None


def _kind_kubeconfig(place: Layout) -> Path:
    return place.state / "kind.kubeconfig"


def _kind_up(place: Layout) -> Path:
    kubeconfig = _kind_kubeconfig(place)
    kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    if KIND not in _run(["kind", "get", "clusters"]).split():
        workers = "\n".join(["- role: worker"] * place.nodes)
        said = f"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n- role: control-plane\n{workers}\n"
        _run(["kind", "create", "cluster", "--name", KIND, "--config", "-", "--wait", f"{READY_LIMIT:.0f}s"], said)
    _run(["kind", "export", "kubeconfig", "--name", KIND, "--kubeconfig", str(kubeconfig)])
    return kubeconfig


def _run(command: Sequence[str], text: str | None = None) -> str:
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise Unavailable(f"{command[0]} cannot be run: {failure}") from failure
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"{' '.join(command[:6])} failed: {''.join(said) or done.returncode}")
    return done.stdout


def _try(command: Sequence[str]) -> str | None:
    try:
        return _run(command)
    except Unavailable:
        return None


def _show_log(place: Layout) -> None:
    """What the components said last, errors alone; where pods did not start, which ones."""
    for log in sorted(place.log.glob("*.log")):
        errors = re.compile(r"^E\d|level=(error|fatal)|ended|rror:")
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if found := [line[:400] for line in lines if errors.search(line)]:
            _say("\n".join([f"--- {log.name}", *found[-2:]]))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    """Do what was asked for; 1 and the reason where it cannot be done."""
    parser = argparse.ArgumentParser(description="A cluster for tests.")
    words = parser.add_subparsers(dest="word", required=True)
    raising = words.add_parser("up", help="start it, and print its kubeconfig's path")
    raising.add_argument("--nodes", type=int, default=3, choices=range(1, layout.MOST_NODES + 1))
    words.add_parser("down", help="end it")
    words.add_parser("prepare", help="build and pack all that one takes, and our images; start nothing")
    loading = words.add_parser("load", help="bring images into its nodes")
    loading.add_argument("archives", nargs="+", type=Path)
    given = parser.parse_args()
    try:
        if given.word == "up":
            started = time.monotonic()
            print(up(Layout(nodes=given.nodes)))
            _say(f"up after {time.monotonic() - started:.0f} s")
        elif given.word == "prepare":
            prepare(Layout())
        elif given.word == "load":
            load(Layout(), given.archives)
        else:
            down(Layout())
    except Unavailable as reason:
        _say(f"flyball: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
