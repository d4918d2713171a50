"""A cluster that the operator's real controller runs in: API server and records in memory, nodes, a topology service.

The nodes run pods, bind claims and end what is deleted. The topology service is a model of what the operator relies on:
it chooses primaries, changes them when asked or when one is gone, and lets a member go that may be spared. At each
deletion of a pod the world checks what must never happen: that a member goes which reigns, or which was never let go.

``strikes`` cut the operator off at one of its writes, before or after it lands, with a new operator in its place.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from flyball.attempts import Attempts
from flyball.controller import Deadlines, Stage, record_pass, take_step
from flyball.errors import FlyballError
from flyball.kubernetes.resources import CLAIMS, EVENTS, NODES, PODS, STORAGE_CLASSES
from flyball.kubernetes.secrets import KubernetesSecrets
from flyball.records import Failover, Keyspace, Metadata, Shard
from flyball.records.failover import Outcome
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.shard import Intent, MemberStatus, Reign, Release, Role
from flyball.stability import Backoff
from flyball.store.memory import MemoryRecords
from flyball_operator import naming
from flyball_operator.acts import Tools
from flyball_operator.controller import KeyspaceController
from flyball_operator.manifests.access import Reader
from flyball_operator.observe import Eyes, Observer
from flyball_operator.sources import Server
from tests.apiserver.server import FakeServer

NAMESPACE = "shop"
DEADLINES = Deadlines(observe=60.0, act=60.0, record=60.0)
_WRITES = frozenset({"create", "apply", "replace", "patch", "delete"})
_RECORD_WRITES = ("create", "replace_spec", "replace_status", "replace_metadata", "delete")


class StruckError(BaseException):
    """The operator's process is gone."""


@dataclass
class Strike:
    """Ends the operator at one of its writes.

    :param at: which write, from 1 on; 0 never.
    :param landed: the write has landed, and nobody hears of it.
    """

    at: int = 0
    landed: bool = False
    writes: int = 0

    async def over(self, write):
        """Do the write, unless the strike comes first."""
        self.writes += 1
        if self.writes == self.at and not self.landed:
            write.close()
            raise StruckError
        done = await write
        if self.writes == self.at:
            raise StruckError
        return done


class Struck:
    """Passes everything on to what it wraps; writes go through the strike."""

    def __init__(self, inner, strike: Strike, writes, seen=None) -> None:
        self._inner, self._strike, self._writes, self._seen = inner, strike, writes, seen

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if name not in self._writes:
            return found

        async def write(*args, **kwargs):
            if self._seen is not None:
                self._seen(name, *args, **kwargs)
            return await self._strike.over(found(*args, **kwargs))

        return write


@dataclass
class Node:
    """What the cluster's nodes do, by pod name."""

    silent: set[str] = field(default_factory=set)
    """Pods whose node does not answer: nothing of them changes."""
    broken_images: set[str] = field(default_factory=set)
    addresses: int = 0


