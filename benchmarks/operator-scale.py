"""What the operator asks of an API server: ``make bench NAME=operator-scale`` (soak: ``make soak MINUTES=10``).

A real API server holds KEYSPACES keyspaces (500) of one shard and one member, with all their objects. The operator's
process is started twice: the first one finishes what the benchmark left undone, the second one is measured.

``compared_s``        from the start of the process until every keyspace has been looked at
``writes_compared``   writes that the API server counted until then, beside leases
``writes_a_minute``   the same, a minute, over the next MINUTES minutes (1)
``lists``             lists that the API server answered from the start on
``cpu_percent``       of one core, over those minutes
``rss_mb``            resident memory (10**6 bytes), the most that was seen
``growth_mb``         the median of its last quarter less that of its second one
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import urllib3
import yaml
from report import leave, load

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from flyball.certificates import Pair  # noqa: E402
from flyball.credentials import Passwords, ensure_credentials  # noqa: E402
from flyball.expand import expand, shard_spec  # noqa: E402
from flyball.kubernetes.client import Client  # noqa: E402
from flyball.kubernetes.credentials import load as load_access  # noqa: E402
from flyball.kubernetes.resources import CLAIMS, DEFINITIONS, NAMESPACES, PODS, SECRETS  # noqa: E402
from flyball.kubernetes.secrets import KubernetesSecrets  # noqa: E402
from flyball.kubernetes.transport import Limits  # noqa: E402
from flyball.member.accounts import credentials_name, tls_name  # noqa: E402
from flyball.records import Keyspace, Metadata, Shard  # noqa: E402
from flyball.records.keyspace import KeyspaceSpec  # noqa: E402
from flyball.records.shard import MemberSpec, MemberStatus, Reign, Role, ShardStatus  # noqa: E402
from flyball.store.kubernetes import KubernetesRecords  # noqa: E402
from flyball_operator import naming, private, wanted  # noqa: E402
from flyball_operator.manifests import claim, pod, start  # noqa: E402
from flyball_operator.manifests.access import Reader  # noqa: E402
from flyball_operator.objects import Object, in_namespace  # noqa: E402
from tests.kubernetes.running import api_server, start_flyball  # noqa: E402
from tools.kubernetes.build import Part, binaries  # noqa: E402

NAMESPACE = "shop"
READER = Reader("topology", "system")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
QUIET = 30.0
"""Seconds without a write after which the first operator has finished."""
LIMIT = 1800.0


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


class Server:
    """What the API server says of itself."""

    def __init__(self, kubeconfig: Path) -> None:
        said = yaml.safe_load(kubeconfig.read_text())
        self._url = said["clusters"][0]["cluster"]["server"] + "/metrics"
        self._headers = {"Authorization": f"Bearer {said['users'][0]['user']['token']}"}
        self._pool = urllib3.PoolManager(ca_certs=said["clusters"][0]["cluster"]["certificate-authority"])

    def counted(self, verbs: str) -> int:
        """Requests of these verbs so far, but for leases and what the server asks of itself."""
        text = self._pool.request("GET", self._url, headers=self._headers).data.decode()
        every = re.findall(r"^apiserver_request_total\{([^}]*)\} (\S+)$", text, re.MULTILINE)
        ours = re.compile(
            'resource="(keyspaces|shards|failovers|pods|persistentvolumeclaims|services|secrets|configmaps|roles|'
            'rolebindings|poddisruptionbudgets|networkpolicies|events)"'
        )
        kind = re.compile(rf'verb="({verbs})"')
        return round(sum(float(value) for labels, value in every if ours.search(labels) and kind.search(labels)))

    def writes(self) -> int:
        """Writes so far."""
        return self.counted("POST|PUT|PATCH|APPLY|DELETE")


@dataclass(frozen=True, slots=True)
class Place:
    """Where keyspaces are made."""

    api: Client
    records: KubernetesRecords
    secrets: KubernetesSecrets

    async def make(self, number: int) -> None:
        """One keyspace with its objects, as it is when it serves."""
        spec = KeyspaceSpec.model_validate(
            {
                "replicas": 1,
                "durability": {"policy": "none"},
                "storage": {"size": "1Gi"},
                "users": [{"name": "app"}],
            }
        )
        metadata = Metadata(name=f"ks{number:03}", finalizers=(naming.FINALIZER,))
        keyspace = await self.records.create(Keyspace(metadata=metadata, spec=spec))
        desired = expand(keyspace)
        await ensure_credentials(self.secrets, keyspace)
        held = await self._held(keyspace)
        names = [naming.start_name(keyspace.name), naming.user_name(keyspace.name, "app")]
        names += [naming.certificate_name(name) for shard in desired for name in shard.members]
        for made in wanted.objects(keyspace, desired, READER).values():
            await self._apply(made)
        for made in private.secrets(keyspace, desired, held, names, {}, now=datetime.now(UTC)):
            await self._apply(made)
        (shard,) = desired
        (member,) = shard.members
        address = f"10.{number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
        declared = shard_spec(
            keyspace,
            shard,
            (MemberSpec(name=member, host=address, port=naming.PORT, tls_name=tls_name(keyspace.name, member)),),
            credentials_name(keyspace.name),
        )
        record = await self.records.create(Shard(metadata=Metadata(name=shard.name), spec=declared))
        status = ShardStatus(
            observed_generation=1,
            reign=Reign(term=1, primary=member, uuid="u"),
            members=(MemberStatus(name=member, role=Role.PRIMARY),),
        )
        await self.records.replace_status(record.model_copy(update={"status": status}))
        await self._run(keyspace, shard.name, member, address)

    async def _held(self, keyspace: Keyspace) -> private.Held:
        credentials = await ensure_credentials(self.secrets, keyspace)
        authority = await self.secrets.get(f"{keyspace.name}-authority")
        if authority is None:
            raise RuntimeError(f"{keyspace.name} has no authority")
        return private.Held(credentials, Pair(authority["certificate"], authority["key"]), Passwords())

    async def _run(self, keyspace: Keyspace, shard: str, member: str, address: str) -> None:
        """What nodes do."""
        (desired,) = expand(keyspace)
        volume = claim.claim(keyspace, shard, member, 1)
        await self.api.create(CLAIMS, in_namespace(volume, NAMESPACE))
        program = start.program_map(keyspace)["metadata"]["name"]
        built = pod.Made(volume["metadata"]["name"], program)
        made = pod.pod(keyspace, desired, member, desired.zone(member), built)
        await self.api.create(PODS, in_namespace(made, NAMESPACE))
        ready = {"type": "Ready", "status": "True"}
        running: Object = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
        await self.api.patch(PODS, NAMESPACE, member, {"status": running}, subresource="status")

    async def _apply(self, made: Object) -> None:
        resource = SECRETS if made["kind"] == "Secret" else wanted.resource_of(made)
        await self.api.apply(resource, in_namespace(made, NAMESPACE), naming.MANAGER, force=True)


async def fill(kubeconfig: Path, keyspaces: int) -> None:
    """Definitions, namespace, keyspaces and all that belongs to them."""
    api = Client(load_access(kubeconfig), Limits(calls=16, rate=10_000.0, burst=10_000, deadline=60.0))
    try:
        for file in sorted((ROOT / "crds").glob("*.yaml")):
            await api.create(DEFINITIONS, yaml.safe_load(file.read_text()))
        await api.create(NAMESPACES, {"metadata": {"name": NAMESPACE}})
        place = Place(
            api,
            KubernetesRecords(api, NAMESPACE),
            KubernetesSecrets(api, NAMESPACE, {naming.MANAGED_BY: naming.MANAGER}),
        )
        await _served(place)
        waiting = asyncio.Semaphore(16)

        async def one(number: int) -> None:
            async with waiting:
                await place.make(number)
                if number % 100 == 99:
                    say(f"{number + 1} keyspaces")

        async with asyncio.TaskGroup() as making:
            for number in range(keyspaces):
                making.create_task(one(number))
    finally:
        await api.close()


async def _served(place: Place) -> None:
    """Wait until the server serves the new kinds."""
    async with asyncio.timeout(LIMIT):
        while True:
            try:
                await place.records.list(Keyspace)
                await place.records.list(Shard)
            except Exception:  # noqa: BLE001 - whatever a server says that has not got that far
                await asyncio.sleep(0.5)
            else:
                return


class Operator:
    """A process of the operator."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.began = time.monotonic()
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        self._pool = urllib3.PoolManager(retries=False)

    def looked_at(self) -> int:
        """Keyspaces that a pass has ended for."""
        try:
            text = self._pool.request("GET", self._metrics, timeout=5.0).data.decode()
        except urllib3.exceptions.HTTPError:
            return 0
        return len(re.findall(r"^flyball_operator_loop_last_pass_timestamp_seconds\{", text, re.MULTILINE))

    def rss_mb(self) -> float:
        """Resident memory now."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE / 1e6

    def cpu_seconds(self) -> float:
        """Processor time so far (proc(5))."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / TICKS


