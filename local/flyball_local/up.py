"""Bringing keyspaces up on this machine: their records, the engine, and waiting until they serve.

    result = await up(find_home(), keyspaces, background=True, report=print)

What is up already stays up: keyspaces are added or edited, and a running engine takes them over. In the
foreground the engine is a process of its own all the same; leaving (Ctrl-C, SIGTERM, a closed terminal) takes
everything down in order.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from flyball.conditions import READY, in_words
from flyball.errors import Code, EngineError, FlyballError, InputError, RefusedError
from flyball.expand import check_edit, expand
from flyball.records import Condition, Keyspace
from flyball.store import Records
from flyball.store.editing import edit
from flyball.store.sqlite import SqliteRecords
from flyball_local import background as processes
from flyball_local import identity
from flyball_local.down import down
from flyball_local.engine import Setup, start_in_background
from flyball_local.engine_state import none_running, running_engine
from flyball_local.home import Home
from flyball_local.member_process import local_config
from flyball_local.mysql_install import find_mysql

ENGINE_LIMIT = 60.0
"""Seconds from the engine's start until it has taken the home over."""

POLL = 0.05
"""Seconds between two looks at what is awaited."""

_NEEDS_A_PERSON = {
    in_words(code): code
    for code in (Code.FOREIGN_DIRECTORY, Code.PORT_IN_USE, Code.NO_MYSQL, Code.DISK_FULL, Code.INVALID_RECORD)
}
"""Reasons of a condition that no waiting changes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How one keyspace stands: its condition, in the words of the engine."""

    keyspace: str
    condition: Condition


Report = Callable[[Progress], None]
"""Hears of each change while :func:`up` waits."""


@dataclass(frozen=True, slots=True)
class Up:
    """What :func:`up` came to.

    :param engine: the engine's process id.
    :param started: whether it was started now.
    :param adopted: members whose data of an earlier keyspace of the same name was taken over.
    """

    engine: int
    started: bool
    keyspaces: tuple[Progress, ...]
    adopted: tuple[str, ...] = ()


async def up(
    home: Home,
    keyspaces: Sequence[Keyspace],
    *,
    background: bool = False,
    adopt: bool = False,
    wait: float = 120.0,
    until: str = READY,
    report: Report | None = None,
    say: Callable[[str], None] | None = None,
    setup: Setup | None = None,
) -> Up:
    """Apply the keyspaces, start the engine where none runs, and wait until they serve.

    :param background: return then; else stay until cancelled or told to end by a signal, and take all down.
    :param adopt: take over the data that an earlier keyspace of the same name left.
    :param wait: seconds; 0 does not wait. What was started goes on when the time is over.
    :param report: hears how the keyspaces stand.
    :param say: hears a line about what else takes long: fetching MySQL, and in the foreground what is stopped.
    :param until: the condition to wait for, ``Ready`` or ``MembersRunning``.
    :raises EngineError: ENGINE_RUNNING in the foreground when an engine runs; PROCESS_FAILED when it ends at once;
        PORT_IN_USE, FOREIGN_DIRECTORY, NO_MYSQL or DISK_FULL when a person must do something.
    :raises InputError: a keyspace cannot be, or an edit of one would lose data; nothing was started.
    :raises RefusedError: TIMED_OUT, with what is awaited.
    """
    setup = setup or Setup(home)
    home.prepare()
    running = running_engine(home)
    if running is not None and not background:
        raise EngineError(
            Code.ENGINE_RUNNING,
            f"an engine runs already for {home.root}, as process {running.pid}",
            "run `flyball local up --background` to hand it the keyspaces, or `flyball local down` first.",
        )
    adopted = await _declare(home, keyspaces, adopt=adopt)
    with _signals_cancel(active=not background):
        try:
            engine = running or await _start_engine(setup, say)
            names = [keyspace.name for keyspace in keyspaces]
            seen = await _wait_until(home, names, until, wait, report, adopt=adopt)
            result = Up(engine.pid, running is None, seen, adopted)
            if not background:
                await processes.wait_until_ended(engine, inf)
        except BaseException:
            if not background:
                await asyncio.shield(asyncio.create_task(down(home, report=say)))
            raise
    return result


async def add(
    home: Home, keyspaces: Sequence[Keyspace], *, adopt: bool = False, wait: float = 120.0, report: Report | None = None
) -> Up:
    """Hand further keyspaces, or edited ones, to the engine that runs, and wait until they serve.

    :raises EngineError: ENGINE_RUNNING when none runs; else as :func:`up`.
    """
    if running_engine(home) is None:
        raise none_running(home)
    return await up(home, keyspaces, background=True, adopt=adopt, wait=wait, report=report)