class World:
    """One keyspace in one cluster."""

    def __init__(self, **spec) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.server = FakeServer(now=lambda: self.time)
        self.records = MemoryRecords(now=lambda: self.time)
        self.node = Node()
        self.strike = Strike()
        self.spec = {"replicas": 3, "storage": {"size": "10Gi", "storageClassName": "rigid"}, **spec}
        self.passes = 0
        self.controller = self._operator()

    async def begin(self) -> "World":
        """Declare the keyspace."""
        api = self.server.connect("test")
        for name, grows in (("rigid", False), ("elastic", True)):
            made = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
            await api.create(STORAGE_CLASSES, {**made, "provisioner": "p", "allowVolumeExpansion": grows})
        for number in range(1, 5):
            await api.create(
                NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}"}, "spec": {}}
            )
        await self.declare()
        return self

    async def declare(self) -> None:
        spec = KeyspaceSpec.model_validate(self.spec)
        await self.records.create(Keyspace(metadata=Metadata(name="commerce"), spec=spec))

    async def edit(self, **spec) -> None:
        """The user says something else."""
        self.spec |= spec
        keyspace = await self.keyspace()
        wanted = KeyspaceSpec.model_validate(self.spec)
        await self.records.replace_spec(keyspace.model_copy(update={"spec": wanted}))

    async def keyspace(self) -> Keyspace:
        found = await self.records.get(Keyspace, "commerce")
        assert found is not None
        return found

    # --- the operator ----------------------------------------------------------------------------------------

    def _operator(self) -> KeyspaceController:
        """A new process of the operator: it remembers nothing."""
        random = Random(7)
        attempts = Attempts(Backoff(0.001, 0.001, random))
        api = Struck(self.server.connect("operator"), self.strike, _WRITES, self._check)
        records = Struck(self.records, self.strike, _RECORD_WRITES)
        secrets = KubernetesSecrets(api, NAMESPACE, {naming.MANAGED_BY: naming.MANAGER})
        reader = Reader("flyball-topology", "flyball-system")
        eyes = Eyes(reader, attempts, self._clock, lambda: self.time)
        observer = Observer(eyes, Server(api, NAMESPACE, records, secrets))
        tools = Tools(
            api, NAMESPACE, records, secrets, reader, attempts, random, self._clock, lambda: self.time, observer.hold
        )
        return KeyspaceController(observer, tools, records)

    def _clock(self) -> float:
        return self.time.timestamp()

    async def operate(self) -> bool:
        """One pass of the operator; says whether it took a step."""
        self.passes += 1
        try:
            done = await take_step(self.controller, "commerce", DEADLINES, None)
            done = await record_pass(self.controller, "commerce", DEADLINES, done)
        except StruckError:
            self.controller = self._operator()
            return True
        if done.error is not None and done.failed is not Stage.RECORD:
            assert isinstance(done.error, FlyballError), done.error
        self.decision = done.decision
        return done.decision.step is not None

    def _check(self, verb, resource, *args, **kwargs) -> None:
        """What must hold whenever a pod is deleted."""
        if verb != "delete" or resource != PODS:
            return
        name, uid = args[1], kwargs["uid"]
        pod = next((one for one in self.server.objects(PODS) if one["metadata"]["name"] == name), None)
        if pod is None or pod["metadata"]["uid"] != uid:
            return
        keyspace = self._stored(Keyspace).get("commerce")
        if keyspace is None or keyspace.metadata.deletion_requested or pod.get("status", {}).get("phase") == "Failed":
            return
        record = next((one for one in self._stored(Shard).values() if one.spec.member(name)), None)
        if record is None:
            return
        alone = len(record.spec.members) == 1
        assert alone or record.status.reign.primary != name, f"{name} reigns, and is deleted"
        working = _ready(pod)
        spare = len(record.spec.members) > record.spec.durability.least_members
        if working and spare:
            assert self._released(record, name), f"{name} was not let go, and is deleted"
        if kwargs.get("grace") == 0:
            assert self._released(record, name), f"{name} was not let go, and is forgotten"
            newest = max(
                (one for one in self.server.objects(CLAIMS) if one["metadata"]["labels"][naming.MEMBER] == name),
                key=lambda one: int(one["metadata"]["labels"][naming.VOLUME]),
            )
            mounted = pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
            assert newest["metadata"]["name"] != mounted, f"{name} would share a volume with what may still run"

    def _released(self, record: Shard, name: str) -> bool:
        generation = record.metadata.generation
        member = record.spec.member(name)
        release = Release(incarnation=member.incarnation, generation=generation)
        return any(one.name == name and one.released_for == release for one in record.status.members)

    def _stored(self, kind):
        return self.records._shelf.of(kind)

    # --- the cluster -----------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Nodes and the topology service do what is theirs; a second goes by."""
        self.time += timedelta(seconds=1)
        api = self.server.connect("cluster")
        for claim in self.server.objects(CLAIMS):
            if not claim.get("status", {}).get("phase"):
                await self._status(api, CLAIMS, claim, {"phase": "Bound"})
        for pod in self.server.objects(PODS):
            await self._run(api, pod)
        for record in tuple(self._stored(Shard).values()):
            await self._reign(record)

    async def _run(self, api, pod) -> None:
        name = pod["metadata"]["name"]
        if name in self.node.silent:
            return
        if "deletionTimestamp" in pod["metadata"]:
            await api.delete(PODS, NAMESPACE, name, uid=pod["metadata"]["uid"], grace=0)
        elif not pod["spec"].get("nodeName"):
            ordinal = int(name.rpartition("-")[2])
            await api.patch(PODS, NAMESPACE, name, {"spec": {"nodeName": f"n{ordinal}"}})
        elif pod["spec"]["containers"][0]["image"] in self.node.broken_images:
            waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
            status = {"phase": "Pending", "containerStatuses": [{"name": "mysqld", "state": {"waiting": waiting}}]}
            if pod.get("status") != status:
                await self._status(api, PODS, pod, status)
        elif not _ready(pod):
            self.node.addresses += 1
            ready = {"type": "Ready", "status": "True"}
            address = f"10.0.{self.node.addresses // 250}.{self.node.addresses % 250 + 1}"
            await self._status(api, PODS, pod, {"phase": "Running", "podIP": address, "conditions": [ready]})

    async def _status(self, api, resource, thing, status) -> None:
        await api.patch(resource, NAMESPACE, thing["metadata"]["name"], {"status": status}, subresource="status")

    async def _reign(self, record: Shard) -> None:
        pods = {one["metadata"]["name"]: one for one in self.server.objects(PODS)}
        up = {
            one.name
            for one in record.spec.members
            if (pod := pods.get(one.name)) is not None and _ready(pod) and pod["status"]["podIP"] == one.host
        }
        up -= self.node.silent
        fit = [one.name for one in record.spec.members if one.intent is Intent.SERVE and one.name in up]
        reign = record.status.reign
        asked = [
            one
            for one in self._stored(Failover).values()
            if one.spec.shard == record.name and not one.status.outcome.ended
        ]
        to = next((name for name in fit if name != reign.primary), None)
        if not reign.term and fit:
            reign = Reign(term=1, primary=fit[0], uuid="u")
        elif reign.term and reign.primary not in up and fit and len(record.spec.members) > 1:
            reign = Reign(term=reign.term + 1, primary=fit[0], uuid="u")
        for one in asked:
            done = Outcome.REFUSED if to is None else Outcome.SUCCEEDED
            if to is not None:
                reign = Reign(term=reign.term + 1, primary=to, uuid="u")
            status = one.status.model_copy(update={"outcome": done})
            await self.records.replace_status(one.model_copy(update={"status": status}))
        status = record.status.model_copy(
            update={
                "observed_generation": record.metadata.generation,
                "reign": reign,
                "members": tuple(self._member(record, one, reign.primary, up) for one in record.spec.members),
            }
        )
        if status != record.status:
            await self.records.replace_status(record.model_copy(update={"status": status}))

    def _member(self, record: Shard, member, primary: str, up: set[str]) -> MemberStatus:
        others = [one for one in record.spec.members if one.name != member.name and one.name in up]
        spared = len(others) >= record.spec.durability.least_members
        leaves = member.intent is Intent.LEAVE and member.name != primary and spared
        role = Role.UNREACHABLE if member.name not in up else Role.PRIMARY if member.name == primary else Role.REPLICA
        release = Release(incarnation=member.incarnation, generation=record.metadata.generation)
        return MemberStatus(
            name=member.name, incarnation=member.incarnation, role=role, released_for=release if leaves else None
        )

    # --- going on --------------------------------------------------------------------------------------------

    async def rest(self, limit: int = 400) -> "World":
        """Go on until nobody has anything to do."""
        quiet = 0
        for _ in range(limit):
            before = self.fingerprint()
            stepped = await self.operate()
            await self.tick()
            quiet = 0 if stepped or self.fingerprint() != before else quiet + 1
            if quiet == 3:
                return self
        raise AssertionError(f"no rest after {limit} looks: {self.decision}")

    def fingerprint(self) -> str:
        kinds = (PODS, CLAIMS)
        revisions = [one["metadata"]["resourceVersion"] for kind in kinds for one in self.server.objects(kind)]
        records = [one.metadata.revision for kind in (Keyspace, Shard, Failover) for one in self._stored(kind).values()]
        return repr((revisions, records))

    # --- looking ---------------------------------------------------------------------------------------------

    def pods(self) -> dict[str, dict]:
        return {one["metadata"]["name"]: one for one in self.server.objects(PODS)}

    def claims(self) -> dict[str, str]:
        """Sizes by name."""
        return {
            one["metadata"]["name"]: one["spec"]["resources"]["requests"]["storage"]
            for one in self.server.objects(CLAIMS)
        }

    def shard(self, name: str = "commerce-x-x") -> Shard:
        return self._stored(Shard)[name]

    def events(self) -> list[str]:
        return [one["reason"] for one in self.server.objects(EVENTS)]

    async def condition(self, kind: str):
        return next(one for one in (await self.keyspace()).status.conditions if one.type == kind)

    def outcome(self) -> dict[str, object]:
        """What is the same whatever happened on the way: what serves, on what, and what is kept."""
        pods = {
            name: (
                pod["metadata"]["annotations"][naming.WISHES],
                _ready(pod),
                pod["metadata"]["labels"][naming.ROLE] != naming.NO_ROLE,
            )
            for name, pod in self.pods().items()
        }
        shards = {
            name: [(one.name, one.intent, one.incarnation, one.zone) for one in record.spec.members]
            for name, record in self._stored(Shard).items()
        }
        roles = [pod["metadata"]["labels"][naming.ROLE] for pod in self.pods().values()]
        return {
            "pods": pods,
            "claims": self.claims(),
            "shards": shards,
            "primaries": roles.count(naming.PRIMARY),
            "keyspaces": sorted(self._stored(Keyspace)),
        }

    def twin(self) -> "World":
        """The same world, going on by itself."""
        other = World.__new__(World)
        other.time, other.spec, other.node = self.time, dict(self.spec), deepcopy(self.node)
        other.server = FakeServer(now=lambda: other.time)
        for name in ("_things", "_revision", "_remembers"):
            setattr(other.server, name, deepcopy(getattr(self.server, name)))
        other.server._uids = iter(range(10_000, 1_000_000))
        other.records = MemoryRecords(now=lambda: other.time)
        shelf = other.records._shelf
        shelf.records = {kind: dict(held) for kind, held in self.records._shelf.records.items()}
        shelf.revision = self.records._shelf.revision
        other.strike, other.passes = Strike(), 0
        other.controller = other._operator()
        return other


def _ready(pod) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


_steady: dict[str, World] = {}


async def steady(**spec) -> World:
    """A world at rest; made once for each spec, for it takes a second."""
    key = repr(sorted(spec.items()))
    if key not in _steady:
        _steady[key] = await (await World(**spec).begin()).rest()
    return _steady[key].twin()
