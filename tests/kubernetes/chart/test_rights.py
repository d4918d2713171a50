"""The chart on a real API server: it is accepted as it is, and its accounts may do what they must and no more."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from flyball.kubernetes.port import Resource
from flyball.kubernetes.resources import (
    CLAIMS,
    CONFIG_MAPS,
    DISRUPTION_BUDGETS,
    EVENTS,
    LEASES,
    NETWORK_POLICIES,
    NODES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICES,
    STORAGE_CLASSES,
    of_record,
)
from flyball.records import Failover, Keyspace, Operation, Shard
from tests.kubernetes.chart.rendering import Helm

HERE = "here"
OPERATOR, TOPOLOGY = (f"system:serviceaccount:{HERE}:test-flyball-{one}" for one in ("operator", "topology"))
KEYSPACES, SHARDS, FAILOVERS, OPERATIONS = (of_record(kind) for kind in (Keyspace, Shard, Failover, Operation))
LOOK = ("get", "list", "watch")
MAKE = (*LOOK, "create", "patch", "update", "delete")


def _status(what: Resource) -> Resource:
    return replace(what, plural=f"{what.plural}/status")


@pytest.fixture(scope="module")
def kubectl_there(kubectl, helm: Helm, tmp_path_factory: pytest.TempPathFactory):
    """The API server with the chart's objects in it."""
    rendered = helm.render({}, tmp_path_factory.mktemp("values"))
    kubectl("create", "namespace", HERE)
    kubectl("apply", "--server-side", "-f", "-", given=yaml.safe_dump_all(rendered.objects))
    kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
    return kubectl


def _answers(kubectl: Any, *asked: tuple[str, str, Resource], name: str = "", namespace: str = HERE) -> list[bool]:
    """What the server says to each of: may this account do this to that?"""
    reviews = [
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": who,
                "groups": ["system:serviceaccounts", f"system:serviceaccounts:{HERE}", "system:authenticated"],
                "resourceAttributes": {
                    "namespace": namespace if what.namespaced else "",
                    "verb": verb,
                    "group": what.group,
                    "resource": what.plural.partition("/")[0],
                    "subresource": what.plural.partition("/")[2],
                    "name": name,
                },
            },
        }
        for who, verb, what in asked
    ]
    said = yaml.safe_load_all(kubectl("create", "-o", "yaml", "-f", "-", given=yaml.safe_dump_all(reviews)))
    items = [item for document in said if document for item in document.get("items", [document])]
    assert len(items) == len(asked)
    return [item["status"]["allowed"] for item in items]


@pytest.mark.parametrize(
    ("who", "verbs", "what"),
    [
        *((OPERATOR, MAKE, one) for one in (PODS, CLAIMS, SERVICES, SECRETS, CONFIG_MAPS)),
        *((OPERATOR, MAKE, one) for one in (DISRUPTION_BUDGETS, NETWORK_POLICIES, ROLES, ROLE_BINDINGS)),
        *((OPERATOR, MAKE, one) for one in (SHARDS, FAILOVERS)),
        (OPERATOR, (*LOOK, "update", "patch"), KEYSPACES),
        (OPERATOR, ("create",), EVENTS),
        (OPERATOR, ("get",), NODES),
        (OPERATOR, ("get",), STORAGE_CLASSES),
        (OPERATOR, LOOK, OPERATIONS),
        *((TOPOLOGY, LOOK, one) for one in (KEYSPACES, SHARDS, FAILOVERS, OPERATIONS)),
        (TOPOLOGY, ("create", "update", "delete"), FAILOVERS),
        *((TOPOLOGY, ("get", "update"), _status(one)) for one in (KEYSPACES, SHARDS, FAILOVERS, OPERATIONS)),
        (OPERATOR, ("get", "update"), _status(KEYSPACES)),
    ],
    ids=lambda it: it.plural if isinstance(it, Resource) else None,
)
def test_a_component_may_do_what_it_must(who, verbs, what, kubectl_there):
    answers = _answers(kubectl_there, *((who, verb, what) for verb in verbs))
    assert dict(zip(verbs, answers, strict=True)) == dict.fromkeys(verbs, True)


@pytest.mark.parametrize(("who", "lease"), [(OPERATOR, "operator"), (TOPOLOGY, "topology")])
def test_a_component_holds_its_own_lease_and_no_other(who, lease, kubectl_there):
    assert _answers(kubectl_there, (who, "create", LEASES)) == [True]
    assert _answers(kubectl_there, (who, "update", LEASES), (who, "watch", LEASES), name=lease) == [True, True]
    assert _answers(kubectl_there, (who, "update", LEASES), name="another") == [False]


@pytest.mark.parametrize(
    ("who", "verb", "what"),
    [
        (TOPOLOGY, "get", SECRETS),
        (TOPOLOGY, "list", SECRETS),
        (TOPOLOGY, "update", SHARDS),
        (TOPOLOGY, "update", KEYSPACES),
        (TOPOLOGY, "delete", PODS),
        (TOPOLOGY, "get", NODES),
        (OPERATOR, "delete", KEYSPACES),
        (OPERATOR, "delete", NODES),
        (OPERATOR, "escalate", ROLES),
        (OPERATOR, "bind", ROLES),
    ],
    ids=lambda it: it.plural if isinstance(it, Resource) else None,
)
def test_a_component_may_not_do_what_it_need_not(who, verb, what, kubectl_there):
    assert _answers(kubectl_there, (who, verb, what)) == [False]


@pytest.mark.parametrize("who", [OPERATOR, TOPOLOGY])
def test_a_component_has_no_right_in_another_namespace(who, kubectl_there):
    asked = [(who, verb, what) for what in (SECRETS, PODS, KEYSPACES, LEASES) for verb in ("get", "create")]
    assert not any(_answers(kubectl_there, *asked, namespace="default"))
