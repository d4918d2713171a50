"""What an act does in a member, with the time that it takes: the lock, the disk, the waits inside it.

The procedures themselves are methods of :class:`~tests.simulation.server.Server`; an act that changes nothing but the
server's mind has happened once its method has run. What waits in a procedure (for commits in flight, for the applier,
for the journal row's acknowledgement) waits here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from flyball.errors import Code
from flyball.gtid import GtidSet
from flyball.member.accounts import replica_account
from flyball.records import Shard
from flyball_topology import notes, steps
from flyball_topology.view import Snapshot
from tests.simulation.machine import Machine
from tests.simulation.server import Commit, refused

LOCK_WAIT = 3.0
"""Seconds that an act waits for the one before it (``lock_fence`` in 3_fence.sql)."""


async def act(machine: Machine, shard: Shard, step: steps.Act) -> Snapshot:
    """Do the act, and probe."""
    waited = await _do(machine, shard, step)
    machine.changed()
    for commit in waited:
        await machine.committed(commit)
    if isinstance(step, steps.CatchUp):
        holds = GtidSet.parse(step.holds)
        await machine.until(lambda: machine.server.executed.contains(holds), step.wait)
    return machine.probe(deep=isinstance(step, steps.Establish | steps.Provision | steps.Admit))


async def beat(machine: Machine, term: int, number: int, lease: float) -> None:
    """Renew the lease, then write the heartbeat the way that writes go."""
    await watch(machine, term, lease)
    await machine.committed(machine.server.write_beat(term, number))


async def watch(machine: Machine, term: int, lease: float) -> None:
    """Renew the lease."""
    machine.server.must_be_open(term)
    await machine.disk()
    machine.server.must_be_open(term)
    machine.watched_until = machine.clock() + lease


@asynccontextmanager
async def _locked(machine: Machine) -> AsyncIterator[None]:
    lock = machine.lock
    if lock.locked():
        try:
            async with asyncio.timeout(LOCK_WAIT):
                await lock.acquire()
        except TimeoutError:
            raise refused("FB3002 another act holds this member") from None
    else:
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()


async def _do(machine: Machine, shard: Shard, step: steps.Act) -> list[Commit]:
    server = machine.server
    async with _locked(machine):
        server.check_floor(step.term)
        stamp = shard.status.version, shard.status.issue_of(step.term)
        note = notes.written_by(shard, step)
        await machine.disk()
        match step:
            case steps.Freeze() | steps.Hold():
                await _freeze(machine, step, *stamp)
            case steps.Follow():
                source = shard.spec.member(step.source)
                if source is None:
                    raise refused(f"no member {step.source}", Code.NO_SUCH_OBJECT)
                server.follow(step.term, source.host, source.port, step.acks, *stamp, note)
            case _:
                return _at_once(machine, step, note, *stamp)
    return []


def _at_once(machine: Machine, step: steps.Act, note: notes.Note | None, *stamp: Any) -> list[Commit]:
    server = machine.server
    waited: list[Commit] = []
    match step:
        case steps.Fence():
            server.fence(step.term, *stamp)
        case steps.Thaw():
            server.thaw(step.term)
            machine.watched_until = machine.clock() + 10.0
        case steps.Serve():
            server.serve(step.term, *stamp)
            machine.watched_until = machine.clock() + 10.0
        case steps.Isolate():
            server.isolate(step.term)
        case steps.Lend():
            server.lend(step.term, replica_account(step.reader))
        case steps.Settle():
            server.settle(step.term)
        case steps.CatchUp():
            server.catch_up(step.term, *stamp, note)
        case steps.Promote():
            holds, serves = GtidSet.parse(step.holds), step.serves
            server.promote(step.term, holds, step.acks, step.ackers, *stamp, note, serves=serves)
            machine.changed()
            journal = server.write_journal(step.term)
            waited += [journal] if journal else []
        case steps.ForgetSource():
            server.forget_source(step.term)
        case steps.Declare():
            waited += server.declare(step.term, GtidSet.parse(",".join(step.gtids)))
        case steps.Admit():
            server.admit(step.term, step.ackers, *stamp, note)
        case steps.EnsureSemiSync():
            server.ensure_semi_sync(step.term, step.acks, *stamp)
        case steps.Establish():
            server.establish(step.term)
            waited += server.provision(step.term, step.members, tuple(name for name, _ in step.users), step.database)
        case steps.Provision():
            waited += server.provision(step.term, step.members, tuple(name for name, _ in step.users), step.database)
        case _:
            raise TypeError(f"{step} is no act that members know")
    return waited


async def _freeze(machine: Machine, step: steps.Freeze | steps.Hold, *stamp: Any) -> None:
    """``super_read_only=ON``, or ``read_only=ON``, waits for the commits in flight; no statement begins meanwhile."""
    server = machine.server
    server.obey(step.term, *(stamp if isinstance(step, steps.Hold) else ()))
    server.must_be_open(step.term)
    machine.freezing += 1
    try:
        await machine.until(lambda: all(commit.done for commit in server.commits), step.wait)
    finally:
        machine.freezing -= 1
    if isinstance(step, steps.Freeze):
        server.freeze(step.term)
    else:
        server.hold(step.term, *stamp)


async def arm_clone(machine: Machine, shard: Shard, step: steps.Clone) -> None:
    """Name the donor; the statement that clones is another one."""
    async with _locked(machine):
        machine.server.check_term(step.term)
        await machine.disk()
        before = machine.server.clone_state
        machine.server.arm_clone(step.term, step.donor, shard.status.version, shard.status.issue_of(step.term))
        machine.server.clone_state = before  # nothing is in progress before the statement itself
    machine.changed()
