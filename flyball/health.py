"""``/healthz`` and ``/metrics`` on one address, loopback unless told otherwise.

Healthy means: this process can tell what it does. A leader whose loop has not finished a pass for long is not.
"""

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

READ_WITHIN = 5.0
"""Seconds that a client may take for its request."""

_READING = frozenset({"GET", "HEAD"})
_NOT_READ = ("405 Method Not Allowed", "text/plain; charset=utf-8", b"nothing can be changed here\n")


async def serve(
    host: str, port: int, registry: CollectorRegistry, health: Callable[[], tuple[bool, str]]
) -> asyncio.Server:
    """Listen; the caller closes the server."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_WITHIN):
                request = (await reader.readline()).split()
                while (await reader.readline()).strip():
                    pass
            method, path = (part.decode("latin-1") for part in (*request, b"", b"")[:2])
            writer.write(_response(path, registry, health) if method in _READING else _http(*_NOT_READ))
            await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port, limit=8192)


def _response(path: str, registry: CollectorRegistry, health: Callable[[], tuple[bool, str]]) -> bytes:
    if path == "/metrics":
        return _http("200 OK", CONTENT_TYPE_LATEST, generate_latest(registry))
    if path == "/healthz":
        well, text = health()
        return _http("200 OK" if well else "503 Service Unavailable", "text/plain; charset=utf-8", text.encode())
    return _http("404 Not Found", "text/plain; charset=utf-8", b"there is /healthz and /metrics\n")


def _http(status: str, content_type: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
