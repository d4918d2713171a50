"""``flyball operator run`` on a real API server: a Keyspace that kubectl applied becomes members, and goes."""

import asyncio
import json
import signal
import sys

import pytest

from flyball.kubernetes import everything
from flyball.kubernetes.resources import CLAIMS, EVENTS, LEASES, PODS, SERVICE_ACCOUNTS, SERVICES, of_record
from flyball.records import Keyspace, Shard
from flyball.records.shard import Reign, Role, ShardStatus
from flyball.store.kubernetes import KubernetesRecords
from tests.kubernetes.running import start_flyball

SHARD = "commerce-x-x"
LIMIT = 120.0
KEYSPACE = {
    "apiVersion": "flyball.dev/v1alpha1",
    "kind": "Keyspace",
    "metadata": {"name": "commerce"},
    "spec": {"replicas": 2, "users": [{"name": "app"}], "storage": {"size": "1Gi"}},
}


@pytest.fixture
async def operator(place, kubeconfig, tmp_path):
    """The operator of the namespace, as a process."""
    words = ["operator", "run", "--namespace", place.namespace, "--topology-account", "system/topology"]
    process = await start_flyball(kubeconfig, tmp_path / "log", *words)
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()
    sys.stdout.write((tmp_path / "log").read_text())


async def until(place, condition) -> None:
    """Play the nodes until the condition holds."""
    async with asyncio.timeout(LIMIT):
        while not await condition():
            for number, pod in enumerate(await everything(place.api, PODS, place.namespace), 1):
                if not pod["status"].get("podIP"):
                    address = f"10.0.0.{number}"
                    status = {
                        "phase": "Running",
                        "podIP": address,
                        "podIPs": [{"ip": address}],
                        "conditions": [{"type": "Ready", "status": "True"}],
                    }
                    name = pod["metadata"]["name"]
                    await place.api.patch(PODS, place.namespace, name, {"status": status}, subresource="status")
            await asyncio.sleep(0.1)


async def test_a_keyspace_of_kubectl_becomes_members_and_goes(place, definitions, kubectl, operator):
    account = {"metadata": {"name": "default", "namespace": place.namespace}}
    await place.api.create(SERVICE_ACCOUNTS, account)
    kubectl("apply", "-n", place.namespace, "-f", "-", given=json.dumps(KEYSPACE))
    records = KubernetesRecords(place.api, place.namespace)

    async def declared() -> bool:
        return bool(await records.list(Shard))

    await until(place, declared)
    (shard,) = await records.list(Shard)
    roles = {f"{SHARD}-1": Role.PRIMARY, f"{SHARD}-2": Role.REPLICA}
    status = ShardStatus(
        observed_generation=shard.metadata.generation,
        reign=Reign(term=1, primary=f"{SHARD}-1", uuid="u"),
        members=tuple({"name": name, "role": role} for name, role in roles.items()),
    )
    await records.replace_status(shard.model_copy(update={"status": ShardStatus.model_validate(status.model_dump())}))

    async def serves() -> bool:
        keyspace = await records.get(Keyspace, "commerce")
        return any(one.type == "Ready" and one.status for one in keyspace.status.conditions)

    await until(place, serves)
    services = {one["metadata"]["name"]: one for one in await everything(place.api, SERVICES, place.namespace)}
    assert set(services) == {f"{SHARD}-primary", f"{SHARD}-replicas"}
    owners = services[f"{SHARD}-primary"]["metadata"]["ownerReferences"]
    keyspace = await place.api.get(of_record(Keyspace), place.namespace, "commerce")
    assert [one["uid"] for one in owners] == [keyspace["metadata"]["uid"]]
    assert "ShardDeclared" in {one["reason"] for one in await everything(place.api, EVENTS, place.namespace)}
    assert "operator" in json.dumps(await everything(place.api, LEASES, place.namespace))
    assert "kopf" not in json.dumps(keyspace)

    kubectl("delete", "-n", place.namespace, "keyspace", "commerce", "--wait=false")

    async def gone() -> bool:
        return await records.get(Keyspace, "commerce") is None

    await until(place, gone)
    assert await everything(place.api, PODS, place.namespace) == []
    assert len(await everything(place.api, CLAIMS, place.namespace)) == 2

    operator.send_signal(signal.SIGTERM)
    async with asyncio.timeout(LIMIT):
        assert await operator.wait() == 0
