"""One mysqld process of the local engine: started, told apart from all others, signalled.

A member's directory holds what belongs to one member and nothing else:

    MEMBER/data/          the data directory; made by ``data_directory``
    MEMBER/mysqld.json    which process was started (mode 0600)
    MEMBER/mysqld.pid     written by mysqld itself
    MEMBER/mysqld.sock    where clients on this machine connect
    MEMBER/init.sql       run by mysqld at every start, when there is one; written by the engine (mode 0600)
    MEMBER/error.log      what mysqld prints; appended to by every start

A process is started detached, in a session of its own, so that it outlives whoever started it, as a pod
outlives the operator. Afterwards it is known by four things together: its process id, the moment it began
(a process id is used again, the pair is not), the machine's boot, and our data directory on its command
line. All are checked before any signal: **flyball never touches a process that it did not start.** Where the
kernel has process handles (pidfd), the check and the signal concern the same process for certain.

Whoever starts a mysqld may be killed before it has written down which process that is. So a token is written
first, put into the process's environment, and looked for when the note was never finished.

Stopping a member that may be primary takes more than a signal (rule 1); that procedure is the engine's. Here
:func:`terminate` only sends SIGTERM, and says so.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flyball.errors import Code, EngineError
from flyball_local.mysql_programs import MySQL
from flyball_local.processes import Process, boot_id, look_at, look_at_new, send_signal, with_environment

TOKEN_VARIABLE = "FLYBALL_STARTED"  # noqa: S105 - the name of a variable
POLL = 0.02
"""Seconds between two looks at a process that is awaited."""

SYSTEM_TABLES = "mysql.ibd"
"""The file that every data directory of MySQL 8 and newer has."""

_KEPT_VARIABLES = ("PATH", "HOME", "TZ", "TMPDIR", "LANG")


@dataclass(frozen=True, slots=True)
class MysqldProcess:
    """A mysqld that was started for a member, as its state file tells.

    :param pid: 0 while only the intention to start it is written down.
    :param began: clock ticks since boot (``/proc/PID/stat``, field 22).
    :param boot: the boot that ``pid`` and ``began`` belong to.
    :param token: the value of :data:`TOKEN_VARIABLE` in its environment.
    """

    data: str
    token: str
    pid: int = 0
    began: int = 0
    boot: str = ""


def data_directory(member: Path) -> Path:
    """The data directory of a member's directory."""
    return member / "data"


def pid_file(member: Path) -> Path:
    """Where the member's mysqld writes its process id, for people; flyball goes by the state file."""
    return member / "mysqld.pid"


def socket_file(member: Path) -> Path:
    """The member's socket; its whole path may have 107 bytes at most (unix(7))."""
    return member / "mysqld.sock"


def init_file(member: Path) -> Path:
    """The SQL that the member's mysqld runs at every start."""
    return member / "init.sql"


def error_log(member: Path) -> Path:
    """What the member's mysqld printed, over all its starts."""
    return member / "error.log"


