"""The operator's process: one leads, another takes over, keyspaces come up by edges, and a signal ends it."""

import asyncio
import os
import signal
import time
from random import Random

import kopf
import pytest

from flyball.health import serve
from flyball.records import Keyspace, Shard
from flyball_operator import edges
from flyball_operator.metrics import Metrics
from flyball_operator.naming import KEYSPACE
from flyball_operator.process import Means, Settings, State, run
from tests.unit.operator.world import NAMESPACE, World

LIMIT = 60.0


async def until(condition) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - a condition of two processes' metrics, which tell nobody
            await asyncio.sleep(0.01)


class Edges:
    """The pods' edges, made by the test."""

    def __init__(self) -> None:
        self.wake = None
        self.ends = asyncio.Event()

    async def watch(self, namespace, wake) -> None:
        assert namespace == NAMESPACE
        self.wake = wake
        await self.ends.wait()


class Process:
    def __init__(self, world: World) -> None:
        self.edges, self.metrics = Edges(), Metrics()
        means = Means(
            world.server.connect("operator"), world.records.beside(), self.edges.watch, self.metrics, Random(1)
        )
        self.task = asyncio.create_task(run(Settings(NAMESPACE), means))

    def value(self, name: str, **labels) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def world() -> World:
    return await World().begin()


@pytest.fixture
async def start(world):
    made: list[Process] = []

    def begin() -> Process:
        made.append(Process(world))
        return made[-1]

    yield begin
    for one in made:
        await one.end()


async def go_on(world: World, process: Process, condition) -> None:
    """The cluster goes on, and every change of a pod is an edge, until the condition holds."""
    async with asyncio.timeout(LIMIT):
        while not await condition():
            await world.tick()
            if process.edges.wake is not None:
                process.edges.wake("commerce", True)
            await asyncio.sleep(0.01)


async def test_a_keyspace_comes_up_by_edges_alone(world, start):
    process = start()

    async def serves() -> bool:
        declared = await world.records.get(Keyspace, "commerce")
        return any(one.type == "Ready" and one.status for one in declared.status.conditions)

    await go_on(world, process, serves)
    assert len(world.pods()) == 3
    assert process.value("flyball_operator_leading") == 1
    assert process.value("flyball_operator_steps_total", keyspace="commerce", step="MakePod") == 3


async def test_another_one_stands_by_and_takes_over(world, start):
    first = start()
    await until(lambda: first.value("flyball_operator_leading") == 1)
    second = start()
    await asyncio.sleep(0)
    assert second.value("flyball_operator_leading") == 0
    await first.end()
    await until(lambda: second.value("flyball_operator_leading") == 1)

    async def declared() -> bool:
        return bool(await world.records.list(Shard))

    await go_on(world, second, declared)


async def test_a_signal_ends_it(start):
    process = start()
    await until(lambda: process.value("flyball_operator_leading") == 1)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(LIMIT):
        await process.task


async def test_so_does_one_that_kopf_has_taken(start):
    process = start()
    await until(lambda: process.edges.wake is not None)
    process.edges.ends.set()
    async with asyncio.timeout(LIMIT):
        await process.task


def test_a_leader_that_stands_still_is_not_well():
    now = [0.0]
    state = State(Metrics(), lambda: now[0])
    state.role, state.keyspaces = "leading", lambda: 1
    assert state.health() == (True, "leading\n")
    now[0] = 1000.0
    assert state.health()[0] is False
    state.keyspaces = lambda: 0
    assert state.health()[0] is True


async def test_health_and_metrics_are_served():
    metrics = Metrics()
    server = await serve("127.0.0.1", 0, metrics.registry, State(metrics).health)
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /healthz HTTP/1.1\r\n\r\n")
    assert b"200 OK" in await reader.read()
    writer.close()
    server.close()


async def test_nothing_can_be_changed_and_nothing_secret_is_told_by_http():
    metrics = Metrics()
    server = await serve("127.0.0.1", 0, metrics.registry, State(metrics).health)
    host, port = server.sockets[0].getsockname()

    async def ask(line: str) -> bytes:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"{line} HTTP/1.1\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert b"405" in await ask(f"{method} /healthz")
    for path in ("/", "/debug", "/metrics/../etc/passwd", "/config"):
        assert b"404" in await ask(f"GET {path}")
    assert b"flyball_operator_leading" in await ask("GET /metrics")
    server.close()


# --- kopf -----------------------------------------------------------------------------------------------------


def test_kopf_gives_edges_and_nothing_else():
    made = edges.registry(lambda name, changed: None)
    assert len(made._watching.get_all_handlers()) == len(edges.WATCHED)
    for other in (made._spawning, made._changing, made._indexing, made._webhooks):
        assert not made_handlers(other)


def made_handlers(part) -> list:
    return list(part.get_all_handlers())


def test_kopf_writes_nothing():
    settings = edges.settings()
    assert settings.posting.enabled is False
    assert settings.peering.standalone is True
    assert settings.scanning.disabled is True


async def test_a_handler_wakes_the_keyspace_and_never_waits():
    woken = []
    made = edges.registry(lambda name, changed: woken.append((name, changed)))
    (handler, *_) = made._watching.get_all_handlers()
    begun = time.monotonic()
    for kind in (None, "MODIFIED"):
        assert await handler.fn(labels={KEYSPACE: "commerce"}, body={}, event={"type": kind}) is None
    assert woken == [("commerce", False), ("commerce", True)], "what there was when kopf began is no change"
    assert time.monotonic() - begun < LIMIT
    assert isinstance(made, kopf.OperatorRegistry)
