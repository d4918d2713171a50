"""One engine a home: who holds the lock file runs, and ``engine.json`` says which process that is.

The lock is the system's (flock(2)), so it dies with its holder, however that ends.
"""

import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local import background
from flyball_local.home import Home

WAKE = signal.SIGURG
"""Tells an engine to look at once."""


def state_file(home: Home) -> Path:
    """Where it stands which engine was started last."""
    return home.root / "engine.json"


def running_engine(home: Home) -> background.Background | None:
    """The engine of this home, None when none runs."""
    state = background.read(state_file(home))
    return state if background.is_running(state) else None


@contextmanager
def only_engine(home: Home) -> Iterator[None]:
    """Be the only one that acts on this home: its engine, or whoever takes it down when there is none.

    :raises EngineError: ENGINE_RUNNING when another one is.
    """
    lock = home.root / "engine.lock"
    with lock.open("a") as held:
        lock.chmod(0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _already_running(home) from None
        yield


def note_engine(home: Home) -> background.Background:
    """Say that this process is the engine, and that what the records say of the members is its own word."""
    return background.note_self(state_file(home))


def wake_engine(engine: background.Background) -> None:
    """Have the engine look at once. A process that does not expect this signal is not disturbed by it."""
    background.send(engine, WAKE)


def _already_running(home: Home) -> EngineError:
    state = background.read(state_file(home))
    who = f", as process {state.pid}" if state is not None else ""
    return EngineError(
        Code.ENGINE_RUNNING,
        f"an engine runs already for {home.root}{who}",
        "use that one (`flyball local add`), or end it with `flyball local down`.",
    )


def none_running(home: Home) -> EngineError:
    """The error for what needs a running engine."""
    return EngineError(Code.ENGINE_RUNNING, f"no engine runs for {home.root}", "start one with `flyball local up`.")
