"""The data plane of the topology service: a worker process for each long work, and short looks in threads.

What a work has come to is told twice: by the worker while it runs, and by the notes on the targets, which outlive
workers and services. A work is *running* only while this process has a worker for it; a note that says so without one
is of a work that broke, and that goes on where it was.
"""

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from flyball.errors import Code, FlyballError, MemberError
from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.member import accounts
from flyball.records import Shard
from flyball.records.reshard import TableProgress
from flyball.records.shard import MemberSpec
from flyball.secrets import Secrets
from flyball.session import Login
from flyball_topology.moving import building, definitions, notes, refusals
from flyball_topology.moving.copying import COPY
from flyball_topology.moving.job import Job, Place
from flyball_topology.moving.kept import KeptLinks
from flyball_topology.moving.wire import Link
from flyball_topology.moving.worker import VERIFY, described
from flyball_topology.reaching import believing, target_of
from flyball_topology.reshard.acts import Act, DeclareForeign, HoldChannel, OpenChannel, PrepareMovers
from flyball_topology.reshard.port import Crossing, Move
from flyball_topology.reshard.seen import Checked, CopySeen, Work, WorkSeen

logger = logging.getLogger(__name__)

T = TypeVar("T")

ENDED_WITHIN = 10.0
"""Seconds that a worker has to be gone once it was killed."""
_LINE = 1 << 24
"""Bytes of a line between a worker and this process, at most: a GTID set can be long."""

_STATES = {"running": Work.BROKEN, "broken": Work.BROKEN, "done": Work.DONE, "failed": Work.FAILED}


@dataclass(slots=True)
class _Worker:
    work: str
    reverse: bool
    terms: Mapping[str, int]
    process: asyncio.subprocess.Process
    task: "asyncio.Task[None] | None" = None
    progress: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    throttled: str = ""
    ended: dict[str, Any] | None = None

    @property
    def runs(self) -> bool:
        return self.ended is None and self.process.returncode is None


