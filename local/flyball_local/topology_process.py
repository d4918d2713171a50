"""The topology service beside the engine: a process of its own, started by the engine and again when it ends.

It holds nothing that must be saved: everything it knows is in the records and in the members. It is started with
where the store and the secrets are, where to listen, and a name.
"""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from flyball.attempts import Attempts
from flyball.controller import Deadlines
from flyball.decision import Decision
from flyball.errors import EngineError
from flyball.loop import Loop, Outcome
from flyball.secrets import write_private
from flyball.stability import Backoff
from flyball_local import background, ports
from flyball_local.home import Home
from flyball_local.identity import identities

logger = logging.getLogger(__name__)

KEY = "topology"
END_LIMIT = 10.0
"""Seconds that the service has to end after SIGTERM."""

COMMAND = (sys.executable, "-m", "flyball_topology")
"""The words that start the service; its options follow."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service listens: chosen once for a home."""

    port: int


def state_file(home: Home) -> Path:
    """Where it stands which topology service was started last."""
    return home.root / "topology.json"


def place(home: Home, random: Random) -> Place:
    """Where the service of this home listens; chosen at the first call."""
    file = home.root / "topology-place.json"
    try:
        return Place(**json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        taken = {identity.port for identity in identities(home.members).values()}
        chosen = Place(ports.choose_port(taken, random))
        write_private(file, json.dumps(asdict(chosen)) + "\n")
        return chosen


@dataclass(frozen=True, slots=True)
class Seen:
    """How the service stands."""

    runs: bool
    rests: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Start the service."""


class TopologyController:
    """Keeps the topology service running.

    :param command: the words that start it, without its options.
    """

    def __init__(self, home: Home, command: Sequence[str], random: Random, clock: Callable[[], float]) -> None:
        self._home = home
        self._command = tuple(command)
        self._random = random
        self._clock = clock
        self._attempts = Attempts(Backoff(1.0, 30.0, random))

    async def observe(self, key: str) -> Seen:
        """See :class:`flyball.loop.Controller`."""
        runs = background.is_running(background.read(state_file(self._home)))
        return Seen(runs, self._attempts.rests(key, self._clock()))

    def decide(self, _: str, view: Seen) -> Decision[Start]:
        """See :class:`flyball.loop.Controller`."""
        wanted = "the topology service runs"
        if view.runs:
            return Decision(wanted, why="it does")
        if view.rests:
            return Decision(wanted, why="it ended again and again", awaited=("its rest",), again=0.5)
        return Decision(wanted, step=Start(), why="it does not")

    async def act(self, key: str, _: Start) -> Outcome:
        """See :class:`flyball.loop.Controller`."""
        self._attempts.started(key, self._clock())
        where = place(self._home, self._random)
        ports.check_free(where.port, "the topology service")
        options = (
            *("--store", str(self._home.records), "--secrets", str(self._home.secrets)),
            *("--listen", f"{ports.HOST}:{where.port}", "--identity", "local"),
        )
        started = background.start(state_file(self._home), (*self._command, *options), self._home.logs / "topology.log")
        logger.info("topology service started as process %d", started.pid)
        return Outcome.CHANGED

    async def record(
        self, key: str, view: Seen | None, decision: Decision[Start], outcome: Outcome | Exception | None
    ) -> None:
        """See :class:`flyball.loop.Controller`. What fails is in the engine's log."""


def topology_loop(controller: TopologyController, random: Random) -> Loop[str, Seen, Start]:
    """The loop that runs the controller."""
    deadlines = Deadlines(observe=10.0, act=30.0, record=1.0)
    loop = Loop("topology", controller, interval=1.0, deadlines=deadlines, backoff=Backoff(0.5, 10.0, random))
    loop.add(KEY)
    return loop


async def end_topology(home: Home) -> bool:
    """End the service; False when none ran."""
    try:
        return await background.end(background.read(state_file(home)), END_LIMIT)
    except EngineError as unreadable:
        logger.warning("%s", unreadable)
        return False
