"""The program works on a cluster's records as it does on a home's."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flyball.cli.program import app
from flyball.kubernetes.credentials import Cluster
from flyball.records import Failover, Operation, Shard
from flyball.store.kubernetes import KubernetesRecords

pytestmark = pytest.mark.usefixtures("definitions")

ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

SHOP = """
apiVersion: flyball.dev/v1alpha1
kind: Keyspace
metadata: {name: shop}
spec: {shards: 1, users: [{name: app}]}
"""


def shard() -> Shard:
    names = [f"shop-x-x-{number}" for number in (1, 2, 3)]
    members = [{"name": name, "host": "127.0.0.1", "port": 3306} for name in names]
    spec = {"keyspace": "shop", "range": "-", "database": "shop", "members": members, "credentials": "shop"}
    roles = [{"name": name, "role": role} for name, role in zip(names, ("Primary", "Replica", "Replica"), strict=True)]
    status = {
        "issued": 3,
        "reign": {"term": 3, "primary": names[0], "uuid": "u"},
        "ackers": names,
        "members": [{**role, "lag": "ok"} for role in roles],
        "decision": {"wanted": "one primary", "why": "the shard is as it should be"},
    }
    return Shard.model_validate({"metadata": {"name": "shop-x-x"}, "spec": spec, "status": status})


@pytest.fixture
def cluster(kubectl, kubeconfig: Path, request: pytest.FixtureRequest) -> Cluster:
    namespace = f"program-{request.node.name.removeprefix('test_').replace('_', '-')[:40].strip('-')}"
    kubectl("create", "namespace", namespace)
    return Cluster(namespace, kubeconfig)


@pytest.fixture
def flyball(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    """Run the program in the namespace; gives what it says."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, stdin: str | None = None, code: int = 0) -> str:
        place = ["--kubeconfig", str(cluster.kubeconfig), "-n", str(cluster.namespace)]
        done = CliRunner().invoke(app, [*place, *words], input=stdin)
        assert done.exit_code == code, done.output
        return done.output

    return run


def stored(cluster: Cluster, work):
    async def inside():
        async with await KubernetesRecords.connect(cluster) as records:
            return await work(records)

    return asyncio.run(inside())


def put_shard(cluster: Cluster) -> None:
    async def put(records) -> None:
        made = await records.create(shard())
        await records.replace_status(made.model_copy(update={"status": shard().status}))

    stored(cluster, put)


def test_a_keyspace_is_applied_and_shown(flyball, cluster: Cluster) -> None:
    flyball("apply", "-f", "-", stdin=SHOP)
    assert "shop" in flyball("get", "keyspaces")
    assert "unchanged" in flyball("apply", "-f", "-", stdin=SHOP)
    put_shard(cluster)
    document = json.loads(flyball("status", "-o", "json"))
    assert "shop-x-x-1" in json.dumps(document)
    assert "the shard is as it should be" in flyball("explain", "shop/-")


def test_a_persons_words_become_records(flyball, cluster: Cluster) -> None:
    flyball("apply", "-f", "-", stdin=SHOP)
    put_shard(cluster)
    flyball("switchover", "shop/-", "--no-wait")
    flyball("pause", "shop", "--no-wait")
    operations = stored(cluster, lambda records: records.list(Operation))
    failovers = stored(cluster, lambda records: records.list(Failover))
    assert [each.spec.type for each in operations] == ["pause"]
    assert [(each.spec.shard, each.spec.mode) for each in failovers] == [("shop-x-x", "planned")]
    flyball("resume", "shop")
    assert stored(cluster, lambda records: records.list(Operation)) == ()


def test_the_topology_service_leads_on_a_clusters_records(flyball, cluster: Cluster, tmp_path: Path) -> None:
    flyball("apply", "-f", "-", stdin=SHOP)
    put_shard(cluster)
    place = ["--kubeconfig", str(cluster.kubeconfig), "-n", str(cluster.namespace)]
    words = [sys.executable, "-m", "flyball.cli.main", *place, "topology", "run", "--identity", "one"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log, env=ENVIRON) as service:
        try:
            flyball("pause", "shop", "--timeout", "120")  # somebody takes it up
        finally:
            service.terminate()
    assert service.returncode == 0, (tmp_path / "log").read_text()
    assert stored(cluster, lambda records: records.acquire("topology", "another", 5)).term == 2


def test_a_cluster_that_cannot_be_reached_is_told_with_a_next_step(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--kubeconfig", str(tmp_path / "none"), "status"])
    assert done.exit_code == 3
    assert "error FB2005" in done.output
    assert "next: " in done.output
