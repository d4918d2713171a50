"""Processes that outlive the command that started them, told apart from others that got their number later.

A process is noted by its number and the moment of its start (field 22 of /proc/PID/stat, proc(5)): both together
belong to one process only. A zombie has ended: its new parent may take its time to collect it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LIMIT = 30.0
"""Seconds that a killed process may take to be gone."""


def start(
    note: Path, command: Sequence[str], log: Path, environ: Mapping[str, str], *, outlives_us: bool = True
) -> None:
    """Start a process of a session of its own, and note it.

    :param outlives_us: False where the kernel is to kill it when the thread that called this ends, in whatever way.
    """
    bound = () if outlives_us else ("setpriv", "--pdeathsig", "KILL")
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*bound, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=dict(environ),
            start_new_session=True,
        )
    deadline = time.monotonic() + LIMIT
    while bound and _name(process.pid) == bound[0] and time.monotonic() < deadline:
        time.sleep(0.005)  # it binds itself, and is the command only then
    note.write_text(f"{process.pid} {_started(process.pid)}\n", encoding="utf-8")
    process.returncode = 0  # it is not ours to wait for, and must not be warned about


def running(note: Path) -> int | None:
    """The number of the process that was noted, while it runs."""
    with suppress(OSError, ValueError):
        number, started = note.read_text(encoding="utf-8").split()
        if started != "" and _started(int(number)) == started:
            return int(number)
    return None


def end(note: Path) -> None:
    """Kill the process that was noted, and its children with it; returns when they are gone."""
    number = running(note)
    if number is not None:
        children = Path(f"/proc/{number}/task/{number}/children").read_text(encoding="utf-8").split()
        killed = [(each, _started(each)) for each in (number, *map(int, children))]
        deadline = time.monotonic() + LIMIT
        for each, started in killed:
            if started and _started(each) == started:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            while started and _started(each) == started and time.monotonic() < deadline:
                time.sleep(0.02)
    note.unlink(missing_ok=True)


def _name(number: int) -> str:
    """The name of the program that a process runs; empty where it has ended."""
    with suppress(OSError):
        return Path(f"/proc/{number}/comm").read_text(encoding="utf-8").strip()
    return ""


def _started(number: int) -> str:
    """When a living process was started, in clock ticks since the machine was; empty where it has ended."""
    try:
        state, *rest = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else rest[18]