def server_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a mysqld gets to see of an environment.

    Variables such as LD_PRELOAD or MYSQL_UNIX_PORT would change what the server is, so few are passed on.
    """
    return {name: environ[name] for name in _KEPT_VARIABLES if name in environ}


def start(member: Path, mysql: MySQL, options: Sequence[str], enter: Sequence[str] = ()) -> MysqldProcess:
    """Start the member's mysqld, detached; waits for nothing.

    :param options: ``--option=value`` strings. Data directory, process id file and user are added here, and
        ``secure-file-priv`` where they do not set it: mysqld ends when its compiled-in directory is missing.
    :param enter: words before the command, that go to another host's network and become the command there.
    :raises EngineError: ENGINE_RUNNING when it runs already, FOREIGN_DIRECTORY when there is no data
        directory, PROCESS_FAILED when it cannot be started at all.
    """
    data = data_directory(member).absolute()
    if not (data / SYSTEM_TABLES).is_file():
        raise EngineError(
            Code.FOREIGN_DIRECTORY,
            f"{data} holds no MySQL data directory that flyball initialised",
            "initialise the member first; nothing was started.",
        )
    last = read_state(member)
    if last is not None and is_running(last):
        raise EngineError(
            Code.ENGINE_RUNNING,
            f"the mysqld of {member} runs already, as process {last.pid}",
            "stop it first, or leave it be.",
        )
    if last is not None:
        _free_socket(options, last.pid)
    intention = MysqldProcess(str(data), secrets.token_hex(16))
    _write_state(member, intention)
    command = [*enter, *mysql.mysqld_command(), "--secure-file-priv=NULL", *options, *_own_options(member)]
    pid = _launch(command, member, intention.token)
    seen = look_at_new(pid)  # our own child: at worst a zombie, never another process
    process = replace(intention, pid=pid, began=seen.began if seen else 0, boot=boot_id())
    _write_state(member, process)
    return process


def _own_options(member: Path) -> list[str]:
    """What makes the process ours; last on the command line, where it wins."""
    user = ["--user=root"] if os.geteuid() == 0 else []
    member = member.absolute()
    return [*user, f"--pid-file={pid_file(member)}", f"--datadir={data_directory(member)}"]


def _free_socket(options: Sequence[str], ended: int) -> None:
    """Remove the socket's lock file that a killed mysqld of ours left.

    mysqld believes it while a process of that id exists, and a zombie that nobody has reaped yet does.
    """
    for option in options:
        name, _, place = option.partition("=")
        lock = Path(f"{place}.lock")
        if name == "--socket" and lock.is_file() and lock.read_text(errors="replace").strip() == str(ended):
            lock.unlink(missing_ok=True)


def _launch(command: Sequence[str], member: Path, token: str) -> int:
    log = os.open(error_log(member), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={**server_environment(), TOKEN_VARIABLE: token},
            start_new_session=True,
        )
    except OSError as failure:
        raise EngineError(
            Code.PROCESS_FAILED, f"{command[0]} cannot be started: {failure}", "see that the file is there."
        ) from failure
    finally:
        os.close(log)
    # It is meant to outlive us; a Popen that believes in a running child would warn as it is forgotten.
    child.returncode = 0
    return child.pid


def read_state(member: Path) -> MysqldProcess | None:
    """The process that was last started for the member, whether it still runs or not.

    An intention that was never finished is completed here by its token, when such a process exists.

    :raises EngineError: FOREIGN_DIRECTORY when the state file is none of ours.
    """
    file = member / "mysqld.json"
    try:
        state = MysqldProcess(**json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as damage:
        raise EngineError(
            Code.FOREIGN_DIRECTORY,
            f"{file} is not a state file of flyball: {damage}",
            "see which mysqld uses the directory, end it, then remove the file.",
        ) from damage
    if state.pid:
        return state
    for found in with_environment(TOKEN_VARIABLE, state.token):
        return replace(state, pid=found.pid, began=found.began, boot=boot_id())
    return None


def _write_state(member: Path, state: MysqldProcess) -> None:
    file = member / "mysqld.json"
    new = file.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        json.dump(asdict(state), out)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def _is_ours(state: MysqldProcess, seen: Process) -> bool:
    """Whether that is the process; one that is just ending loses its command line before its files and locks."""
    known = not seen.command or f"--datadir={state.data}" in seen.command
    return seen.began == state.began and state.boot == boot_id() and known


def is_running(state: MysqldProcess) -> bool:
    """Whether that very process runs; a stopped one (SIGSTOP) does, a zombie has ended."""
    seen = look_at(state.pid)
    return seen is not None and not seen.ended and _is_ours(state, seen)


def kill(state: MysqldProcess) -> bool:
    """SIGKILL: a crash. False when the process had ended already."""
    return _signal(state, signal.SIGKILL)


def terminate(state: MysqldProcess) -> bool:
    """SIGTERM and nothing else. False when the process had ended already.

    A commit that waits for its ack is answered OK by a server that gets this signal: for a member that may
    be primary, clients are cut off first (rule 1).
    """
    return _signal(state, signal.SIGTERM)


def sigstop(state: MysqldProcess) -> bool:
    """Freeze the process, as a stalled machine does. False when it had ended already."""
    return _signal(state, signal.SIGSTOP)


def sigcont(state: MysqldProcess) -> bool:
    """Let a frozen process go on. False when it had ended already."""
    return _signal(state, signal.SIGCONT)


def _signal(state: MysqldProcess, number: signal.Signals) -> bool:
    return state.pid > 0 and send_signal(state.pid, number, lambda seen: _is_ours(state, seen))


async def wait_until_ended(state: MysqldProcess, limit: float) -> bool:
    """Wait at most ``limit`` seconds for the process to end; says whether it has."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit
    while is_running(state):
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(POLL)
    return True


def last_errors(member: Path, lines: int = 5) -> str:
    """The last lines that mysqld marked as errors, or its last lines; "" when it printed nothing."""
    try:
        with error_log(member).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 65536))
            printed = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    marked = [line for line in printed if "[ERROR]" in line]
    return "\n".join((marked or printed)[-lines:])
