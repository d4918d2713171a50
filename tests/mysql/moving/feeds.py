"""The channels of plain servers, held by root."""

from collections.abc import Mapping, Sequence

from flyball.gtid import GtidSet
from tests.mysql.moving.servers import Server


class RootFeed:
    """A :class:`~flyball_topology.moving.verifying.Feed` over plain SQL."""

    def __init__(self, producers: Sequence[Server], consumers: Sequence[Server]) -> None:
        self._producers, self._consumers = producers, consumers
        self.held = False

    def hold(self) -> None:
        self.held = True
        for consumer in self._consumers:
            for producer in self._producers:
                consumer.run(f"STOP REPLICA SQL_THREAD FOR CHANNEL 'reshard_{producer.name}'")

    def until(self, holds: Mapping[str, GtidSet]) -> None:
        for consumer in self._consumers:
            for producer in self._producers:
                consumer.run(
                    f"START REPLICA SQL_THREAD UNTIL SQL_AFTER_GTIDS = '{holds[producer.name]}' "
                    f"FOR CHANNEL 'reshard_{producer.name}'"
                )

    def release(self) -> None:
        self.hold()  # one that has still to notice that it is where it was to stop would not be started
        self.held = False
        for consumer in self._consumers:
            for producer in self._producers:
                consumer.run(f"START REPLICA SQL_THREAD FOR CHANNEL 'reshard_{producer.name}'")
