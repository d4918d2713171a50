"""What the kernel tells about processes, read from ``/proc``.

A process id says little: it is used again. A process here is its id together with the moment it began
(proc_pid_stat(5), field 22). Signals go through a process handle (pidfd_open(2)) where the kernel has one:
the handle is taken first and the identity checked after, so no other process can slip in between.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was seen.

    :param began: clock ticks since boot.
    :param command: its arguments; empty for a zombie.
    :param ended: it is a zombie: all it still has is an exit code for its parent. A process whose first thread
        is dead looks like one while its other threads still hold files and locks; that one has not ended.
    """

    pid: int
    began: int
    command: tuple[str, ...]
    ended: bool


@cache
def boot_id() -> str:
    """Names this boot of the machine; "" where the kernel does not tell."""
    with suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def look_at(pid: int) -> Process | None:
    """The process with that id, None when there is none. A child of ours that has ended is reaped."""
    seen = _read(pid)
    if seen is not None and seen.ended:
        with suppress(ChildProcessError):  # not our child: its parent reaps it, or the first process, some day
            os.waitpid(pid, os.WNOHANG)
    return seen


def look_at_new(pid: int) -> Process | None:
    """The child that was just started, once it has its command line; microseconds, a second at the very worst.

    The parent is told of the exec before the kernel has set up the new command line, which is empty until then.
    """
    deadline = time.monotonic() + 1.0
    seen = look_at(pid)
    while seen is not None and not seen.command and not seen.ended and time.monotonic() < deadline:
        time.sleep(0.0005)
        seen = look_at(pid)
    return seen


def _read(pid: int) -> Process | None:
    if pid <= 0:
        return None
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        command = (_PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name, in brackets, may hold blanks and brackets
    words = tuple(os.fsdecode(word) for word in command.split(b"\0")[:-1])
    state, threads, began = fields[0], int(fields[17]), int(fields[19])
    return Process(pid, began, words, ended=state in ("Z", "X", "x") and threads <= 1)


def send_signal(pid: int, number: signal.Signals, is_it: Callable[[Process], bool]) -> bool:
    """Signal the process if it lives and ``is_it`` says that it is the one that is meant."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel or a sandbox without handles
        handle = -1
    try:
        seen = look_at(pid)
        if seen is None or seen.ended or not is_it(seen):
            return False
        if handle >= 0:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        if handle >= 0:
            os.close(handle)


def with_environment(name: str, value: str) -> Iterator[Process]:
    """Every living process that was started with this variable in its environment and that we may look at."""
    wanted = os.fsencode(f"{name}={value}")
    for directory in _PROC.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            environment = (directory / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0"):
            seen = _read(int(directory.name))
            if seen is not None and not seen.ended:
                yield seen
