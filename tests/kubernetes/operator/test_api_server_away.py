"""The API server is away for a while, killed or hanging: both components go on, nothing restarts, all is picked up.

``FLYBALL_OUTAGE`` says for how many seconds; the default is longer than the leases of both live.
"""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from flyball.kubernetes import everything
from flyball.kubernetes.client import connect
from flyball.kubernetes.resources import LEASES, NAMESPACES, PODS
from flyball.kubernetes.transport import Limits
from tests.contract.api import Place
from tests.kubernetes.running import controlled_api_server, free_port

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 240.0
OUTAGE = float(os.environ.get("FLYBALL_OUTAGE", "20"))
PATCH = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}


class Component:
    """A process of ours."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self._port = process, port

    def health(self) -> str:
        """What its probe sees; raises where it would be restarted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/healthz", timeout=10) as answer:
            return answer.read().decode().strip()


@pytest.fixture
def server(programs, tmp_path):
    with controlled_api_server(programs, tmp_path) as running:
        kubectl = [programs / "kubectl", "--kubeconfig", running.kubeconfig]
        subprocess.run([*kubectl, "apply", "--server-side", "-f", ROOT / "crds"], check=True, capture_output=True)
        established = ["wait", "--for=condition=Established", "--timeout=60s", "-f", ROOT / "crds"]
        subprocess.run([*kubectl, *established], check=True, capture_output=True)
        yield running


@pytest.fixture
async def place(server):
    api, _ = await connect(server.kubeconfig, limits=Limits(deadline=3.0))
    await api.create(NAMESPACES, {"metadata": {"name": "shop"}})
    yield Place(api, "shop")
    await api.close()


@pytest.fixture
async def start(server, place, tmp_path):
    made: list[Component] = []

    async def begin(name: str) -> Component:
        port = free_port()
        words = {
            "operator": ["operator", "run", "--namespace", place.namespace],
            "topology": ["--namespace", place.namespace, "topology", "run"],
        }[name]
        with (tmp_path / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                "from flyball.cli.main import run; run()",
                *words,
                "--listen",
                f"127.0.0.1:{port}",
                env={**os.environ, "KUBECONFIG": str(server.kubeconfig), "PYTHONPATH": os.pathsep.join(sys.path)},
                stdout=log,
                stderr=log,
            )
        made.append(Component(process, port))
        return made[-1]

    yield begin
    for one in made:
        if one.process.returncode is None:
            one.process.kill()
            await one.process.wait()
    for log in sorted(tmp_path.glob("*.log")):
        if log.stem in {"operator", "topology"}:
            sys.stdout.write(f"--- {log.name}\n{log.read_text()[-6000:]}")


async def pods(place) -> dict[str, str]:
    """Uids by name; nodes that run whatever there is, at addresses of this machine where nobody listens."""
    found = await everything(place.api, PODS, place.namespace)
    for number, pod in enumerate(found, 2):
        if not pod["status"].get("podIP"):
            address = f"127.0.1.{number}"
            status = {"status": {**PATCH["status"], "podIP": address, "podIPs": [{"ip": address}]}}
            name = pod["metadata"]["name"]
            await place.api.patch(PODS, place.namespace, name, status, subresource="status")
    return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}


async def renewed(place) -> dict[str, str]:
    leases = await everything(place.api, LEASES, place.namespace)
    return {
        one["metadata"]["name"]: one["spec"].get("renewTime") for one in leases if one["spec"].get("holderIdentity")
    }


async def until(condition) -> None:
    async with asyncio.timeout(LIMIT):
        while not await condition():  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("way", ["killed", "hanging"])
async def test_an_api_server_that_is_away_ends_nothing_and_all_is_picked_up(way, server, place, start, programs):
    def apply(replicas: int) -> None:
        spec = {"replicas": replicas, "durability": {"policy": "none"}, "storage": {"size": "1Gi"}}
        document = {
            "apiVersion": "flyball.dev/v1alpha1",
            "kind": "Keyspace",
            "metadata": {"name": "shop"},
            "spec": spec,
        }
        words = [programs / "kubectl", "--kubeconfig", server.kubeconfig, "-n", "shop", "apply", "-f", "-"]
        subprocess.run(words, input=json.dumps(document).encode(), check=True, capture_output=True)

    operator, topology = await start("operator"), await start("topology")
    apply(1)

    async def is_up() -> bool:
        return len(await pods(place)) == 1 and set(await renewed(place)) >= {"operator", "topology"}

    await until(is_up)
    before, held = await pods(place), await renewed(place)

    server.kill() if way == "killed" else server.halt()
    clock = asyncio.get_running_loop().time
    back = clock() + OUTAGE
    while clock() < back:
        for component in (operator, topology):
            assert component.process.returncode is None
            assert component.health()
        await asyncio.sleep(1.0)
    server.start() if way == "killed" else server.go_on()

    async def lead_again() -> bool:
        now = await renewed(place)
        return all(now.get(name, held[name]) != held[name] for name in ("operator", "topology"))

    await until(lead_again)
    apply(2)

    async def has_followed() -> bool:
        return len(await pods(place)) == 2

    await until(has_followed)
    assert before.items() <= (await pods(place)).items(), "no pod was made anew"
    for component in (operator, topology):
        assert component.process.returncode is None
        assert component.health()
