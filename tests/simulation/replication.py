"""Replication between machines: a stream for each replica that is connected, data one way and acknowledgements back.

A source sends what is in its binary log, acknowledged or not: AFTER_SYNC. A replica keeps what arrives and says so, if
its connection was made with the replica side of semi-sync on; what it said stays said, be the connection broken after.
A stream over which nothing comes for four seconds is given up by the replica (``replica_net_timeout``), which then
tries again each second; the source may keep its end of it for longer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random

from flyball.gtid import NOTHING, GtidSet
from flyball.member.accounts import replica_account
from tests.simulation.machine import Machine
from tests.simulation.network import NOBODY, Network
from tests.simulation.server import Channel

NET_TIMEOUT = 4.0
RETRY = 1.0
LINGERS = 10.0
"""Seconds for which a source keeps a connection whose other end went away unheard."""


@dataclass
class Stream:
    """One connection of a replica to its source."""

    source: Machine
    replica: Machine
    channel: Channel
    account: str
    sent: GtidSet
    heard_at: float
    is_open: bool = True
    is_refused: bool = False
    """Whether the source itself has ended it: what comes over it is not read any more."""
    held: GtidSet | None = None
    """Arrived, and not kept yet: the replica's disk or process stands."""


class Replication:
    """All streams of all machines."""

    def __init__(self, machines: Mapping[str, Machine], network: Network, loop: asyncio.AbstractEventLoop) -> None:
        self._machines = machines
        self._at = {(m.server.host, m.server.port): m for m in machines.values()}
        self._network = network
        self._loop = loop
        self._random: Random = network.random
        self._streams: dict[str, Stream] = {}
        """By replica."""
        self._connecting: set[str] = set()
        self._applying: set[str] = set()
        network.on_change.append(self._network_changed)

    # --- what follows from a change of a machine --------------------------------------------------------

    def look(self, machine: Machine) -> None:
        """Bring the streams from and to the machine up to date."""
        self._as_replica(machine)
        self._as_source(machine)

    def _as_replica(self, machine: Machine) -> None:
        server, stream = machine.server, self._streams.get(machine.name)
        channel = server.channel
        wanted = channel is not None and channel.wanted and server.running
        if stream is not None and (stream.channel is not channel or not wanted):
            self._close(stream)
            stream = None
        if channel is not None and channel.applier and not server.executed.contains(channel.received):
            self._apply_later(machine)
        if not wanted or channel is None:
            return
        if stream is None:
            self._connect_later(machine, self._random.uniform(0.002, 0.02))
        else:
            if stream.held is not None and machine.can_write:
                self._arrive(stream, stream.held)
            if machine.is_stalled or stream.held is not None:
                self._watch(stream)

    def _as_source(self, machine: Machine) -> None:
        server = machine.server
        for stream in [s for s in self._streams.values() if s.source is machine]:
            if not server.running or server.offline or server.accounts.get(stream.account) is not False:
                stream.is_refused = True
                self._close(stream)
            elif machine.is_stalled:
                self._watch(stream)
            elif server.logged is not stream.sent:
                self._ship(stream)
        if server.commits:
            self._acknowledge(machine)

    def heartbeat(self, replica: Machine) -> None:
        """Count the heartbeats that have come over the replica's stream; called before it is probed."""
        stream = self._streams.get(replica.name)
        now = self._loop.time()
        if stream is not None and now - stream.heard_at >= 1.0 and self._hears(stream):
            stream.heard_at = now
            stream.channel.heartbeats += 1

    def is_connected(self, source: Machine, replica: Machine) -> bool:
        """Whether a stream could carry data from ``source`` to ``replica``."""
        stream = self._streams.get(replica.name)
        return stream is not None and stream.source is source

    # --- connecting -------------------------------------------------------------------------------------

    def _connect_later(self, machine: Machine, delay: float) -> None:
        if machine.name not in self._connecting:
            self._connecting.add(machine.name)
            self._loop.call_later(delay, self._connect, machine, context=NOBODY)

    def _connect(self, replica: Machine) -> None:
        self._connecting.discard(replica.name)
        server, channel = replica.server, replica.server.channel
        if channel is None or not channel.wanted or not server.running or replica.name in self._streams:
            return
        source = self._at.get((channel.host, channel.port))
        account = replica_account(replica.name)
        reachable = source is not None and source.is_up and self._network.both(replica.name, source.name)
        if source is None or not reachable or source.is_stalled or replica.is_stalled or source.server.offline:
            self._connect_later(replica, RETRY)
            return
        theirs = source.server
        if theirs.accounts.get(account) is not False:
            self._connect_later(replica, RETRY)
            return
        known = server.executed.union(channel.received)
        if not known.contains(theirs.purged) or not theirs.logged.contains(known.only_uuids([theirs.uuid])):
            channel.stop()
            channel.errno = 13114
            return
        channel.state, channel.source_uuid, channel.semi = "ON", theirs.uuid, server.semi_replica
        theirs.followers.add(account)
        stream = Stream(source, replica, channel, account, known, self._loop.time())
        self._streams[replica.name] = stream
        self._ship(stream)

    def _close(self, stream: Stream, *, unheard: bool = False) -> None:
        """End the stream; ``unheard``: the source does not learn of it yet."""
        if not stream.is_open:
            return
        stream.is_open = False
        replica = stream.replica
        del self._streams[replica.name]
        if stream.channel.wanted and replica.server.running:
            stream.channel.state = "CONNECTING"
            if replica.server.channel is stream.channel:
                self._connect_later(replica, self._random.uniform(0.01, RETRY))
        if unheard or not self._network.both(replica.name, stream.source.name):
            self._loop.call_later(LINGERS, self._forget, stream, context=NOBODY)
        else:
            self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        now = self._streams.get(stream.replica.name)
        if now is None or now.source is not stream.source:
            stream.source.server.followers.discard(stream.account)

    # --- silence ----------------------------------------------------------------------------------------

    def _hears(self, stream: Stream) -> bool:
        source, replica = stream.source, stream.replica
        return (
            self._network.both(source.name, replica.name)
            and source.is_up
            and not source.is_stalled
            and replica.can_write
        )

    def _network_changed(self) -> None:
        for stream in list(self._streams.values()):
            if self._network.both(stream.source.name, stream.replica.name):
                self._resume(stream)
            else:
                self._watch(stream)

    def _resume(self, stream: Stream) -> None:
        """The way is open again: what was lost on it is sent again."""
        replica = stream.replica
        known = replica.server.executed.union(stream.channel.received)
        stream.sent = known
        if not stream.source.is_stalled:
            self._ship(stream)
        if stream.channel.semi and replica.can_write:
            self._say(stream, known)

    def _watch(self, stream: Stream) -> None:
        """Give the stream up when it stays silent."""
        self._loop.call_later(NET_TIMEOUT, self._silent, stream, self._loop.time(), context=NOBODY)

    def _silent(self, stream: Stream, since: float) -> None:
        if stream.is_open and not self._hears(stream) and stream.heard_at <= since and not stream.replica.is_stalled:
            self._close(stream, unheard=True)

    # --- data and acknowledgements ----------------------------------------------------------------------

    def _ship(self, stream: Stream) -> None:
        logged = stream.source.server.logged
        if logged.subtract(stream.sent).is_empty:
            stream.sent = logged
            return
        source, replica = stream.source.name, stream.replica.name
        if self._network.is_open(source, replica):
            stream.sent = logged
            self._network.send(source, replica, partial(self._arrive, stream, logged), kept=False)

    def _arrive(self, stream: Stream, logged: GtidSet) -> None:
        replica, channel = stream.replica, stream.channel
        if not stream.is_open:
            return
        if not replica.can_write:
            stream.held = logged
            self._watch(stream)
            return
        stream.held, stream.heard_at = None, self._loop.time()
        server = replica.server
        news = logged.subtract(server.executed).subtract(channel.received)
        if not news.is_empty:
            channel.received = channel.received.union(news)
            hollow = news.intersect(stream.source.server.hollow)
            if not hollow.is_empty:
                server.hollow = server.hollow.union(hollow)
            if channel.applier:
                self._apply_later(replica)
        if channel.semi:
            if replica.disk_delay:
                self._loop.call_later(replica.disk_delay, self._say, stream, logged, context=NOBODY)
            else:
                self._say(stream, logged)

    def _say(self, stream: Stream, logged: GtidSet) -> None:
        source, replica = stream.source, stream.replica
        if replica.server.running and not replica.is_stalled:
            heard = partial(self._heard, stream, logged, source.process)
            self._network.send(replica.name, source.name, heard, kept=False)

    def _heard(self, stream: Stream, logged: GtidSet, process: object) -> None:
        """An acknowledgement arrives: it counts for the process that it was sent to."""
        source = stream.source
        if source.process is not process or not source.is_up or stream.is_refused:
            return
        before = source.acked.get(stream.replica.name, NOTHING)
        source.acked[stream.replica.name] = before.union(logged)
        if source.server.commits and not source.is_stalled:
            source.changed()

    def _acknowledge(self, machine: Machine) -> None:
        server = machine.server
        if not server.running or machine.is_stalled:
            return
        if not server.semi_source:
            server._resolve()
            return
        for commit in list(server.commits):
            if sum(held.contains(commit.gtid) for held in machine.acked.values()) < server.semi_acks:
                return
            machine.on_acknowledged(machine, commit)
            server.commits.remove(commit)
            server.finish(commit)

    # --- applying ---------------------------------------------------------------------------------------

    def _apply_later(self, machine: Machine) -> None:
        if machine.name not in self._applying:
            self._applying.add(machine.name)
            self._loop.call_later(machine.apply_delay, self._apply, machine, context=NOBODY)

    def _apply(self, machine: Machine) -> None:
        self._applying.discard(machine.name)
        server, channel = machine.server, machine.server.channel
        if channel is None or not channel.applier or not machine.can_write:
            return  # whoever lets it go on looks again
        if not server.executed.contains(channel.received):
            server.apply(channel.received)
            machine.changed()