@asynccontextmanager
async def operator(kubeconfig: Path, port: int, log: Path) -> AsyncIterator[Operator]:
    """Run the operator."""
    words = ["operator", "run", "--namespace", NAMESPACE, "--listen", f"127.0.0.1:{port}"]
    words += ["--topology-account", f"{READER.namespace}/{READER.name}"]
    process = await start_flyball(kubeconfig, log, *words)
    try:
        yield Operator(process, port)
    finally:
        process.terminate()
        await process.wait()


async def finish(kubeconfig: Path, server: Server, keyspaces: int, home: Path) -> None:
    """Let an operator do what is left to do."""
    async with operator(kubeconfig, 19105, home / "first.log") as first:
        began, before, quiet = time.monotonic(), server.writes(), time.monotonic()
        while time.monotonic() - quiet < QUIET or first.looked_at() < keyspaces:
            await asyncio.sleep(1.0)
            if (now := server.writes()) != before:
                before, quiet = now, time.monotonic()
            if time.monotonic() - began > LIMIT or first.process.returncode is not None:
                said = (home / "first.log").read_text()[-2000:]
                raise RuntimeError(f"the first operator does not come to rest:\n{said}")


async def measure(keyspaces: int, minutes: float) -> None:
    """Measure, and leave the result."""
    before = load()
    with tempfile.TemporaryDirectory(prefix="flyball-") as made:
        home = Path(made)
        with api_server(binaries(Part.API), home) as kubeconfig:
            say(f"making {keyspaces} keyspaces")
            await fill(kubeconfig, keyspaces)
            server = Server(kubeconfig)
            say("a first operator finishes them")
            await finish(kubeconfig, server, keyspaces, home)
            say("another operator starts")
            writes, lists = server.writes(), server.counted("LIST")
            async with operator(kubeconfig, 19106, home / "second.log") as second:
                async with asyncio.timeout(LIMIT):
                    while second.looked_at() < keyspaces:  # noqa: ASYNC110 - another process
                        await asyncio.sleep(0.2)
                compared = time.monotonic() - second.began
                written = server.writes() - writes
                say(f"all compared after {compared:.1f} s; now {minutes:g} minutes")
                writes, used, began = server.writes(), second.cpu_seconds(), time.monotonic()
                memory = [rss async for rss in _memory(second, minutes * 60)]
                took = time.monotonic() - began
                figures: dict[str, object] = {
                    "keyspaces": keyspaces,
                    "minutes": minutes,
                    "compared_s": round(compared, 1),
                    "writes_compared": written,
                    "writes_a_minute": round((server.writes() - writes) / took * 60, 2),
                    "lists": server.counted("LIST") - lists,
                    "cpu_percent": round(100 * (second.cpu_seconds() - used) / took, 1),
                    "rss_mb": round(max(memory), 1),
                    "growth_mb": round(growth(memory), 1),
                }
        leave("operator-scale", figures, mysql="none", load_before=before)


async def _memory(of: Operator, seconds: float) -> AsyncIterator[float]:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        await asyncio.sleep(2.0)
        yield of.rss_mb()


def growth(memory: list[float]) -> float:
    """The median of the last quarter less that of the second one."""
    quarter = max(1, len(memory) // 4)
    return statistics.median(memory[-quarter:]) - statistics.median(memory[quarter : 2 * quarter] or memory)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keyspaces", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=1.0)
    given = parser.parse_args()
    asyncio.run(measure(given.keyspaces, given.minutes))