async def _declare(home: Home, keyspaces: Sequence[Keyspace], *, adopt: bool) -> tuple[str, ...]:
    """Apply the records; everything is checked before the first is written."""
    for keyspace in keyspaces:
        expand(keyspace)
        local_config(keyspace.spec.mysql.config)
    async with await SqliteRecords.open(home.records) as records:
        stored = [await records.get(Keyspace, keyspace.name) for keyspace in keyspaces]
        for old, new in zip(stored, keyspaces, strict=True):
            if old is not None:
                _check_edit(old, new)
        applied = [await _apply(records, old, new) for old, new in zip(stored, keyspaces, strict=True)]
    if not adopt:
        return ()
    takers = [identity.adopt(home.members, keyspace.name, keyspace.metadata.uid) for keyspace in applied]
    return tuple(member for members in takers for member in members)


def _check_edit(old: Keyspace, new: Keyspace) -> None:
    if old.metadata.deletion_requested:
        raise InputError(Code.ALREADY_EXISTS, f"keyspace {old.name!r} is being deleted", "try again when it is gone.")
    check_edit(old, new)


async def _apply(records: Records, old: Keyspace | None, new: Keyspace) -> Keyspace:
    if old is None:
        return await records.create(new)
    return await edit(records, old, new)


async def _start_engine(setup: Setup, say: Callable[[str], None] | None) -> processes.Background:
    """Start the engine; returns when one has taken the home over, be it this one or one that was quicker.

    MySQL is looked for, and fetched, before: here somebody sees it.
    """
    await asyncio.to_thread(find_mysql, os.environ, None, say or (lambda _: None))
    started = start_in_background(setup)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ENGINE_LIMIT
    while loop.time() < deadline:
        engine = running_engine(setup.home)
        if engine is not None:
            return engine
        if not processes.is_running(started):
            break
        await asyncio.sleep(POLL)
    raise _engine_failed(setup.home)


async def _wait_until(
    home: Home, names: Sequence[str], until: str, wait: float, report: Report | None, *, adopt: bool
) -> tuple[Progress, ...]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait
    last: tuple[Progress, ...] = ()
    async with await SqliteRecords.open(home.records) as records:
        while True:
            found = [await records.get(Keyspace, name) for name in names]
            now = tuple(_progress(keyspace, until) for keyspace in found if keyspace is not None)
            for progress in now:
                if report is not None and progress not in last:
                    report(progress)
            last = now
            if all(progress.condition.status for progress in now) or wait <= 0:
                return now
            _check_hope(home, now, adopt=adopt)
            if loop.time() >= deadline:
                raise _timed_out(now, wait)
            await asyncio.sleep(POLL)


def _progress(keyspace: Keyspace, kind: str) -> Progress:
    """The condition, unless it is about an earlier edit of the keyspace."""
    generation = keyspace.metadata.generation
    for condition in keyspace.status.conditions:
        if condition.type == kind and condition.observed_generation == generation:
            return Progress(keyspace.name, condition)
    return Progress(keyspace.name, Condition(type=kind, status=None, reason="NotSeenYet"))


def _check_hope(home: Home, now: Sequence[Progress], *, adopt: bool) -> None:
    if running_engine(home) is None:
        raise _engine_failed(home)
    for progress in now:
        code = _NEEDS_A_PERSON.get(progress.condition.reason)
        if code is not None and not (adopt and code is Code.FOREIGN_DIRECTORY):
            raise EngineError(code, f"keyspace {progress.keyspace}: {progress.condition.message}")


def _timed_out(now: Sequence[Progress], wait: float) -> FlyballError:
    waiting = [f"{p.keyspace}: {p.condition.message or p.condition.reason}" for p in now if not p.condition.status]
    return RefusedError(
        Code.TIMED_OUT,
        f"not there after {wait:g} s: {'; '.join(waiting)}",
        "it goes on in the background: see `flyball status`, or `flyball local down`.",
    )


def _engine_failed(home: Home) -> FlyballError:
    log = home.logs / "engine.log"
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    said = lines[-1] if lines else "it printed nothing"
    with contextlib.suppress(ValueError, KeyError, TypeError):  # a line of something else, a traceback say
        said = json.loads(said)["message"]
    return EngineError(Code.PROCESS_FAILED, f"the engine ended; its log ends with: {said}", f"see {log}.")


@contextlib.contextmanager
def _signals_cancel(*, active: bool) -> Iterator[None]:
    """While active, SIGTERM and SIGHUP end the task as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    numbers = (signal.SIGTERM, signal.SIGHUP) if active else ()
    for number in numbers:
        if task is not None:
            loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
