"""A reshard is looked at as soon as its worker has ended, and not at the next look only."""

from random import Random

from flyball.records import Operation
from flyball.stability import Backoff
from flyball.store.memory import MemoryRecords
from flyball_topology.cache import Cache
from flyball_topology.reshard.running import Ports, Resharding


async def test_the_end_of_a_work_wakes_the_reshards_of_its_keyspace():
    async def close() -> None:
        pass

    heard = []
    ports = Ports(None, None, close, heard.append)
    records = MemoryRecords()
    resharding = Resharding(
        records,
        ports,
        Cache(records, Operation, lambda _: None),
        clock=lambda: 0.0,
        today=lambda: None,
        backoff=Backoff(0.2, 10.0, Random(1)),
    )
    assert heard == [resharding.wake]
