"""One shard of real members under one engine, with topology services that a test starts and ends itself.

The engine keeps the members running; it starts no topology service here, so that a test may kill one, run two, or
none. Everything is ended by its own process id, whatever happened.
"""

import asyncio
import json
import shutil
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

import pymysql
from pymysql.cursors import DictCursor

from flyball.conditions import MEMBERS_RUNNING
from flyball.errors import FlyballError
from flyball.gtid import GtidSet
from flyball.member.accounts import ENGINE, TOPOLOGY, credentials_name
from flyball.records import Failover, Keyspace, Metadata, Operation, Shard
from flyball.records.failover import FailoverSpec
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.operation import OperationSpec
from flyball.records.shard import MemberStatus
from flyball.secrets import FileSecrets
from flyball.store.sqlite import SqliteRecords
from flyball_local import background, data_directory, engine_state, members, mysqld
from flyball_local.engine import Setup
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.mysql_install import cache_directory, find_mysql
from flyball_local.up import up
from tests.mysql.topology.ledger import TABLE, Ledger
from tests.mysql.topology.waiting import WaitingWrite

T = TypeVar("T")
Row = dict[str, Any]

KEYSPACE, SHARD, DATABASE = "commerce", "commerce-x-x", "commerce"
LIMIT = 90.0
"""Seconds that anything awaited may take on a busy machine."""
POLL = 0.03
PROBE = "CALL flyball.probe(TRUE)"


class Service:
    """One topology service process."""

    def __init__(self, home: Home, number: int, environment: dict[str, str], enter: Sequence[str] = ()) -> None:
        self.log = home.logs / f"topology-{number}.log"
        options = ["--store", str(home.records), "--secrets", str(home.secrets), "--identity", f"service-{number}"]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*enter, sys.executable, "-m", "flyball_topology", *options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**background.python_environment(), **environment},
                cwd="/",
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, by default in order: its lease is free at once."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)

    def said(self) -> list[dict[str, Any]]:
        """The events that it logged."""
        events = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                events.append(json.loads(line))
        return events

    def steps(self) -> list[str]:
        """The names of the steps that it carried out, in order."""
        return [event["step"] for event in self.said() if "step" in event]


