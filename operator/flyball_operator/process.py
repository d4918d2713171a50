"""The operator as a process: wait for the lease, lead, stand back when it is lost.

Any number of these may run; one leads. Two that lead at once, one of them late, do no harm: every write carries what it
read, every deletion a uid, and no pod goes that the topology service has not let go.

A new version of the operator takes over without a pod being restarted, and while none runs nothing of the data plane
changes: members, endpoints and failovers need it only to follow a change of primary with the Services' labels.
"""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from flyball.attempts import Attempts
from flyball.errors import Code, EngineError, InputError
from flyball.following import follow_records
from flyball.health import serve
from flyball.kubernetes import Api
from flyball.kubernetes.secrets import KubernetesSecrets
from flyball.leading import Post, lead_once
from flyball.records import Failover, Keyspace, Shard
from flyball.stability import Backoff
from flyball.store import Records
from flyball.store.known import Known
from flyball_operator import naming
from flyball_operator.acts import Tools
from flyball_operator.controller import KeyspaceController, keyspace_loop
from flyball_operator.manifests.access import Reader
from flyball_operator.metrics import Metrics
from flyball_operator.observe import Eyes, Observer
from flyball_operator.sources import Endpoints, Server, Watched, cache_of

logger = logging.getLogger(__name__)

LEASE_NAME = "operator"
LEASE_TTL = 5.0
"""Seconds after which a standby takes over from a leader that says nothing: endpoints move only while somebody leads.

A leader that is busy keeps it: its renewals wait for no other call to the API server."""
STALE_AFTER = 120.0
"""Seconds without a finished pass after which a leader of at least one keyspace calls itself unhealthy."""

Edges = Callable[[str, Callable[[str, bool], None]], Coroutine[Any, Any, None]]
"""Watches a namespace and wakes keyspaces, until cancelled."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How an operator is started."""

    namespace: str
    """Whose keyspaces it takes care of."""
    listen: str = "127.0.0.1:0"
    """``host:port`` of /healthz and /metrics."""
    identity: str = ""
    """Who holds the lease; host and process where it is empty."""
    reader: Reader | None = None
    """The topology service's account, which is let read each keyspace's credentials; None where it may already."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a process leads with."""

    api: Api
    records: Records
    edges: Edges
    metrics: Metrics
    random: Random
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = lambda: datetime.now(UTC)


class State:
    """What /healthz tells."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        self.role = "standing by"
        self.keyspaces: Callable[[], int] = lambda: 0
        self._clock = clock
        self._passed_at = clock()
        metrics.on_pass = self.passed

    def passed(self) -> None:
        """A pass has ended."""
        self._passed_at = self._clock()

    def health(self) -> tuple[bool, str]:
        """Whether the process is well, and what it does."""
        age = self._clock() - self._passed_at
        if self.role == "leading" and self.keyspaces() and age > STALE_AFTER:
            return False, f"leading, but no pass has ended for {age:.0f} s\n"
        return True, f"{self.role}\n"


async def run(settings: Settings, means: Means) -> None:
    """Serve until SIGTERM or SIGINT, or until cancelled."""
    state = State(means.metrics)
    ended = asyncio.Event()
    server = await _listen(settings.listen, means.metrics, state)
    logger.info("metrics on %s:%s", *server.sockets[0].getsockname()[:2])
    holder = f"{settings.identity or socket.gethostname()}/{os.getpid()}"
    post = Post(means.records, LEASE_NAME, holder, LEASE_TTL, means.clock, means.random)

    async def serve_on() -> None:
        while True:
            _end_by_signal(ended)  # kopf puts handlers of its own in their place while it runs
            await lead_once(post, lambda: lead(settings, means, state, ended))

    serving, ending = asyncio.create_task(serve_on()), asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (serving, ending):
            task.cancel()
        await asyncio.gather(serving, ending, return_exceptions=True)
        server.close()


def _end_by_signal(ended: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)


async def lead(settings: Settings, means: Means, state: State, ended: asyncio.Event) -> None:
    """Run the controller until cancelled.

    :param ended: is set when the edges end by themselves: they were told to by a signal.
    """
    attempts = Attempts(Backoff(1.0, 60.0, means.random))
    secrets = KubernetesSecrets(means.api, settings.namespace, {naming.MANAGED_BY: naming.MANAGER})
    eyes = Eyes(reader=settings.reader, attempts=attempts, clock=means.clock, today=means.today)
    cache, known = cache_of(means.api, settings.namespace), Known()
    server = Server(means.api, settings.namespace, means.records, secrets, known)
    watched = Watched(cache, known, server, means.clock)
    observer = Observer(eyes, server, watched, Endpoints(watched, server))
    tools = Tools(
        api=means.api,
        namespace=settings.namespace,
        records=means.records,
        secrets=secrets,
        reader=settings.reader,
        attempts=attempts,
        random=means.random,
        clock=means.clock,
        today=means.today,
        hold=observer.hold,
    )
    controller = KeyspaceController(observer, tools, means.records, means.metrics.took, glances=True)
    keyspaces = keyspace_loop(controller, means.random, means.metrics)

    def wake(keyspace: str, changed: bool) -> None:  # noqa: FBT001 - edges give it by position
        if changed:
            controller.tell(keyspace)
        keyspaces.wake(keyspace)

    state.role, state.keyspaces = "leading", lambda: len(keyspaces.keys)
    state.passed()
    means.metrics.leading.set(1)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow_records(means.records, keyspaces, failovers=True, known=known))
            tasks.create_task(cache.run())
            edges = tasks.create_task(means.edges(settings.namespace, wake))
            edges.add_done_callback(lambda _: ended.set() if not edges.cancelled() and not edges.exception() else None)
            await asyncio.gather(known.synced(Keyspace, Shard, Failover), cache.synced())
            state.passed()  # the first list of hundreds may take a while, and is no standing still
            tasks.create_task(keyspaces.run())
    finally:
        state.role = "standing by"
        means.metrics.leading.set(0)


async def _listen(listen: str, metrics: Metrics, state: State) -> asyncio.Server:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal():
        raise InputError(Code.BAD_USAGE, f"--listen {listen}: expected host:port", "give 127.0.0.1:9105, say")
    try:
        return await serve(host or "127.0.0.1", int(port), metrics.registry, state.health)
    except OSError as error:
        raise EngineError(
            Code.PORT_IN_USE,
            f"/healthz and /metrics cannot listen on {listen}: {error.strerror or error}",
            "choose another address with --listen, or end what listens there",
        ) from error
