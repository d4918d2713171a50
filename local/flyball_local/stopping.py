"""Stopping a member without lying to a client (rule 1).

A mysqld that gets SIGTERM answers OK to a commit that still waits for its acknowledgement: a write that may be
lost is reported as safe. So there is an order, and a way out that is always safe, since a killed server answers
nothing at all:

    1. offline_mode=ON      cuts the clients off; what waits is answered by nobody, and no client comes in
    2. lock                 the lock that every act takes, so that nobody opens it again; then offline_mode=ON once
                            more, since somebody may have done so in between
    3. look                 until no client's session is left and nothing waits for an acknowledgement
    4. SIGTERM              a clean shutdown
    5. SIGKILL              where the member does not answer, a session stays, or it does not end within its limit

The member is reached over its socket, as ``flyball_engine``. The session that holds the lock is kept until the end.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pymysql
from pymysql.cursors import Cursor

from flyball.errors import Code, EngineError
from flyball.member.accounts import ENGINE
from flyball.member.stragglers import STRAGGLERS
from flyball_local import mysqld


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that each part of stopping may take."""

    answer: float = 3.0
    """Until the member lets us in, and for each of its answers."""
    lock: float = 6.0
    """Until an act that is on its way has ended."""
    sessions: float = 5.0
    """Until no session of a client is left."""
    shutdown: float = 30.0
    """Until the process has ended after SIGTERM."""
    kill: float = 20.0
    """Until the process has ended after SIGKILL."""


class Stopped(Enum):
    """How a member came to its end."""

    WAS_DOWN = "it was down"
    CLEANLY = "it shut down"
    KILLED = "it was killed"


async def stop_member(directory: Path, socket: Path, password: str | None, limits: Limits | None = None) -> Stopped:
    """Stop the member's mysqld; returns when the process has ended.

    :param password: of the account ``flyball_engine``; None when it is not known: then the member is killed.
    :raises EngineError: PROCESS_FAILED when even SIGKILL does not end it in time.
    """
    limits = limits or Limits()
    state = mysqld.read_state(directory)
    if state is None or not mysqld.is_running(state):
        return Stopped.WAS_DOWN
    session = await quieten(socket, password, limits) if password is not None else None
    if session is not None:
        try:
            mysqld.terminate(state)
            if await mysqld.wait_until_ended(state, limits.shutdown):
                return Stopped.CLEANLY
        finally:
            with suppress(pymysql.Error, OSError):
                session.close()
    await kill_member(directory, limits)
    return Stopped.KILLED


async def kill_member(directory: Path, limits: Limits | None = None) -> bool:
    """Kill the member's mysqld, as a crash does; returns whether there was one, when it has ended.

    :raises EngineError: PROCESS_FAILED when it does not end in time.
    """
    limits = limits or Limits()
    state = mysqld.read_state(directory)
    if state is None or not mysqld.kill(state):
        return False
    if not await mysqld.wait_until_ended(state, limits.kill):
        raise EngineError(
            Code.PROCESS_FAILED,
            f"process {state.pid}, the mysqld of {directory}, did not end within {limits.kill:g} s of SIGKILL",
            "see what holds it: `cat /proc/PID/stack`, the disk most often.",
        )
    return True


async def quieten(socket: Path, password: str, limits: Limits) -> "pymysql.Connection[Cursor] | None":
    """Cut the clients off, for good: the session that keeps it so, or None where a client is left within the limit."""
    give_up = limits.answer * 3 + limits.lock + limits.sessions
    try:
        async with asyncio.timeout(give_up):
            return await asyncio.to_thread(_cut_clients_off, socket, password, limits)
    except (pymysql.Error, OSError, TimeoutError):
        return None


def _cut_clients_off(socket: Path, password: str, limits: Limits) -> "pymysql.Connection[Cursor] | None":
    answer = max(1, round(limits.answer))
    lock = max(1, round(limits.lock))
    session = pymysql.connect(
        unix_socket=str(socket),
        user=ENGINE,
        password=password,
        connect_timeout=answer,
        read_timeout=answer + lock,
        write_timeout=answer,
        autocommit=True,
    )
    quiet = False
    try:
        _close(session)
        quiet = _locks(session, lock) and _close(session) and _is_quiet(session, limits)
    finally:
        if not quiet:
            session.close()
    return session if quiet else None


def _locks(session: "pymysql.Connection[Cursor]", seconds: int) -> bool:
    """Take the lock that acts take, once the act that holds it has ended."""
    with session.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK('flyball.fence', %s)", (seconds,))
        return cursor.fetchone() == (1,)


def _close(session: "pymysql.Connection[Cursor]") -> bool:
    with session.cursor() as cursor:
        cursor.execute("SET GLOBAL offline_mode = ON")
    return True


def _is_quiet(session: "pymysql.Connection[Cursor]", limits: Limits) -> bool:
    """Whether no session of a client is left, within the limit."""
    with session.cursor() as cursor:
        for _ in range(max(1, round(limits.sessions / 0.05))):
            cursor.execute(STRAGGLERS)
            if cursor.fetchone() == (0,):
                return True
            cursor.execute("DO SLEEP(0.05)")
    return False
