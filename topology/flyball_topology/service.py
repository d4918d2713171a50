"""The topology service as a process: wait for the lease, lead, stand back when it is lost.

Any number of these may run; one leads. A leader that slept through its own replacement can do no harm: every act
carries its term, and every write its revision. The lease only keeps two from working at once.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from flyball import leading
from flyball.controller import Deadlines
from flyball.errors import Code, EngineError, FlyballError, InputError
from flyball.health import serve
from flyball.kubernetes.credentials import Cluster
from flyball.leading import Post
from flyball.logs import configure
from flyball.loop import Loop
from flyball.records import Failover, Keyspace, Operation, Shard
from flyball.records.operation import OperationType
from flyball.secrets import FileSecrets, Secrets
from flyball.stability import Backoff
from flyball.store.kubernetes import KubernetesRecords
from flyball.store.port import Records
from flyball.store.sqlite import SqliteRecords
from flyball_topology import heap
from flyball_topology.cache import Cache
from flyball_topology.comparing.readers import Comparer, SqlComparer
from flyball_topology.comparing.running import Comparisons
from flyball_topology.controller import ShardController
from flyball_topology.crashpoints import CrashPoints
from flyball_topology.crossing.sql_crossing import SqlCrossing
from flyball_topology.kept import Kept, Sessions
from flyball_topology.metrics import Metrics
from flyball_topology.moving.plane import MovingPlane
from flyball_topology.reshard.running import Ports, Resharding
from flyball_topology.routing import RoutingController
from flyball_topology.sql_members import SqlMembers

logger = logging.getLogger(__name__)

LEASE_NAME = "topology"
LEASE_TTL = 3.0
"""Seconds after which a standby takes over from a leader that says nothing."""
INTERVAL = 1.0
"""Seconds between two looks at a shard when nothing happens, where one process has shards enough for them."""
LONGEST_INTERVAL = 1.5
"""The same in a large fleet. A look comes up to a fifth earlier; together with a probe's own second it stays well
below the three seconds within which a replica must have heard its source."""
A_SECOND = 400
"""Shards that are looked at in a second before looks grow rarer."""
ALONE_AFTER = 10.0
"""Seconds after which a leader that no member answers makes room for a standby, which may be better placed."""
STALE_AFTER = 30.0
"""Seconds without a finished pass after which a leader of at least one shard calls itself unhealthy."""


@dataclass(frozen=True, slots=True)
class Home:
    """Records and secrets on one machine."""

    store: Path
    """The SQLite file of the records."""
    secrets: Path
    """The directory of the secrets."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a topology service is started."""

    place: Home | Cluster
    """Where the records and the secrets are."""
    listen: str = "127.0.0.1:0"
    """``host:port`` of /healthz and /metrics."""
    identity: str = ""
    """Who holds the lease; host and process where it is empty."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a process leads with. The simulator brings its own, on a clock of its own."""

    records: Records
    members: Callable[[], Sessions]
    metrics: Metrics
    clock: Callable[[], float] = time.monotonic
    """Seconds of the clock that ``records`` counts leases by."""
    ports: Callable[[], Ports] | None = None
    """What reshards are carried out with; without, they wait."""
    comparer: Callable[[], Comparer] | None = None
    """What members are compared with; without, who asks for that waits."""
    today: Callable[[], datetime] = lambda: datetime.now(UTC)
    random: Random = field(default_factory=Random)
    kept: Kept = field(default_factory=Kept)
    """The sessions of the last time that this process led."""


async def run(settings: Settings) -> None:
    """Serve until cancelled."""
    metrics = Metrics()
    state = State()
    server = await _listen(settings.listen, metrics, state)
    logger.info("metrics on %s:%s", *server.sockets[0].getsockname()[:2])
    records, secrets = await _open(settings.place)
    means = Means(
        records,
        lambda: SqlMembers(secrets),
        metrics,
        ports=lambda: _ports(records, secrets),
        comparer=lambda: SqlComparer(secrets),
    )
    identity = f"{settings.identity or socket.gethostname()}/{os.getpid()}"
    try:
        while True:
            await lead_once(means, identity, state)
    finally:
        means.kept.close()
        server.close()
        await records.close()


def _ports(records: Records, secrets: Secrets) -> Ports:
    """What reshards are carried out with: workers of this process's own, and sessions to the members."""
    crossing = SqlCrossing(records, secrets, time.monotonic)
    data = MovingPlane(secrets, crossing)

    async def close() -> None:
        await data.close()
        crossing.close()

    return Ports(data, crossing, close, data.tell_ends_to)


async def _open(place: Home | Cluster) -> tuple[Records, Secrets]:
    if isinstance(place, Home):
        return await SqliteRecords.open(place.store), FileSecrets(place.secrets)
    records = await KubernetesRecords.connect(place)
    return records, records.secrets


async def _listen(listen: str, metrics: Metrics, state: "State") -> asyncio.Server:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal():
        raise InputError(Code.BAD_USAGE, f"--listen {listen}: expected host:port", "give 127.0.0.1:9104, say")
    try:
        return await serve(host or "127.0.0.1", int(port), metrics.registry, state.health)
    except OSError as error:
        raise EngineError(
            Code.PORT_IN_USE,
            f"/healthz and /metrics cannot listen on {listen}: {error.strerror or error}",
            "choose another address with --listen, or end what listens there",
        ) from error


