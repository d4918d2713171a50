"""Find a MySQL to run, and fetch one where there is none.

Three ways, in this order, and the first that serves is taken:

    1. ``FLYBALL_MYSQL_PREFIX``   the user's word: nothing else is looked at
    2. ``mysqld`` on PATH         a real MySQL of 8.4 or newer
    3. the cache                  ``${XDG_CACHE_HOME:-~/.cache}/flyball/mysql-VERSION``, fetched when empty

The third one is a prefix unpacked from Debian's packages (``mysql_debian``). It appears whole or not at all:
everything happens in a directory beside it, a stamp is written last, and one rename puts it in place. A file
lock lets one process install while the others wait for its result; the lock dies with its holder, so what an
installer that was killed left behind is known to be dead, and is removed by the next one.

When no way serves, one error tells what was tried and seen on each.
"""

import errno
import fcntl
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local.mysql_debian import Run, machine_archives, run_command, unpack_mysql
from flyball_local.mysql_programs import LOADERS, MySQL, Origin, open_prefix, open_server

__all__ = ["MySQL", "Origin", "cache_directory", "find_mysql"]

SPACE_NEEDED = 1 << 30
"""Bytes: 80 MB of packages, 60 MB of lists and 410 MB unpacked at once, and room to breathe."""

LOCK_LIMIT = 3600.0
"""Seconds to wait for another process that is installing."""

_STAMP = ".flyball-complete"
_UNFINISHED = ".mysql-unpacking-"


def _silent(_: str) -> None:
    """Report to nobody."""


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what can be fetched again is kept (XDG base directories; a relative one is to be ignored)."""
    base = Path(environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        home = environ.get("HOME", "")
        base = (Path(home) if home else Path.home()) / ".cache"
    return base / "flyball"


def find_mysql(
    environ: Mapping[str, str] = os.environ,
    cache: Path | None = None,
    report: Callable[[str], None] = _silent,
    run: Run = run_command,
) -> MySQL:
    """A MySQL of 8.4 or newer; fetches one into the cache when there is none. Blocks, for minutes at worst.

    :param cache: where prefixes are kept; :func:`cache_directory` when None.
    :param report: hears one line for each thing that takes long.
    :raises EngineError: NO_MYSQL or DISK_FULL, with what was tried and seen on each of the three ways.
    """
    named = environ.get("FLYBALL_MYSQL_PREFIX", "")
    if named:
        try:
            return open_prefix(Path(named).expanduser().absolute(), Origin.PREFIX)
        except EngineError as refusal:
            raise EngineError(
                refusal.code,
                f"FLYBALL_MYSQL_PREFIX is {named!r}, but {refusal.message}; nothing else was tried",
                "point it at a directory that holds MySQL 8.4 or newer, or unset it.",
            ) from refusal
    on_path = _on_path(environ)
    if isinstance(on_path, MySQL):
        return on_path
    try:
        return _from_cache(cache or cache_directory(environ), report, run)
    except EngineError as refusal:
        raise EngineError(
            refusal.code,
            "no MySQL 8.4 or newer can be had. FLYBALL_MYSQL_PREFIX: not set. "
            f"PATH: {on_path}. Debian's packages: {refusal.message}.",
            refusal.next_step,
        ) from refusal


def _on_path(environ: Mapping[str, str]) -> MySQL | str:
    """The MySQL on PATH, or why there is none."""
    found = shutil.which("mysqld", path=environ.get("PATH", os.defpath))
    if found is None:
        return "no mysqld there"
    try:
        return open_server(Path(found).absolute(), Origin.PATH)
    except EngineError as refusal:
        return refusal.message


def _from_cache(cache: Path, report: Callable[[str], None], run: Run) -> MySQL:
    mysql = _cached(cache, report)
    if mysql is not None:
        return mysql
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _only_one(cache / "mysql.lock", report):
            return _cached(cache, _silent) or _install(cache, report, run)
    except OSError as failure:
        raise _as_engine_error(failure, cache) from failure


def _cached(cache: Path, report: Callable[[str], None]) -> MySQL | None:
    """The newest whole prefix in the cache; one that does not run any more is passed over."""
    whole: list[MySQL] = []
    for stamp in cache.glob(f"mysql-*/{_STAMP}"):
        try:
            whole.append(open_prefix(stamp.parent, Origin.CACHE))
        except EngineError as refusal:
            report(f"passing over {stamp.parent}: {refusal.message}")
    return max(whole, key=lambda mysql: mysql.version, default=None)


def _install(cache: Path, report: Callable[[str], None], run: Run) -> MySQL:
    """Fetch, unpack, stamp, rename. Called by the holder of the lock only."""
    for leftover in cache.glob(f"{_UNFINISHED}*"):
        report(f"removing {leftover}, left by an installation that did not finish")
        shutil.rmtree(leftover, ignore_errors=True)
    if platform.machine() not in LOADERS:
        raise EngineError(
            Code.NO_MYSQL,
            f"this machine is {platform.machine()}; they are unpacked on {' and '.join(LOADERS)} only",
            "install MySQL 8.4 or newer, and put it on PATH or name it with FLYBALL_MYSQL_PREFIX.",
        )
    archives = machine_archives(run)
    free = shutil.disk_usage(cache).free
    if free < SPACE_NEEDED:
        raise EngineError(
            Code.DISK_FULL,
            f"{cache} has {free >> 20} MiB free, {SPACE_NEEDED >> 20} MiB are needed",
            "free some space, or set XDG_CACHE_HOME to a directory on a larger disk.",
        )
    work = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=cache))
    try:
        prefix = unpack_mysql(work, archives, report, run)
        version = ".".join(map(str, open_prefix(prefix, Origin.CACHE).version))
        os.sync()  # the stamp must never reach the disk before what it vouches for
        (prefix / _STAMP).write_text(version + "\n", encoding="utf-8")
        home = cache / f"mysql-{version}"
        if home.exists():  # one that was passed over
            home.rename(work / "replaced")
        prefix.rename(home)
        return open_prefix(home, Origin.CACHE)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _only_one(lock: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file for as long as the block runs; the system lets go of it when the process dies."""
    deadline = time.monotonic() + LOCK_LIMIT
    with lock.open("w") as held:
        told = False
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as taken:
                if time.monotonic() > deadline:
                    raise EngineError(
                        Code.NO_MYSQL,
                        f"another process has held {lock} for {LOCK_LIMIT / 60:.0f} minutes",
                        "see what that process is waiting for, end it and try again.",
                    ) from taken
                if not told:
                    report("another process is installing MySQL; waiting for it")
                    told = True
                time.sleep(0.1)
            else:
                yield
                return


def _as_engine_error(failure: OSError, cache: Path) -> EngineError:
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return EngineError(
            Code.DISK_FULL,
            f"the disk of {cache} is full: {failure}",
            "free about 1 GiB there, or set XDG_CACHE_HOME to a directory on a larger disk.",
        )
    return EngineError(
        Code.NO_MYSQL,
        f"the cache {cache} cannot be used: {failure}",
        "make it writable, or set XDG_CACHE_HOME to a directory that is.",
    )


def main() -> int:
    """Print where MySQL is, installing it first where it has to be; 1 and the reason when it cannot be."""
    try:
        mysql = find_mysql(report=lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201
    except EngineError as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201
        return 1
    print(mysql)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
