"""What the operator makes is accepted by a real API server, strictly, and known again with the server's defaults.

There is no node: the test says what a node would.
"""

from datetime import UTC, datetime
from random import Random

import pytest

from flyball.attempts import Attempts
from flyball.certificates import issue_authority
from flyball.controller import Deadlines, record_pass, take_step
from flyball.credentials import Passwords
from flyball.expand import expand
from flyball.kubernetes import everything
from flyball.kubernetes.resources import CLAIMS, PODS, SECRETS, SERVICE_ACCOUNTS
from flyball.kubernetes.secrets import KubernetesSecrets
from flyball.records import Keyspace, Metadata, Shard
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.shard import Intent, MemberStatus, Reign, Release, Role
from flyball.stability import Backoff
from flyball.store.memory import MemoryRecords
from flyball_operator import naming, private, wanted
from flyball_operator.acts import Tools
from flyball_operator.controller import KeyspaceController
from flyball_operator.manifests import claim, pod
from flyball_operator.manifests.access import Reader
from flyball_operator.manifests.digest import holds, is_applied
from flyball_operator.objects import in_namespace
from flyball_operator.observe import Eyes, Observer
from flyball_operator.sources import Server

READER = Reader("flyball-topology", "flyball-system")
SHARD = "commerce-x-x"
ONE, TWO, THREE = (f"{SHARD}-{number}" for number in range(1, 4))
DEADLINES = Deadlines(observe=60.0, act=60.0, record=60.0)
RICH = {
    "users": [{"name": "app"}],
    "zones": ["east", "west"],
    "mysql": {
        "config": {"max_connections": 300, "innodb_buffer_pool_size": "1G"},
        "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
    },
    "storage": {"size": "20Gi", "storageClassName": "fast"},
    "placement": {
        "requireSpread": True,
        "nodes": [{"key": "disk", "operator": "In", "values": ["ssd"]}, {"key": "old", "operator": "DoesNotExist"}],
        "tolerations": [
            {"key": "db", "operator": "Exists", "effect": "NoSchedule"},
            {"key": "slow", "value": "yes", "effect": "NoExecute", "tolerationSeconds": 30},
        ],
        "annotations": {"team": "shop"},
        "labels": {"tier": "data"},
        "imagePullSecrets": ["registry"],
    },
}


def keyspace(**spec) -> Keyspace:
    return Keyspace(metadata=Metadata(name="commerce", uid="u1"), spec=KeyspaceSpec.model_validate(spec))


@pytest.fixture
async def ready(place):
    """A namespace in which pods may be made."""
    account = {"metadata": {"name": "default", "namespace": place.namespace}}
    await place.api.create(SERVICE_ACCOUNTS, account)
    return place


def every_object(declared: Keyspace) -> dict[str, dict]:
    authority = issue_authority("commerce", datetime.now(UTC))
    passwords = {key: f"{key}-password" for key in ("topology", "clone", "engine", "replica-seed", "user-app")}
    held = private.Held({**passwords, "ca": authority.certificate}, authority, Passwords())
    desired = expand(declared)
    names = ["commerce-member", "commerce-user-app", f"{ONE}-tls"]
    made = wanted.objects(declared, desired, READER)
    now = datetime.now(UTC)
    return made | {wanted.label(one): one for one in private.secrets(declared, desired, held, names, {}, now=now)}


@pytest.mark.parametrize("spec", [{"users": [{"name": "app"}]}, RICH], ids=["plain", "rich"])
async def test_everything_that_is_applied_is_accepted_and_known_again(ready, spec):
    for name, manifest in every_object(keyspace(**spec)).items():
        resource, whole = wanted.resource_of(manifest), in_namespace(manifest, ready.namespace)
        applied = await ready.api.apply(resource, whole, naming.MANAGER, force=True)
        found = await ready.api.get(resource, ready.namespace, manifest["metadata"]["name"])
        assert is_applied(manifest, found), name
        again = await ready.api.apply(resource, whole, naming.MANAGER, force=True)
        assert again["metadata"]["resourceVersion"] == applied["metadata"]["resourceVersion"], name


@pytest.mark.parametrize("spec", [{}, RICH], ids=["plain", "rich"])
async def test_pods_and_claims_are_accepted_as_they_are_meant(ready, spec):
    declared = keyspace(**spec)
    (shard,) = expand(declared)
    made = pod.pod(declared, shard, ONE, shard.zone(ONE), pod.Made(f"{ONE}-data", "program"))
    placement = declared.spec.placement
    stored = await ready.api.create(PODS, in_namespace(made, ready.namespace))
    assert holds(stored["spec"]["containers"], made["spec"]["containers"])
    assert stored["metadata"]["annotations"].items() >= placement.annotations.items()
    volume = claim.claim(declared, SHARD, ONE, 1)
    stored = await ready.api.create(CLAIMS, in_namespace(volume, ready.namespace))
    assert holds(stored["spec"], volume["spec"])


