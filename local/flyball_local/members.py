"""One member by name: kill it, stop it, start it, hang it. For people who want to try what happens.

``stop`` is remembered: the member stays down, over restarts of the engine too, until ``start``. A member that was
killed is started again by the engine at once. Each function looks the member up by its identity, so no process
is touched that the engine did not start.
"""

import asyncio
from collections.abc import Callable

from flyball.errors import Code, EngineError, InputError, RefusedError
from flyball.records import Keyspace
from flyball.store.sqlite import SqliteRecords
from flyball_local import mysqld
from flyball_local.engine_state import none_running, running_engine, wake_engine
from flyball_local.home import Home
from flyball_local.identity import Identity, identities
from flyball_local.member_process import accepts_connections
from flyball_local.shutdown import engine_password
from flyball_local.stopping import Stopped, kill_member, stop_member

LIMIT = 90.0
"""Seconds that a member may take to stop or to start."""

POLL = 0.05
"""Seconds between two looks at what is awaited."""


def find_member(home: Home, name: str) -> Identity:
    """The member of that name.

    :raises InputError: NO_SUCH_OBJECT.
    """
    known = identities(home.members)
    if name not in known:
        listed = ", ".join(known) or "none"
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"member {name!r} does not exist in {home.root}; there are: {listed}",
            "name one of these.",
        )
    return known[name]


async def kill(home: Home, name: str) -> bool:
    """Kill the member's mysqld (SIGKILL), as a crash does; False when it was down.

    :raises InputError: NO_SUCH_OBJECT.
    """
    return await kill_member(home.member(find_member(home, name).member))


async def stop(home: Home, name: str) -> Stopped:
    """Stop the member as rule 1 says, and keep it down; returns when it has ended.

    :raises InputError: NO_SUCH_OBJECT.
    :raises RefusedError: TIMED_OUT.
    """
    identity = find_member(home, name)
    directory = home.member(name)
    home.stop_mark(name).touch(mode=0o600)
    state = mysqld.read_state(directory)
    if state is None or not mysqld.is_running(state):
        return Stopped.WAS_DOWN
    engine = running_engine(home)
    if engine is None or await _is_paused(home, identity.keyspace):
        return await stop_member(directory, home.socket(name), await engine_password(home, identity))
    # One at a time takes a member down: while an engine runs, it does.
    wake_engine(engine)
    if not await mysqld.wait_until_ended(state, LIMIT):
        raise _timed_out(name, "stop")
    return Stopped.CLEANLY


async def start(home: Home, name: str) -> None:
    """Let the engine start the member that was stopped; returns when it accepts connections.

    :raises InputError: NO_SUCH_OBJECT.
    :raises EngineError: ENGINE_RUNNING when no engine runs.
    :raises RefusedError: TIMED_OUT.
    """
    find_member(home, name)
    engine = running_engine(home)
    if engine is None:
        raise none_running(home)
    home.stop_mark(name).unlink(missing_ok=True)
    wake_engine(engine)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LIMIT
    while not await accepts_connections(home, name, 1.0):
        if loop.time() >= deadline:
            raise _timed_out(name, "start")
        await asyncio.sleep(POLL)


def hang(home: Home, name: str) -> None:
    """Freeze the member's mysqld (SIGSTOP), as a stalled machine does.

    :raises InputError: NO_SUCH_OBJECT.
    :raises EngineError: PROCESS_FAILED when it does not run.
    """
    _signal(home, name, mysqld.sigstop)


def resume(home: Home, name: str) -> None:
    """Let a frozen member go on (SIGCONT); raises as :func:`hang`."""
    _signal(home, name, mysqld.sigcont)


def _signal(home: Home, name: str, send: Callable[[mysqld.MysqldProcess], bool]) -> None:
    find_member(home, name)
    state = mysqld.read_state(home.member(name))
    if state is None or not send(state):
        raise EngineError(
            Code.PROCESS_FAILED, f"the mysqld of {name} does not run", f"run `flyball local start {name}`."
        )


async def _is_paused(home: Home, keyspace: str) -> bool:
    """Whether the engine leaves the keyspace alone."""
    async with await SqliteRecords.open(home.records) as records:
        found = await records.get(Keyspace, keyspace)
    return found is None or found.spec.paused


def _timed_out(name: str, verb: str) -> RefusedError:
    return RefusedError(
        Code.TIMED_OUT, f"member {name} did not {verb} within {LIMIT:g} s", "see the logs in the engine's home."
    )