class RunningShard:
    """The shard, as a test drives it and looks at it."""

    def __init__(self, replicas: int = 3) -> None:
        self.replicas_declared = replicas
        self.home = Home(Path(tempfile.mkdtemp(prefix="flyball-home-")))  # a socket's path has 107 bytes at most
        self.services: list[Service] = []
        self.spent = False  # a test says so that cannot leave the shard healthy
        self._started = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="records", daemon=True)
        self._thread.start()
        self._records: SqliteRecords | None = None

    # --- life ---------------------------------------------------------------------------------------------

    def bring_up(self) -> None:
        """Start engine and members, and a service that makes a shard of them."""
        spec = {"replicas": self.replicas_declared, "users": [{"name": "app", "ddl": True}, {"name": "plain"}]}
        self.declare(spec)
        self.open_records()
        self.read_secret()
        self.ledger = Ledger(
            self.home.records, KEYSPACE, self.secret["user-app"], self.secret["ca"], self.place_of_client
        )
        self.start_service()
        self.until_healthy()
        self.sql(self.primary, TABLE, database=DATABASE)

    @property
    def setup(self) -> Setup:
        """What the engine runs with: no topology service of its own."""
        return Setup(self.home, topology=())

    def enter_service(self, number: int) -> Sequence[str]:
        """The words before a topology service's command: where it runs."""
        return ()

    def place_of_client(self) -> AbstractContextManager[None]:
        """Where the thread that writes the ledger is."""
        return nullcontext()

    def place_of_test(self) -> AbstractContextManager[None]:
        """Where the test's own connections come from."""
        return nullcontext()

    def read_secret(self) -> None:
        """Learn the passwords, and whom to trust."""
        self.secret = self.wait(FileSecrets(self.home.secrets).get(credentials_name(KEYSPACE))) or {}
        self.tls = ssl.create_default_context(cadata=self.secret["ca"])
        self.tls.check_hostname = False  # the certificates carry members' names, not their addresses

    def declare(self, spec: dict[str, object]) -> None:
        """Declare the keyspace, and start an engine where none runs."""
        keyspace = Keyspace(metadata=Metadata(name=KEYSPACE), spec=KeyspaceSpec.model_validate(spec))
        self.wait(up(self.home, [keyspace], background=True, until=MEMBERS_RUNNING, setup=self.setup))

    def end(self) -> None:
        """Kill whatever was started here, by its own process id, and remove the home."""
        for service in self.services:
            service.end(signal.SIGKILL)
        self.close_records()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.kill_engine()
        for directory in self.home.members.glob("*/"):
            with suppress(FlyballError):
                state = mysqld.read_state(directory)
                if state is not None:
                    mysqld.kill(state)
        shutil.rmtree(self.home.root, ignore_errors=True)
        shutil.rmtree(self.home.short_sockets, ignore_errors=True)

    def kill_engine(self) -> None:
        """Kill the engine; the members serve on."""
        for file in (engine_state.state_file(self.home), self.home.root / "engine-start.json"):
            with suppress(FlyballError):
                state = background.read(file)
                if state is not None:
                    background.send(state, signal.SIGKILL)

    def restart_engine(self, meanwhile: Callable[[], object]) -> None:
        """Do something to the home while no process of ours has its records open; the members serve on."""
        spec = self.wait(self.records.get(Keyspace, KEYSPACE))
        assert spec is not None
        self.close_records()
        engine = engine_state.running_engine(self.home)
        assert engine is not None
        background.send(engine, signal.SIGKILL)
        assert self.wait(background.wait_until_ended(engine, LIMIT))
        with closing(sqlite3.connect(self.home.records)) as records:
            records.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        meanwhile()
        self.declare(spec.spec.wire())
        self.open_records()

    def start_service(self, **environment: str) -> Service:
        """Start one more topology service."""
        self._started += 1
        service = Service(self.home, self._started, environment, self.enter_service(self._started))
        self.services.append(service)
        return service

    def end_services(self) -> None:
        """End every topology service in order."""
        for service in self.services:
            service.end()
        self.services.clear()

    @property
    def service(self) -> Service:
        """The topology service that was started last."""
        return self.services[-1]

    # --- records ------------------------------------------------------------------------------------------

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run asynchronous work to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT * 2)

    def open_records(self) -> None:
        self._records = self.wait(SqliteRecords.open(self.home.records))

    def close_records(self) -> None:
        if self._records is not None:
            self.wait(self._records.close())
            self._records = None

    @property
    def records(self) -> SqliteRecords:
        assert self._records is not None
        return self._records

    @property
    def record(self) -> Shard:
        """The Shard record as it is now."""
        shard = self.wait(self.records.get(Shard, SHARD))
        assert shard is not None
        return shard

    @property
    def keyspace(self) -> Keyspace:
        """The Keyspace record as it is now."""
        keyspace = self.wait(self.records.get(Keyspace, KEYSPACE))
        assert keyspace is not None
        return keyspace

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.record.spec.members)

    @property
    def primary(self) -> str:
        """The member that reigns by the record."""
        return self.record.status.reign.primary

    @property
    def term(self) -> int:
        return self.record.status.reign.term

    @property
    def version(self) -> int:
        return self.record.status.version

    @property
    def issue(self) -> str:
        return self.record.status.reign.issue

    @property
    def replicas(self) -> list[str]:
        primary = self.primary
        return [name for name in self.names if name != primary]

    def member_status(self, name: str) -> MemberStatus:
        """The member as the record shows it."""
        return next(member for member in self.record.status.members if member.name == name)

    def ask(self, mode: str = "planned", **spec: object) -> str:
        """Ask for a change of primary; returns the record's name."""
        name = f"ask-{time.monotonic_ns()}"
        wanted = FailoverSpec.model_validate({"keyspace": KEYSPACE, "shard": SHARD, "mode": mode, **spec})
        self.wait(self.records.create(Failover(metadata=Metadata(name=name), spec=wanted)))
        return name

    def answer(self, name: str) -> Failover:
        """What came of it, once it has ended."""

        def ended() -> Failover | None:
            found = self.wait(self.records.get(Failover, name))
            assert found is not None
            return found if found.status.outcome.ended else None

        return self.until(f"{name} to end", ended)

    def change_primary(self, mode: str = "planned", **spec: object) -> Failover:
        """Ask, and wait for what comes of it."""
        return self.answer(self.ask(mode, **spec))

    def failovers(self) -> tuple[Failover, ...]:
        return self.wait(self.records.list(Failover))

    def say(self, kind: str, member: str | None = None) -> str:
        """Say a person's word; returns the Operation's name."""
        name = f"say-{kind}-{time.monotonic_ns()}"
        spec = OperationSpec.model_validate({"type": kind, "keyspace": KEYSPACE, "shard": SHARD, "member": member})
        self.wait(self.records.create(Operation(metadata=Metadata(name=name), spec=spec)))
        return name

    def operation(self, name: str) -> Operation:
        found = self.wait(self.records.get(Operation, name))
        assert found is not None
        return found

    def operations(self) -> tuple[Operation, ...]:
        return self.wait(self.records.list(Operation))

    def unsay(self, name: str) -> None:
        self.wait(self.records.delete(Operation, name))

    def forget_the_past(self) -> None:
        """Delete requests and words of earlier tests: past failovers would make the shard rest (anti-flap)."""
        for failover in self.failovers():
            self.wait(self.records.delete(Failover, failover.name))
        for operation in self.operations():
            self.wait(self.records.delete(Operation, operation.name))

    # --- members ------------------------------------------------------------------------------------------

    def process(self, name: str) -> mysqld.MysqldProcess:
        state = mysqld.read_state(self.home.member(name))
        assert state is not None
        return state

    def runs_anew(self, name: str, before: mysqld.MysqldProcess) -> bool:
        """Whether the engine has started its mysqld again; between two processes it has none."""
        state = mysqld.read_state(self.home.member(name))
        return state is not None and state != before

    def kill(self, name: str) -> None:
        """Kill its mysqld, as a crash does; the engine starts it again."""
        assert mysqld.kill(self.process(name))

    def kill_for_good(self, name: str) -> None:
        """Kill it, and keep the engine from starting it again until :meth:`start`."""
        self.home.stop_mark(name).touch(mode=0o600)
        self.kill(name)

    def kill_if_it_runs(self, name: str) -> None:
        """Kill it, unless it is down just now."""
        mysqld.kill(self.process(name))

    def empty(self, name: str) -> None:
        """Give a member that is down the data directory of a new one."""
        directory = self.home.member(name)
        shutil.rmtree(mysqld.data_directory(directory))
        self.wait(data_directory.initialize(directory, find_mysql(), cache_directory()))

    def stop(self, name: str) -> None:
        """Stop it in order (rule 1); it stays down."""
        self.wait(members.stop(self.home, name))

    def start(self, name: str) -> None:
        self.wait(members.start(self.home, name))

    def hang(self, name: str) -> None:
        assert mysqld.sigstop(self.process(name))

    def resume(self, name: str) -> None:
        assert mysqld.sigcont(self.process(name))

    def let_all_run(self) -> None:
        """Undo what a test may have left: hung and stopped members."""
        engine = engine_state.running_engine(self.home)
        for name in self.names:
            mysqld.sigcont(self.process(name))
            self.home.stop_mark(name).unlink(missing_ok=True)
        if engine is not None:
            engine_state.wake_engine(engine)

    def port(self, name: str) -> int:
        return identities(self.home.members)[name].port

    def address(self, name: str) -> str:
        return identities(self.home.members)[name].host.address

    def connect(self, name: str, user: str = "app", **options: Any) -> "pymysql.Connection[DictCursor]":
        """A connection over TLS; ``flyball_engine`` comes over the socket."""
        place: dict[str, Any] = {"host": self.address(name), "port": self.port(name), "ssl": self.tls}
        if user == ENGINE:
            place = {"unix_socket": str(self.home.socket(name))}
        key = {ENGINE: "engine", TOPOLOGY: "topology"}.get(user, f"user-{user}")
        given = {**place, "connect_timeout": 5, "read_timeout": 60, "autocommit": True, **options}
        with self.place_of_test():
            return pymysql.connect(user=user, password=self.secret[key], cursorclass=DictCursor, **given)

    def sql(self, name: str, *statements: str, user: str = "app", **options: Any) -> list[Row]:
        """Run statements on a member; returns the rows of the last one."""
        with closing(self.connect(name, user, **options)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def probe(self, name: str) -> Row:
        """What the member says of itself. A login may be cut by offline_mode just then, so it is tried twice."""
        try:
            return self.sql(name, PROBE, user=TOPOLOGY, read_timeout=5)[0]
        except pymysql.OperationalError:
            return self.sql(name, PROBE, user=TOPOLOGY, read_timeout=5)[0]

    def waits_for_ack(self, name: str) -> bool:
        """Whether a commit has waited there for its acknowledgement for a second."""
        return bool(self.probe(name)["waiting"])

    def executed(self, name: str) -> GtidSet:
        return GtidSet.parse(self.probe(name)["gtid_executed"])

    def received(self, name: str) -> GtidSet:
        """What is in its relay logs, or was."""
        return GtidSet.parse(self.probe(name)["received"] or "")

    def backlog(self, name: str) -> GtidSet:
        """What it has received and not applied."""
        seen = self.probe(name)
        return GtidSet.parse(seen["received"] or "").subtract(GtidSet.parse(seen["gtid_executed"]))

    def begin_write(self, name: str, number: int) -> WaitingWrite:
        """A client's write that may have to wait."""
        return WaitingWrite(self.connect(name, database=DATABASE), number)

    def ledger_of(self, name: str) -> set[int]:
        """The ids in the member's ledger."""
        return {row["id"] for row in self.sql(name, "SELECT id FROM ledger", database=DATABASE)}

    # --- looking ------------------------------------------------------------------------------------------

    def until(self, what: str, condition: Callable[[], T | None], limit: float = LIMIT) -> T:
        """Wait for a condition; returns what it returned. A member that does not answer just now is asked again."""
        deadline = time.monotonic() + limit
        while True:
            unanswered = ""
            try:
                if found := condition():
                    return found
            except pymysql.OperationalError as error:
                unanswered = f" ({error})"
            if time.monotonic() >= deadline:
                raise AssertionError(f"not within {limit:g} s: {what}{unanswered}\n{self.story()}")
            time.sleep(POLL)

    def until_healthy(self) -> None:
        """Wait until record and members agree that everything is as declared."""
        self.until("a healthy shard", lambda: not self.troubles())

    def until_watched(self) -> None:
        """Wait until a service leads and watches the primary: until a heartbeat that is newer than now."""
        beat = self.probe(self.primary)["beat"] or 0
        self.until("a heartbeat", lambda: (self.probe(self.primary)["beat"] or 0) > beat)

    def troubles(self) -> list[str]:
        """What is not as it should be, by the record and by the members' own word."""
        status = self.record.status
        found = [*status.findings]
        if status.transition is not None or not status.reign.term:
            found.append("a change of primary is in flight")
        if status.ackers_next is not None or set(status.ackers) != set(self.names):
            found.append(f"the ack set is {status.ackers}, then {status.ackers_next}")
        healthy = [condition.status for condition in status.conditions if condition.type == "Healthy"]
        if healthy != [True]:
            found.append("the record does not call the shard healthy")
        if not found:
            for name in self.names:
                found += self._troubles_of(name, status.reign.primary, status.reign.term)
        return found

    def _troubles_of(self, name: str, primary: str, term: int) -> list[str]:
        try:
            seen = self.probe(name)
        except pymysql.Error as error:
            return [f"{name}: {error}"]
        if seen["fence_uuid"] != seen["server_uuid"]:
            return [f"{name} has promised nothing"]
        wanted: Row = {"offline_mode": 0}
        if name == primary:
            wanted |= {"super_read_only": 0, "read_only": 0, "opened": term, "fence_term": term, "source_host": None}
            wanted |= {"semi_sync_source": 1, "semi_sync_acks": 1}
        else:
            wanted |= {"super_read_only": 1, "read_only": 1, "opened": 0, "reigned": 0}
            wanted |= {"source_port": self.port(primary)}
            wanted |= {
                "receiver_state": "ON",
                "applier_state": "ON",
                "applier_errno": None,
                "semi_sync_source": 0,
                "semi_sync_replica": 1,
            }
        return [f"{name}: {key} is {seen[key]}, not {value}" for key, value in wanted.items() if seen[key] != value]

    def check_ledger(self) -> None:
        """Every acknowledged write is on every member, and all members hold the same."""
        on_primary = self.ledger_of(self.primary)
        lost = self.ledger.acknowledged - on_primary
        assert not lost, f"acknowledged and lost: {sorted(lost)}\n{self.story()}"
        for name in self.replicas:
            # Read anew each time: a commit that nobody waits for any more may become visible on the primary later.
            self.until(
                f"{name} to hold the ledger",
                lambda name=name: self.ledger_of(name) == self.ledger_of(self.primary),  # type: ignore[misc]
            )

    def story(self) -> str:
        """Where things stand, for the message of a test that failed."""
        status = self.record.status
        lines = [
            f"issued {status.issued}, reign {status.reign.term} {status.reign.primary}, {status.transition}",
            f"decision: {status.decision.why} | {status.decision.awaited} | {status.decision.refused}",
            *(f"trouble: {trouble}" for trouble in self.troubles()),
            *(f"{f.name}: {f.status.outcome} {f.status.code} {f.status.message}" for f in self.failovers()),
            *(f"{o.name}: {o.status.outcome} {o.status.phase} {o.status.message}" for o in self.operations()),
        ]
        for service in self.services:
            events = [event for event in service.said() if event.get("level") != "DEBUG"]
            lines += [f"{event.get('at', '')[14:23]} {event.get('message', '')[:240]}" for event in events[-25:]]
        return "\n".join(lines)
