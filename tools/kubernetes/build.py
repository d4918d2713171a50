"""Kubernetes for the tests, built from its Go modules where nobody brought one.

The tests need two things of very different weight, so they are two parts:

    api       etcd, kube-apiserver and kubectl: an API server without nodes, laid out as KUBEBUILDER_ASSETS is
    cluster   the rest of a control plane, a node's kubelet and proxy, Helm, DNS, volumes: a cluster that runs pods

``go/*/go.mod`` pin what is built and ``go.sum`` verifies it; the modules come through the Go client's own settings.
The result lies in the cache beside MySQL, in a directory named after what it was built from, so another version is
another directory. Each program appears by a rename and each part's stamp comes last: whoever sees the stamp may use
the part. One process builds while the others wait for it; a build that was killed is taken up by the next one.

    python -m tools.kubernetes.build api              build that part where it is missing, and print its directory
    python -m tools.kubernetes.build all --limit 60   the same for all; waits for another's build so long at most
    python -m tools.kubernetes.build api --no-build   only say where it is; 1 and the reason where it is not
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from flyball_local.mysql_install import cache_directory

GO = Path(__file__).resolve().parent / "go"
SPACE_NEEDED = 8 << 30
"""Bytes: sources, compiled packages and programs at once; 700 MB stay."""
BUILD_LIMIT = 5400.0
"""Seconds that one call of the compiler may take: all of it on one slow core."""

_COMMANDS = "k8s.io/kubernetes/cmd"
_VERSION = "k8s.io/component-base/version"
_HELM = "helm.sh/helm/v3"
_RECIPE = b"2"  # another number where this file builds otherwise than before


class Part(Enum):
    """What can be built, and the programs of it."""

    API = ("etcd", "kube-apiserver", "kubectl")
    CLUSTER = (
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "helm",
        "coredns",
        "local-path-provisioner",
        "pause",
    )


class Unavailable(Exception):  # noqa: N818 - it is an answer: there is no Kubernetes here
    """Kubernetes cannot be had here; the message says why, and what would change that."""


def _silent(_: str) -> None:
    """Report to nobody."""


def binaries(
    *parts: Part,
    build: bool = True,
    limit: float = BUILD_LIMIT,
    environ: Mapping[str, str] = os.environ,
    report: Callable[[str], None] = _silent,
) -> Path:
    """The directory of the programs; builds what is missing. Blocks, for minutes where it builds.

    KUBEBUILDER_ASSETS is the user's word for the API server: where it is set nothing else is looked at.

    :param build: False where only what is there already will do.
    :param limit: seconds to wait for another process that is building.
    :raises Unavailable: with the reason, and with what would change it.
    """
    named = environ.get("KUBEBUILDER_ASSETS", "")
    if named and set(parts) == {Part.API}:
        missing = _missing(Path(named), Part.API)
        if missing:
            raise Unavailable(f"KUBEBUILDER_ASSETS is {named}, which has no {', '.join(missing)}")
        return Path(named)
    home = directory(environ)
    if all(is_built(home, part) for part in parts):
        return home
    if not build:
        raise Unavailable(f"Kubernetes is not built in {home}; run `make kubernetes`")
    _check_machine(home, environ)
    deadline = time.monotonic() + limit
    for part in sorted(parts, key=list(Part).index):
        with _turn(home, part, deadline, report) as is_mine:
            if is_mine:
                _build(home, part, environ, report)
    return home


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what these sources make is kept."""
    digest = hashlib.sha256(_RECIPE)
    for source in sorted(GO.rglob("*")):
        if source.is_file():
            digest.update(source.relative_to(GO).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return cache_directory(environ) / f"kubernetes-{digest.hexdigest()[:12]}"


def is_built(home: Path, part: Part) -> bool:
    """Whether the part is whole."""
    return _stamp(home, part).exists() and not _missing(home, part)


def _stamp(home: Path, part: Part) -> Path:
    return home / f".{part.name.lower()}-complete"


def _missing(home: Path, part: Part) -> list[str]:
    return [program for program in part.value if not os.access(home / program, os.X_OK)]


def _check_machine(home: Path, environ: Mapping[str, str]) -> None:
    path = environ.get("PATH", os.defpath)
    if shutil.which("go", path=path) is None:
        raise Unavailable("there is no Go on PATH to build Kubernetes with; KUBEBUILDER_ASSETS can name a built one")
    home.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(home.parent).free
    if free < SPACE_NEEDED:
        raise Unavailable(f"{home.parent} has {free >> 20} MiB free, building Kubernetes needs {SPACE_NEEDED >> 20}")


def _build(home: Path, part: Part, environ: Mapping[str, str], report: Callable[[str], None]) -> None:
    """Compile the part's programs and put them in place. Called by the holder of the lock only."""
    started = time.monotonic()
    report(f"building Kubernetes ({part.name.lower()}) into {home}: minutes")
    work = home / "unfinished"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    settings = {
        "GOCACHE": str(home / "compiled"),
        **environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath",
    }
    if part is Part.API:
        packages = ["go.etcd.io/etcd/server/v3", f"{_COMMANDS}/kube-apiserver", f"{_COMMANDS}/kubectl"]
        _compile("kubernetes", packages, work, settings)
        (work / "server").rename(work / "etcd")
    else:
        names = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
        packages = [*(f"{_COMMANDS}/{name}" for name in names), "helm.sh/helm/v3/cmd/helm"]
        _compile("kubernetes", packages, work, settings)
        _compile("provisioner", ["github.com/rancher/local-path-provisioner"], work, settings)
        _compile("coredns", ["."], work, settings)
        (work / "flyball-coredns").rename(work / "coredns")
        _run(["cc", "-Os", "-static", "-s", "-o", str(work / "pause"), str(GO / "pause.c")], GO, settings)
    for program in part.value:
        (work / program).rename(home / program)
    os.sync()  # the stamp must never reach the disk before what it vouches for
    _stamp(home, part).touch()
    shutil.rmtree(work)
    if all(is_built(home, each) for each in Part):
        shutil.rmtree(home / "compiled", ignore_errors=True)
    report(f"built Kubernetes ({part.name.lower()}) in {time.monotonic() - started:.0f} s")


def _compile(module: str, packages: list[str], target: Path, settings: Mapping[str, str]) -> None:
    """Compile commands of one of the modules here into ``target``."""
    flags = "-s -w"
    if module == "kubernetes":  # without these the API server calls itself v0.0.0, and clients believe it
        listed = ["go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes", "helm.sh/helm/v3"]
        version, helm = _run(listed, GO / module, settings).split()
        numbers = {
            "gitVersion": version,
            "gitMajor": "1",
            "gitMinor": version.split(".")[1],
            "gitCommit": "",
            "gitTreeState": "archive",
        }
        flags += "".join(f" -X {_VERSION}.{key}={value}" for key, value in numbers.items())
        flags += f" -X {_HELM}/internal/version.version={helm}"
        for name in ("pkg/lint/rules", "pkg/chartutil"):  # what Helm takes a cluster for that it has not asked
            flags += f" -X {_HELM}/{name}.k8sVersionMajor=1 -X {_HELM}/{name}.k8sVersionMinor={numbers['gitMinor']}"
    _run(["go", "build", "-ldflags", flags, "-o", f"{target}/", *packages], GO / module, settings)


def _run(command: list[str], where: Path, settings: Mapping[str, str]) -> str:
    """What the command prints on its standard output."""
    try:
        done = subprocess.run(
            command,
            cwd=where,
            env=dict(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_LIMIT,
            check=False,
        )
    except FileNotFoundError as failure:
        raise Unavailable(f"there is no {command[0]} on PATH to build Kubernetes with") from failure
    except subprocess.TimeoutExpired as failure:
        raise Unavailable(f"{' '.join(command[:2])} had not ended after {BUILD_LIMIT / 60:.0f} minutes") from failure
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith("go: downloading")]
        raise Unavailable(f"{' '.join(command[:2])} failed: {' / '.join(said[-3:]) or done.returncode}")
    return done.stdout


@contextmanager
def _turn(home: Path, part: Part, deadline: float, report: Callable[[str], None]) -> Iterator[bool]:
    """Hold the lock of a directory for as long as the block runs; False, without it, once the part is there.

    The system lets go of the lock when its holder dies. A part is there before its builder lets go of it: the builder
    may be at the next part already.
    """
    with home.with_suffix(".lock").open("w") as held:
        told = False
        while not is_built(home, part):
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(f"another process is still building Kubernetes into {home}") from None
                if not told:
                    report("another process is building Kubernetes; waiting for it")
                    told = True
                time.sleep(0.2)
            else:
                yield not is_built(home, part)
                return
        yield False


def main() -> int:
    """Print the directory of what was asked for; 1 and the reason where it cannot be had."""
    parser = argparse.ArgumentParser(description="Build Kubernetes for the tests.")
    parser.add_argument("part", choices=["api", "cluster", "all"], help="cluster and all are everything")
    parser.add_argument("--no-build", action="store_true", help="only say where it is")
    parser.add_argument("--limit", type=float, default=BUILD_LIMIT, help="seconds to wait for another's build")
    given = parser.parse_args()
    parts = (Part.API,) if given.part == "api" else tuple(Part)
    try:
        where = binaries(
            *parts,
            build=not given.no_build,
            limit=given.limit,
            report=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except Unavailable as reason:
        print(f"flyball: {reason}", file=sys.stderr)
        return 1
    print(where)
    return 0


if __name__ == "__main__":
    sys.exit(main())
