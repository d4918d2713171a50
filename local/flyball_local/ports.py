"""Loopback ports: chosen once for each member, and looked at before each start.

Ports are taken from below the range that the system gives to outgoing connections, so none of those can sit on
a member's port while the member is down. Where to begin looking is random: two engines that choose at the same
moment seldom meet.
"""

import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

from flyball.errors import Code, EngineError

HOST = "127.0.0.1"
"""Where everything of the local engine listens."""

RANGE = range(15000, 32000)
"""Ports that are chosen from; Linux gives outgoing connections 32768 and higher (ip(7))."""


def choose_port(taken: Collection[int], random: Random) -> int:
    """A port that nothing listens on and that is not in ``taken``.

    :raises EngineError: PORT_IN_USE when there is none.
    """
    for port in _from(random.choice(RANGE)):
        if port not in taken and is_free(port):
            return port
    raise EngineError(
        Code.PORT_IN_USE,
        f"no port from {RANGE.start} to {RANGE.stop - 1} is free on {HOST}",
        "end what listens there.",
    )


def _from(start: int) -> Iterator[int]:
    yield from range(start, RANGE.stop)
    yield from range(RANGE.start, start)


def is_free(port: int) -> bool:
    """Whether a server could listen there now. A connection that is merely fading away is no obstacle."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
            trial.listen(1)
        except OSError:
            return False
    return True


def check_free(port: int, purpose: str) -> None:
    """Make sure that a server can listen on ``port``.

    :param purpose: who wants it, for the error.
    :raises EngineError: PORT_IN_USE, naming the process that listens there when the system tells.
    """
    if is_free(port):
        return
    holder = holder_of(port)
    raise EngineError(
        Code.PORT_IN_USE,
        f"{purpose} needs the port {port} on {HOST}, and " + (holder or "another process") + " listens there",
        "end that process; the engine tries again by itself.",
    )


def holder_of(port: int, proc: Path = Path("/proc")) -> str:
    """The process that listens on ``port``, as ``process 4711 (name)``; "" when the system does not tell."""
    inodes = {
        fields[9]
        for table in ("tcp", "tcp6")
        for fields in _rows(proc / "net" / table)
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port  # 0A: listening (proc(5))
    }
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in proc.iterdir() if wanted else ():
        if process.name.isdigit():
            with suppress(OSError):  # not ours to look into, or gone
                if any(str(link.readlink()) in wanted for link in (process / "fd").iterdir()):
                    return f"process {process.name} ({(process / 'comm').read_text().strip()})"
    return ""


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