class Cluster:
    """The operator's controller on the real server; the test plays the nodes and the topology service."""

    def __init__(self, place) -> None:
        self.api, self.namespace = place.api, place.namespace
        self.records = MemoryRecords()
        self.released: set[str] = set()
        attempts = Attempts(Backoff(0.001, 0.001, Random(1)))
        secrets = KubernetesSecrets(self.api, self.namespace)
        eyes = Eyes(READER, attempts, self.clock, lambda: datetime.now(UTC))
        observer = Observer(eyes, Server(self.api, self.namespace, self.records, secrets))
        tools = Tools(
            self.api,
            self.namespace,
            self.records,
            secrets,
            READER,
            attempts,
            Random(1),
            self.clock,
            lambda: datetime.now(UTC),
            observer.hold,
        )
        self.controller = KeyspaceController(observer, tools, self.records)

    @staticmethod
    def clock() -> float:
        return datetime.now(UTC).timestamp()

    async def rest(self) -> None:
        """Go on until the operator has nothing to do."""
        for _ in range(80):
            done = await take_step(self.controller, "commerce", DEADLINES, None)
            done = await record_pass(self.controller, "commerce", DEADLINES, done)
            assert done.error is None, done.error
            moved = await self._nodes()
            moved = await self._topology() or moved
            if done.decision.step is None and not moved:
                return
        raise AssertionError(done.decision)

    async def _nodes(self) -> bool:
        moved = False
        for number, one in enumerate(await everything(self.api, PODS, self.namespace), 1):
            name = one["metadata"]["name"]
            if not one["status"].get("podIP"):
                moved = True
                address = f"10.0.0.{number}"
                status = {
                    "phase": "Running",
                    "podIP": address,
                    "podIPs": [{"ip": address}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                }
                await self.api.patch(PODS, self.namespace, name, {"status": status}, subresource="status")
        return moved

    async def _topology(self) -> bool:
        shard = await self.records.get(Shard, SHARD)
        if shard is None:
            return False
        seen = []
        for one in shard.spec.members:
            release = Release(incarnation=one.incarnation, generation=shard.metadata.generation)
            role = Role.PRIMARY if one.name == ONE else Role.REPLICA
            let_go = release if one.intent is Intent.LEAVE and one.name != ONE else None
            seen.append(MemberStatus(name=one.name, incarnation=one.incarnation, role=role, released_for=let_go))
        changes = {
            "observed_generation": shard.metadata.generation,
            "reign": Reign(term=1, primary=ONE, uuid="u"),
            "members": tuple(seen),
        }
        status = shard.status.model_copy(update=changes)
        if status == shard.status:
            return False
        await self.records.replace_status(shard.model_copy(update={"status": status}))
        return True

    async def pods(self) -> dict[str, dict]:
        return {one["metadata"]["name"]: one for one in await everything(self.api, PODS, self.namespace)}


async def test_a_keyspace_comes_up_shrinks_and_goes_on_a_real_api_server(ready):
    cluster = Cluster(ready)
    spec = {"replicas": 3, "users": [{"name": "app"}]}
    await cluster.records.create(keyspace(**spec))
    await cluster.rest()
    pods = await cluster.pods()
    assert {name: one["metadata"]["labels"][naming.ROLE] for name, one in pods.items()} == {
        ONE: naming.PRIMARY,
        TWO: naming.REPLICA,
        THREE: naming.REPLICA,
    }
    uid = (await cluster.records.get(Shard, SHARD)).metadata.uid
    assert [one["uid"] for one in pods[ONE]["metadata"]["ownerReferences"]] == [uid]
    declared = await cluster.records.get(Keyspace, "commerce")
    conditions = {one.type: one.status for one in declared.status.conditions}
    assert conditions == {"Ready": True, "MembersRunning": True, "Following": True, "Orphans": False}

    fewer = declared.spec.model_copy(update={"replicas": 2})
    await cluster.records.replace_spec(declared.model_copy(update={"spec": fewer}))
    await cluster.rest()
    assert set(await cluster.pods()) == {ONE, TWO}
    assert len(await everything(cluster.api, CLAIMS, cluster.namespace)) == 3

    await cluster.records.delete(Keyspace, "commerce")
    await cluster.rest()
    assert await cluster.pods() == {}
    assert await cluster.records.get(Keyspace, "commerce") is None
    assert len(await everything(cluster.api, CLAIMS, cluster.namespace)) == 3
    names = {one["metadata"]["name"] for one in await everything(cluster.api, SECRETS, cluster.namespace)}
    assert "commerce-credentials" in names


async def test_a_secret_is_created_once_and_replaced_as_a_whole(ready):
    secrets = KubernetesSecrets(ready.api, ready.namespace, {"team": "shop"})
    await secrets.create("s", {"a": "1", "b": "2"})
    await secrets.replace("s", {"a": "3"})
    found = await secrets.get("s")
    assert dict(found) == {"a": "3"}
    assert "3" not in repr(found)
    await secrets.delete("s")
    await secrets.delete("s")
    assert await secrets.get("s") is None
