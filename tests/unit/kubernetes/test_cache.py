"""What a cache holds is what the server has, whatever happened in between."""

import asyncio

import pytest

from flyball.kubernetes.cache import Cache
from flyball.kubernetes.resources import CONFIG_MAPS, SERVICES
from tests.apiserver.server import FakeServer

LIMIT = 30.0
LABELS = {"made-by": "us"}


def thing(name: str, keyspace: str, **labels: str) -> dict:
    metadata = {"name": name, "namespace": "shop", "labels": {**LABELS, "keyspace": keyspace, **labels}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}}


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def cache(server):
    await server.connect().create(CONFIG_MAPS, thing("one", "commerce"))
    await server.connect().create(CONFIG_MAPS, thing("other", "billing"))
    made = Cache(server.connect(), "shop", (CONFIG_MAPS, SERVICES), labels=LABELS, by="keyspace")
    running = asyncio.create_task(made.run())
    async with asyncio.timeout(LIMIT):
        await made.synced()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def until(condition) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - the cache tells nobody
            await asyncio.sleep(0.001)


def names(cache: Cache, keyspace: str) -> list[str]:
    return [one["metadata"]["name"] for one in cache.list(CONFIG_MAPS, keyspace)]


async def test_it_knows_what_there_was_and_what_comes(server, cache):
    assert names(cache, "commerce") == ["one"]
    assert cache.list(SERVICES, "commerce") == []
    await server.connect().create(CONFIG_MAPS, thing("two", "commerce"))
    await until(lambda: names(cache, "commerce") == ["one", "two"])
    assert names(cache, "billing") == ["other"]
    assert cache.get(CONFIG_MAPS, "two")["data"] == {"a": "1"}
    assert cache.get(CONFIG_MAPS, "three") is None


async def test_it_forgets_what_goes_and_what_is_another_s_now(server, cache):
    api = server.connect()
    await api.patch(CONFIG_MAPS, "shop", "one", {"metadata": {"labels": {"keyspace": "billing"}}})
    await until(lambda: names(cache, "billing") == ["one", "other"])
    assert names(cache, "commerce") == []
    await api.delete(CONFIG_MAPS, "shop", "other")
    await until(lambda: names(cache, "billing") == ["one"])


async def test_what_went_while_the_server_had_forgotten_the_watch_is_forgotten_too(server, cache):
    await server.connect().delete(CONFIG_MAPS, "shop", "one")
    server.forget()
    server.end_watches()
    await until(lambda: names(cache, "commerce") == [])


async def test_nobody_can_change_what_is_kept(cache):
    cache.get(CONFIG_MAPS, "one")["data"]["a"] = "2"
    cache.list(CONFIG_MAPS, "commerce")[0]["data"]["a"] = "3"
    assert cache.get(CONFIG_MAPS, "one")["data"] == {"a": "1"}


async def test_one_that_runs_again_begins_with_nothing(server):
    await server.connect().create(CONFIG_MAPS, thing("one", "commerce"))
    made = Cache(server.connect(), "shop", (CONFIG_MAPS,), labels=LABELS, by="keyspace")
    for expected in (["one"], []):
        running = asyncio.create_task(made.run())
        await asyncio.sleep(0)
        async with asyncio.timeout(LIMIT):
            await made.synced()
        assert names(made, "commerce") == expected
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if expected:
            await server.connect().delete(CONFIG_MAPS, "shop", "one")
