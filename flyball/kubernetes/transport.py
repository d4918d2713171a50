"""HTTP to the API server: blocking requests on a bounded number of threads, each with a deadline.

The ``kubernetes`` package makes the connection pool (certificates, proxies) and keeps the token fresh; the objects
pass by its models, which would cost a multiple of the time and memory, as the JSON that they are. A call waits for a
free thread on the event loop, never in a thread's queue. A watch has a thread of its own pool while it waits for the
server, so watches never hold calls up.
"""

import asyncio
import contextlib
import importlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from flyball.kubernetes.answers import Asked, away, refusal
from flyball.kubernetes.credentials import Access
from flyball.kubernetes.throttle import Throttle

T = TypeVar("T")

URGENT = 2
"""Threads for calls that wait for no other."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of a server."""

    calls: int = 8
    """Calls in flight, and threads for them."""

    watches: int = 32
    """Watches in flight, and threads for them; each sleeps in the kernel."""

    rate: float = 50.0
    """Calls a second."""

    burst: int = 100
    """Calls at once after a rest."""

    deadline: float = 10.0
    """Seconds that a call may take, the waiting for a thread included."""

    connecting: float = 5.0
    """Seconds that a connection may take to come about."""

    watching: int = 60
    """Seconds after which the server is asked to end a watch, so that a dead connection is found out."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None
    content_type: str = "application/json"
    urgent: bool = False
    """It waits for no other call: a lease that is renewed late is lost, and with it all that its holder was about."""


class Transport:
    """The connections to one API server. All methods belong to one event loop."""

    def __init__(self, access: Access, limits: Limits) -> None:
        self._configuration = access.configuration
        self._configuration.connection_pool_maxsize = limits.calls + limits.watches + URGENT
        self._configuration.retries = False
        self._configuration.keep_alive = True
        self._pool: urllib3.PoolManager = (
            importlib.import_module("kubernetes.client.rest").RESTClientObject(self._configuration).pool_manager
        )
        self._limits = limits
        self._throttle = Throttle(limits.rate, limits.burst)
        self._calls = _Threads(limits.calls, "kubernetes")
        self._urgent = _Threads(URGENT, "kubernetes-urgent")
        self._watches = _Threads(limits.watches, "kubernetes-watch")
        self._open: set[urllib3.BaseHTTPResponse] = set()
        self._closed = False

    async def close(self) -> None:
        """End every watch and close the connections."""
        self._closed = True
        for response in tuple(self._open):
            _wake(response)
        self._calls.close()
        self._urgent.close()
        self._watches.close()
        self._pool.clear()

    async def ask(self, asked: Asked, request: Request) -> dict[str, Any]:
        """The server's answer, an object.

        :raises ClusterError: what it refuses, or API_AWAY.
        """
        body = await self.read(asked, request)
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError as error:
            raise away(asked, f"the API server's answer is no JSON: {error}") from error
        return answer

    async def read(self, asked: Asked, request: Request) -> bytes:
        """The server's answer, as it is.

        :raises ClusterError: what it refuses, or API_AWAY.
        """
        self._check(asked)
        try:
            async with asyncio.timeout(self._limits.deadline):
                if not request.urgent:
                    await self._throttle.turn()
                    self._check(asked)
                threads = self._urgent if request.urgent else self._calls
                status, body = await threads.run(lambda: self._exchange(request))
                if status >= 400:
                    raise refusal(asked, status, body)
                return body
        except TimeoutError as error:
            raise away(asked, f"the API server did not answer within {self._limits.deadline:g} s") from error
        except (HTTPError, OSError, ValueError) as error:
            raise away(asked, f"the API server cannot be reached: {error}") from error

    async def lines(self, asked: Asked, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """Each object of an answer that the server keeps open, as it comes.

        :raises ClusterError: what it refuses, or API_AWAY when it falls silent or the connection breaks.
        """
        self._check(asked)
        await self._throttle.turn()
        self._check(asked)
        query = {**request.query, "timeoutSeconds": str(self._limits.watching)}
        silence = self._limits.watching + 2 * self._limits.deadline
        response: urllib3.BaseHTTPResponse | None = None
        try:
            response = await self._watches.run(lambda: self._begin(request, query, silence))
            if response.status >= 400:
                raise refusal(asked, response.status, await self._watches.run(response.read))
            rest = b""
            while chunk := await self._watches.run(response.read1):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    if line.strip():
                        yield json.loads(line)
        except (HTTPError, OSError, ValueError) as error:
            raise away(asked, f"the API server ended the watch: {error}") from error
        finally:
            if response is not None:
                self._end(response)

    def _check(self, asked: Asked) -> None:
        if self._closed:
            raise away(asked, "the connection was closed here")

    def _begin(self, request: Request, query: Mapping[str, str], silence: float) -> urllib3.BaseHTTPResponse:
        response = self._send(request, query, silence, preload=False)
        self._open.add(response)
        if self._closed:
            _wake(response)
        return response

    def _end(self, response: urllib3.BaseHTTPResponse) -> None:
        """Close it, though a thread may still be reading: closing would wait for that one, so it is woken first."""
        self._open.discard(response)
        _wake(response)
        with contextlib.suppress(RuntimeError):
            self._watches.start(response.close)

    def _exchange(self, request: Request) -> tuple[int, bytes]:
        response = self._send(request, request.query, self._limits.deadline, preload=True)
        return response.status, response.data

    def _send(
        self, request: Request, query: Mapping[str, str], silence: float, *, preload: bool
    ) -> urllib3.BaseHTTPResponse:
        body = None if request.body is None else json.dumps(request.body, separators=(",", ":")).encode()
        headers = {"Accept": "application/json", "User-Agent": "flyball"}
        if body is not None:
            headers["Content-Type"] = request.content_type
        for setting in self._configuration.auth_settings().values():
            headers[setting["key"]] = setting["value"]
        return self._pool.request(
            request.method,
            f"{self._configuration.host}{request.path}" + (f"?{urlencode(query)}" if query else ""),
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=self._limits.connecting, read=silence),
            retries=False,
            redirect=False,
            preload_content=preload,
        )


def _wake(response: urllib3.BaseHTTPResponse) -> None:
    """Make a thread that reads the response see its end."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        response.shutdown()


class _Threads:
    """A bounded number of threads, with nothing waiting in their queue."""

    def __init__(self, number: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(number, thread_name_prefix=name)
        self._free = asyncio.Semaphore(number)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def start(self, work: Callable[[], T]) -> "Future[T]":
        return self._executor.submit(work)

    async def run(self, work: Callable[[], T]) -> T:
        """Run ``work`` on a thread. A cancelled call leaves its thread busy until ``work`` ends, and counted so."""
        loop = asyncio.get_running_loop()
        await self._free.acquire()
        try:
            future = self._executor.submit(work)
        except BaseException:
            self._free.release()
            raise

        def ended(_: "Future[T]") -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed by now
                loop.call_soon_threadsafe(self._free.release)

        future.add_done_callback(ended)
        return await asyncio.wrap_future(future)