class MovingPlane:
    """The :class:`~flyball_topology.reshard.port.DataPlane` port, over worker processes."""

    def __init__(self, secrets: Secrets, crossing: Crossing, command: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self._crossing = crossing
        self._command = command or (sys.executable, "-m", "flyball_topology.moving")
        self._workers: dict[str, _Worker] = {}
        self._hear: Callable[[str], None] = lambda _keyspace: None
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="moving")
        self._links = KeptLinks()

    def tell_ends_to(self, hear: Callable[[str], None]) -> None:
        """Have somebody hear of each work that ends, by its keyspace: what comes next need not wait for a look."""
        self._hear = hear

    # --- the port -----------------------------------------------------------------------------------------

    async def check(self, move: Move) -> Checked:
        """Read the definitions of all sources, and refuse what could not be moved right.

        The sources get the movers' account first: nobody else may read the tables.
        """
        await asyncio.gather(
            *(self._crossing.act(move, PrepareMovers(shard.name, shard.status.reign.term)) for shard in move.sources)
        )
        job, _ = await self._job(move, move.sources, move.targets)
        found = dict(
            zip(
                (place.shard for place in job.sources),
                await asyncio.gather(*(self._on(job, place, _read(job.database)) for place in job.sources)),
                strict=True,
            )
        )
        first = next(iter(found.values()))
        tables = refusals.moving(first, job.tables)
        return Checked(
            refusals.refusals(found, job.tables, move.merges()),
            tuple(table.name for table in tables),
            sum(table.rows for one in found.values() for table in refusals.moving(one, job.tables)),
            sum(table.size for one in found.values() for table in refusals.moving(one, job.tables)),
            first.fingerprint,
            refusals.cautions(first, job.tables) if move.splits() else (),
        )

    async def look(self, move: Move) -> CopySeen:
        """The notes on the targets' primaries, what the worker tells, and the sources' definitions."""
        reigning = [shard for shard in move.targets if shard.status.reign.term]
        if len(reigning) < len(move.targets) or not move.fingerprint:
            return CopySeen()
        job, _ = await self._job(move, move.sources, move.targets)
        told = await asyncio.gather(*(self._noted(job, place) for place in job.targets))
        seeded = await asyncio.gather(*(self._seeded(job, shard) for shard in move.targets))
        fingerprint = await self._fingerprint(job)
        worker = self._workers.get(move.workflow)
        copy = _copied([one for one in told if one is not None], len(job.targets))
        if worker is not None and worker.work == COPY and worker.runs:
            copy = replace(copy, work=Work.RUNNING, throttled=worker.throttled)
        return CopySeen(
            copy,
            _verified(worker),
            notes.joined(one.snapshots for one in told if one is not None),
            fingerprint,
            {shard.name: members for shard, members in zip(move.targets, seeded, strict=True)},
        )

    async def definitions(self, move: Move) -> str:
        """See :class:`~flyball_topology.reshard.port.DataPlane`."""
        job, _ = await self._job(move, move.sources, ())
        return await self._fingerprint(job)

    async def copy(self, move: Move) -> None:
        """Start a worker that copies, unless one is at it."""
        await self._start(move, COPY, move.sources, move.targets)

    async def verify(self, move: Move, *, reverse: bool) -> None:
        """Start a worker that compares, unless one is at it."""
        sides = (move.targets, move.sources) if reverse else (move.sources, move.targets)
        await self._start(move, VERIFY, *sides, reverse=reverse)

    async def stop(self, move: Move) -> None:
        """Kill the worker, and wait until it is gone; the servers undo what it had not committed."""
        worker = self._workers.pop(move.workflow, None)
        if worker is None:
            return
        with contextlib.suppress(ProcessLookupError):
            worker.process.kill()
        async with asyncio.timeout(ENDED_WITHIN):
            await worker.process.wait()
        if worker.task is not None:
            worker.task.cancel()

    async def clean(self, move: Move, shard: str) -> None:
        """Drop the notes, and the indexes on the keyspace id."""
        place = await self._place(move, move.shard(shard))
        job, _ = await self._job(move, (), ())

        def cleaned(link: Link) -> None:
            building.drop_indexes(link, job.database)
            notes.forget(link, job.workflow)

        await self._on(job, place, cleaned)

    async def close(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._links.close()

    # --- looks --------------------------------------------------------------------------------------------

    async def _noted(self, job: Job, place: Place) -> "_Noted | None":
        def read(link: Link) -> _Noted | None:
            if not notes.exist(link):
                return None
            known = notes.works(link, job.workflow)
            return _Noted(known, notes.lanes(link, job.workflow), notes.snapshots(link, job.workflow))

        return await self._on(job, place, read)

    async def _seeded(self, job: Job, shard: Shard) -> frozenset[str]:
        """The members that have the notes of a copy that is done: what was copied lies beside them."""

        async def has(member: MemberSpec) -> bool:
            place = Place(shard.name, KeyRange.parse(shard.spec.range), target_of(member))

            def done(link: Link) -> bool:
                return notes.exist(link) and notes.works(link, job.workflow).get(COPY, ("", ""))[0] == "done"

            try:
                return await self._on(job, place, done)
            except MemberError:
                return False

        members = shard.spec.members
        found = await asyncio.gather(*map(has, members))
        return frozenset(member.name for member, held in zip(members, found, strict=True) if held)

    async def _fingerprint(self, job: Job) -> str:
        """Of the sources now; empty where it cannot be read, something else where they differ from one another."""
        try:
            found = await asyncio.gather(*(self._on(job, place, _read(job.database)) for place in job.sources))
        except MemberError:
            return ""
        return "+".join(dict.fromkeys(one.fingerprint for one in found))

    # --- workers ------------------------------------------------------------------------------------------

    async def _start(
        self,
        move: Move,
        work: str,
        producers: tuple[Shard, ...],
        consumers: tuple[Shard, ...],
        *,
        reverse: bool = False,
    ) -> None:
        worker = self._workers.get(move.workflow)
        if worker is not None and worker.runs:
            if worker.work == work:
                return
            await self.stop(move)
        job, ca = await self._job(move, producers, consumers)
        process = await self._begun()
        terms = {shard.name: shard.status.reign.term for shard in move.shards}
        worker = self._workers[move.workflow] = _Worker(work, reverse, terms, process)
        await _tell(process, {**described(job, ca), "work": work})
        worker.task = asyncio.create_task(self._attend(move, worker), name=f"{work} {move.workflow}")

    async def _begun(self) -> asyncio.subprocess.Process:
        """A worker's process, with pipes to and from it. The simulator begins one of its own."""
        return await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE
        )

    async def _attend(self, move: Move, worker: _Worker) -> None:
        """Hear what a worker tells, and do what it asks for, until it ends."""
        assert worker.process.stdout is not None
        async for line in worker.process.stdout:
            told = json.loads(line)
            if "ask" in told:
                try:
                    await self._asked(move, worker, told)
                except FlyballError as error:
                    await _tell(worker.process, {"error": error.message, "code": error.code.number})
                else:
                    await _tell(worker.process, {})
            elif told["event"] == "progress":
                key = (told["table"], told.get("source", ""), told.get("target", ""))
                worker.progress[key] = told
            elif told["event"] == "throttled":
                worker.throttled = told["why"]
            else:
                worker.ended = told
        status = await worker.process.wait()
        if worker.ended is None:
            worker.ended = {"event": "broken", "message": f"the worker ended with {status}"}
        logger.info("%s of %s: %s", worker.work, move.workflow, json.dumps(worker.ended))
        self._hear(move.keyspace.name)

    async def _asked(self, move: Move, worker: _Worker, told: Mapping[str, Any]) -> None:
        pairs = [(b, a) if worker.reverse else (a, b) for a, b in move.pairs()]
        if told["ask"] == "declare":
            term = worker.terms[told["shard"]]
            await self._crossing.act(move, DeclareForeign(told["shard"], term, told["gtids"]))
            return
        holds = told.get("holds", {})

        def act(producer: str, consumer: str) -> Act:
            term = worker.terms[consumer]
            if told["ask"] == "release":
                return OpenChannel(consumer, term, producer)
            return HoldChannel(consumer, term, producer, holds.get(producer, ""))

        async def done(producer: str, consumer: str) -> None:
            if told["ask"] == "release":  # an applier that has still to notice where it was to stop is not started
                await self._crossing.act(move, HoldChannel(consumer, worker.terms[consumer], producer))
            await self._crossing.act(move, act(producer, consumer))

        await asyncio.gather(*(done(producer.name, consumer.name) for producer, consumer in pairs))

    # --- jobs ---------------------------------------------------------------------------------------------

    async def _job(self, move: Move, producers: tuple[Shard, ...], consumers: tuple[Shard, ...]) -> tuple[Job, str]:
        secret = await self._secrets.get(accounts.credentials_name(move.keyspace.name))
        if secret is None:
            raise MemberError(Code.NO_SUCH_OBJECT, f"{move.keyspace.name}: its credentials are not there")
        login = Login(
            accounts.mover_account(move.workflow), accounts.mover_password(secret["replica-seed"], move.workflow)
        )
        job = Job(
            move.workflow,
            move.keyspace.database,
            dict(move.keyspace.spec.tables),
            tuple([await self._place(move, shard) for shard in producers]),
            tuple([await self._place(move, shard) for shard in consumers if shard.status.reign.term]),
            login,
            believing(secret["ca"]),
            move.fingerprint,
        )
        return job, secret["ca"]

    async def _place(self, move: Move, shard: Shard) -> Place:
        """The shard's primary. It is asked by a snapshot, which holds nobody up."""
        member = shard.spec.member(shard.status.reign.primary)
        if member is None:
            raise MemberError(Code.MEMBER_UNREACHABLE, f"{shard.name}: has no primary now")
        return Place(shard.name, KeyRange.parse(shard.spec.range), target_of(member))

    async def _on(self, job: Job, place: Place, use: Callable[[Link], T]) -> T:
        """Do something over a kept session, in a thread; what is done is safe to repeat."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._links.use, job, place, use)


@dataclass(frozen=True, slots=True)
class _Noted:
    works: Mapping[str, tuple[str, str]]
    lanes: Mapping[tuple[str, str], notes.LaneNote]
    snapshots: Mapping[str, GtidSet]


def _read(database: str) -> Callable[[Link], definitions.Definitions]:
    return lambda link: definitions.read(link, database)


async def _tell(process: asyncio.subprocess.Process, message: Mapping[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    with contextlib.suppress(ConnectionError):
        await process.stdin.drain()


def _copied(told: list[_Noted], targets: int) -> WorkSeen:
    """What the notes say of the copy, over all targets."""
    states = [one.works.get(COPY, ("", "")) for one in told]
    works = {_STATES.get(state, Work.ABSENT) for state, _ in states}
    if len(told) < targets:
        works.add(Work.ABSENT)
    work = Work.BROKEN if len(works) > 1 else works.pop()
    if Work.FAILED in works:
        work = Work.FAILED
    failure: dict[str, Any] = next((json.loads(text) for state, text in states if state in {"failed", "broken"}), {})
    tables: dict[str, TableProgress] = {}
    for one in told:
        for note in one.lanes.values():
            known = tables.get(note.table, TableProgress(table=note.table, is_done=True))
            tables[note.table] = known.model_copy(
                update={
                    "rows": known.rows + note.rows,
                    "size": known.size + note.size,
                    "is_done": known.is_done and note.phase == "indexed",
                }
            )
    return WorkSeen(work, failure.get("message", ""), _code(failure), tuple(tables.values()))


def _verified(worker: _Worker | None) -> WorkSeen:
    """What this service's worker tells of a comparison; another service's is void, and is begun again."""
    if worker is None or worker.work != VERIFY:
        return WorkSeen()
    progress = tuple(
        TableProgress(table=table, rows=told["rows"]) for (table, *_), told in sorted(worker.progress.items())
    )
    ended = worker.ended
    seen = WorkSeen(Work.RUNNING, progress=progress, terms=worker.terms, reverse=worker.reverse)
    if ended is None:
        return seen
    if ended["event"] == "done":
        return replace(seen, work=Work.DONE, repaired=ended["repaired"])
    code = _code(ended)
    final = code in {Code.ROWS_DIFFER, Code.SCHEMA_CHANGED}
    return replace(seen, work=Work.FAILED if final else Work.BROKEN, failure=ended["message"], code=code)


def _code(told: Mapping[str, Any]) -> Code | None:
    return next((code for code in Code if code.number == told.get("code")), None)
