"""What every record store must do, whatever it keeps the records in.

A store's own test module imports :class:`RecordsContract`, subclasses it and provides the fixture ``connect``:
an async function that returns one more :class:`Records` on the same store each time it is called, as another
process would have. Each test starts with an empty store, and nothing here closes one.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import pytest

from flyball.errors import Code, FlyballError, InputError, StoreError
from flyball.records import Failover, Keyspace, Shard
from flyball.records.failover import FailoverStatus, Outcome
from flyball.records.keyspace import KeyspaceStatus
from flyball.store import (
    Added,
    ConflictError,
    Deleted,
    Event,
    Modified,
    Records,
    Selector,
    Synced,
)

Connect = Callable[[], Awaitable[Records]]

LIMIT = 20
"""Seconds after which a wait has failed."""


def keyspace(name: str = "commerce", **metadata: object) -> Keyspace:
    return Keyspace.model_validate({"metadata": {"name": name, **metadata}, "spec": {"shards": 2}})


def shard(name: str, of: str, **metadata: object) -> Shard:
    spec = {"keyspace": of, "range": "-", "database": of, "members": [], "credentials": "secret"}
    return Shard.model_validate({"metadata": {"name": name, **metadata}, "spec": spec})


def with_replicas(record: Keyspace, replicas: int) -> Keyspace:
    return record.model_copy(update={"spec": record.spec.model_copy(update={"replicas": replicas})})


def with_observed(record: Keyspace, generation: int) -> Keyspace:
    return record.model_copy(update={"status": KeyspaceStatus(observed_generation=generation)})


def with_finalizers(record: Keyspace, *finalizers: str) -> Keyspace:
    metadata = record.metadata.model_copy(update={"finalizers": finalizers})
    return record.model_copy(update={"metadata": metadata})


async def next_of(watch: AsyncGenerator[Event, None]) -> Event:
    return await asyncio.wait_for(anext(watch), LIMIT)


async def until(watch: AsyncGenerator[Event, None], wanted: Event) -> list[Event]:
    """Every event up to the wanted one."""
    seen = []
    async with asyncio.timeout(LIMIT):
        async for event in watch:
            seen.append(event)
            if event == wanted:
                return seen
    raise AssertionError(f"the watch ended before {wanted}, after {seen}")


async def raises(code: Code, awaitable: Awaitable[object]) -> FlyballError:
    with pytest.raises(FlyballError) as caught:
        await awaitable
    assert caught.value.code is code
    return caught.value


class RecordsContract:
    """Subclass it beside a fixture ``connect``."""

    # --- reading and creating ------------------------------------------------------------------------

    async def test_what_is_not_there_is_none(self, connect: Connect) -> None:
        assert await (await connect()).get(Keyspace, "commerce") is None

    async def test_a_created_record_is_read_as_it_was_returned(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        created = await one.create(keyspace(labels={"team": "a"}, finalizers=["f"]))
        assert await other.get(Keyspace, "commerce") == created
        assert created.spec == keyspace().spec
        assert created.metadata.labels == {"team": "a"}
        assert created.metadata.finalizers == ("f",)

    async def test_identity_is_given_by_the_store(self, connect: Connect) -> None:
        records = await connect()
        given = {"uid": "mine", "revision": "7", "generation": 9, "created": "then", "deletion_requested": True}
        metadata = (await records.create(keyspace(**given))).metadata
        assert metadata.uid not in {"", "mine"}
        assert metadata.revision not in {"", "7"}
        assert metadata.generation == 1
        assert metadata.created not in {"", "then"}
        assert not metadata.deletion_requested

    async def test_a_record_starts_without_a_status(self, connect: Connect) -> None:
        created = await (await connect()).create(with_observed(keyspace(), 3))
        assert created.status == KeyspaceStatus()

    async def test_a_name_is_taken_once_a_kind(self, connect: Connect) -> None:
        records = await connect()
        first = await records.create(keyspace("commerce"))
        await records.create(shard("commerce", "commerce"))
        error = await raises(Code.ALREADY_EXISTS, records.create(keyspace("commerce")))
        assert isinstance(error, ConflictError)
        assert error.current == first

    async def test_list_gives_what_the_selector_means_by_name(self, connect: Connect) -> None:
        records = await connect()
        for record in (
            shard("c", "two"),
            shard("a", "one", labels={"zone": "x"}),
            shard("b", "one", labels={"zone": "x", "more": "y"}),
            shard("d", "one"),
            keyspace("one"),
        ):
            await records.create(record)

        async def names(where: Selector) -> str:
            return "".join(found.name for found in await records.list(Shard, where))

        assert await names(Selector()) == "abcd"
        assert await names(Selector(keyspace="one")) == "abd"
        assert await names(Selector(labels={"zone": "x"})) == "ab"
        assert await names(Selector(keyspace="one", labels={"zone": "x", "more": "y"})) == "b"
        assert await names(Selector(name="c")) == "c"
        assert [found.name for found in await records.list(Keyspace, Selector(keyspace="one"))] == ["one"]
        assert await records.list(Failover) == ()

    # --- compare-and-swap ------------------------------------------------------------------------------

    async def test_a_new_spec_is_a_new_generation_and_revision(self, connect: Connect) -> None:
        records = await connect()
        before = await records.create(keyspace())
        after = await records.replace_spec(with_replicas(before, 5))
        assert after.spec.replicas == 5
        assert after.metadata.generation == 2
        assert after.metadata.revision != before.metadata.revision
        assert after.metadata.uid == before.metadata.uid
        assert await records.get(Keyspace, "commerce") == after

    async def test_a_new_status_is_a_new_revision_of_the_same_generation(self, connect: Connect) -> None:
        records = await connect()
        before = await records.create(keyspace())
        after = await records.replace_status(with_observed(before, 1))
        assert after.status.observed_generation == 1
        assert after.metadata.generation == 1
        assert after.metadata.revision != before.metadata.revision

    async def test_each_call_takes_its_own_part_only(self, connect: Connect) -> None:
        records = await connect()
        record = await records.create(keyspace())
        both = with_finalizers(with_observed(with_replicas(record, 5), 4), "f")
        record = await records.replace_status(both)
        assert (record.spec.replicas, record.status.observed_generation) == (3, 4)
        assert record.metadata.finalizers == ()
        both = both.model_copy(update={"metadata": record.metadata, "status": KeyspaceStatus()})
        record = await records.replace_spec(both)
        assert (record.spec.replicas, record.status.observed_generation) == (5, 4)
        record = await records.replace_metadata(with_finalizers(with_observed(with_replicas(record, 3), 0), "f"))
        assert (record.spec.replicas, record.status.observed_generation) == (5, 4)
        assert record.metadata.finalizers == ("f",)

    async def test_an_old_revision_changes_nothing_and_brings_the_current_record(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        old = await one.create(keyspace())
        new = await other.replace_status(with_observed(old, 1))
        for write in (
            one.replace_spec(with_replicas(old, 5)),
            one.replace_status(with_observed(old, 2)),
            one.replace_metadata(with_finalizers(old, "f")),
            one.delete(Keyspace, "commerce", old.metadata.revision),
        ):
            error = await raises(Code.CONFLICT, write)
            assert isinstance(error, ConflictError)
            assert error.current == new
        assert await one.get(Keyspace, "commerce") == new

    async def test_a_record_that_was_never_read_cannot_replace_one(self, connect: Connect) -> None:
        records = await connect()
        await records.create(keyspace())
        await raises(Code.CONFLICT, records.replace_spec(with_replicas(keyspace(), 5)))

    async def test_a_write_that_changes_nothing_writes_nothing(self, connect: Connect) -> None:
        records = await connect()
        before = await records.create(keyspace(labels={"a": "b"}))
        assert await records.replace_spec(before) == before
        assert await records.replace_status(before) == before
        assert await records.replace_metadata(before) == before
        assert await records.get(Keyspace, "commerce") == before

    async def test_a_write_that_changes_nothing_still_needs_the_revision(self, connect: Connect) -> None:
        records = await connect()
        old = await records.create(keyspace())
        await records.replace_status(with_observed(old, 1))
        await raises(Code.CONFLICT, records.replace_spec(old))

    async def test_writing_what_is_not_there_says_so(self, connect: Connect) -> None:
        records = await connect()
        gone = keyspace(revision="1")
        for write in (
            records.replace_spec(gone),
            records.replace_status(gone),
            records.replace_metadata(gone),
            records.delete(Keyspace, "commerce"),
        ):
            assert isinstance(await raises(Code.NO_SUCH_OBJECT, write), InputError)

    async def test_many_writers_lose_no_update(self, connect: Connect) -> None:
        stores = [await connect() for _ in range(3)]
        await stores[0].create(keyspace())

        async def count(records: Records) -> None:
            for _ in range(10):
                while True:
                    record = await records.get(Keyspace, "commerce")
                    assert record is not None
                    try:
                        await records.replace_status(with_observed(record, record.status.observed_generation + 1))
                        break
                    except ConflictError:
                        pass

        await asyncio.gather(*map(count, stores))
        counted = await stores[0].get(Keyspace, "commerce")
        assert counted is not None
        assert counted.status.observed_generation == 30

    # --- deletion --------------------------------------------------------------------------------------

    async def test_a_deleted_record_is_gone_and_its_name_is_free(self, connect: Connect) -> None:
        records = await connect()
        first = await records.create(keyspace())
        await records.delete(Keyspace, "commerce", first.metadata.revision)
        assert await records.get(Keyspace, "commerce") is None
        second = await records.create(keyspace())
        assert second.metadata.uid != first.metadata.uid
        await raises(Code.CONFLICT, records.replace_spec(with_replicas(first, 5)))

    async def test_a_finalizer_holds_a_deleted_record_back(self, connect: Connect) -> None:
        records = await connect()
        await records.create(keyspace(finalizers=["a", "b"]))
        await records.delete(Keyspace, "commerce")
        record = await records.get(Keyspace, "commerce")
        assert record is not None
        assert record.metadata.deletion_requested
        await records.delete(Keyspace, "commerce")
        assert await records.get(Keyspace, "commerce") == record
        record = await records.replace_status(with_observed(record, 1))
        record = await records.replace_metadata(with_finalizers(record, "b"))
        assert await records.get(Keyspace, "commerce") == record
        record = await records.replace_metadata(with_finalizers(record))
        assert record.metadata.deletion_requested
        assert await records.get(Keyspace, "commerce") is None

    async def test_no_finalizer_is_added_to_a_record_that_is_being_deleted(self, connect: Connect) -> None:
        records = await connect()
        await records.create(keyspace(finalizers=["a"]))
        await records.delete(Keyspace, "commerce")
        record = await records.get(Keyspace, "commerce")
        assert record is not None
        await raises(Code.INVALID_RECORD, records.replace_metadata(with_finalizers(record, "a", "b")))
        assert await records.get(Keyspace, "commerce") == record

    # --- watching --------------------------------------------------------------------------------------

    async def test_a_watch_tells_what_is_and_then_what_changes(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        first = await one.create(keyspace("a"))
        async with aclosing(other.watch(Keyspace)) as watch:
            assert await next_of(watch) == Added(first)
            assert await next_of(watch) == Synced()
            second = await one.create(keyspace("b"))
            assert await next_of(watch) == Added(second)
            first = await one.replace_spec(with_replicas(first, 5))
            assert await next_of(watch) == Modified(first)
            first = await one.replace_status(with_observed(first, 1))
            assert await next_of(watch) == Modified(first)
            await one.delete(Keyspace, "a")
            assert await next_of(watch) == Deleted(first)

    async def test_a_watch_hears_nothing_of_writes_that_change_nothing(self, connect: Connect) -> None:
        records = await connect()
        record = await records.create(keyspace())
        async with aclosing(records.watch(Keyspace)) as watch:
            assert await until(watch, Synced()) == [Added(record), Synced()]
            await records.replace_spec(record)
            await records.create(shard("a", "commerce"))
            changed = await records.replace_spec(with_replicas(record, 5))
            assert await next_of(watch) == Modified(changed)

    async def test_a_record_made_anew_is_told_as_deleted_and_added(self, connect: Connect) -> None:
        records = await connect()
        first = await records.create(keyspace())
        async with aclosing(records.watch(Keyspace)) as watch:
            await until(watch, Synced())
            await records.delete(Keyspace, "commerce")
            second = await records.create(keyspace())
            assert await until(watch, Added(second)) == [Deleted(first), Added(second)]

    async def test_a_watch_hears_of_a_requested_deletion_and_of_the_end(self, connect: Connect) -> None:
        records = await connect()
        await records.create(keyspace(finalizers=["f"]))
        async with aclosing(records.watch(Keyspace)) as watch:
            await until(watch, Synced())
            await records.delete(Keyspace, "commerce")
            event = await next_of(watch)
            assert isinstance(event, Modified)
            assert event.record.metadata.deletion_requested
            await records.replace_metadata(with_finalizers(event.record))
            event = await next_of(watch)
            assert isinstance(event, Deleted)
            assert event.record.name == "commerce"

    async def test_a_watch_is_told_only_what_its_selector_means(self, connect: Connect) -> None:
        records = await connect()
        await records.create(shard("a", "one"))
        inside = await records.create(shard("b", "two", labels={"k": "v"}))
        async with aclosing(records.watch(Shard, Selector(keyspace="two", labels={"k": "v"}))) as watch:
            assert await until(watch, Synced()) == [Added(inside), Synced()]
            await records.create(shard("c", "one", labels={"k": "v"}))
            bare = inside.model_copy(update={"metadata": inside.metadata.model_copy(update={"labels": {}})})
            bare = await records.replace_metadata(bare)
            assert await next_of(watch) == Deleted(inside)
            again = bare.metadata.model_copy(update={"labels": {"k": "v"}})
            inside = await records.replace_metadata(bare.model_copy(update={"metadata": again}))
            assert await next_of(watch) == Added(inside)

    async def test_watchers_end_up_with_what_is_there(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        known: dict[str, Keyspace] = {}
        async with aclosing(other.watch(Keyspace)) as watch:
            await until(watch, Synced())
            for number in range(12):
                record = await one.create(keyspace(f"k{number}"))
                if number % 3 == 0:
                    await one.delete(Keyspace, record.name)
                elif number % 3 == 1:
                    await one.replace_spec(with_replicas(record, 5))
            last = await one.create(keyspace("last"))
            while known.get("last") != last:
                match await next_of(watch):
                    case Added(record) | Modified(record):
                        known[record.name] = record
                    case Deleted(record):
                        del known[record.name]
                    case other_event:
                        raise AssertionError(other_event)
        assert known == {record.name: record for record in await one.list(Keyspace)}

    async def test_a_status_is_kept_whole(self, connect: Connect) -> None:
        records = await connect()
        spec = {"keyspace": "commerce", "shard": "a", "mode": "planned"}
        failover = await records.create(Failover.model_validate({"metadata": {"name": "f"}, "spec": spec}))
        status = FailoverStatus(outcome=Outcome.REFUSED, code="FB4001", message="é ☃ '\"\n", term=2**40)
        failover = failover.model_copy(update={"status": status})
        await records.replace_status(failover)
        found = await records.get(Failover, "f")
        assert found is not None
        assert found.status == status

    # --- leases ----------------------------------------------------------------------------------------

    async def test_a_lease_has_one_holder_until_it_lets_go(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        lease = await one.acquire("topology", "one", ttl=60)
        waiting = asyncio.create_task(other.acquire("topology", "two", ttl=60))
        elsewhere = await other.acquire("another", "two", ttl=60)
        lease = await one.renew(lease)
        assert not waiting.done()
        await one.release(lease)
        second = await asyncio.wait_for(waiting, LIMIT)
        assert (lease.holder, second.holder, elsewhere.holder) == ("one", "two", "two")
        assert second.term > lease.term
        error = await raises(Code.LEASE_LOST, one.renew(lease))
        assert isinstance(error, StoreError)

    async def test_a_lease_that_is_not_renewed_passes_on(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        first = await one.acquire("topology", "one", ttl=0.3)
        second = await asyncio.wait_for(other.acquire("topology", "two", ttl=60), LIMIT)
        assert second.term > first.term
        await raises(Code.LEASE_LOST, one.renew(first))
        await one.release(first)
        assert (await other.renew(second)).term == second.term

    async def test_a_renewed_lease_does_not_pass_on(self, connect: Connect) -> None:
        one, other = await connect(), await connect()
        lease = await one.acquire("topology", "one", ttl=2)
        waiting = asyncio.create_task(other.acquire("topology", "two", ttl=2))
        began = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - began < 3:
            lease = await one.renew(lease)
            await asyncio.wait({waiting}, timeout=0.1)
        assert not waiting.done()
        await one.release(lease)
        await asyncio.wait_for(waiting, LIMIT)

    async def test_terms_rise_whoever_holds_the_lease(self, connect: Connect) -> None:
        stores = [await connect(), await connect()]
        terms = []
        for turn in range(6):
            records = stores[turn % 2]
            lease = await records.acquire("topology", f"holder-{turn % 3}", ttl=60)
            terms.append(lease.term)
            await records.release(await records.renew(lease))
        assert terms == sorted(set(terms))

    async def test_one_of_many_gets_a_released_lease(self, connect: Connect) -> None:
        stores = [await connect() for _ in range(3)]
        first = await stores[0].acquire("topology", "first", ttl=60)
        waiting = [
            asyncio.create_task(records.acquire("topology", f"holder-{number}", ttl=60))
            for number, records in enumerate(stores)
        ]
        held = []
        await stores[0].release(first)
        while waiting:
            done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=LIMIT)
            assert len(done) == 1, "two hold the lease, or nobody got it"
            waiting = list(rest)
            lease = done.pop().result()
            held.append(lease.term)
            holder = stores[int(lease.holder.removeprefix("holder-"))]
            await holder.renew(lease)
            await holder.release(lease)
        assert len(held) == 3
        assert held == sorted(set(held))
