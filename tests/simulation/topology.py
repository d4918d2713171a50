"""One process of the topology service, the real one: lease, caches, loop, controller, on virtual time."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from flyball_topology.metrics import Metrics
from flyball_topology.service import Means, State, lead_once
from tests.simulation.clock import Process
from tests.simulation.members import NetworkMembers
from tests.simulation.records import NetworkRecords

if TYPE_CHECKING:
    from tests.simulation.world import World

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = Metrics()
"""Of all simulated processes: nobody reads them here, and making them costs a millisecond."""


class Replica:
    """A process of the topology service, and whoever starts it again."""

    def __init__(self, world: "World", name: str, *, clock_offset: float, wall_offset: float) -> None:
        self.name = name
        self._world = world
        self._clock_offset = clock_offset
        """What its monotonic clock counts from is its own affair, as it is from machine to machine."""
        self._wall_offset = wall_offset
        self._lives = 0
        self.process = Process(name, world.loop)

    def start(self) -> None:
        self._lives += 1
        self.process = Process(self.name, self._world.loop)
        self.process.start(self._live())

    def kill(self) -> None:
        self.process.kill()

    def means(self) -> Means:
        """What this life of the process leads with."""
        world, process = self._world, self.process
        return Means(
            records=NetworkRecords(world, process, self._clock_offset),
            members=lambda: NetworkMembers(world, process),
            metrics=METRICS,
            clock=lambda: world.loop.time() + self._clock_offset,
            today=lambda: EPOCH + timedelta(seconds=world.loop.time() + self._wall_offset),
            random=Random(f"{world.seed} {self.name} {self._lives}"),
        )

    async def _live(self) -> None:
        means, state = self.means(), State()
        while True:
            await lead_once(means, f"{self.name}/{self._lives}", state)
