"""The reshards of a leading service: which there are, when each is looked at, and with what.

An edge (a record that changes, a person's word) only wakes a reshard early; the decisions say when to look again
otherwise. One that has ended is still looked at now and then: somebody may say something about it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from flyball.controller import Deadlines
from flyball.loop import Loop
from flyball.records import Operation, Reshard
from flyball.stability import Backoff
from flyball.store.port import Records
from flyball_topology.cache import Cache
from flyball_topology.crashpoints import CrashPoints
from flyball_topology.reshard.controller import ReshardController
from flyball_topology.reshard.port import Crossing, DataPlane

INTERVAL = 5.0
"""Seconds between two looks where a decision asks for none."""
IN_A_ROW = 1000
"""Steps that may follow each other at once. A rest in the midst of a cutover would be part of its write pause."""
DEADLINES = Deadlines(observe=10.0, act=120.0, record=5.0)


@dataclass(frozen=True, slots=True)
class Ports:
    """What reshards are carried out with, as long as this service leads.

    :param close: ends what was begun: no worker outlives the leading.
    :param tell_ends_to: has somebody hear of each work of the data plane that ends, by its keyspace.
    """

    data: DataPlane
    crossing: Crossing
    close: Callable[[], Awaitable[None]]
    tell_ends_to: Callable[[Callable[[str], None]], None] = lambda _hear: None


class Resharding:
    """Every reshard of this service."""

    def __init__(
        self,
        records: Records,
        ports: Ports | None,
        operations: Cache[Operation],
        *,
        clock: Callable[[], float],
        today: Callable[[], datetime],
        backoff: Backoff,
    ) -> None:
        """:param ports: without them the reshards wait."""
        self._ports = ports
        self._reshards: Cache[Reshard] = Cache(records, Reshard, self._changed)
        if ports is None:
            return
        self._controller = ReshardController(
            records,
            ports.data,
            ports.crossing,
            operations,
            clock=clock,
            today=today,
            crash_points=CrashPoints.from_environment(),
        )
        self._loop = Loop(
            "reshards",
            self._controller,
            interval=INTERVAL,
            deadlines=DEADLINES,
            backoff=backoff,
            in_a_row=IN_A_ROW,
        )
        ports.tell_ends_to(self.wake)

    async def run(self) -> None:
        """Carry them through until cancelled."""
        if self._ports is None:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reshards.run())
            tasks.create_task(self._loop.run())

    def wake(self, keyspace: str) -> None:
        """Something of the keyspace has changed."""
        for reshard in self._reshards.all():
            if reshard.spec.keyspace == keyspace:
                self._loop.wake(reshard.name)

    async def close(self) -> None:
        """End what was begun."""
        if self._ports is not None:
            await self._ports.close()

    def _changed(self, reshard: Reshard) -> None:
        if self._reshards.get(reshard.name) is None:
            self._loop.discard(reshard.name)
            self._controller.forget(reshard.name)
        else:
            self._loop.add(reshard.name)
            self._loop.wake(reshard.name)
