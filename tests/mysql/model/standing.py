"""Three members under an engine, a wire between each two, no topology service: where every transition begins.

Nothing is made anew for that: what the last transition left is mended. Terms only rise, so the table's term 3 is
another one each time; GTIDs that only some hold are declared on ``a``.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from itertools import permutations
from typing import Any, NoReturn

import pymysql

from flyball.gtid import NOTHING, GtidSet
from flyball.member.accounts import ENGINE, TOPOLOGY, replica_account, replica_password
from flyball.session import call
from flyball_local import mysqld
from flyball_local.ports import HOST
from flyball_topology.probe import snapshot
from flyball_topology.view import Snapshot
from tests.mysql.model.calls import Call
from tests.mysql.model.links import Link
from tests.mysql.topology.running import RunningShard
from tests.simulation.server import transactions
from tests.simulation.transitions import MEMBERS, REIGN, Given, Labels

LIMIT = 60.0
"""Seconds that anything awaited may take on a busy machine."""
POLL = 0.02
PAIRS = tuple(permutations(MEMBERS, 2))
CRASH = "SSL_pending"
"""In what a mysqld prints whose thread that reads acknowledgements meets a TLS session that is being cut off: seen with
MySQL 9.7.4, once in some hundred acts that cut ack-givers off. To everybody else it is a kill."""


class CrashedError(Exception):
    """mysqld crashed in the middle of an act, by that defect of its own."""


class Standing:
    """One set of servers for all transitions of a run."""

    def __init__(self, shard: RunningShard) -> None:
        self.shard = shard
        self.shard.declare({"replicas": 3, "durability": {"policy": "none"}, "users": [{"name": "app", "ddl": True}]})
        self.shard.open_records()
        self.shard.read_secret()
        self.names = dict(zip(MEMBERS, self.shard.names, strict=True))
        self.links = {pair: Link(self.port(pair[1])) for pair in PAIRS}
        self.ports = {pair: self.shard.wait(link.listen()) for pair, link in self.links.items()}
        self.base = REIGN
        self.rows = 0
        self.empty = True
        self.crashes: dict[str, int] = {}
        self.calls: dict[str, Call] = {}
        self.lockers: dict[str, pymysql.Connection[Any]] = {}

    def let_go(self) -> None:
        """End the wires and all sessions."""
        self._let_go()
        for link in self.links.values():
            self.shard.wait(link.close())

    # --- the members --------------------------------------------------------------------------------------

    def port(self, name: str) -> int:
        return self.shard.port(self.names[name])

    @property
    def version(self) -> int:
        """What version 0 of the table stands for: versions go on from one transition to the next, as terms do."""
        return self.base - REIGN

    def account(self, name: str) -> tuple[str, str]:
        real = self.names[name]
        return replica_account(real), replica_password(self.shard.secret["replica-seed"], real)

    def accounts(self, names: tuple[str, ...]) -> str:
        return ",".join(self.account(name)[0] for name in names)

    def engine(self, name: str, *statements: str) -> list[dict[str, Any]]:
        return self.shard.sql(self.names[name], *statements, user=ENGINE)

    def call(self, name: str, procedure: str, *values: object) -> None:
        """A procedure that must succeed.

        :raises CrashedError: mysqld crashed.
        :raises AssertionError: the session broke otherwise; with what the server printed.
        """
        before = self.shard.process(self.names[name])
        try:
            self.shard.sql(self.names[name], call(procedure, *values), user=TOPOLOGY)
        except pymysql.OperationalError as error:
            self.broke(name, before, f"{procedure} on {name}: {error}")

    def broke(self, name: str, before: mysqld.MysqldProcess, what: str) -> NoReturn:
        """The session of an act broke: ends the transition, and says whether it was mysqld's own crash.

        :raises CrashedError: it was; the engine has started the member again.
        :raises AssertionError: it was not; with what the server printed last.
        """
        with suppress(AssertionError):  # it did not end
            self.expect(f"{name} to run anew", lambda: self.shard.runs_anew(self.names[name], before))
        log = mysqld.error_log(self.shard.home.member(self.names[name]))
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        trace = [line for line in lines if CRASH in line]
        if len(trace) > self.crashes.get(name, 0):
            self.crashes[name] = len(trace)
            self.expect(f"{name} to answer", lambda: self.look(name))
            raise CrashedError(f"{what}; {trace[-1].strip()}")
        raise AssertionError("\n".join([f"{what}; its log ends with:", *lines[-40:]]))

    def look(self, member: str) -> Snapshot:
        row = self.shard.probe(self.names[member])
        return snapshot({key: None if value is None else str(value) for key, value in row.items()})

    def until(self, what: Callable[[], str]) -> str:
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                wrong = what()
            except pymysql.Error as error:
                wrong = str(error)
            if not wrong or time.monotonic() > deadline:
                return wrong
            time.sleep(POLL)

    def expect(self, what: str, condition: Callable[[], object]) -> None:
        wrong = self.until(lambda: "" if condition() else what)
        assert not wrong, f"not within {LIMIT:g} s: {wrong}"

    # --- a known state ------------------------------------------------------------------------------------

    def begin(self, given: Given) -> None:
        if given is Given.EMPTY:
            assert self.empty, "members are empty once: run this transition first"
        else:
            self._mend()
            self._reign()
        names = {self.look(name).uuid: name for name in MEMBERS}
        names |= {self.account(name)[0]: name for name in MEMBERS}
        names |= {f"{HOST}:{port}": pair[1] for pair, port in self.ports.items()}
        names |= {f"{HOST}:{self.port(name)}": name for name in MEMBERS}
        self.uuids = {name: self.look(name).uuid for name in MEMBERS}
        self.labels = Labels(names, shift=self.base - REIGN)
        self.empty = False

    def _let_go(self) -> None:
        for locker in self.lockers.values():
            locker.close()
        for one in self.calls.values():
            with suppress(pymysql.Error, OSError):
                one.close()
        self.lockers, self.calls = {}, {}

    def _mend(self) -> None:
        """All run, none takes part in anything, ``a`` has executed whatever anybody has."""
        self._let_go()
        for name, real in self.names.items():
            mysqld.sigcont(self.shard.process(real))
            self.shard.start(real)
            self.engine(name, "SET GLOBAL clone_max_data_bandwidth = DEFAULT")
        for link in self.links.values():
            self.shard.wait(link.heal())
        self.base += 10
        term = self.base - 2
        for name in MEMBERS:
            self.call(name, "fence", term, self.version, "")
            self.call(name, "isolate", term)
            if self.look(name).channel is not None:
                received = self.look(name).received
                statement = f"CALL flyball.catch_up({term}, {self.version}, '', '{received}', {LIMIT}, NULL)"
                self.shard.sql(self.names[name], statement, user=TOPOLOGY)
        everything = NOTHING
        for name in MEMBERS:
            everything = everything.union(self.look(name).executed)
        missing = everything.subtract(self.look("a").executed)
        if not missing.is_empty:
            singles = ",".join(f"{u}:{t}:{n}" if t else f"{u}:{n}" for u, t, n in transactions(missing))
            self.call("a", "declare_gtids", term, singles)

    def _reign(self) -> None:
        term = self.base
        if self.look("a").executed.is_empty:
            self.call("a", "establish", term)
            self._provision("a", term)
        self.call("a", "promote", term, self.version, "", "", 1, self.accounts(("b", "c")), None)
        self.call("a", "forget_source", term)
        self.call("a", "watch", term, 3600)
        for name in ("b", "c"):
            self.call(
                name, "follow", term, self.version, "", HOST, self.ports[name, "a"], *self.account(name), True, None
            )
        self.call("a", "journal", term, self.names["a"], "test")
        self.call("a", "beat", term, term, 3600)
        self.shard.sql(self.names["a"], "CREATE TABLE IF NOT EXISTS commerce.t (id INT PRIMARY KEY)")
        executed = self.look("a").executed
        for name in ("b", "c"):
            self.expect(f"{name} to follow", lambda name=name: self._in_step(name, executed))  # type: ignore[misc]

    def _in_step(self, name: str, executed: GtidSet) -> bool:
        seen = self.look(name)
        return seen.executed.contains(executed) and seen.channel is not None and seen.channel.receiver == "ON"

    def _provision(self, name: str, term: int) -> None:
        for statement in self._provisions(term):
            self.shard.sql(self.names[name], statement, user=TOPOLOGY)

    def _provisions(self, term: int) -> tuple[str, ...]:
        return (
            *(call("ensure_replica_account", term, *self.account(name)) for name in MEMBERS),
            call("ensure_database", term, "commerce"),
            call("ensure_user", term, "app", self.shard.secret["user-app"], "commerce", True),
        )
