"""One member that listens: an address of its own, connections, and the model behind them.

Killed, it resets its connections and nothing listens any more. Stopped, it keeps both and answers nobody: what is
asked meanwhile is answered when it goes on, as by a process after SIGCONT.
"""

import asyncio
import ssl
from collections.abc import Callable

from flyball.errors import MemberError
from flyball.member.accounts import TOPOLOGY
from flyball_topology.view import Snapshot
from tests.simulation.fleet import probe
from tests.simulation.fleet.statements import parse, perform
from tests.simulation.fleet.wire import Connection, error, ok
from tests.simulation.server import Commit
from tests.unit.topology.world import World

BACKLOG = 16


class Member:
    """Serves member ``name`` of ``world``.

    :param moved: called after each act with what happened to the shard.
    :param probed: called when a probe of the member is answered.
    """

    version = "9.7.0"

    def __init__(
        self,
        world: World,
        name: str,
        tls: ssl.SSLContext,
        password: str,
        *,
        moved: Callable[[], None],
        probed: Callable[[], None],
    ) -> None:
        self.world = world
        self.name = name
        self.tls = tls
        self.passwords = {TOPOLOGY: password}
        self._moved = moved
        self._probed = probed
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._ungreeted: list[Connection] = []
        self._held: list[tuple[Connection, str]] = []
        self._waiting: list[tuple[Connection, list[Commit], list[bytes], Snapshot | None]] = []
        self._seen: tuple[Snapshot, bytes] | None = None
        self.connected = 0
        """Connections that were ever made."""

    @property
    def connections(self) -> int:
        """Connections that there are now."""
        return len(self._connections)

    async def listen(self) -> None:
        """Begin to listen."""
        server = self.world[self.name]
        self._listener = await asyncio.get_running_loop().create_server(
            self._connect, server.host, server.port, backlog=BACKLOG
        )

    def kill(self) -> None:
        """As kill -9 does."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in list(self._connections):
            connection.abort()
        self._ungreeted.clear()
        self._held.clear()
        self._waiting.clear()
        self.world.kill(self.name)

    def stop(self) -> None:
        """As SIGSTOP does."""
        self.world[self.name].stalled = True

    async def go_on(self) -> None:
        """Start it again after a kill, or let it go on after a stop."""
        server = self.world[self.name]
        if not server.running:
            self.world.start(self.name)
            await self.listen()
            return
        server.stalled = False
        ungreeted, self._ungreeted = self._ungreeted, []
        for connection in ungreeted:
            connection.greet()
        held, self._held = self._held, []
        for connection, text in held:
            self.asked(connection, text)

    # --- connections ----------------------------------------------------------------------------------------

    def _connect(self) -> Connection:
        return Connection(self, self.connected + 1)

    def joined(self, connection: Connection) -> None:
        """See ``wire.Answers``."""
        self.connected += 1
        self._connections.add(connection)
        if self.world[self.name].stalled:
            self._ungreeted.append(connection)
        else:
            connection.greet()

    def left(self, connection: Connection) -> None:
        """See ``wire.Answers``."""
        self._connections.discard(connection)

    def asked(self, connection: Connection, text: str) -> None:
        """See ``wire.Answers``."""
        if self.world[self.name].stalled:
            self._held.append((connection, text))
            return
        if text in _PROBES:
            self._probed()
            connection.write(self._probe())
            return
        if text.startswith("SET SESSION"):
            connection.send(1, ok())
            return
        self._act(connection, text)

    def _probe(self) -> bytes:
        """The probe's answer as bytes, made anew when the model says something new."""
        seen = self.world[self.name].probe()
        if self._seen is None or self._seen[0] != seen:
            self._seen = (seen, probe.alone(seen))
        return self._seen[1]

    def _act(self, connection: Connection, text: str) -> None:
        """Run the statements, as one text stops at the first that fails; the last may be a probe."""
        packets: list[bytes] = []
        waited: list[Commit] = []
        seen: bool | None = None
        try:
            for procedure, arguments in parse(text):
                if procedure == "probe":
                    seen = bool(arguments[0])
                    continue
                waited += perform(self.world, self.name, procedure, arguments)
                packets.append(ok(more=True))
        except (MemberError, TypeError, ValueError) as refusal:
            failure = error(_errno(refusal), getattr(refusal, "message", str(refusal)))
            connection.send(1, *packets, failure)
            self._moved()
            return
        self._waiting.append((connection, waited, packets, None if seen is None else self.world[self.name].probe()))
        self.world.settle()
        self._moved()

    def settled(self) -> None:
        """Answer those whose commits are done."""
        still = []
        for connection, commits, packets, seen in self._waiting:
            if not all(commit.done for commit in commits):
                still.append((connection, commits, packets, seen))
            elif seen is not None:
                connection.send(1, *packets, *probe.packets(self.world[self.name].probe()))
            else:
                connection.send(1, *packets[:-1], ok())
        self._waiting = still


def _errno(refusal: Exception) -> int:
    code = getattr(refusal, "code", None)
    number = int(code.number.removeprefix("FB")) if code is not None else 0
    return 30000 + number if number in {3002, 3003, 4007} else 1105


_PROBES = frozenset({"CALL flyball.`probe`(TRUE)", "CALL flyball.`probe`(FALSE)"})
