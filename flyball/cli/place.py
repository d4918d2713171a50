"""Where the records and the secrets are: a home on this machine, or a namespace of a Kubernetes cluster.

What was said decides, the nearer word first: ``--home`` of a command or of the program; ``--store``; one of
``--namespace``, ``--context`` and ``--kubeconfig``; ``FLYBALL_STORE``; ``FLYBALL_HOME``. Where nothing was said, it is
``~/.flyball`` if an engine has made a store there, and else the cluster that a kubeconfig, or the pod that the program
runs in, names. As ``kubectl flyball`` the program means the cluster unless a home is named.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from flyball.cli.said import Said, Store
from flyball.errors import Code, InputError
from flyball.kubernetes.credentials import Cluster, is_there
from flyball.secrets import FileSecrets, Secret
from flyball.store import Records
from flyball.store.kubernetes import KubernetesRecords
from flyball.store.sqlite import SqliteRecords

T = TypeVar("T")

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where records and secrets lie.", show_default="FLYBALL_HOME, ~/.flyball")
]
"""``--home`` of every command; the program's own stands where it is not given."""


@dataclass(frozen=True, slots=True)
class Place:
    """A home or a cluster, as far as commands look into it.

    :param cluster: None for a home.
    """

    root: Path
    cluster: Cluster | None = None

    @property
    def records(self) -> Path:
        """A home's record store: its file."""
        return self.root / "records.db"

    @property
    def secrets(self) -> Path:
        """A home's secrets: their directory."""
        return self.root / "secrets"


_ONE = "Give one of them."


def place_of(context: typer.Context, home: Path | None) -> Place:
    """The place that a command works on.

    :raises InputError: BAD_USAGE when what was said does not fit together.
    """
    root = context.find_root()
    given: Said = root.obj if isinstance(root.obj, Said) else Said()
    return place(replace(given, home=home or given.home), os.environ)


def place(said: Said, environ: Mapping[str, str]) -> Place:
    """The place that is meant."""
    if said.home is not None and (said.store is Store.KUBERNETES or said.cluster != Cluster()):
        raise InputError(
            Code.BAD_USAGE,
            "--home names a store on this machine, the other options one in a cluster",
            "Give one of them.",
        )
    if said.store is Store.HOME and said.cluster != Cluster():
        raise InputError(
            Code.BAD_USAGE,
            "--store home is on this machine; namespaces and contexts are in a cluster",
            "Give one of them.",
        )
    named = said.home or (Path(environ["FLYBALL_HOME"]) if environ.get("FLYBALL_HOME") else None)
    found = Place(Path(os.path.abspath((named or Path.home() / ".flyball").expanduser())))  # noqa: PTH100 - a link to a home stays what it is called
    return replace(found, cluster=said.cluster) if _is_in_cluster(said, environ, found) else found


def _is_in_cluster(said: Said, environ: Mapping[str, str], home: Place) -> bool:
    if said.home is not None or said.store is not None:
        return said.store is Store.KUBERNETES
    if said.cluster != Cluster() or said.as_kubectl:
        return True
    if environ.get("FLYBALL_STORE"):
        return environ["FLYBALL_STORE"] == Store.KUBERNETES
    return not environ.get("FLYBALL_HOME") and not home.records.exists() and is_there()


@contextlib.asynccontextmanager
async def open_records(place: Place) -> AsyncIterator[Records]:
    """The record store of the place; it is never made here.

    :raises InputError: NO_SUCH_OBJECT when there is none.
    """
    if place.cluster is not None:
        async with await KubernetesRecords.connect(place.cluster) as records:
            yield records
        return
    if not place.records.exists():
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"there is no record store at {place.records}",
            "Start one with `flyball local up -f KEYSPACE.yaml`, name its home with --home or FLYBALL_HOME, or name a "
            "cluster with --context.",
        )
    async with await SqliteRecords.open(place.records) as records:
        yield records


def with_records(place: Place, work: Callable[[Records], Awaitable[T]]) -> T:
    """Run ``work`` on the place's record store."""

    async def inside() -> T:
        async with open_records(place) as records:
            return await work(records)

    return asyncio.run(inside())


async def read_secret(place: Place, name: str) -> Secret | None:
    """The secret of that name; None when it is not there."""
    if place.cluster is None:
        return await FileSecrets(place.secrets).get(name)
    async with await KubernetesRecords.connect(place.cluster) as records:
        return await records.secrets.get(name)
