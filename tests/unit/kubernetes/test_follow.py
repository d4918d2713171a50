"""A followed stream outlasts what happens to watches, and tells nothing twice."""

from contextlib import aclosing
from random import Random

import pytest

from flyball.errors import ClusterError, Code
from flyball.kubernetes import Found, Gone, Synced, everything, follow
from flyball.kubernetes.resources import CONFIG_MAPS
from tests.apiserver.server import FakeServer

pytestmark = pytest.mark.looptime


def config(name: str, value: str = "v") -> dict:
    return {"metadata": {"namespace": "n", "name": name}, "data": {"k": value}}


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def stream_of(server: FakeServer):
    return aclosing(follow(server.connect(), CONFIG_MAPS, "n", random=Random(1)))


async def test_a_watch_that_the_server_ends_goes_on_where_it_was(server: FakeServer) -> None:
    api = server.connect()
    made = await api.create(CONFIG_MAPS, config("a"))
    async with stream_of(server) as stream:
        assert [await anext(stream), await anext(stream)] == [Found(made), Synced()]
        server.end_watches()
        later = await api.create(CONFIG_MAPS, config("b"))
        assert await anext(stream) == Found(later)
        assert [call.verb for call in server.calls].count("list") == 1


async def test_what_happened_while_the_past_was_forgotten_is_told_as_the_difference(server: FakeServer) -> None:
    api = server.connect()
    kept, gone, anew = [await api.create(CONFIG_MAPS, config(name)) for name in "abc"]
    async with stream_of(server) as stream:
        assert [await anext(stream) for _ in range(4)] == [Found(kept), Found(gone), Found(anew), Synced()]
        server.fault = _away_from("watch")
        server.end_watches()
        await api.delete(CONFIG_MAPS, "n", "b")
        await api.delete(CONFIG_MAPS, "n", "c")
        again = await api.create(CONFIG_MAPS, config("c", "w"))
        server.forget()
        server.fault = lambda call: None
        told = [await anext(stream) for _ in range(3)]
        assert told == [
            Gone(("n", "c"), anew["metadata"]["uid"]),
            Found(again),
            Gone(("n", "b"), gone["metadata"]["uid"]),
        ]


async def test_an_outage_is_outlasted(server: FakeServer) -> None:
    api = server.connect()
    left = 5

    def fault(call) -> None:
        nonlocal left
        left -= 1
        if left > 0:
            _away_from(call.verb)(call)

    made = await api.create(CONFIG_MAPS, config("a"))
    server.fault = fault
    async with stream_of(server) as stream:
        assert [await anext(stream), await anext(stream)] == [Found(made), Synced()]


async def test_a_right_that_is_missing_is_told(server: FakeServer) -> None:
    def fault(call) -> None:
        raise ClusterError(Code.API_FORBIDDEN, "no", "ask")

    server.fault = fault
    async with stream_of(server) as stream:
        with pytest.raises(ClusterError) as caught:
            await anext(stream)
    assert caught.value.code is Code.API_FORBIDDEN


async def test_a_long_list_begins_anew_when_the_server_forgets_its_beginning(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flyball.kubernetes.following.PAGE", 2)
    api = server.connect()
    for name in "abcde":
        await api.create(CONFIG_MAPS, config(name))
    lists = 0

    def fault(call) -> None:
        nonlocal lists
        lists += call.verb == "list"
        if lists == 2:
            server.forget()
            server._revision += 1
            server._remembers += 1

    server.fault = fault
    found = await everything(api, CONFIG_MAPS, "n")
    assert "".join(thing["metadata"]["name"] for thing in found) == "abcde"
    assert lists == 5


def _away_from(verb: str):
    def fault(call) -> None:
        if call.verb == verb:
            raise ClusterError(Code.API_AWAY, f"{verb}: away", "wait")

    return fault
