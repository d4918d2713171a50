"""A person's edit of a record whose status somebody else keeps writing."""

import pytest

from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec, KeyspaceStatus
from flyball.store import ConflictError
from flyball.store.editing import edit
from flyball.store.memory import MemoryRecords


def wanted(replicas: int, **labels: str) -> Keyspace:
    return Keyspace(metadata=Metadata(name="commerce", labels=labels), spec=KeyspaceSpec(replicas=replicas))


async def test_a_status_that_was_written_meanwhile_is_no_conflict() -> None:
    records = MemoryRecords()
    read = await records.create(wanted(3))
    status = KeyspaceStatus(observed_generation=1)
    await records.replace_status(read.model_copy(update={"status": status}))
    edited = await edit(records, read, wanted(4, team="shop"))
    assert (edited.spec.replicas, edited.metadata.labels, edited.status) == (4, {"team": "shop"}, status)
    assert await records.get(Keyspace, "commerce") == edited


async def test_a_spec_that_somebody_else_edited_meanwhile_is() -> None:
    records = MemoryRecords()
    read = await records.create(wanted(3))
    other = await edit(records, read, wanted(5))
    with pytest.raises(ConflictError):
        await edit(records, read, wanted(4))
    assert await records.get(Keyspace, "commerce") == other


async def test_a_record_that_was_made_anew_meanwhile_is_not_edited() -> None:
    records = MemoryRecords()
    read = await records.create(wanted(3))
    await records.delete(Keyspace, "commerce", read.metadata.revision)
    other = await records.create(wanted(3))
    with pytest.raises(ConflictError):
        await edit(records, read, wanted(4))
    assert await records.get(Keyspace, "commerce") == other
