"""/healthz and /metrics."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter

from flyball.health import serve
from flyball_topology.metrics import Metrics
from flyball_topology.service import STALE_AFTER, State


@asynccontextmanager
async def serving(*, well: bool = True) -> AsyncIterator[int]:
    registry = CollectorRegistry()
    Counter("seen", "Seen.", registry=registry).inc()
    server = await serve("127.0.0.1", 0, registry, lambda: (well, "leading\n"))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def ask(port: int, path: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head.split("\r\n")[0], body


async def test_metrics_are_served_in_prometheus_text() -> None:
    async with serving() as port:
        status, body = await ask(port, "/metrics")
    assert status == "HTTP/1.1 200 OK"
    assert "seen_total 1.0" in body


async def test_health_says_what_the_process_does() -> None:
    async with serving() as port:
        assert await ask(port, "/healthz") == ("HTTP/1.1 200 OK", "leading\n")
    async with serving(well=False) as port:
        assert (await ask(port, "/healthz"))[0].startswith("HTTP/1.1 503")


async def test_other_paths_are_not_found_and_nonsense_harms_nobody() -> None:
    async with serving() as port:
        assert (await ask(port, "/secrets"))[0].startswith("HTTP/1.1 404")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01" * 5000 + b"\r\n\r\n")
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()
        assert (await ask(port, "/healthz"))[0].startswith("HTTP/1.1 200")


def test_a_leader_that_stands_still_is_not_well_unless_it_has_no_shards() -> None:
    now, shards = 0.0, 0
    state, metrics = State(lambda: now), Metrics()
    state.role = "leading"
    state.watch(metrics, lambda: shards)
    now = 10 * STALE_AFTER
    assert state.health() == (True, "leading\n")  # a release without a keyspace is no reason to restart it
    shards = 1
    assert state.health()[0] is False
    metrics.on_pass()
    assert state.health()[0] is True
