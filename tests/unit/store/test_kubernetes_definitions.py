"""What a cluster with older definitions keeps of a record, and what is said of the rest."""

import pytest

from flyball.errors import Code
from flyball.kubernetes.port import Object, Resource
from flyball.kubernetes.resources import of_record
from flyball.records import Keyspace, Shard
from flyball.records.keyspace import Overview
from flyball.records.shard import ShardOverview, Suspect, Transition
from flyball.store import kubernetes_definitions
from flyball.store.kubernetes import KubernetesRecords
from tests.apiserver.server import FakeServer
from tests.contract.records import keyspace, raises
from tests.unit.vocabulary.test_overview import shard

KEYSPACES, SHARDS = of_record(Keyspace), of_record(Shard)


class Old(FakeServer):
    """A server whose definitions lack some fields: ``spec.members[].zone``, say."""

    def __init__(self) -> None:
        super().__init__()
        self.lacks: list[str] = []
        self.time = 0.0
        self.refuses = self._refused

    def _refused(self, resource: Resource, thing: Object) -> str | None:
        found = [path for lacking in self.lacks for path in _found(thing, lacking.replace("[]", ".[]").split("."))]
        return "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in found) if found else None


def _found(thing: object, path: list[str], at: str = "") -> list[str]:
    if not path:
        return [at]
    first, *rest = path
    if first == "[]":
        items = thing if isinstance(thing, list) else []
        return [each for index, item in enumerate(items) for each in _found(item, rest, f"{at}[{index}]")]
    if isinstance(thing, dict) and first in thing:
        return _found(thing[first], rest, f"{at}.{first}" if at else first)
    return []


@pytest.fixture
def server() -> Old:
    return Old()


@pytest.fixture
async def records(server: Old):
    async with KubernetesRecords(server.connect(), "shop", clock=lambda: server.time) as records:
        yield records


def with_overview(record: Keyspace, **overview: str) -> Keyspace:
    status = record.status.model_copy(update={"overview": Overview(**overview), "observed_generation": 1})
    return record.model_copy(update={"status": status})


async def test_what_only_people_read_is_left_out(server: Old, records: KubernetesRecords) -> None:
    server.lacks = ["status.overview"]
    record = await records.create(keyspace())
    written = await records.replace_status(with_overview(record, ready="1/1"))
    assert written.status.observed_generation == 1
    assert written.status.overview == Overview(), "the store says what it keeps"


async def test_a_field_that_has_its_default_is_left_out_wherever_it_stands(
    server: Old, records: KubernetesRecords
) -> None:
    server.lacks = ["spec.members[].zone", "spec.repair", "status.transition", "status.diverged", "status.overview"]
    record = await records.create(shard())
    status = record.status.model_copy(update={"issued": 3, "overview": ShardOverview(members="2/2")})
    written = await records.replace_status(record.model_copy(update={"status": status}))
    assert (written.spec, written.status.issued) == (shard().spec, 3)


async def test_what_is_meant_is_never_dropped(server: Old, records: KubernetesRecords) -> None:
    server.lacks = ["status.transition.suspects"]
    record = await records.create(shard())
    doubt = Transition(mode="emergency", phase="Issued", suspects=(Suspect(name="a", uuid="u", term=1),))
    status = record.status.model_copy(update={"transition": doubt})
    error = await raises(Code.DEFINITIONS_OLD, records.replace_status(record.model_copy(update={"status": status})))
    assert "status.transition.suspects" in error.message
    assert "kubectl apply -f crds/" in error.next_step
    assert server.objects(SHARDS)[0].get("status") is None


async def test_a_server_is_not_asked_each_time_and_is_asked_again(server: Old, records: KubernetesRecords) -> None:
    server.lacks = ["status.overview"]
    record = await records.replace_status(with_overview(await records.create(keyspace()), ready="1/1"))
    server.calls.clear()
    changed = record.model_copy(update={"status": record.status.model_copy(update={"observed_generation": 2})})
    record = await records.replace_status(changed)
    assert [call.verb for call in server.calls] == ["replace"]
    server.lacks, server.time = [], kubernetes_definitions.ASK_AGAIN
    assert (await records.replace_status(with_overview(record, ready="1/1"))).status.overview.ready == "1/1"


async def test_other_refusals_are_not_taken_for_it(server: Old, records: KubernetesRecords) -> None:
    record = await records.create(keyspace())
    server.refuses = lambda resource, thing: "the ranges overlap"
    await raises(Code.INVALID_RECORD, records.replace_status(with_overview(record, ready="1/1")))
