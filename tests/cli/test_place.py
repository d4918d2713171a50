"""Which records a command works on: what was said decides, and where nothing was, what there is."""

from pathlib import Path

import pytest

from flyball.cli.place import place
from flyball.cli.program import with_cluster_first
from flyball.cli.said import Said, Store
from flyball.errors import Code, InputError
from flyball.kubernetes.credentials import Cluster

SHOP = Cluster(namespace="shop")
HOME, KUBECONFIG = {"FLYBALL_HOME": "/h"}, {"KUBECONFIG": "/k"}
IN_CLUSTER = {"FLYBALL_STORE": "kubernetes"}


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without a store, a kubeconfig, or anything else."""
    for name in ("HOME", "KUBECONFIG", "FLYBALL_HOME", "FLYBALL_STORE", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("said", "environ", "found"),
    [
        (Said(), {}, None),
        (Said(), KUBECONFIG, Cluster()),
        (Said(), HOME | KUBECONFIG, None),
        (Said(), HOME | IN_CLUSTER, Cluster()),
        (Said(cluster=SHOP), HOME, SHOP),
        (Said(cluster=SHOP), {"FLYBALL_STORE": "home"}, SHOP),
        (Said(store=Store.KUBERNETES), HOME, Cluster()),
        (Said(store=Store.KUBERNETES, cluster=SHOP), {}, SHOP),
        (Said(store=Store.HOME), KUBECONFIG, None),
        (Said(home=Path("/x")), KUBECONFIG | IN_CLUSTER, None),
        (Said(as_kubectl=True), HOME, Cluster()),
        (Said(as_kubectl=True, home=Path("/x")), {}, None),
    ],
)
def test_what_was_said_decides(monkeypatch, said: Said, environ: dict[str, str], found: Cluster | None) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert place(said, environ).cluster == found


def test_a_store_that_an_engine_has_made_comes_before_a_cluster(monkeypatch, user: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", "/k")
    assert place(Said(), {}).cluster is not None
    (user / ".flyball").mkdir()
    (user / ".flyball" / "records.db").touch()
    assert place(Said(), {}).cluster is None


@pytest.mark.parametrize(
    "said",
    [
        Said(home=Path("/x"), store=Store.KUBERNETES),
        Said(home=Path("/x"), cluster=SHOP),
        Said(store=Store.HOME, cluster=SHOP),
    ],
)
def test_words_that_contradict_each_other_are_refused(said: Said) -> None:
    with pytest.raises(InputError) as caught:
        place(said, {})
    assert caught.value.code is Code.BAD_USAGE


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("status -n shop", "-n shop status"),
        ("status shop --context=c -o json --kubeconfig k", "--context=c --kubeconfig k status shop -o json"),
        ("--home h get keyspace -n shop", "--home h -n shop get keyspace"),
        ("sql shop/80- -n shop -- -n -e x", "-n shop sql shop/80- -- -n -e x"),
        ("operator run --namespace shop", "operator run --namespace shop"),
        ("status -n", "status -n"),
        ("--version", "--version"),
        ("", ""),
    ],
)
def test_the_cluster_may_be_named_behind_the_command_as_with_kubectl(given: str, meant: str) -> None:
    assert with_cluster_first(given.split()) == meant.split()
