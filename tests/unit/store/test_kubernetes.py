"""What the store in a cluster does beside its contract: it respects what is not ours, and says why it cannot."""

import asyncio
from contextlib import aclosing, suppress
from datetime import UTC, datetime

import pytest

from flyball.errors import ClusterError, Code, StoreError
from flyball.kubernetes.resources import LEASES, of_record
from flyball.records import Condition, Keyspace
from flyball.records.keyspace import KeyspaceStatus
from flyball.store import Added, Modified, Synced, Unreadable
from flyball.store import kubernetes as store
from flyball.store.kubernetes import KubernetesRecords
from tests.apiserver.client import Call
from tests.apiserver.server import FakeServer
from tests.contract.records import keyspace, raises, with_observed, with_replicas

KEYSPACES = of_record(Keyspace)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def records(server: FakeServer):
    async with KubernetesRecords(server.connect(), "shop", now=lambda: server.today) as records:
        server.today = datetime(2026, 1, 1, 12, tzinfo=UTC)
        yield records


def fails(server: FakeServer, code: Code, *verbs: str) -> None:
    def fault(call: Call) -> None:
        if call.verb in verbs:
            raise ClusterError(code, f"{call.verb}: no", "wait")

    server.fault = fault


def with_condition(record: Keyspace, *, status: bool | None, message: str = "") -> Keyspace:
    condition = Condition(type="Ready", status=status, reason="R", message=message)
    return record.model_copy(update={"status": KeyspaceStatus(conditions=(condition,))})


async def test_what_others_put_into_an_object_stays(server: FakeServer, records: KubernetesRecords) -> None:
    api = server.connect()
    await records.create(keyspace())
    await api.patch(KEYSPACES, "shop", "commerce", {"metadata": {"annotations": {"theirs": "1"}}})
    record = await records.get(Keyspace, "commerce")
    assert record is not None
    record = await records.replace_spec(with_replicas(record, 5))
    record = await records.replace_status(with_observed(record, 2))
    labels = record.metadata.model_copy(update={"labels": {"a": "b"}})
    await records.replace_metadata(record.model_copy(update={"metadata": labels}))
    [thing] = server.objects(KEYSPACES)
    assert thing["metadata"]["annotations"] == {"theirs": "1"}
    assert thing["metadata"]["labels"] == {"a": "b"}


async def test_conditions_are_kubernetes_conditions(server: FakeServer, records: KubernetesRecords) -> None:
    record = await records.create(keyspace())
    said = []
    for hour, status in enumerate((True, True, False, None), 1):
        server.today = datetime(2026, 1, 1, hour, tzinfo=UTC)
        record = await records.replace_status(with_condition(record, status=status, message=f"at {hour}"))
        assert record.status.conditions[0].status is status
        [condition] = server.objects(KEYSPACES)[0]["status"]["conditions"]
        said.append((condition["status"], condition["lastTransitionTime"][11:13]))
    assert said == [("True", "01"), ("True", "01"), ("False", "03"), ("Unknown", "04")]


async def test_a_write_costs_one_call_after_a_read(server: FakeServer, records: KubernetesRecords) -> None:
    record = await records.create(keyspace())
    server.calls.clear()
    record = await records.replace_spec(with_replicas(record, 5))
    await records.replace_status(with_observed(record, 2))
    assert [call.verb for call in server.calls] == ["replace", "replace"]


async def test_a_write_that_changes_nothing_hears_what_another_process_wrote(
    server: FakeServer, records: KubernetesRecords
) -> None:
    read = await records.create(keyspace())
    async with KubernetesRecords(server.connect(), "shop") as other:
        await other.replace_spec(with_replicas(read, 5))
        await raises(Code.CONFLICT, records.replace_spec(read))


async def test_objects_are_kept_in_bounds(
    server: FakeServer, records: KubernetesRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEPT", 2)
    made = [await records.create(keyspace(f"k{number}")) for number in range(5)]
    assert len(records._kept) == 2
    assert (await records.replace_spec(with_replicas(made[0], 5))).spec.replicas == 5


async def test_an_object_of_a_newer_version_is_refused_and_ends_no_watch(
    server: FakeServer, records: KubernetesRecords
) -> None:
    api = server.connect()
    await records.create(keyspace("a"))
    newer = {"metadata": {"namespace": "shop", "name": "b"}, "spec": {"shards": 2, "later": True}}
    made = await api.create(KEYSPACES, newer)
    await raises(Code.STORE_TOO_NEW, records.get(Keyspace, "b"))
    await raises(Code.STORE_TOO_NEW, records.list(Keyspace))
    async with asyncio.timeout(10), aclosing(records.watch(Keyspace)) as watch:
        first, second, third = [await anext(watch) for _ in range(3)]
        assert isinstance(first, Added)
        assert isinstance(second, Unreadable)
        assert (second.name, second.error.code) == ("b", Code.STORE_TOO_NEW)
        assert third == Synced()
        await api.replace(KEYSPACES, {**made, "spec": {"shards": 2}})
        event = await anext(watch)
        assert isinstance(event, Added)
        changed = await records.replace_spec(with_replicas(event.record, 5))
        assert await anext(watch) == Modified(changed)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Code.API_FORBIDDEN, Code.STORE_REFUSES),
        (Code.API_UNKNOWN_KIND, Code.STORE_REFUSES),
        (Code.API_AWAY, Code.STORE_AWAY),
        (Code.API_INVALID, Code.INVALID_RECORD),
    ],
)
async def test_refusals_are_told_in_the_stores_terms(
    server: FakeServer, records: KubernetesRecords, seen: Code, told: Code
) -> None:
    record = await records.create(keyspace())
    fails(server, seen, "get", "list", "create", "replace", "delete")
    for call in (
        records.get(Keyspace, "commerce"),
        records.list(Keyspace),
        records.create(keyspace("other")),
        records.replace_spec(with_replicas(record, 5)),
        records.delete(Keyspace, "commerce"),
    ):
        await raises(told, call)


