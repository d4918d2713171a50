"""Comparisons that a person asks for are taken up, answered, and given up with their record."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress

from flyball.errors import Code, MemberError
from flyball.records import Keyspace, Metadata, Operation, Shard
from flyball.records.failover import Outcome
from flyball.records.keyspace import ShardRoute
from flyball.records.operation import OperationSpec, OperationType, ShardVerified
from flyball.store.memory import MemoryRecords
from flyball_topology.cache import Cache
from flyball_topology.comparing.running import Comparisons

LIMIT = 20.0


class Comparer:
    """Answers what it is told to, by shard; ``hangs`` never answers."""

    def __init__(self, **differences: str) -> None:
        self.differences = differences
        self.asked: list[str] = []
        self.began, self.ended = asyncio.Event(), asyncio.Event()
        self.hangs = False
        self.fails = False

    async def compare(
        self, operation: str, keyspace: Keyspace, shard: Shard, report: Callable[[int], None]
    ) -> ShardVerified:
        self.asked.append(shard.name)
        self.began.set()
        try:
            if self.hangs:
                await asyncio.Event().wait()
            if self.fails:
                raise MemberError(Code.MEMBER_UNREACHABLE, "commerce-x-80-2 does not answer")
            report(7)
            text = self.differences.get(shard.name.replace("-", "_"))
            texts = (text,) if text else ()
            return ShardVerified(
                shard=shard.name, primary=f"{shard.name}-1", rows=7, differences=texts, differing=len(texts)
            )
        finally:
            self.ended.set()

    def close(self) -> None:
        pass


@asynccontextmanager
async def serving(comparer: Comparer, *, paused: bool = False, asked_before: bool = False):
    """Records of a keyspace of two shards and one that does not serve, with a service that compares."""
    records = MemoryRecords()
    keyspace = await records.create(
        Keyspace.model_validate({"metadata": {"name": "commerce"}, "spec": {"shards": 2, "paused": paused}})
    )
    routing = (ShardRoute(range="-80", shard="commerce-x-80"), ShardRoute(range="80-", shard="commerce-80-x"))
    status = keyspace.status.model_copy(update={"routing": routing})
    await records.replace_status(keyspace.model_copy(update={"status": status}))
    for name, part in (("commerce-x-80", "-80"), ("commerce-80-x", "80-"), ("commerce-x-x-i2", "-")):
        members = [{"name": f"{name}-1", "host": "127.0.0.1", "port": 15001}]
        spec = {"keyspace": "commerce", "range": part, "database": "commerce", "members": members, "credentials": "c"}
        await records.create(Shard.model_validate({"metadata": {"name": name}, "spec": spec}))
    caches = [Cache(records, kind, lambda _: comparisons.wake()) for kind in (Operation, Keyspace, Shard)]
    comparisons = Comparisons(records, lambda: comparer, *caches)
    tasks = [asyncio.create_task(comparisons.run())]
    if asked_before:
        await ask(records)
    for cache in caches:
        tasks.append(asyncio.create_task(cache.run()))
        await cache.synced.wait()
    try:
        yield records
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


async def ask(records: MemoryRecords, shard: str | None = None, name: str = "verify-1") -> None:
    spec = OperationSpec(type=OperationType.VERIFY, keyspace="commerce", shard=shard)
    await records.create(Operation(metadata=Metadata(name=name), spec=spec))


async def answered(records: MemoryRecords, name: str = "verify-1") -> Operation:
    async with asyncio.timeout(LIMIT):
        while True:
            found = await records.get(Operation, name)
            if found is not None and found.status.outcome.ended:
                return found
            await asyncio.sleep(0)


async def test_every_shard_that_serves_is_compared_and_no_other():
    comparer = Comparer()
    async with serving(comparer) as records:
        await ask(records)
        done = await answered(records)
    assert done.status.outcome is Outcome.SUCCEEDED
    assert comparer.asked == ["commerce-x-80", "commerce-80-x"]
    assert [step.state for step in done.status.steps] == ["Done", "Done"]
    assert sum(one.rows for one in done.status.verified) == 14


async def test_one_shard_alone():
    comparer = Comparer()
    async with serving(comparer) as records:
        await ask(records, "commerce-80-x")
        assert (await answered(records)).status.outcome is Outcome.SUCCEEDED
    assert comparer.asked == ["commerce-80-x"]


async def test_what_differs_is_told_with_its_code_and_the_other_shards_are_compared_all_the_same():
    async with serving(Comparer(commerce_x_80="commerce-x-80-2: orders: 1 row it lacks: (5)")) as records:
        await ask(records)
        done = await answered(records)
    assert (done.status.outcome, done.status.code) == (Outcome.REFUSED, Code.ROWS_DIFFER.number)
    assert "(5)" in done.status.message
    assert [step.state for step in done.status.steps] == ["Failed", "Done"]


async def test_a_member_that_does_not_answer_is_no_success():
    comparer = Comparer()
    comparer.fails = True
    async with serving(comparer) as records:
        await ask(records)
        done = await answered(records)
    assert (done.status.outcome, done.status.code) == (Outcome.REFUSED, Code.MEMBER_UNREACHABLE.number)


async def test_a_paused_keyspace_is_not_touched():
    comparer = Comparer()
    async with serving(comparer, paused=True) as records:
        await ask(records)
        done = await answered(records)
    assert (done.status.code, comparer.asked) == (Code.SHARD_PAUSED.number, [])


async def test_deleting_the_record_gives_it_up_and_the_next_one_is_taken_up():
    comparer = Comparer()
    comparer.hangs = True
    async with serving(comparer) as records:
        await ask(records)
        await ask(records, name="verify-2")
        async with asyncio.timeout(LIMIT):
            await comparer.began.wait()
            comparer.hangs = False
            await records.delete(Operation, "verify-1")
            await comparer.ended.wait()
        assert (await answered(records, "verify-2")).status.outcome is Outcome.SUCCEEDED


async def test_what_was_asked_for_before_the_service_began_is_not_refused_for_what_it_does_not_know_yet():
    async with serving(Comparer(), asked_before=True) as records:
        assert (await answered(records)).status.outcome is Outcome.SUCCEEDED
