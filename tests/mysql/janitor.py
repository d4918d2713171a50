"""Ends what a test run left behind, also when that run itself was killed: ``python -m tests.mysql.janitor``.

It reads the paths of homes, a line each, until whoever writes them is gone, however that went (a limit of
pytest-timeout ends the process at once, with no teardown). Then it ends every process of those homes, each known
by its state file, and removes the homes.
"""

import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

from flyball.errors import FlyballError
from flyball_local import background, engine_state, mysqld, topology_process
from flyball_local.home import Home


def clean_up(home: Home) -> None:
    """Leave no process and no directory of the home."""
    end_processes(home)
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


if __name__ == "__main__":
    for home in [Home(Path(line.rstrip("\n"))) for line in sys.stdin]:
        clean_up(home)
