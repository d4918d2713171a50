"""``flyball operator``: run the Kubernetes operator."""

from typing import Annotated

import typer

from flyball.errors import Code, InputError
from flyball_operator.manifests.access import Reader
from flyball_operator.process import Settings

app = typer.Typer(help="The Kubernetes operator: keyspaces become pods, volumes, services and secrets.")


@app.callback()
def operator() -> None:
    """The Kubernetes operator: keyspaces become pods, volumes, services and secrets."""


@app.command(epilog="Example:  flyball operator run --namespace shop --listen 0.0.0.0:9105")
def run(
    *,
    namespace: Annotated[
        str, typer.Option(help="Whose keyspaces it takes care of.", show_default="the kubeconfig's, or the pod's own")
    ] = "",
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="For /healthz and /metrics.")] = "127.0.0.1:0",
    identity: Annotated[str, typer.Option(help="Who holds the lease; host and process where absent.")] = "",
    topology_account: Annotated[
        str,
        typer.Option(
            metavar="NAMESPACE/NAME",
            help="The topology service's account, which is let read each keyspace's credentials.",
            show_default="it has that right otherwise",
        ),
    ] = "",
) -> None:
    """Run until SIGTERM. Any number may run for one namespace; one leads, the others stand by."""
    from flyball_operator import program  # noqa: PLC0415 - kopf costs 59 MB

    program.main(Settings(namespace, listen, identity, _reader(topology_account)))


def _reader(account: str) -> Reader | None:
    if not account:
        return None
    namespace, slash, name = account.partition("/")
    if not (namespace and slash and name):
        raise InputError(
            Code.BAD_USAGE,
            f"--topology-account {account}: expected NAMESPACE/NAME",
            "Name the account of the topology service, such as flyball-system/flyball-topology.",
        )
    return Reader(name, namespace)
