"""The sessions of a crossing over the simulated network: the statements of the real crossing, done by the model.

``SqlCrossing`` is the product's own; what it says to a member arrives here as text, and is read as a member reads it.
"""

import json
import re
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from flyball.errors import Code, MemberError
from flyball.keyrange import END_OF_IDS, KeyRange
from flyball.member import accounts
from flyball.records.shard import MemberSpec
from flyball.secrets import Secret
from flyball.session import Login
from flyball.session.packets import Row
from flyball_topology.crossing.sessions import Sessions
from tests.simulation.clock import Process
from tests.simulation.fleet.statements import parse
from tests.simulation.machine import Machine
from tests.simulation.reshard import procedures
from tests.simulation.reshard.imports import server_of
from tests.simulation.server import refused

if TYPE_CHECKING:
    from tests.simulation.reshard.world import ReshardWorld

_BOUND = re.compile(r"(<|>=) (\d+)(?: LIMIT (\d+))?")
_NAME = re.compile(r"TRIGGER (?:IF EXISTS )?`(\w+)`")


class KeptSecrets:
    """The passwords of a keyspace: nobody checks them here."""

    async def get(self, name: str) -> Secret:
        return Secret({"topology": "t", "replica-seed": "s", "ca": ""})


class NetworkSessions(Sessions):
    """What one process of the topology service says to members about a reshard."""

    def __init__(self, world: "ReshardWorld", process: Process) -> None:
        super().__init__(KeptSecrets())  # type: ignore[arg-type]
        self._world = world
        self._process = process

    async def _run(self, member: MemberSpec, login: Login, authority: str, statements: tuple[str, ...]) -> list[Row]:
        machine = self._world.machines[member.name]
        is_mover = login.user != accounts.TOPOLOGY
        rows: list[Row] = []
        for statement in statements:
            if is_mover:
                rows = await self._ask(machine, login.user, as_mover(machine, login.user, statement))
            else:
                rows = await self._ask(machine, login.user, self._as_topology(machine, statement))
        return rows

    async def _ask(self, machine: Machine, user: str, work: Callable[[], Coroutine[Any, Any, list[Row]]]) -> list[Row]:
        return await self._world.reach(self._process.name, machine, f"reshard {user}", work)

    def _as_topology(self, machine: Machine, statement: str) -> Callable[[], Coroutine[Any, Any, list[Row]]]:
        if statement.startswith("SELECT"):

            async def executed() -> list[Row]:
                return [{"executed": str(machine.server.executed)}]

            return executed
        ((name, arguments),) = parse(statement)
        if name == "probe_reshard":

            async def probed() -> list[Row]:
                return [probe(machine, str(arguments[0]), str(arguments[1]), self._world.loop.time())]

            return probed
        if name not in {"await", "part"}:
            self._world.told.sends(self._process, machine, name, arguments)

        async def act() -> list[Row]:
            await procedures.PROCEDURES[name](machine, *arguments)
            return []

        return act


def probe(machine: Machine, workflow: str, user: str, now: float) -> Row:
    """``flyball.probe_reshard``."""
    server = server_of(machine)
    imports = [
        {
            "channel": name,
            "host": one.host,
            "port": one.port,
            "receiver": "ON" if one.connected else "CONNECTING" if one.receiver else "OFF",
            "applier": "ON" if one.applier else "OFF",
            "error": one.error or None,
            "behind": now - one.newest if one.newest else None,
            "filtered": one.filtered,
        }
        for name, one in server.imports.items()
    ]
    return {
        "server_uuid": server.uuid,
        "gtid_executed": str(server.executed),
        "read_only": str(int(server.read_only)),
        "super_read_only": str(int(server.super_read_only)),
        "offline_mode": str(int(server.offline)),
        "opened": str(server.opened),
        "exec_mode": "IDEMPOTENT" if server.idempotent else "STRICT",
        "has_mover": str(int(user in server.movers)),
        "mover_may_write": str(int(server.mover_may_write)),
        "guards": json.dumps(sorted(server.guards)),
        "moves": json.dumps({step: term for (name, step), term in server.moves.items() if name == workflow}),
        "imports": json.dumps(imports),
    }


def as_mover(machine: Machine, user: str, statement: str) -> Callable[[], Coroutine[Any, Any, list[Row]]]:
    """A statement of the movers' account, in autocommit."""

    async def run() -> list[Row]:
        server = server_of(machine)
        if user not in server.movers:
            raise MemberError(Code.MEMBER_LOGIN, f"1045 access denied for {user} at {machine.name}")
        if statement.startswith(("SET", "USE")):
            return []
        if "data_type" in statement:
            return [{"kind": "bigint"}]
        if "AS ghosts" in statement:
            return [{"ghosts": str(len(_matching(server.rows, statement)))}]
        await machine.disk()
        if "TRIGGER" in statement:
            if server.super_read_only:
                raise refused("1290 the server is running with --super-read-only")
            found = _NAME.search(statement)
            assert found is not None
            (server.guards.discard if statement.startswith("DROP") else server.guards.add)(found[1])
            return []
        if not statement.startswith("DELETE"):
            raise TypeError(f"{statement} is nothing that movers say")
        await procedures.pruned(machine, _matching(server.rows, statement))
        return []

    return run


def _matching(rows: dict[int, int], statement: str) -> list[int]:
    """The keys whose keyspace ids meet a condition of the statement."""
    found: set[int] = set()
    for sign, number, _ in _BOUND.findall(statement):
        below, above = (KeyRange(0, int(number)), KeyRange(int(number), END_OF_IDS))
        found.update(procedures.keys_in(rows, below if sign == "<" else above))
    return sorted(found)
