"""What flows between shards: each import of a primary receives from another shard's primary, and applies.

The source sends what is in its binary log, acknowledged or not (rule 19), and never counts an import among those who
acknowledge. What an import applies is a commit of the consumer's own, and waits for the consumer's replicas.
"""

from collections.abc import Mapping
from functools import partial
from random import Random

from flyball.gtid import GtidSet
from tests.simulation.clock import VirtualLoop
from tests.simulation.machine import Machine
from tests.simulation.network import NOBODY, Network
from tests.simulation.reshard.server import Import, ReshardServer

RETRY = 1.0
"""Seconds between two tries to connect (``SOURCE_CONNECT_RETRY``)."""


def server_of(machine: Machine) -> ReshardServer:
    """The machine's server, which in these worlds holds rows."""
    assert isinstance(machine.server, ReshardServer)
    return machine.server


class Imports:
    """All channels between shards."""

    def __init__(self, machines: Mapping[str, Machine], network: Network, loop: VirtualLoop) -> None:
        self._machines = machines
        self._at = {(m.server.host, m.server.port): m for m in machines.values()}
        self._network, self._loop = network, loop
        self._random: Random = network.random
        self._due: set[tuple[str, str]] = set()
        self._shipped: dict[tuple[str, str], GtidSet] = {}
        self._applying: set[tuple[str, str]] = set()
        self._fed: dict[str, dict[tuple[str, str], Import]] = {}
        """By producer, the imports that are connected to it."""
        network.on_change.append(self._network_changed)

    def look(self, machine: Machine) -> None:
        """The machine has changed: as a consumer, and as a producer."""
        server = server_of(machine)
        for name, channel in server.imports.items():
            self._as_consumer(machine, name, channel)
        for consumer, name in list(self._fed.get(machine.name, ())):
            self._as_producer(machine, self._machines[consumer], name)

    def _as_consumer(self, machine: Machine, name: str, channel: Import) -> None:
        if channel.receiver and not channel.connected:
            self._connect_later(machine, name, self._random.uniform(0.002, 0.05))
        if channel.applier and channel.filtered:
            self._apply_later(machine, name)

    def _as_producer(self, machine: Machine, consumer: Machine, name: str) -> None:
        key = (consumer.name, name)
        fed = self._fed[machine.name]
        channel = server_of(consumer).imports.get(name)
        if channel is not fed[key] or not channel.connected:
            del fed[key]
        elif not machine.is_up or machine.server.offline or not consumer.is_up:
            del fed[key]
            channel.connected = False
            self._connect_later(consumer, name, RETRY)
        elif machine.server.logged is not self._shipped.get(key):
            self._ship(machine, consumer, name)

    def _network_changed(self) -> None:
        for producer, fed in list(self._fed.items()):
            for consumer, name in list(fed):
                if self._network.both(producer, consumer):
                    self._shipped.pop((consumer, name), None)
                    self._as_producer(self._machines[producer], self._machines[consumer], name)

    # --- connecting -------------------------------------------------------------------------------------

    def _connect_later(self, machine: Machine, name: str, delay: float) -> None:
        if (machine.name, name) not in self._due:
            self._due.add((machine.name, name))
            self._loop.call_later(delay, self._connect, machine, name, context=NOBODY)

    def _connect(self, machine: Machine, name: str) -> None:
        key = (machine.name, name)
        self._due.discard(key)
        server = server_of(machine)
        channel = server.imports.get(name)
        if channel is None or not channel.receiver or channel.connected or not machine.is_up:
            return
        source = self._at.get((channel.host, channel.port))
        away = source is None or not source.is_up or source.is_stalled or source.server.offline or machine.is_stalled
        if source is None or away or not self._network.both(machine.name, source.name) or not server_of(source).movers:
            self._connect_later(machine, name, RETRY)
            return
        theirs, known = source.server, server.executed.union(channel.received)
        if not known.contains(theirs.purged) or not theirs.logged.contains(known.only_uuids([theirs.uuid])):
            channel.receiver, channel.error = False, "1236: the source has purged what is needed"
            return
        channel.connected = True
        self._fed.setdefault(source.name, {})[key] = channel
        self._ship(source, machine, name)

    # --- data -------------------------------------------------------------------------------------------

    def _ship(self, source: Machine, machine: Machine, name: str) -> None:
        logged = source.server.logged
        self._shipped[machine.name, name] = logged
        channel = server_of(machine).imports[name]
        if not source.is_stalled:
            self._network.send(source.name, machine.name, partial(self._arrive, machine, name, channel, logged))

    def _arrive(self, machine: Machine, name: str, channel: Import, logged: GtidSet) -> None:
        server = server_of(machine)
        if server.imports.get(name) is not channel or not channel.connected or not machine.is_up:
            return
        channel.received = channel.received.union(logged.subtract(server.executed))
        self._apply_later(machine, name)

    def _apply_later(self, machine: Machine, name: str) -> None:
        key = (machine.name, name)
        if key not in self._applying:
            self._applying.add(key)
            self._loop.call_later(machine.apply_delay, self._apply, machine, name, machine.process, context=NOBODY)

    def _apply(self, machine: Machine, name: str, process: object) -> None:
        self._applying.discard((machine.name, name))
        server = server_of(machine)
        channel = server.imports.get(name)
        if channel is None or not (channel.applier and channel.filtered) or not machine.can_write:
            return
        if machine.process is not process or machine.freezing:
            return  # whoever lets it go on looks again
        source = self._at[channel.host, channel.port]
        commit = server.take_imported(channel, source.shard)
        if channel.upto is not None and server.logged.contains(channel.upto):
            channel.applier, channel.upto = False, None
        if commit is not None:
            channel.newest = self._loop.time()
            machine.changed()
