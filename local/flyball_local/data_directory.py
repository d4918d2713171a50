"""A new data directory for a member, copied from one that ``mysqld --initialize-insecure`` made.

Initialising takes 3 to 4 seconds, all for MySQL's own tables, and its result is the same for every member.
So it is done once for each MySQL version, into the cache, and members are copied from that template with its
holes left out. A template holds nobody's data and no password: accounts come from the init file that every
start runs.

What makes a member itself is not copied: ``auto.cnf`` (its server uuid) is left out, keys are never made in a
template; mysqld makes them at its first start. A data directory is on the disk, synced, before it gets its
name; so it is there as a whole or not at all.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local.mysql_programs import MySQL
from flyball_local.mysqld import SYSTEM_TABLES, data_directory, server_environment

INITIALIZE_LIMIT = 300.0
"""Seconds that mysqld may take to initialise; about 4 on an idle machine."""

_INITIALIZE = (
    "--initialize-insecure",
    "--skip-log-bin",
    "--secure-file-priv=",
    "--innodb-redo-log-capacity=33554432",  # a small one to copy; the server makes it as large as it is told
    "--auto-generate-certs=OFF",
    "--caching-sha2-password-auto-generate-rsa-keys=OFF",
)


async def initialize(member: Path, mysql: MySQL, cache: Path) -> None:
    """Make the member's data directory; does nothing where one is there.

    :param member: the member's directory; made when missing.
    :param cache: where the template is kept, :func:`flyball_local.mysql_install.cache_directory` say.
    :raises EngineError: FOREIGN_DIRECTORY when something else is there that flyball did not make,
        PROCESS_FAILED with mysqld's errors when it refuses, DISK_FULL when there is no room.
    """
    data = data_directory(member)
    if (data / SYSTEM_TABLES).is_file():
        return
    if data.exists():
        raise EngineError(
            Code.FOREIGN_DIRECTORY,
            f"{data} is there, but is not a whole MySQL data directory",
            "see what it is; move it away to have it made anew.",
        )
    try:
        _make_room(member, cache)
        await _copy(await _template(cache, mysql), data)
    except OSError as failure:
        raise _refusal(str(failure), data, full=failure.errno in (errno.ENOSPC, errno.EDQUOT)) from failure


def _make_room(member: Path, cache: Path) -> None:
    member.mkdir(parents=True, exist_ok=True, mode=0o700)
    cache.mkdir(parents=True, exist_ok=True)


async def _template(cache: Path, mysql: MySQL) -> Path:
    """The template for this MySQL; the first to ask makes it, the others wait."""
    template = cache / f"data-{'.'.join(map(str, mysql.version))}"
    async with _only_one(cache / f"{template.name}.lock"):
        if not (template / SYSTEM_TABLES).is_file():
            await _initialize(template, mysql)
    return template


async def _initialize(data: Path, mysql: MySQL) -> None:
    work = _beside(data)
    try:
        user = ["--user=root"] if os.geteuid() == 0 else []
        command = [*mysql.mysqld_command(), *_INITIALIZE, *user, f"--datadir={work / 'data'}"]
        code, said = await _run(command)
        if code != 0:
            errors = [line for line in said.splitlines() if "[ERROR]" in line] or said.splitlines()[-3:]
            full = "No space left on device" in said or "OS errno 28" in said
            raise _refusal("\n".join(errors[:3]), data, full=full)
        (work / "data").rename(data)
    finally:
        shutil.rmtree(work, ignore_errors=True)


async def _copy(template: Path, data: Path) -> None:
    work = _beside(data)
    try:
        copy = ["cp", "-a", "--reflink=auto", "--sparse=always", f"{template}/.", str(work / "data")]
        code, said = await _run(copy)
        if code != 0:
            raise _refusal(said.strip(), data, full="No space left on device" in said)
        (work / "data" / "auto.cnf").unlink(missing_ok=True)
        code, said = await _run(["find", str(work / "data"), "-exec", "sync", "{}", "+"])
        if code != 0:
            raise _refusal(said.strip(), data, full="No space left on device" in said)
        (work / "data").rename(data)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _beside(data: Path) -> Path:
    """A directory beside the one to be, on the same file system, so that one rename puts it in place."""
    return Path(tempfile.mkdtemp(prefix=f".{data.name}-", dir=data.parent)).absolute()


async def _run(command: Sequence[str]) -> tuple[int, str]:
    """Run a command to its end, within a limit; its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**server_environment(), "LC_ALL": "C"},
        start_new_session=True,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), INITIALIZE_LIMIT)
    except TimeoutError:
        return 124, f"[ERROR] {command[0]} did not end within {INITIALIZE_LIMIT:.0f} s"
    finally:
        if process.returncode is None:  # the limit, or the caller gave up
            process.kill()
            await process.wait()
    return process.returncode or 0, said.decode("utf-8", "replace")


@asynccontextmanager
async def _only_one(lock: Path) -> AsyncIterator[None]:
    """Hold a lock file against other tasks and other processes; the system lets go of a dead holder's."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 2 * INITIALIZE_LIMIT
    with lock.open("w") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if loop.time() > deadline:
                    raise EngineError(
                        Code.PROCESS_FAILED,
                        f"another process has held {lock} for {2 * INITIALIZE_LIMIT:.0f} s",
                        "see what that process is waiting for, end it and try again.",
                    ) from None
                await asyncio.sleep(0.05)
            else:
                break
        yield


def _refusal(said: str, data: Path, *, full: bool) -> EngineError:
    if full:
        return EngineError(
            Code.DISK_FULL, f"no room to make {data}: {said}", "free about 200 MiB a member and try again."
        )
    return EngineError(
        Code.PROCESS_FAILED, f"mysqld cannot initialise {data}: {said}", "mend what it says and try again."
    )
