"""Every value of the chart does what its description says; the table below names each of them."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.kubernetes.chart.conftest import nested
from tests.kubernetes.chart.rendering import Rendered
from tools.generate_chart_readme import CHART, rows

Check = Callable[[Rendered], object]
COMPONENTS = ("operator", "topology")


def _container(rendered: Rendered, component: str) -> dict[str, Any]:
    return rendered.pod(component)["spec"]["containers"][0]


def _of_component(component: str) -> dict[str, tuple[Any, Check]]:
    """Each value of a component: what it is set to, and what then must be so."""

    def spec(rendered: Rendered) -> dict[str, Any]:
        return rendered.pod(component)["spec"]

    def metadata(rendered: Rendered) -> dict[str, Any]:
        return rendered.pod(component)["metadata"]

    taint = {"key": "gpu", "operator": "Exists"}
    return {
        "replicas": (
            3,
            lambda r: r.one("Deployment", f"test-flyball-{component}")["spec"]["replicas"] == 3,
        ),
        "resources": (
            {"limits": {"memory": "7Mi"}},
            lambda r: _container(r, component)["resources"]["limits"]["memory"] == "7Mi",
        ),
        "nodeSelector": ({"disk": "fast"}, lambda r: spec(r)["nodeSelector"] == {"disk": "fast"}),
        "tolerations": ([taint], lambda r: spec(r)["tolerations"] == [taint]),
        "podAnnotations": ({"a.b/c": "d"}, lambda r: metadata(r)["annotations"] == {"a.b/c": "d"}),
        "podLabels": ({"team": "data"}, lambda r: metadata(r)["labels"]["team"] == "data"),
        "priorityClassName": ("high", lambda r: spec(r)["priorityClassName"] == "high"),
        "extraArgs": (["--more"], lambda r: _container(r, component)["args"][-1] == "--more"),
    }


def _images(rendered: Rendered) -> set[str]:
    return {container["image"] for pod in rendered.pods() for container in pod["containers"]}


def _has_no(kind: str) -> Check:
    return lambda rendered: not rendered.every(kind)


def _metrics_from(rendered: Rendered) -> list[Any]:
    return [one["spec"]["ingress"][0]["from"] for one in rendered.every("NetworkPolicy")]


def _affinity(rendered: Rendered, component: str) -> dict[str, Any]:
    return rendered.pod(component)["spec"]["affinity"]["podAntiAffinity"]


MONITORED = {"podMonitor.enabled": True}
CHECKS: dict[str, tuple[Any, Check]] = {
    "image.repository": ("example.test/f", lambda r: _images(r) == {"example.test/f:0.1.0"}),
    "image.tag": ("sha256:0a", lambda r: _images(r) == {"localhost/flyball@sha256:0a"}),
    "image.pullPolicy": (
        "Always",
        lambda r: all(pod["containers"][0]["imagePullPolicy"] == "Always" for pod in r.pods()),
    ),
    "image.pullSecrets": (["key"], lambda r: all(pod["imagePullSecrets"] == [{"name": "key"}] for pod in r.pods())),
    "readNodes": (False, _has_no("ClusterRoleBinding")),
    "crds.install": (False, _has_no("CustomResourceDefinition")),
    "spread": (
        "preferred",
        lambda r: all(
            set(_affinity(r, one)) == {"preferredDuringSchedulingIgnoredDuringExecution"} for one in COMPONENTS
        ),
    ),
    "podDisruptionBudget.enabled": (False, _has_no("PodDisruptionBudget")),
    "networkPolicy.enabled": (False, _has_no("NetworkPolicy")),
    "networkPolicy.metricsFrom": (
        [{"podSelector": {}}],
        lambda r: _metrics_from(r) == [[{"podSelector": {}}]] * 2,
    ),
    "podMonitor.enabled": (True, lambda r: r.one("PodMonitor", "test-flyball")),
    "podMonitor.interval": (
        "7s",
        lambda r: r.every("PodMonitor")[0]["spec"]["podMetricsEndpoints"][0]["interval"] == "7s",
    ),
    "podMonitor.labels": ({"p": "q"}, lambda r: r.every("PodMonitor")[0]["metadata"]["labels"]["p"] == "q"),
    "userRoles.enabled": (
        False,
        lambda r: not [one for one in r.every("ClusterRole") if one["metadata"]["name"].endswith("-edit")],
    ),
    **{f"{one}.{name}": check for one in COMPONENTS for name, check in _of_component(one).items()},
}


def test_the_table_names_every_value():
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert {name for name, _, _ in rows(schema, values)} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_value_does_what_it_says(name: str, render):
    value, is_so = CHECKS[name]
    beside = MONITORED if name.startswith("podMonitor") else {}
    assert is_so(render({**beside, name: value}))


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {"podMonitor.interval", "podMonitor.labels"}))
def test_what_a_value_does_is_not_so_without_it(name: str, render):
    with_it, is_so = CHECKS[name]
    del with_it
    try:
        so = is_so(render({}))
    except (KeyError, AssertionError, IndexError):
        so = False
    assert not so


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operater.replicas": 2}, "operater"),
        ({"operator.replicas": -1}, "replicas"),
        ({"operator.replicas": "two"}, "replicas"),
        ({"readNodes": "some"}, "readNodes"),
        ({"image.repository": ""}, "repository"),
        ({"image.pullPolicy": "Sometimes"}, "pullPolicy"),
        ({"podMonitor.interval": "often"}, "interval"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_its_name(values, said, helm, tmp_path):
    done = helm.run(nested(values), tmp_path, "template", "test")
    assert done.returncode != 0
    assert said in done.stderr
