"""Ends what a trial or a test run left behind, also when that itself was killed.

It reads the paths of homes, a line each, until whoever writes them is gone, however that went (a limit of
pytest-timeout ends the process at once, with no teardown). Then it ends every process of those homes, each known
by its state file, and removes the homes, with the file systems and the network that belong to them.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flyball.errors import FlyballError
from flyball_local import background, engine_state, mysqld, topology_process
from flyball_local.home import Home
from flyball_local.trial.network import remove_networks, token_of

END_WITHIN = 60
"""Seconds that a janitor may take."""


def start() -> "subprocess.Popen[str]":
    """Start a janitor; it acts once this process, or whoever holds its standard input, is gone."""
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        text=True,
        env=background.python_environment(),
        cwd="/",
        start_new_session=True,
    )


def tell(janitor: "subprocess.Popen[str]", home: Home) -> None:
    """Name a home to it."""
    assert janitor.stdin is not None
    janitor.stdin.write(f"{home.root}\n")
    janitor.stdin.flush()


@contextmanager
def watch(home: Home) -> Iterator[None]:
    """A janitor for one home."""
    janitor = start()
    tell(janitor, home)
    try:
        yield
    finally:
        janitor.communicate(timeout=END_WITHIN)


def clean_up(home: Home) -> None:
    """Leave no process and no directory of the home."""
    end_processes(home)
    remove_networks(token_of(home))
    for place in _mounted_below(home.root):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True, timeout=30)
    shutil.rmtree(home.root, ignore_errors=True)
    shutil.rmtree(home.short_sockets, ignore_errors=True)


def end_processes(home: Home) -> None:
    """Kill whatever was started for this home: first who starts others, then the others."""
    for file in (engine_state.state_file(home), home.root / "engine-start.json", topology_process.state_file(home)):
        with suppress(FlyballError):
            state = background.read(file)
            if state is not None:
                background.send(state, signal.SIGKILL)
    for directory in home.members.glob("*/"):
        with suppress(FlyballError):
            member = mysqld.read_state(directory)
            if member is not None:
                mysqld.kill(member)


def _mounted_below(root: Path) -> list[str]:
    """File systems that were mounted in the home (proc_pid_mountinfo(5), field 5), the innermost first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return sorted((place for place in mounts if place.startswith(f"{os.fspath(root)}/")), reverse=True)


if __name__ == "__main__":
    for home in [Home(Path(line.rstrip("\n"))) for line in sys.stdin]:
        clean_up(home)