async def lead_once(means: Means, identity: str, state: "State") -> None:
    """Wait for the lease, lead until it is lost."""
    state.role, is_alone = "standing by", False

    async def work() -> None:
        nonlocal is_alone
        state.role = "leading"
        state.passed()
        means.metrics.leading.set(1)
        try:
            await lead(means, state)
            is_alone = True
        finally:
            means.metrics.leading.set(0)

    post = Post(means.records, LEASE_NAME, identity, LEASE_TTL, means.clock, means.random)
    await leading.lead_once(post, work)
    if is_alone:
        state.role = "standing back: it reached no member"
        logger.warning("no member of any shard has answered for %g s: another may lead", ALONE_AFTER)
        await asyncio.sleep(means.random.uniform(1.0, 2.0) * LEASE_TTL)


def interval(shards: int) -> float:
    """Seconds between two looks at a shard at rest. Broken connections and records that change wake it at once."""
    return min(max(INTERVAL, shards / A_SECOND), LONGEST_INTERVAL)


async def lead(means: Means, state: "State") -> None:
    """Run the controllers until cancelled, or until no member of any shard has answered for a while.

    A leader with a way to the store and none to the members would hold the lease and watch nobody, while a standby
    could. Standing back is always safe: without a leader nothing is done.
    """
    members = means.kept.take(means.members)
    try:
        await _lead(means, state, members)
        means.kept.close()  # they lead nowhere
    finally:
        means.kept.leave()


async def _lead(means: Means, state: "State", members: Sessions) -> None:
    records, metrics = means.records, means.metrics
    backoff = Backoff(0.2, 10.0, means.random)
    deadlines = Deadlines(observe=5.0, act=60.0, record=5.0)

    def touched(record: Failover | Operation) -> None:
        comparisons.wake()
        resharding.wake(record.spec.keyspace)
        for key in _about(record, shards.keys):
            shards.wake(key)

    failovers: Cache[Failover] = Cache(records, Failover, touched)
    operations: Cache[Operation] = Cache(records, Operation, touched)

    def shard_changed(shard: Shard) -> None:
        if declared.get(shard.name) is None:
            shards.discard(shard.name)
            controller.forget(shard.name)
        else:
            shards.add(shard.name)
            shards.wake(shard.name)
        routing.wake(shard.spec.keyspace)
        resharding.wake(shard.spec.keyspace)

    def keyspace_changed(keyspace: Keyspace) -> None:
        if keyspaces.get(keyspace.name) is None:
            routing.discard(keyspace.name)
        else:
            routing.add(keyspace.name)
        resharding.wake(keyspace.name)

    ports = means.ports() if means.ports is not None else None
    resharding = Resharding(records, ports, operations, clock=means.clock, today=means.today, backoff=backoff)
    declared: Cache[Shard] = Cache(records, Shard, shard_changed)
    keyspaces: Cache[Keyspace] = Cache(records, Keyspace, keyspace_changed)
    controller = ShardController(
        records,
        members,
        failovers,
        operations,
        declared,
        wake=lambda key: shards.wake(key),  # noqa: PLW0108 - the loop is made below
        clock=means.clock,
        metrics=metrics,
        today=means.today,
        crash_points=CrashPoints.from_environment(),
    )
    shards = Loop(
        "shards",
        controller,
        interval=interval,
        deadlines=deadlines,
        backoff=backoff,
        hooks=metrics,
        rest=0.03,
        glance=controller.glance,
    )
    routes = RoutingController(records, lambda name: tuple(s for s in declared.all() if s.spec.keyspace == name))
    routing = Loop("routing", routes, interval=5.0, deadlines=deadlines, backoff=backoff)
    state.watch(metrics, lambda: len(shards.keys))
    comparisons = Comparisons(records, means.comparer, operations, keyspaces, declared)

    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(cache.run()) for cache in (failovers, operations)]
            await failovers.synced.wait()
            await operations.synced.wait()
            running += [tasks.create_task(later.run()) for later in (declared, keyspaces)]
            running += [tasks.create_task(loop.run()) for loop in (shards, routing, resharding, comparisons)]
            await declared.synced.wait()
            members.retain([shard.name for shard in declared.all()])
            await _until_alone(controller)
            for task in running:
                task.cancel()
    finally:
        controller.close()
        await resharding.close()


def _about(record: Failover | Operation, every: Iterable[str]) -> Iterable[str]:
    """The shards that have to look at a request. A comparison is nothing that they decide about."""
    if isinstance(record, Operation) and record.spec.type is OperationType.VERIFY:
        return ()
    return every if record.spec.shard is None else (record.spec.shard,)


async def _until_alone(controller: ShardController) -> None:
    while controller.alone_for() < ALONE_AFTER:  # noqa: ASYNC110 - time passing is no event
        await asyncio.sleep(INTERVAL)


class State:
    """What /healthz tells."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.role = "starting"
        self._clock = clock
        self._passed_at = clock()
        self._shards: Callable[[], int] = lambda: 0

    def watch(self, metrics: Metrics, shards: Callable[[], int]) -> None:
        """Take note of every finished pass, and of how many shards there are to pass."""
        metrics.on_pass, self._shards = self.passed, shards

    def passed(self) -> None:
        """A pass has ended, or leading has begun."""
        self._passed_at = self._clock()

    def health(self) -> tuple[bool, str]:
        """Whether the process is well, and what it does. Where there are no shards, nothing stands still."""
        age = self._clock() - self._passed_at
        if self.role == "leading" and self._shards() and age > STALE_AFTER:
            return False, f"leading, but no pass has ended for {age:.0f} s\n"
        return True, f"{self.role}\n"


def _take_descriptors() -> None:
    """As many file descriptors as this process may have: a shard takes seven sessions at most, and 1024 is common."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # a limit that may not be used in full
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    configure()
    _take_descriptors()

    async def until_told() -> None:
        serving = asyncio.create_task(run(settings))
        still = asyncio.create_task(heap.keep_still())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving
        still.cancel()

    try:
        asyncio.run(until_told())
    except FlyballError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says it all
        raise SystemExit(1) from error
