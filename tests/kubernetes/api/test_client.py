"""The client keeps the port's contract against a real API server."""

import asyncio
import socket
from contextlib import aclosing, suppress
from pathlib import Path

import pytest
import yaml

from flyball.errors import ClusterError, Code
from flyball.kubernetes.client import connect
from flyball.kubernetes.port import Resource
from flyball.kubernetes.resources import CONFIG_MAPS, LEASES, of_record
from flyball.kubernetes.transport import Limits
from flyball.records import Keyspace
from tests.contract.api import LIMIT, ApiContract, Place, raises


class TestClient(ApiContract):
    pass


async def test_a_kind_that_is_not_served_is_told_from_an_object_that_is_not_there(place: Place) -> None:
    unknown = Resource("nowhere.example", "v1", "things", "Thing")
    error = await raises(Code.API_UNKNOWN_KIND, place.api.list(unknown, place.namespace))
    assert "definitions" in error.next_step


async def test_a_field_that_the_server_does_not_know_is_refused(place: Place) -> None:
    wanted = {**place.config(), "dataa": {"k": "v"}}
    error = await raises(Code.API_INVALID, place.api.create(CONFIG_MAPS, wanted))
    assert '"dataa"' in error.message


@pytest.fixture
def other(kubeconfig: Path, tmp_path: Path):
    """Another kubeconfig, with parts of it changed."""

    def other(part: str, inner: str, **changes: str) -> Path:
        document = yaml.safe_load(kubeconfig.read_text())
        document[part][0][inner].update(changes)
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
        return tmp_path / "kubeconfig"

    return other


async def test_an_account_that_the_server_does_not_know_is_told_so(other) -> None:
    api, _ = await connect(other("users", "user", token="nobody"))
    await raises(Code.API_FORBIDDEN, api.list(CONFIG_MAPS, "default"))
    await api.close()


async def test_a_server_that_does_not_answer_is_away_within_the_deadline(other) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}"
        limits = Limits(deadline=0.5, connecting=0.5)
        api, _ = await connect(other("clusters", "cluster", server=address), limits=limits)
        async with asyncio.timeout(LIMIT):
            await raises(Code.API_AWAY, api.get(CONFIG_MAPS, "default", "a"))
        await api.close()


async def test_a_lease_waits_for_no_other_call(kubeconfig) -> None:
    api, _ = await connect(kubeconfig, limits=Limits(rate=0.001, burst=1, deadline=30.0))
    await api.get(CONFIG_MAPS, "default", "a")
    others = [asyncio.create_task(api.get(CONFIG_MAPS, "default", "a")) for _ in range(20)]
    await asyncio.sleep(0)
    assert await api.get(LEASES, "default", "a") is None
    assert not any(other.done() for other in others)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await api.close()


async def test_closing_ends_a_watch_that_waits(place: Place) -> None:
    since = (await place.api.list(CONFIG_MAPS, place.namespace)).revision
    watch = place.api.watch(CONFIG_MAPS, place.namespace, since=since, name="nobody")
    async with aclosing(watch):
        waiting = asyncio.create_task(anext(watch, None))
        await asyncio.wait({waiting}, timeout=0.2)
        await place.api.close()
        async with asyncio.timeout(LIMIT):
            with suppress(ClusterError):
                assert await waiting is None


@pytest.mark.usefixtures("definitions")
async def test_a_watch_that_begins_before_what_the_server_remembers_is_told_so(place: Place) -> None:
    async with asyncio.timeout(LIMIT):
        while True:
            with pytest.raises(ClusterError) as caught:
                async with aclosing(place.api.watch(of_record(Keyspace), place.namespace, since="1")) as watch:
                    await anext(watch)
            if caught.value.code is not Code.API_AWAY:  # a server that has just learnt of a kind is not ready at once
                break
    assert caught.value.code is Code.API_GONE
