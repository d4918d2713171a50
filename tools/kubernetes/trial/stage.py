"""Where a trial plays: a cluster with flyball in a namespace of its own, and what a person would type there.

The cluster is the one of ``KUBECONFIG``, else kind's, else one that is made here and taken down again. On another's
cluster images come from a registry, so ``FLYBALL_IMAGE`` and ``MYSQL_IMAGE`` name them.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.kubernetes import cluster, images, processes
from tools.kubernetes.build import Part, Unavailable, binaries
from tools.kubernetes.layout import Layout

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 600.0
"""Seconds that anything awaited may take; a busy machine makes seconds into minutes."""
POLL = 0.1
RELEASE = "flyball"
LOST = ("Unable to connect to the server", "client connection lost", "TLS handshake timeout", "i/o timeout")
"""What kubectl says where the connection to the API server broke, or never came about."""
Object = dict[str, Any]
_NAMESPACE = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "@NAME@"}}'


class TrialError(Exception):
    """Something did not come about; the message says what, and how things stand."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One namespace of a cluster.

    :param own: the cluster's layout where it was made by these tools; None for another's.
    :param anchor: the node that stays: the API server is there, and the application of the trial.
    """

    kubeconfig: Path
    programs: Path
    shims: Path
    namespace: str
    flyball_image: str
    mysql_image: str
    own: Layout | None
    anchor: str

    def kubectl(self, *words: str, given: str = "", succeeds: bool = True, limit: float = LIMIT) -> str:
        """Run kubectl in the namespace; gives what it printed. Where the API server was lost on the way (on a machine
        that is busy beyond measure) it is asked again, as a person does: what is asked here may be asked twice.
        """
        command = [self._program("kubectl"), "--namespace", self.namespace, *words]
        deadline = time.monotonic() + limit
        while True:
            try:
                return self._run(command, limit, given, succeeds=succeeds)
            except TrialError as error:
                if not is_lost(str(error)) or time.monotonic() > deadline:
                    raise
            time.sleep(POLL)

    def get(self, *words: str) -> Object:
        """What ``kubectl get -o json`` says."""
        found: Object = json.loads(self.kubectl("get", *words, "-o", "json"))
        return found

    def helm(self, *words: str) -> str:
        """Run helm in the namespace."""
        return self._run([self._program("helm"), "--namespace", self.namespace, *words], LIMIT)

    def flyball(self, *words: str) -> str:
        """Run ``kubectl flyball``."""
        return self._run([self._program("kubectl"), "flyball", "--namespace", self.namespace, *words], LIMIT)

    def until(self, what: str, is_so: Callable[[], bool], limit: float = LIMIT) -> float:
        """Wait for something, and give the seconds that it took.

        :raises TrialError: where it does not come about.
        """
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > limit:
                raise TrialError(f"{what}: not within {limit:.0f} s\n{self.describe()}")
            time.sleep(POLL)
        return time.monotonic() - began

    def describe(self) -> str:
        """How things stand, for whoever reads why a trial failed."""
        asked = (
            ("get", "nodes,pods", "-o", "wide"),
            ("get", "keyspaces", "-o", "jsonpath={range .items[*].status.conditions[*]}{@}{'\\n'}{end}"),
            ("get", "shards", "-o", "jsonpath={range .items[*]}{.metadata.name}: {.status}{'\\n'}{end}"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", "-l", "app.kubernetes.io/component=operator", "--tail=25", "--prefix"),
            ("logs", "-l", "app.kubernetes.io/component=topology", "--tail=40", "--prefix"),
        )
        return "\n".join(self.kubectl(*words, succeeds=False, limit=30.0)[-8000:] for words in asked)

    def _program(self, name: str) -> str:
        return shutil.which(name, path=f"{self.programs}:{os.environ.get('PATH', os.defpath)}") or name

    def _run(self, command: list[str], limit: float, given: str = "", *, succeeds: bool = True) -> str:
        environ = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": f"{self.shims}:{os.environ.get('PATH', os.defpath)}",
        }
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, timeout=limit, check=False, env=environ
            )
        except subprocess.TimeoutExpired as error:
            if not succeeds:
                return f"{' '.join(command)}: no end within {limit:.0f} s\n"
            raise TrialError(f"{' '.join(command)}: no end within {limit:.0f} s") from error
        if done.returncode != 0 and succeeds:
            raise TrialError(f"{' '.join(command)}: {done.returncode}: {done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout if succeeds else done.stdout + done.stderr


def is_lost(told: str) -> bool:
    """Whether a command failed for want of the API server, not for what the server said."""
    return any(words in told for words in LOST)


@contextmanager
def stage(namespace: str) -> Iterator[Stage]:
    """A stage with its namespace, and nothing in it yet. The namespace goes at the end; so does a cluster made here.

    :raises Unavailable: where there can be none here, with the reason.
    """
    place = Layout()
    theirs = cluster.users_own(place, os.environ)
    is_ours = theirs is None and shutil.which("kind") is None
    if is_ours and processes.running(place.run / "cluster.pid") is None:
        cluster.check_machine(place)
    programs = binaries(*Part, build=False) if is_ours else Path("/usr/bin")
    names = _image_names(os.environ, is_theirs=theirs is not None)
    archives = [] if theirs else [images.build(image) for image in images.IMAGES.values()]
    with turn(place.state.with_suffix(".lock")) if is_ours else nullcontext():
        was_up = processes.running(place.run / "cluster.pid") is not None
        kubeconfig = cluster.up(place, outlives_us=False)
        try:
            if archives:
                cluster.load(place, archives)
            with tempfile.TemporaryDirectory(prefix="flyball-trial-") as shims:
                _write_shim(Path(shims))
                made = Stage(kubeconfig, programs, Path(shims), namespace, *names, place if is_ours else None, "")
                made = replace(made, anchor=made.get("nodes")["items"][0]["metadata"]["name"])
                made.kubectl("apply", "-f", "-", given=_NAMESPACE.replace("@NAME@", namespace))
                try:
                    yield made
                finally:
                    if was_up or not is_ours:
                        # While its operator is there: a namespace whose keyspace nobody releases never ends.
                        for words in (
                            ("delete", "keyspaces", "--all", "--timeout=300s"),
                            ("delete", "namespace", namespace, "--wait=false"),
                        ):
                            with suppress(TrialError):
                                made.kubectl(*words, limit=330.0)
        finally:
            if is_ours and not was_up:
                cluster.down(place)


@contextmanager
def turn(lock: Path, limit: float = LIMIT) -> Iterator[None]:
    """Have the machine's cluster for oneself: one trial's end would take it away from under another.

    :raises Unavailable: where another trial has it for longer than ``limit`` seconds.
    """
    with lock.open("a") as file:
        deadline = time.monotonic() + limit
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as held:
                if time.monotonic() > deadline:
                    raise Unavailable(f"another trial has the cluster of this machine ({lock})") from held
                time.sleep(POLL)
        yield


def _image_names(environ: Mapping[str, str], *, is_theirs: bool) -> tuple[str, str]:
    """What flyball's and MySQL's images are called.

    :raises Unavailable: on another's cluster where nobody says it.
    """
    if not is_theirs:
        return f"localhost/{images.IMAGES['flyball'].name}", f"localhost/{images.IMAGES['mysql'].name}"
    if not environ.get("FLYBALL_IMAGE"):
        raise Unavailable("KUBECONFIG names a cluster; FLYBALL_IMAGE must name the image of flyball in its registry")
    return environ["FLYBALL_IMAGE"], environ.get("MYSQL_IMAGE", "mysql:9.7")


def _write_shim(folder: Path) -> None:
    """``kubectl-flyball``, as kubectl looks for it, made of this tree."""
    shim = folder / "kubectl-flyball"
    sources = [str(ROOT / folder) for folder in (".", "topology", "operator", "local")]
    shim.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {sources!r}\nfrom flyball.cli.main import run\nrun()\n",
        encoding="utf-8",
    )
    shim.chmod(0o755)
