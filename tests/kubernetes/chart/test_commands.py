"""What the chart starts is what flyball's command line has, and what it names is what there is."""

import pytest
from typer.main import get_command

from flyball.cli.program import app
from flyball_operator import process
from flyball_operator.manifests.network import TOPOLOGY
from flyball_topology import service

PROCESSES = {"operator": process, "topology": service}


def parsed(arguments: list[str]) -> tuple[str, dict[str, object]]:
    """The command that the arguments name, and its options; raises what the command line says to one it knows not."""
    command, path = get_command(app), []
    context = command.make_context("flyball", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        path.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(path), context.params


def container(rendered, component: str) -> dict:
    return rendered.pod(component)["spec"]["containers"][0]


@pytest.mark.parametrize("component", PROCESSES)
def test_a_component_is_started_by_a_command_that_there_is(component, render):
    command, options = parsed(container(render({}), component)["args"])
    assert command == f"{component} run"
    port = container(render({}), component)["ports"][0]["containerPort"]
    assert options["listen"] == f"0.0.0.0:{port}"


@pytest.mark.parametrize("component", PROCESSES)
def test_a_component_may_hold_the_lease_that_it_asks_for(component, render):
    rules = render({}).one("Role", f"test-flyball-{component}")["rules"]
    [names] = [rule["resourceNames"] for rule in rules if rule["resources"] == ["leases"] and "resourceNames" in rule]
    assert names == [PROCESSES[component].LEASE_NAME]


def test_the_operator_gives_credentials_to_the_account_that_the_topology_service_runs_as(render):
    rendered = render({})
    _, options = parsed(container(rendered, "operator")["args"])
    account = rendered.pod("topology")["spec"]["serviceAccountName"]
    assert options["topology_account"] == f"here/{account}"


def test_the_members_let_the_topology_services_pods_in(render):
    assert TOPOLOGY.items() <= render({}).pod("topology")["metadata"]["labels"].items()
