"""Taking everything down: the topology service, the members by rule 1, the engine; with ``purge`` the data too.

Where an engine runs it does all of that itself, and ends last. Where none runs (it was killed, say) it is done
here, under the engine's lock, so that no engine starts meanwhile.
"""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local import background
from flyball_local.acts import remove_member
from flyball_local.engine_state import only_engine, running_engine
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.shutdown import stop_everything

ENGINE_LIMIT = 180.0
"""Seconds that an engine has to take everything down and end."""

_STATE_FILES = (
    *("records.db", "records.db-wal", "records.db-shm", "records.db-journal"),
    *("engine.json", "engine-start.json", "engine.lock", "topology.json", "topology-place.json"),
    *("logs/engine.log", "logs/topology.log"),
)
"""What flyball keeps in a home beside the directories of secrets, certificates and members."""


@dataclass(frozen=True, slots=True)
class DownResult:
    """What came of it.

    :param was_running: whether there was an engine.
    :param removed: members whose data was removed.
    :param left: what was found in the home that is not flyball's, or was still in it at the end.
    """

    was_running: bool
    removed: tuple[str, ...] = ()
    left: tuple[Path, ...] = ()


async def down(home: Home, *, purge: bool = False, report: Callable[[str], None] | None = None) -> DownResult:
    """Stop everything of this home; returns when no process of it is left.

    :param purge: remove the data, the records and the secrets as well; what is not flyball's own stays.
    :raises EngineError: PROCESS_FAILED when a member cannot be stopped, FOREIGN_DIRECTORY when ``purge`` is asked
        for a directory that is no home.
    """
    if not home.root.is_dir():
        return DownResult(was_running=False)
    if purge and not home.records.exists() and not (home.root / "engine.json").exists():
        raise EngineError(
            Code.FOREIGN_DIRECTORY, f"{home.root} is no home of an engine", "name the right home; nothing was touched."
        )
    engine = running_engine(home)
    if engine is not None:
        background.send(engine, signal.SIGTERM)
        if not await background.wait_until_ended(engine, ENGINE_LIMIT):
            background.send(engine, signal.SIGKILL)
            await background.wait_until_ended(engine, ENGINE_LIMIT)
    with only_engine(home):
        done = await stop_everything(home, report)
        if done.failed:
            raise EngineError(Code.PROCESS_FAILED, "; ".join(done.failed.values()), "see to it, and try again.")
        removed, left = await asyncio.to_thread(_purge, home) if purge else ((), ())
    return DownResult(engine is not None, removed, left)


def _purge(home: Home) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Remove what is ours by name, and directories only when nothing else is in them."""
    removed = tuple(identities(home.members))
    for member in removed:
        remove_member(home, member)
    _unlink(home.secrets.glob("*.json"))
    for certificate in home.certificates.glob("*/"):
        _unlink(certificate / name for name in ("ca.pem", "cert.pem", "key.pem"))
        _rmdir(certificate)
    _unlink(home.root / name for name in _STATE_FILES)
    shutil.rmtree(home.short_sockets, ignore_errors=True)
    for directory in (home.secrets, home.certificates, home.members, home.logs, home.root):
        _rmdir(directory)
    left = tuple(sorted(home.root.rglob("*"))) if home.root.is_dir() else ()
    return removed, tuple(path for path in left if not path.is_dir() or not any(path.iterdir()))


def _unlink(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _rmdir(directory: Path) -> None:
    with contextlib.suppress(OSError):  # not there, or something of somebody else's is in it
        directory.rmdir()
