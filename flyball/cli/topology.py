"""``flyball topology``: run the topology service. Engines start it by themselves; this is for doing it by hand."""

from pathlib import Path
from typing import Annotated

import typer

from flyball_topology import service

app = typer.Typer(help="The topology service: it observes members, decides, and acts.")


@app.callback()
def topology() -> None:
    """The topology service: it observes members, decides, and acts."""


@app.command(
    epilog="Example:  flyball topology run --store ~/.flyball/records.db --secrets ~/.flyball/secrets --identity a"
)
def run(
    *,
    store: Annotated[Path, typer.Option(help="The record store's file.")],
    secrets: Annotated[Path, typer.Option(help="The directory of the secrets.")],
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="For /healthz and /metrics.")] = "127.0.0.1:0",
    identity: Annotated[str, typer.Option(help="Who holds the lease; host and process where absent.")] = "",
) -> None:
    """Run until SIGTERM. Any number may run on one store; one leads, the others stand by."""
    service.main(service.Settings(store, secrets, listen, identity))
