"""A simulated worker: what ``moving/copying.py`` and ``moving/verifying.py`` do, in their order and taking time.

It talks to its service over pipes, as the real one does, and to the members over the network, as the movers' account.
It is a process of its own: a service that sleeps does not hold it up, and one that ends takes it along.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from flyball.errors import Code, FlyballError, MemberError
from flyball.gtid import NOTHING, GtidSet
from flyball.keyrange import KeyRange
from flyball_topology.moving.copying import COPY
from flyball_topology.moving.verifying import of_rows, owed
from flyball_topology.moving.worker import VERIFY
from tests.simulation.machine import Machine
from tests.simulation.reshard.imports import server_of
from tests.simulation.reshard.server import KEYS, Notes, ReshardServer, keyspace_id
from tests.simulation.server import refused

if TYPE_CHECKING:
    from tests.simulation.reshard.plane import Pipe
    from tests.simulation.reshard.world import ReshardWorld

T = TypeVar("T")

TABLE = "orders"
CHUNK = KEYS // 4
"""Keys of a chunk that is copied."""
ATTEMPTS, HOLDS = 3, 5
CAUGHT_UP_WITHIN = 60.0
_FINAL = frozenset({Code.SCHEMA_CHANGED, Code.ROWS_DIFFER})


@dataclass(frozen=True)
class Place:
    """A primary, and the shard that it answers for."""

    shard: str
    part: KeyRange
    machine: Machine


@dataclass
class Worker:
    """One work of one reshard."""

    world: "ReshardWorld"
    place: str
    told: dict[str, Any]
    source: "Pipe"
    sink: "Pipe"

    def __post_init__(self) -> None:
        self.user: str = self.told["user"]
        self.producers, self.consumers = (
            tuple(
                Place(one["shard"], KeyRange.parse(one["range"]), self.world.at(one["host"])) for one in self.told[side]
            )
            for side in ("sources", "targets")
        )

    async def at(self, place: Place, use: Callable[[ReshardServer], T]) -> T:
        """Have something done at a member that takes no time there."""

        async def done() -> T:
            server = server_of(place.machine)
            if self.user not in server.movers:
                raise MemberError(Code.MEMBER_LOGIN, f"1045 access denied at {place.machine.name}")
            await place.machine.disk()
            result = use(server)
            place.machine.changed()
            return result

        return await self.world.reach(self.place, place.machine, "worker", done)

    async def ask(self, **message: object) -> None:
        """Have the service do something, and wait until it has."""
        self.tell(message)
        answer = await self.source.read()
        if answer is None:
            raise asyncio.CancelledError
        if answer.get("error"):
            code = next((code for code in Code if code.number == answer.get("code")), Code.MEMBER_REFUSED)
            raise MemberError(code, answer["error"])

    def tell(self, message: dict[str, object]) -> None:
        self.world.write_line(self.sink, message)

    async def pause(self) -> None:
        """What one chunk takes."""
        await asyncio.sleep(self.world.random.uniform(0.01, self.world.chunk_takes))

    def overlaps(self, consumer: Place) -> list[tuple[Place, KeyRange]]:
        found = [(one, one.part.overlap(consumer.part)) for one in self.producers]
        return [(one, part) for one, part in found if part is not None]

    # --- copying ------------------------------------------------------------------------------------------

    async def copy(self) -> dict[str, object]:
        for target in self.consumers:
            await self.at(target, lambda server: _note(server, COPY, "running"))
        for source in self.producers:
            await self._definitions(source)
        await asyncio.gather(*(self._fill(target) for target in self.consumers))
        for target in self.consumers:
            begin = await self.at(target, lambda server: NOTHING.union(*_notes(server).snapshots.values()))
            await self.ask(ask="declare", shard=target.shard, gtids=str(begin))
            await self.at(target, lambda server: _note(server, COPY, "done"))
        return {"event": "done", "work": COPY, "seconds": {}}

    async def _definitions(self, place: Place) -> None:
        if self.world.fingerprint != self.told["fingerprint"]:
            raise MemberError(Code.SCHEMA_CHANGED, f"{place.shard}: a table has another definition")

    async def _fill(self, target: Place) -> None:
        for source, part in self.overlaps(target):
            upto, done = await self.at(target, lambda server, s=source: _notes(server).lanes.get(s.shard, (0, False)))  # type: ignore[misc]
            if done:
                continue
            rows, taken = await self.at(source, lambda server: (dict(server.rows), server.executed))
            await self.at(target, lambda server, s=source, t=taken: _snapshot(server, s.shard, t))  # type: ignore[misc]
            while upto < KEYS:
                await self.pause()
                piece = {k: v for k, v in rows.items() if upto <= k < upto + CHUNK and keyspace_id(k) in part}
                upto += CHUNK
                await self.at(target, lambda server, s=source, p=piece, u=upto: _land(server, s.shard, p, u))  # type: ignore[misc]
                self.tell({"event": "progress", "table": TABLE, "source": source.shard, "target": target.shard,
                           "rows": upto, "size": upto * 100, "phase": "rows"})  # fmt: skip

    # --- comparing ----------------------------------------------------------------------------------------

    async def verify(self) -> dict[str, object]:
        for place in (*self.producers, *self.consumers):
            await self._definitions(place)
        there, here = await self._at_once()
        await self.ask(ask="release")
        await self.pause()
        differing = self._differing(there, here)
        if differing:
            there, here = await self._at_once()
            try:
                for target, part, right in self._differing(there, here):
                    await self._mend(target, part, right)
            finally:
                await self.ask(ask="release")
        return {"event": "done", "work": VERIFY, "rows": KEYS, "repaired": len(differing), "differed": []}

    async def _mend(self, target: Place, part: KeyRange, right: dict[int, int]) -> None:
        async def done() -> None:
            server = server_of(target.machine)
            await target.machine.committed(server.mend(part, right))

        await self.world.reach(self.place, target.machine, "worker", done)

    def _differing(
        self, there: dict[str, dict[int, int]], here: dict[str, dict[int, int]]
    ) -> list[tuple[Place, KeyRange, dict[int, int]]]:
        found = []
        for target in self.consumers:
            for source, part in self.overlaps(target):
                right = {key: value for key, value in there[source.shard].items() if keyspace_id(key) in part}
                mine = {key: value for key, value in here[target.shard].items() if keyspace_id(key) in part}
                if right != mine:
                    found.append((target, part, right))
        return found

    async def _at_once(self) -> tuple[dict[str, dict[int, int]], dict[str, dict[int, int]]]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._hold()
                found = await self._opened()
            except FlyballError:
                await self.ask(ask="release")
                raise
            if found is not None:
                return found
            if attempt == ATTEMPTS:
                await self.ask(ask="release")
        raise MemberError(Code.TIMED_OUT, f"{ATTEMPTS} times the two sides could not be seen at one GTID set")

    async def _hold(self) -> None:
        for left in reversed(range(HOLDS)):
            try:
                await self.ask(ask="hold")
            except MemberError as error:
                if not left or error.code is not Code.MEMBER_REFUSED:
                    raise
            else:
                return

    async def _opened(self) -> tuple[dict[str, dict[int, int]], dict[str, dict[int, int]]] | None:
        held = [await self.at(one, lambda server: of_rows(server.executed, server.uuid)) for one in self.consumers]
        known = {one.shard: await self.at(one, lambda server: server.executed) for one in self.producers}
        there, holds = {}, {}
        for one in self.producers:
            others = [gtids for shard, gtids in known.items() if shard != one.shard]
            for gtids in held:
                await self._wait(one, owed(gtids, known[one.shard], others))
            there[one.shard], holds[one.shard] = await self.at(one, lambda server: (dict(server.rows), server.executed))
        await self.ask(ask="until", holds={shard: str(gtids) for shard, gtids in holds.items()})
        here = {}
        for one in self.consumers:
            wanted = [holds[source.shard] for source, _ in self.overlaps(one)]
            for gtids in wanted:
                await self._wait(one, gtids)
            here[one.shard], seen = await self.at(
                one, lambda server: (dict(server.rows), of_rows(server.executed, server.uuid))
            )
            everything = NOTHING.union(*wanted)
            if any(not seen.only_uuids(gtids.sids).subtract(everything).is_empty for gtids in wanted):
                return None
        return there, here

    async def _wait(self, place: Place, gtids: GtidSet) -> None:
        limit = self.world.loop.time() + CAUGHT_UP_WITHIN
        while not await self.at(place, lambda server: server.executed.contains(gtids)):
            if self.world.loop.time() > limit:
                raise MemberError(Code.TIMED_OUT, f"{place.machine.name} lacks transactions after a minute")
            await asyncio.sleep(0.1)


async def work(world: "ReshardWorld", place: str, source: "Pipe", sink: "Pipe") -> None:
    """Do the work that the first line of the input asks for."""
    told = await source.read()
    if told is None:
        return
    worker = Worker(world, place, told, source, sink)
    try:
        done = await (worker.copy() if told["work"] == COPY else worker.verify())
    except FlyballError as error:
        state = "failed" if error.code in _FINAL else "broken"
        text = world.text({"code": error.code.number, "message": error.message})
        for target in worker.consumers:
            try:
                await worker.at(target, lambda server: _note(server, told["work"], state, text))
            except FlyballError:
                continue
        worker.tell({"event": "failed", "work": told["work"], "code": error.code.number, "message": error.message})
    else:
        worker.tell(done)


def _notes(server: ReshardServer) -> Notes:
    if server.notes is None:
        server.notes = Notes()
    return server.notes


def _note(server: ReshardServer, work: str, state: str, told: str = "{}") -> None:
    if server.super_read_only:
        raise refused("1290 the server is running with --super-read-only")
    _notes(server).works[work] = (state, told)


def _snapshot(server: ReshardServer, source: str, taken: GtidSet) -> None:
    """The oldest counts, for some rows may be of it."""
    known = _notes(server).snapshots.get(source)
    _notes(server).snapshots[source] = taken if known is None else known.intersect(taken)


def _land(server: ReshardServer, source: str, rows: dict[int, int], upto: int) -> None:
    """A chunk and its note, in one transaction that is not logged."""
    if server.super_read_only:
        raise refused("1290 the server is running with --super-read-only")
    server.rows |= rows
    _notes(server).lanes[source] = (upto, upto >= KEYS)
