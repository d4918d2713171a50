"""The data plane of one process of the topology service: the real one, with two ends of its own.

Its short looks read the notes of the modelled members instead of tables, and its worker processes are simulated ones
(``worker.py``). In between everything is the product's: what a worker may ask for, what a look tells, what is begun,
stopped and begun again.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from flyball.errors import Code, MemberError
from flyball.member import accounts
from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball.session import Login
from flyball_topology.moving.copying import COPY
from flyball_topology.moving.job import Job, Place
from flyball_topology.moving.notes import LaneNote
from flyball_topology.moving.plane import MovingPlane, _Noted
from flyball_topology.reshard.acts import PrepareMovers
from flyball_topology.reshard.port import Crossing, Move
from flyball_topology.reshard.seen import Checked
from tests.simulation.clock import Process
from tests.simulation.machine import Machine
from tests.simulation.reshard.imports import server_of
from tests.simulation.reshard.sessions import KeptSecrets
from tests.simulation.reshard.worker import TABLE, work

if TYPE_CHECKING:
    from tests.simulation.reshard.world import ReshardWorld

T = TypeVar("T")

_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Pipe:
    """One direction between a service and its worker."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes | None] = asyncio.Queue()

    def write(self, line: bytes) -> None:
        self._lines.put_nowait(line)

    def end(self) -> None:
        self._lines.put_nowait(None)

    async def drain(self) -> None:
        pass

    async def read(self) -> Any:
        """The next message; ``None`` once the other end is gone."""
        line = await self._lines.get()
        return None if line is None else json.loads(line)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (line := await self._lines.get()) is not None:
            yield line


class WorkerProcess:
    """A worker's process, as :class:`asyncio.subprocess.Process` shows it."""

    def __init__(self, world: "ReshardWorld", place: str) -> None:
        self.stdin, self.stdout = Pipe(), Pipe()
        self.returncode: int | None = None
        self._gone = asyncio.Event()
        self.process = Process(f"worker of {place}", world.loop)
        self.process.start(self._live(world, place))

    async def _live(self, world: "ReshardWorld", place: str) -> None:
        try:
            await work(world, place, self.stdin, self.stdout)
        finally:
            self._end(0)

    def kill(self) -> None:
        if self.returncode is None:
            self._end(-9)
            self.process.kill()

    def _end(self, code: int) -> None:
        if self.returncode is None:
            self.returncode = code
            self.stdout.end()
            self._gone.set()

    async def wait(self) -> int:
        await self._gone.wait()
        assert self.returncode is not None
        return self.returncode


class SimulatedPlane(MovingPlane):
    """The data plane over the network of a world."""

    def __init__(self, world: "ReshardWorld", process: Process, crossing: Crossing) -> None:
        super().__init__(KeptSecrets(), crossing)  # type: ignore[arg-type]
        self._world, self._process = world, process
        self.begun: list[WorkerProcess] = []

    def die(self) -> None:
        """The service is gone, and its workers with it: their inputs end."""
        for one in self.begun:
            one.kill()

    async def check(self, move: Move) -> Checked:
        """The real one refuses tables; here there is one, which can be moved."""
        await asyncio.gather(
            *(self._crossing.act(move, PrepareMovers(shard.name, shard.status.reign.term)) for shard in move.sources)
        )
        job, _ = await self._job(move, move.sources, ())
        prepared = [await self._on_member(place, _prepared) for place in job.sources]
        return Checked((), (TABLE,), sum(prepared), sum(prepared) * 100, self._world.fingerprint)

    async def clean(self, move: Move, shard: str) -> None:
        place = await self._place(move, move.shard(shard))
        user = accounts.mover_account(move.workflow)

        def cleaned(machine: Machine) -> None:
            _login(machine, user)
            server_of(machine).notes = None

        await self._on_member(place, cleaned)

    async def _begun(self) -> Any:
        worker = WorkerProcess(self._world, self._process.name)
        self.begun.append(worker)
        return worker

    async def _job(self, move: Move, producers: tuple[Shard, ...], consumers: tuple[Shard, ...]) -> tuple[Job, str]:
        job = Job(
            move.workflow,
            move.keyspace.database,
            dict(move.keyspace.spec.tables),
            tuple([await self._place(move, shard) for shard in producers]),
            tuple([await self._place(move, shard) for shard in consumers if shard.status.reign.term]),
            Login(accounts.mover_account(move.workflow), ""),
            _TLS,
            move.fingerprint,
        )
        return job, ""

    async def _noted(self, job: Job, place: Place) -> _Noted | None:
        def read(machine: Machine) -> _Noted | None:
            _login(machine, job.login.user)
            notes = server_of(machine).notes
            if notes is None:
                return None
            lanes = {
                (source, TABLE): LaneNote(source, TABLE, (str(upto),), upto, upto * 100, "indexed" if done else "rows")
                for source, (upto, done) in notes.lanes.items()
            }
            return _Noted(dict(notes.works), lanes, dict(notes.snapshots))

        return await self._on_member(place, read)

    async def _seeded(self, job: Job, shard: Shard) -> frozenset[str]:
        async def has(member: MemberSpec) -> bool:
            def done(machine: Machine) -> bool:
                _login(machine, job.login.user)
                notes = server_of(machine).notes
                return notes is not None and notes.works.get(COPY, ("", ""))[0] == "done"

            try:
                return await self._asked_of(self._world.machines[member.name], done)
            except MemberError:
                return False

        found = await asyncio.gather(*map(has, shard.spec.members))
        return frozenset(member.name for member, held in zip(shard.spec.members, found, strict=True) if held)

    async def _fingerprint(self, job: Job) -> str:
        def read(machine: Machine) -> str:
            _login(machine, job.login.user)
            return self._world.fingerprint

        try:
            found = [await self._on_member(place, read) for place in job.sources]
        except MemberError:
            return ""
        return "+".join(dict.fromkeys(found))

    async def _on_member(self, place: Place, use: Callable[[Machine], T]) -> T:
        machine = self._world.at(place.target.host)
        return await self._asked_of(machine, use)

    def _asked_of(self, machine: Machine, use: Callable[[Machine], T]) -> Awaitable[T]:
        async def done() -> T:
            return use(machine)

        return self._world.reach(self._process.name, machine, "mover", done)


def _login(machine: Machine, user: str) -> None:
    if user not in server_of(machine).movers:
        raise MemberError(Code.MEMBER_LOGIN, f"1045 access denied for {user} at {machine.name}")


def _prepared(machine: Machine) -> int:
    return len(server_of(machine).rows)
