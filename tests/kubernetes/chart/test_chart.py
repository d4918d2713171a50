"""What the chart installs: no more rights than needed, pods that may do little, definitions that stay."""

import pytest
import yaml

from tools.generate_chart_readme import CHART

DEFINITIONS = CHART.parents[1] / "crds"
EVERYTHING = {"podMonitor.enabled": True}
KEEP = "helm.sh/resource-policy"


@pytest.mark.parametrize("monitored", [True, False])
def test_helm_finds_nothing_to_complain_of(monitored, helm, tmp_path):
    done = helm.run({"podMonitor": {"enabled": monitored}}, tmp_path, "lint", "--strict")
    assert done.returncode == 0, done.stdout


def test_every_pod_keeps_to_the_restricted_standard_with_a_read_only_root(render):
    for pod in render(EVERYTHING).pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("component", ["operator", "topology"])
def test_the_processes_of_a_component_run_on_different_nodes(component, render):
    spec = render({})
    assert spec.one("Deployment", f"test-flyball-{component}")["spec"]["replicas"] == 2
    [apart] = spec.pod(component)["spec"]["affinity"]["podAntiAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    labels = spec.pod(component)["metadata"]["labels"]
    assert apart["labelSelector"]["matchLabels"].items() <= labels.items()


def test_the_definitions_are_those_that_were_generated_and_stay_when_the_release_goes(render):
    installed = {one["metadata"]["name"]: one for one in render({}).every("CustomResourceDefinition")}
    generated = [yaml.safe_load(file.read_text()) for file in sorted(DEFINITIONS.glob("*.yaml"))]
    assert set(installed) == {one["metadata"]["name"] for one in generated}
    for one in generated:
        found = installed[one["metadata"]["name"]]
        assert found["metadata"]["annotations"][KEEP] == "keep"
        assert found["spec"] == one["spec"]


NARROW = {"readNodes": False, "userRoles.enabled": False}


def test_a_release_can_do_without_any_right_outside_its_namespace(render):
    for one in render({**NARROW, **EVERYTHING}).objects:
        assert one["kind"] == "CustomResourceDefinition" or one["metadata"]["namespace"] == "here"


def test_the_topology_service_may_read_no_secret_and_write_no_specification(render):
    for rule in render({}).one("Role", "test-flyball-topology")["rules"]:
        assert "secrets" not in rule["resources"]
        if {"keyspaces", "shards"} & set(rule["resources"]):
            assert set(rule["verbs"]) == {"get", "list", "watch"}


def test_what_is_given_for_all_namespaces_is_only_to_look_at_nodes_and_classes(render):
    rendered = render({})
    [bound] = rendered.every("ClusterRoleBinding")
    for rule in rendered.one("ClusterRole", bound["roleRef"]["name"])["rules"]:
        assert rule["verbs"] == ["get"]
        assert set(rule["resources"]) <= {"nodes", "storageclasses"}


def test_nobody_may_do_everything(render):
    rendered = render({})
    for role in [*rendered.every("ClusterRole"), *rendered.every("Role")]:
        for rule in role["rules"]:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_every_account_that_is_bound_is_made_and_every_role_that_is_given_too(render):
    rendered = render({})
    accounts = {one["metadata"]["name"] for one in rendered.every("ServiceAccount")}
    for kind in ("Role", "ClusterRole"):
        roles = {one["metadata"]["name"] for one in rendered.every(kind)}
        for binding in rendered.every(f"{kind}Binding"):
            assert binding["roleRef"]["name"] in roles
            assert {subject["name"] for subject in binding["subjects"]} <= accounts


def test_two_releases_in_two_namespaces_share_no_cluster_role(helm, tmp_path):
    names = []
    for namespace in ("one", "two"):
        done = helm.run({"userRoles": {"enabled": False}}, tmp_path, "template", "test", "--namespace", namespace)
        objects = [one for one in yaml.safe_load_all(done.stdout) if one]
        names.append({one["metadata"]["name"] for one in objects if one["kind"].startswith("ClusterRole")})
    assert names[0].isdisjoint(names[1])


def test_a_stopped_component_is_not_asked_for_its_health(render):
    [test] = render({"topology.replicas": 0}).every("Pod")
    command = test["spec"]["containers"][0]["command"]
    assert not any("topology" in word for word in command)
    assert any("operator" in word for word in command)
