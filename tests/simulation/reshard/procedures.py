"""The procedures of a reshard in a member, with the time that they take: the lock, the disk, the waits inside them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from tests.simulation.machine import Machine
from tests.simulation.procedures import _locked
from tests.simulation.reshard.imports import server_of
from tests.simulation.reshard.server import keyspace_id
from tests.simulation.server import Commit

Procedure = Callable[..., Awaitable[None]]

WATCHED = 10.0
"""Seconds that a primary trusts to be watched after it was held, or let in applications."""


def keys_in(rows: Mapping[int, int], part: KeyRange) -> list[int]:
    return [key for key in rows if keyspace_id(key) in part]


async def pruned(machine: Machine, keys: Iterable[int]) -> None:
    """Delete these rows in one transaction of their own."""
    if keys := [key for key in keys if key in server_of(machine).rows]:
        await _written(machine, lambda: server_of(machine).prune(keys))


async def _written(machine: Machine, write: Callable[[], Commit]) -> None:
    while machine.freezing:
        await machine.until(lambda: not machine.freezing, 1.0)
    await machine.committed(write())


async def _locked_act(machine: Machine, act: Callable[[], None]) -> None:
    async with _locked(machine):
        await machine.disk()
        act()
    machine.changed()


async def _hold(machine: Machine, term: int, version: int, issue: str, wait: int, grace: float) -> None:
    server = server_of(machine)
    async with _locked(machine):
        await machine.disk()
        server.obey(term, version, issue)
        server.must_be_open(term)
        machine.freezing += 1
        try:
            await machine.until(lambda: all(commit.done for commit in server.commits), wait)
        finally:
            machine.freezing -= 1
        server.hold(term, version, issue)
        machine.watched_until = machine.clock() + WATCHED
    machine.changed()


async def _serve(machine: Machine, term: int, version: int, issue: str) -> None:
    await _locked_act(machine, lambda: server_of(machine).serve(term, version, issue))
    machine.watched_until = machine.clock() + WATCHED


async def _import(
    machine: Machine,
    term: int,
    version: int,
    issue: str,
    channel: str,
    host: str,
    port: int,
    _user: str,
    _password: str,
    _database: str,
) -> None:
    await _locked_act(machine, lambda: server_of(machine).bring(term, version, issue, channel, host, port))


async def _pause_import(machine: Machine, term: int, version: int, issue: str, channel: str, upto: str) -> None:
    holds = GtidSet.parse(upto)
    await _locked_act(machine, lambda: server_of(machine).pause_import(term, version, issue, channel, holds))


async def _end_import(machine: Machine, term: int, version: int, issue: str, channel: str) -> None:
    await _locked_act(machine, lambda: server_of(machine).end_import(term, version, issue, channel))


async def _await(machine: Machine, holds: str, wait: float) -> None:
    wanted = GtidSet.parse(holds)
    await machine.until(lambda: machine.server.executed.contains(wanted), wait)


async def _ensure_mover(
    machine: Machine, term: int, version: int, issue: str, user: str, _password: str, _database: str
) -> None:
    await _locked_act(machine, lambda: server_of(machine).ensure_mover(term, version, issue, user))


async def _drop_mover(machine: Machine, term: int, version: int, issue: str, user: str) -> None:
    await _locked_act(machine, lambda: server_of(machine).drop_mover(term, version, issue, user))


async def _arm_guards(machine: Machine, term: int, version: int, issue: str) -> None:
    def arm() -> None:
        machine.server.obey(term, version, issue)
        machine.server.super_read_only = False

    await _locked_act(machine, arm)


async def _disarm_guards(machine: Machine, term: int, version: int, issue: str) -> None:
    def disarm() -> None:
        machine.server.obey(term, version, issue)
        if not machine.server.opened:
            machine.server.refreeze()

    await _locked_act(machine, disarm)


async def _declare_foreign(machine: Machine, term: int, version: int, issue: str, gtids: str) -> None:
    declared = GtidSet.parse(gtids)
    await _locked_act(machine, lambda: server_of(machine).declare_foreign(term, version, issue, declared))


async def _journal_move(machine: Machine, term: int, workflow: str, step: str) -> None:
    await machine.disk()
    await _written(machine, lambda: server_of(machine).journal_move(term, workflow, step))


async def _part(machine: Machine, term: int) -> None:
    machine.server.must_be_open(term)
    if machine.server.read_only:
        machine.server.end_sessions()
        machine.changed()


PROCEDURES: dict[str, Procedure] = {
    "hold": _hold,
    "serve": _serve,
    "import": _import,
    "pause_import": _pause_import,
    "end_import": _end_import,
    "await": _await,
    "ensure_mover": _ensure_mover,
    "drop_mover": _drop_mover,
    "arm_guards": _arm_guards,
    "disarm_guards": _disarm_guards,
    "declare_foreign": _declare_foreign,
    "journal_move": _journal_move,
    "part": _part,
}
"""By their names in 8_reshard.sql and 4_replication.sql."""
