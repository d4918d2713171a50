"""The components with the rights that the chart gives them, and no others: nothing that they ask for is forbidden.

They run as processes, by tokens of the chart's own service accounts.
"""

import asyncio
import json
import sys
from pathlib import Path

import pytest
import yaml

from flyball.kubernetes import everything
from flyball.kubernetes.client import connect
from flyball.kubernetes.resources import CLAIMS, PODS, SERVICES, of_record
from flyball.records import Failover, Keyspace, Operation, Shard
from flyball.store.kubernetes import KubernetesRecords
from tests.kubernetes.running import start_flyball

HERE = "chart-components"
LIMIT = 120.0
KEYSPACE = {
    "apiVersion": "flyball.dev/v1alpha1",
    "kind": "Keyspace",
    "metadata": {"name": "shop"},
    "spec": {"replicas": 2, "users": [{"name": "app"}], "storage": {"size": "1Gi"}, "reclaimPolicy": "Delete"},
}


@pytest.fixture
def there(kubectl, definitions, helm, tmp_path: Path):
    """The API server with the chart's objects in a namespace."""
    done = helm.run({"crds": {"install": False}}, tmp_path, "template", "test", "--namespace", HERE)
    assert done.returncode == 0, done.stderr
    kubectl("create", "namespace", HERE)
    kubectl("apply", "--server-side", "-f", "-", given=done.stdout)
    return kubectl


def account(kubectl, kubeconfig: Path, component: str, directory: Path) -> Path:
    """A kubeconfig of a component's account."""
    document = yaml.safe_load(kubeconfig.read_text())
    token = kubectl("create", "token", f"test-flyball-{component}", "-n", HERE, "--duration=1h").strip()
    document["users"][0]["user"] = {"token": token}
    path = directory / f"{component}.kubeconfig"
    path.write_text(yaml.safe_dump(document))
    path.chmod(0o600)
    return path


@pytest.fixture
async def components(there, kubeconfig, tmp_path):
    """Both, running."""
    words = {
        "operator": ["operator", "run", "--namespace", HERE, "--topology-account", f"{HERE}/test-flyball-topology"],
        "topology": ["--namespace", HERE, "topology", "run"],
    }
    running = []
    for name, said in words.items():
        reached = account(there, kubeconfig, name, tmp_path)
        running.append(await start_flyball(reached, tmp_path / f"{name}.log", *said))
    yield {name: tmp_path / f"{name}.log" for name in words}
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()
    for name in words:
        sys.stdout.write(f"--- {name}\n{(tmp_path / f'{name}.log').read_text()[-4000:]}")


@pytest.fixture
async def api(kubeconfig):
    made, _ = await connect(kubeconfig)
    yield made
    await made.close()


async def run_pods(api) -> list[dict]:
    """What nodes do: every pod runs, at an address of this machine where nobody listens."""
    pods = await everything(api, PODS, HERE, labels={"flyball.dev/keyspace": "shop"})
    for number, pod in enumerate(pods, 2):
        if not pod["status"].get("podIP"):
            address = f"127.0.2.{number}"
            ready = {"type": "Ready", "status": "True"}
            status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
            await api.patch(PODS, HERE, pod["metadata"]["name"], {"status": status}, subresource="status")
    return pods


async def until(api, condition) -> None:
    async with asyncio.timeout(LIMIT):
        while not await condition():
            await run_pods(api)
            await asyncio.sleep(0.2)


async def test_what_the_components_ask_for_is_allowed_from_birth_to_deletion(there, components, api):
    records = KubernetesRecords(api, HERE)
    there("apply", "-n", HERE, "-f", "-", given=json.dumps(KEYSPACE))

    async def topology_has_seen_it() -> bool:
        (shard, *_) = await records.list(Shard) or (None,)
        return shard is not None and bool(shard.status.decision.wanted or shard.status.members)

    await until(api, topology_has_seen_it)
    assert len(await everything(api, SERVICES, HERE, labels={"flyball.dev/keyspace": "shop"})) == 2
    spec = {"keyspace": "shop", "shard": "shop-x-x", "mode": "planned"}
    asked = {"apiVersion": "flyball.dev/v1alpha1", "kind": "Failover", "metadata": {"name": "asked"}, "spec": spec}
    await api.create(of_record(Failover), {**asked, "metadata": {"name": "asked", "namespace": HERE}})
    word = {"keyspace": "shop", "type": "fence", "shard": "shop-x-x", "member": "shop-x-x-2"}
    held = {"apiVersion": "flyball.dev/v1alpha1", "kind": "Operation", "metadata": {"name": "word"}, "spec": word}
    await api.create(of_record(Operation), {**held, "metadata": {"name": "word", "namespace": HERE}})

    there("delete", "-n", HERE, "keyspace", "shop", "--wait=false")

    async def gone() -> bool:
        return await records.get(Keyspace, "shop") is None

    await until(api, gone)
    claims = await everything(api, CLAIMS, HERE, labels={"flyball.dev/keyspace": "shop"})
    assert all("deletionTimestamp" in one["metadata"] for one in claims), "a controller of the cluster does the rest"
    for name, log in components.items():
        refused = [line for line in log.read_text().splitlines() if "forbidden" in line.lower()]
        assert refused == [], f"{name} asks for what it may not"
