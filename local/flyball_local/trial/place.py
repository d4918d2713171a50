"""A place for a trial: a home in a temporary directory, of which nothing is left afterwards."""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from flyball_local.down import DownResult, down
from flyball_local.home import Home


def make_home(prefix: str) -> Home:
    """A home of its own in the directory for temporary files."""
    return Home(Path(tempfile.mkdtemp(prefix=prefix)))


async def take_down(home: Home) -> DownResult:
    """Stop whatever runs in the home, and remove it; a cancellation meanwhile is kept for afterwards."""
    for file in home.root.glob("*.ledger"):
        file.unlink()
    if not home.records.exists():  # it ended before anything was started
        shutil.rmtree(home.root)
        return DownResult(was_running=False)
    return await asyncio.shield(asyncio.create_task(down(home, purge=True)))


@asynccontextmanager
async def temporary_home(prefix: str) -> AsyncIterator[Home]:
    """A home that is taken down at the end, however that comes: an error, Ctrl-C, SIGTERM."""
    home = make_home(prefix)
    try:
        with signals_cancel():
            yield home
    finally:
        await take_down(home)


@contextmanager
def signals_cancel() -> Iterator[None]:
    """Meanwhile SIGTERM and SIGHUP cancel the running task, as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