async def test_a_watch_outlasts_an_outage_and_ends_with_the_store(
    server: FakeServer, records: KubernetesRecords
) -> None:
    watch = records.watch(Keyspace)
    async with asyncio.timeout(10):
        assert await anext(watch) == Synced()
        fails(server, Code.API_AWAY, "watch", "list")
        server.end_watches()
        made = await records.create(keyspace())
        waiting = asyncio.create_task(anext(watch))
        await asyncio.sleep(0)
        server.fault = lambda call: None
        assert await waiting == Added(made)
        ending = asyncio.create_task(anext(watch, None))
        await asyncio.sleep(0)
        await records.close()
        assert await ending is None


# --- leases --------------------------------------------------------------------------------------------


async def test_a_lease_reads_as_kubernetes_leases_do(server: FakeServer, records: KubernetesRecords) -> None:
    lease = await records.acquire("topology", "one", 2.5)
    await records.renew(lease)
    [thing] = server.objects(LEASES)
    spec = thing["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"], spec["leaseDurationSeconds"]) == ("one", lease.term, 3)
    assert spec["acquireTime"] == "2026-01-01T12:00:00.000000Z"
    assert spec["renewTime"] == "2026-01-01T12:00:00.000001Z", "a renewal is a new version even if the clock stands"


async def test_a_renewal_whose_answer_was_lost_is_found_out(server: FakeServer, records: KubernetesRecords) -> None:
    lease = await records.acquire("topology", "one", 60)
    api = server.connect()
    [thing] = server.objects(LEASES)

    def lost(call: Call) -> None:
        if call.verb == "replace":
            server.fault = lambda call: None
            server.replace(LEASES, call.wanted, "flyball", "")  # it lands, and nobody hears of it
            raise ClusterError(Code.API_AWAY, "the connection broke", "wait")

    server.fault = lost
    await raises(Code.STORE_AWAY, records.renew(lease))
    assert (await api.get(LEASES, "shop", "topology"))["metadata"]["resourceVersion"] != thing["metadata"][
        "resourceVersion"
    ]
    assert (await records.renew(lease)).term == lease.term


@pytest.mark.looptime
async def test_an_acquisition_whose_answer_was_lost_is_ours_under_a_term_of_its_own(server: FakeServer) -> None:
    clock = asyncio.get_running_loop().time
    records = KubernetesRecords(server.connect(), "shop", clock=clock)

    def lost(call: Call) -> None:
        if call.verb == "create":
            server.fault = lambda call: None
            server.create(LEASES, call.wanted, "flyball")
            raise ClusterError(Code.API_AWAY, "the connection broke", "wait")

    server.fault = lost
    async with asyncio.timeout(30):
        lease = await records.acquire("topology", "one", 60)
    assert lease.term == 2
    await records.renew(lease)
    await records.close()


@pytest.mark.looptime
async def test_a_waiter_takes_over_only_what_was_silent_for_its_holders_time(server: FakeServer) -> None:
    clock = asyncio.get_running_loop().time
    one, other = (KubernetesRecords(server.connect(), "shop", clock=clock) for _ in range(2))
    lease = await one.acquire("topology", "one", 5.5)
    waiting = asyncio.create_task(other.acquire("topology", "two", 60))
    for _ in range(4):
        await asyncio.sleep(5)
        lease = await one.renew(lease)
    renewed = clock()
    second = await waiting
    assert clock() - renewed >= 5.5
    assert second.term == lease.term + 1
    error = await raises(Code.LEASE_LOST, one.renew(lease))
    assert "two (term 2)" in error.message
    for records in (one, other):
        await records.close()


@pytest.mark.looptime
async def test_terms_do_not_fall_when_a_person_deletes_the_lease(server: FakeServer) -> None:
    clock = asyncio.get_running_loop().time
    records = KubernetesRecords(server.connect(), "shop", clock=clock)
    lease = await records.acquire("topology", "one", 5)
    lease = await records.acquire("topology", "one", 5)
    await server.connect().delete(LEASES, "shop", "topology")
    await raises(Code.LEASE_LOST, records.renew(lease))
    assert (await records.acquire("topology", "one", 5)).term > lease.term
    await records.close()


async def test_who_may_not_lease_is_told_so(server: FakeServer, records: KubernetesRecords) -> None:
    fails(server, Code.API_FORBIDDEN, "list")
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            error = await raises(Code.STORE_REFUSES, records.acquire("topology", "one", 60))
            assert isinstance(error, StoreError)
            return
    raise AssertionError("it waits for a right that it lacks")
