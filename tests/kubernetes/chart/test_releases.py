"""Several releases of the chart in one cluster, as Helm installs them on a real API server."""

import json

import pytest

PEOPLE = ("flyball-view", "flyball-edit", "flyball-operate")
KIND = "keyspaces.flyball.dev"
BY = "meta.helm.sh/release-namespace"


@pytest.fixture
def cluster(kubectl, definitions, helm, kubeconfig, tmp_path):
    """Install, upgrade or uninstall the release ``flyball`` of a namespace; gives what Helm says."""
    namespaces = ("releases-one", "releases-two")

    def run(verb: str, namespace: str) -> str:
        words = [verb, "flyball", "--namespace", namespace, "--kubeconfig", str(kubeconfig)]
        done = helm.run({}, tmp_path, *words, *(["--create-namespace"] if verb == "install" else []))
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield run
    for namespace in namespaces:
        helm.command("uninstall", "flyball", "--ignore-not-found", "-n", namespace, "--kubeconfig", str(kubeconfig))


def maker(kubectl, kind: str, name: str) -> str:
    thing = json.loads(kubectl("get", kind, name, "-o", "json"))
    return thing["metadata"].get("annotations", {}).get(BY, "")


def test_a_second_release_leaves_the_first_what_belongs_to_all(cluster, kubectl):
    cluster("install", "releases-one")
    cluster("install", "releases-two")
    assert {maker(kubectl, "clusterrole", name) for name in PEOPLE} == {"releases-one"}
    for namespace in ("releases-two", "releases-one"):
        cluster("upgrade", namespace)
    assert {maker(kubectl, "clusterrole", name) for name in PEOPLE} == {"releases-one"}
    for namespace in ("releases-one", "releases-two"):
        assert "flyball-operator" in kubectl("get", "deployments", "--namespace", namespace, "-o", "name")


def test_kinds_that_a_person_applied_are_left_and_told_of(cluster, kubectl):
    said = cluster("install", "releases-two")
    assert maker(kubectl, "crd", KIND) == ""
    assert "are in the cluster already" in said


def test_kinds_that_a_release_made_are_kept_up_to_date_by_it_alone(cluster, kubectl):
    kubectl("annotate", "crd", KIND, f"{BY}=releases-one", "meta.helm.sh/release-name=flyball")
    kubectl("label", "crd", KIND, "app.kubernetes.io/managed-by=Helm")
    try:
        cluster("install", "releases-one")
        kubectl("annotate", "crd", KIND, "helm.sh/resource-policy-", "--overwrite")
        cluster("install", "releases-two")
        assert "resource-policy" not in kubectl("get", "crd", KIND, "-o", "yaml")
        said = cluster("upgrade", "releases-one")
        assert "are in the cluster already" not in said
    finally:
        kubectl("annotate", "crd", KIND, f"{BY}-", "meta.helm.sh/release-name-", "--overwrite")
        kubectl("label", "crd", KIND, "app.kubernetes.io/managed-by-")
