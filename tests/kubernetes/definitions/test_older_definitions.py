"""A program that is newer than the cluster's definitions: it works, and drops nothing that was meant."""

import asyncio
from pathlib import Path

import pytest
import yaml

from flyball.errors import ClusterError, Code, FlyballError
from flyball.kubernetes.resources import of_record
from flyball.records import Shard
from flyball.records.shard import ShardOverview, Suspect, Transition
from flyball.store import kubernetes_objects as objects
from flyball.store.kubernetes import KubernetesRecords
from tests.unit.vocabulary.test_overview import shard

LIMIT = 60.0
FILE = Path(__file__).resolve().parents[3] / "crds" / "flyball.dev_shards.yaml"


@pytest.fixture
async def older(kubectl, definitions, place):
    """The definition of shards as it was before some fields came: of an overview, of zones, of suspects."""
    definition = yaml.safe_load(FILE.read_text())
    (version,) = definition["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    del properties["status"]["properties"]["overview"]
    del properties["status"]["properties"]["transition"]["properties"]["suspects"]
    del properties["spec"]["properties"]["members"]["items"]["properties"]["zone"]
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=yaml.safe_dump(definition))
    try:
        await _until_served(place, is_older=True)
        yield place
    finally:
        kubectl("apply", "--server-side", "--force-conflicts", "-f", FILE)
        await _until_served(place, is_older=False)


async def _until_served(place, *, is_older: bool) -> None:
    """The server takes a while until it goes by another definition."""
    async with asyncio.timeout(LIMIT):
        while await _refuses_zones(place) != is_older:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.1)


async def _refuses_zones(place) -> bool:
    wanted = objects.to_object(shard(), place.namespace)
    wanted["metadata"]["name"] = "asked"
    try:
        await place.api.create(of_record(Shard), wanted)
    except ClusterError as refused:
        return 'unknown field "spec.members[0].zone"' in refused.message
    await place.api.delete(of_record(Shard), place.namespace, "asked")
    return False


async def test_what_says_the_same_is_written_without_it(older) -> None:
    records = KubernetesRecords(older.api, older.namespace)
    record = await records.create(shard())
    assert record.spec == shard().spec
    status = record.status.model_copy(update={"issued": 3, "overview": ShardOverview(members="2/2")})
    written = await records.replace_status(record.model_copy(update={"status": status}))
    assert (written.status.issued, written.status.overview) == (3, ShardOverview())
    again = await records.replace_status(written.model_copy(update={"status": status}))
    assert again.metadata.revision == written.metadata.revision


async def test_what_was_meant_is_refused_with_what_to_do(older) -> None:
    records = KubernetesRecords(older.api, older.namespace)
    record = await records.create(shard())
    doubt = Transition(mode="emergency", phase="Issued", suspects=(Suspect(name="a", uuid="u", term=1),))
    status = record.status.model_copy(update={"transition": doubt})
    with pytest.raises(FlyballError, match="older than this program") as refused:
        await records.replace_status(record.model_copy(update={"status": status}))
    assert refused.value.code is Code.DEFINITIONS_OLD
