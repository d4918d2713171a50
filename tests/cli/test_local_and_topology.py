"""The commands that start things: what they hand over, and what they say. The engine itself is tested elsewhere."""

from pathlib import Path

import pytest

from flyball.errors import Code, EngineError
from flyball.kubernetes.credentials import Cluster
from flyball.records import Condition
from flyball_local.down import DownResult
from flyball_local.home import Home
from flyball_local.stopping import Stopped
from flyball_local.up import Progress, Up
from flyball_topology import service

SHOP = """
apiVersion: flyball.dev/v1alpha1
kind: Keyspace
metadata: {name: shop}
spec: {shards: 1}
"""


@pytest.fixture
def called(monkeypatch):
    """What the engine's functions were called with, by name; each answers as the test says."""
    calls: dict[str, tuple] = {}

    def replace(path: str, answer: object, *, is_async: bool = True) -> None:
        def function(*args, **named):
            calls[path] = (args, named)
            if "report" in named:
                condition = Condition(type="Ready", status=False, reason="Starting", message="two members start")
                named["report"](Progress("shop", condition) if "up" in path else "a member ended")
            if isinstance(answer, Exception):
                raise answer
            return answer

        async def coroutine(*args, **named):
            return function(*args, **named)

        monkeypatch.setattr(path, coroutine if is_async else function)

    calls["replace"] = replace
    return calls


def test_up_hands_the_keyspaces_to_the_engine_and_tells_what_is_awaited(flyball, store, called):
    ready = Progress("shop", Condition(type="Ready", status=True, reason="Serving"))
    called["replace"]("flyball_local.up.up", Up(4711, started=True, keyspaces=(ready,)))
    done = flyball("local", "up", "-f", "-", "--background", "--adopt", "--wait", "5", stdin=SHOP)
    assert (done.code, done.out) == (0, "engine 4711: shop\n")
    assert "shop: two members start" in done.err
    (home, keyspaces), named = called["flyball_local.up.up"]
    assert home == Home(store.home)
    assert [keyspace.name for keyspace in keyspaces] == ["shop"]
    assert (named["background"], named["adopt"], named["wait"]) == (True, True, 5.0)


def test_what_the_engine_refuses_is_told_with_its_exit_code(refused, called):
    called["replace"]("flyball_local.up.add", EngineError(Code.ENGINE_RUNNING, "no engine runs", "start one"))
    refused("FB5004", 6, "local", "add", "-f", "-", stdin=SHOP)


def test_only_keyspaces_are_brought_up(refused, make):
    pause = "apiVersion: flyball.dev/v1alpha1\nkind: Operation\nmetadata: {name: p}\nspec: {type: pause, keyspace: a}"
    assert "Operation 'p'" in refused("FB1011", 2, "local", "up", "-f", "-", stdin=pause).err
    refused("FB1005", 2, "local", "up", "-f", "-", stdin="a: [")
    refused("FB1011", 2, "local", "up", "-f", "/nothing/at/all.yaml")
    refused("FB1011", 2, "local", "up")


def test_down_tells_what_was_stopped_removed_and_left(flyball, store, called):
    result = DownResult(was_running=True, removed=("shop-x-x-1",), left=(Path("/srv/notes.txt"),))
    called["replace"]("flyball_local.down.down", result)
    done = flyball("local", "down", "--purge", "--yes")
    assert done.out == "down\nremoved shop-x-x-1\nleft /srv/notes.txt: not flyball's\n"
    assert called["flyball_local.down.down"][1]["purge"] is True


def test_purging_asks_first(refused, flyball, store, called, at_a_terminal):
    called["replace"]("flyball_local.down.down", DownResult(was_running=False))
    refused("FB1012", 2, "local", "down", "--purge", stdin="yes\n")
    assert "flyball_local.down.down" not in called
    assert flyball("local", "down", "--purge", stdin=f"{store.home.name}\n").out.endswith("nothing ran\n")


@pytest.mark.parametrize(
    ("verb", "answer", "is_async", "said"),
    [
        ("kill", True, True, "killed"),
        ("kill", False, True, "was down"),
        ("stop", Stopped.CLEANLY, True, "it shut down"),
        ("start", None, True, "accepts connections"),
        ("hang", None, False, "hangs"),
        ("resume", None, False, "goes on"),
    ],
)
def test_one_member_is_handled_by_name(flyball, store, called, verb, answer, is_async, said):
    called["replace"](f"flyball_local.members.{verb}", answer, is_async=is_async)
    done = flyball("local", verb, "shop-x-x-1")
    assert done.code == 0
    assert said in done.out
    assert called[f"flyball_local.members.{verb}"][0] == (Home(store.home), "shop-x-x-1")


@pytest.mark.parametrize("verb", ["kill", "stop", "start", "hang", "resume"])
def test_a_member_that_does_not_exist_is_refused(refused, verb):
    refused("FB1009", 2, "local", verb, "nobody")
    refused("FB1011", 2, "local", verb)


def test_the_topology_service_is_run_with_its_settings(flyball, monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr("flyball_topology.service.main", given.append)
    words = [
        "--store",
        str(tmp_path / "r.db"),
        "--secrets",
        str(tmp_path),
        "--listen",
        "127.0.0.1:1",
        "--identity",
        "a",
    ]
    assert flyball("topology", "run", *words).code == 0
    (settings,) = given
    assert settings.place == service.Home(tmp_path / "r.db", tmp_path)
    assert (settings.listen, settings.identity) == ("127.0.0.1:1", "a")


def test_the_topology_service_runs_on_a_clusters_records(flyball, monkeypatch):
    given = []
    monkeypatch.setattr("flyball_topology.service.main", given.append)
    assert flyball("-n", "shop", "topology", "run", "--identity", "a").code == 0
    (settings,) = given
    assert (settings.place, settings.identity) == (Cluster("shop"), "a")


def test_the_topology_service_needs_a_store(refused, monkeypatch, tmp_path):
    refused("FB1011", 2, "topology", "run", "--store", str(tmp_path))
    refused("FB1011", 2, "topology", "run", "--secrets", str(tmp_path))
    refused("FB1011", 2, "topology", "run")
    refused("FB1011", 2, "topology")
