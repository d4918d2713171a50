"""A Python process of ours in the background: the engine itself, and the topology service.

It is started detached, in a session of its own, and known afterwards by its id together with the moment it began,
the boot, and its command line; all are checked before any signal. Whoever starts one may die before it has
written that down: then a token in the process's environment finds it again.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball.secrets import write_private
from flyball_local.processes import Process, boot_id, look_at, look_at_new, send_signal, with_environment

TOKEN_VARIABLE = "FLYBALL_BACKGROUND"  # noqa: S105 - the name of a variable
POLL = 0.05
"""Seconds between two looks at a process that is awaited."""


@dataclass(frozen=True, slots=True)
class Background:
    """A process that was started, as its state file tells; ``pid`` is 0 while only the intention is noted."""

    token: str
    command: tuple[str, ...]
    pid: int = 0
    began: int = 0
    boot: str = ""


def python_environment() -> dict[str, str]:
    """The environment, with this process's own module path: what we import, our children find as well."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def start(file: Path, command: Sequence[str], log: Path) -> Background:
    """Start the command detached, and note it in ``file``; waits for nothing.

    :raises EngineError: PROCESS_FAILED when it cannot be started at all.
    """
    intention = Background(secrets.token_hex(16), tuple(command))
    _write(file, intention)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**python_environment(), TOKEN_VARIABLE: intention.token},
            start_new_session=True,
        )
    except OSError as failure:
        raise EngineError(
            Code.PROCESS_FAILED, f"{command[0]} cannot be started: {failure}", "see that the file is there."
        ) from failure
    finally:
        os.close(output)
    child.returncode = 0  # it is meant to outlive us; a Popen that believes in a running child would warn
    seen = look_at_new(child.pid)
    started = replace(intention, pid=child.pid, began=seen.began if seen else 0, boot=boot_id())
    _write(file, started)
    return started


def note_self(file: Path) -> Background:
    """Note this very process in ``file``, as if :func:`start` had done it."""
    seen = look_at(os.getpid())
    command = seen.command if seen else ()
    began = seen.began if seen else 0
    noted = Background(os.environ.get(TOKEN_VARIABLE, ""), command, os.getpid(), began, boot_id())
    _write(file, noted)
    return noted


def read(file: Path) -> Background | None:
    """The process that was last noted in ``file``, whether it still runs or not.

    :raises EngineError: FOREIGN_DIRECTORY when the file is none of ours.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        state = Background(**{**document, "command": tuple(document["command"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as damage:
        raise EngineError(
            Code.FOREIGN_DIRECTORY,
            f"{file} is not a state file of flyball: {damage}",
            "end the process that it may have been about, then remove the file.",
        ) from damage
    if state.pid:
        return state
    for found in with_environment(TOKEN_VARIABLE, state.token):
        if found.command == state.command:
            return replace(state, pid=found.pid, began=found.began, boot=boot_id())
    return None


def _write(file: Path, state: Background) -> None:
    write_private(file, json.dumps(asdict(state)) + "\n")


def _is_it(state: Background, seen: Process) -> bool:
    """Whether that is the process; one that is just ending loses its command line before its files and locks."""
    known = not seen.command or seen.command == state.command
    return seen.began == state.began and state.boot == boot_id() and known


def is_running(state: Background | None) -> bool:
    """Whether that very process runs."""
    if state is None:
        return False
    seen = look_at(state.pid)
    return seen is not None and not seen.ended and _is_it(state, seen)


def send(state: Background, number: signal.Signals) -> bool:
    """Signal the process; False when it has ended already."""
    return send_signal(state.pid, number, lambda seen: _is_it(state, seen))


async def wait_until_ended(state: Background, limit: float) -> bool:
    """Wait at most ``limit`` seconds for the process to end; says whether it has."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    while is_running(state):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(POLL)
    return True


async def end(state: Background | None, limit: float) -> bool:
    """SIGTERM, and after ``limit`` seconds SIGKILL; False when there was nothing to end."""
    if state is None or not send(state, signal.SIGTERM):
        return False
    if not await wait_until_ended(state, limit):
        send(state, signal.SIGKILL)
        await wait_until_ended(state, limit)
    return True
