"""``flyball topology``: run the topology service. Engines start it by themselves; this is for doing it by hand."""

from pathlib import Path
from typing import Annotated

import typer

from flyball.cli.place import place_of
from flyball.errors import Code, InputError
from flyball_topology import service

app = typer.Typer(help="The topology service: it observes members, decides, and acts.")


@app.callback()
def topology() -> None:
    """The topology service: it observes members, decides, and acts."""


@app.command(
    epilog="Examples:  flyball topology run --store ~/.flyball/records.db --secrets ~/.flyball/secrets --identity a"
    "  |  flyball -n shop topology run",
)
def run(
    context: typer.Context,
    *,
    store: Annotated[Path | None, typer.Option(help="The record store's file; a cluster's where absent.")] = None,
    secrets: Annotated[Path | None, typer.Option(help="The directory of the secrets, beside --store.")] = None,
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="For /healthz and /metrics.")] = "127.0.0.1:0",
    identity: Annotated[str, typer.Option(help="Who holds the lease; host and process where absent.")] = "",
) -> None:
    """Run until SIGTERM. Any number may run on one store; one leads, the others stand by.

    Without --store it runs on the cluster's records, in the namespace of --namespace or of the pod that it runs in.
    """
    if (store is None) != (secrets is None):
        raise InputError(Code.BAD_USAGE, "--store and --secrets go together", "Give both, or none for a cluster's.")
    if store is not None and secrets is not None:
        service.main(service.Settings(service.Home(store, secrets), listen, identity))
        return
    place = place_of(context, None)
    if place.cluster is None:
        raise InputError(
            Code.BAD_USAGE,
            "there is no record store named, and nothing here says how a cluster is reached",
            "Give --store and --secrets, or name a cluster with --context.",
        )
    service.main(service.Settings(place.cluster, listen, identity))
