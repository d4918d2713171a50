"""A store on disk with a keyspace of two shards, the program on top of it, and somebody who answers requests."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flyball.cli.program import app
from flyball.records import KINDS, Failover, Keyspace, Operation, Record, Shard
from flyball.store import sqlite_file, sqlite_table
from flyball.store.changes import born
from flyball.store.codec import decode

LOWER, UPPER = "commerce-x-80", "commerce-80-x"
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


def keyspace(name: str = "commerce", **spec: object) -> Keyspace:
    users = [{"name": "app"}, {"name": "owner", "ddl": True}]
    return Keyspace.model_validate({"metadata": {"name": name}, "spec": {"shards": 2, "users": users, **spec}})


def shard(name: str, part: str, of: str = "commerce", **status: object) -> Shard:
    members = [f"{name}-{n}" for n in (1, 2, 3)]
    spec = {
        "keyspace": of,
        "range": part,
        "database": of,
        "members": [{"name": m, "host": "127.0.0.1", "port": 15000 + n} for n, m in enumerate(members, 1)],
        "credentials": f"{of}-credentials",
        "users": [{"name": "app"}, {"name": "owner", "ddl": True}],
    }
    whole = {
        "issued": 3,
        "reign": {"term": 3, "primary": members[0], "uuid": UUID, "base": ""},
        "ackers": members,
        "members": [
            {"name": members[0], "role": "Primary", "lag": "ok"},
            {"name": members[1], "role": "Replica", "lag": "ok"},
            {"name": members[2], "role": "Replica", "lag": "over 10 s"},
        ],
        "decision": {"wanted": f"{name}: one primary, 3 members", "why": "the shard is as it should be"},
        **status,
    }
    return Shard.model_validate({"metadata": {"name": name}, "spec": spec, "status": whole})


def failover(name: str, **status: object) -> Failover:
    spec = {"keyspace": "commerce", "shard": UPPER, "mode": "planned", "reason": "a trial"}
    return Failover.model_validate({"metadata": {"name": name}, "spec": spec, "status": status})


def operation(name: str, kind: str, member: str | None = None, of: str | None = UPPER, **status: object) -> Operation:
    spec = {"type": kind, "keyspace": "commerce", "shard": of, "member": member}
    return Operation.model_validate({"metadata": {"name": name}, "spec": spec, "status": status})


@dataclass
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str


@dataclass
class Store:
    """The store's file, written as another process would."""

    home: Path
    connection: sqlite3.Connection
    answers: list[threading.Thread] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def put(self, *records: Record) -> None:
        """Store the records with their status; one that exists is replaced."""
        self._put(self.connection, *records)

    @staticmethod
    def _put(connection: sqlite3.Connection, *records: Record) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for record in records:
            known = record.metadata.uid
            whole = record if known else born(record, f"uid-{record.name}", "2026-01-01T00:00:00+00:00")
            whole = whole.model_copy(update={"status": record.status})
            sqlite_table.store(connection, whole, 1000)
        connection.execute("COMMIT")

    def all(self, kind: type[Record]) -> dict[str, Record]:
        return {name: decode(kind, name, text) for name, text in sqlite_table.texts(self.connection, kind)}

    def everything(self) -> list[tuple[str, str]]:
        """All texts, to compare before and after."""
        return [pair for kind in KINDS.values() for pair in sqlite_table.texts(self.connection, kind)]

    def answer(self, kind: type[Record], *statuses: dict[str, object]) -> None:
        """Be the topology service for the next request of a kind: give it these statuses, one after the other."""

        def work() -> None:
            try:
                with contextlib.closing(sqlite_file.connect(self.home / "records.db", 5)) as connection:
                    before = {name for name, _ in sqlite_table.texts(connection, kind)}
                    known.set()
                    name = _wait_for_new(connection, kind, before)
                    for status in statuses:
                        record = sqlite_table.read(connection, kind, name)
                        changed = type(record.status).model_validate(status)
                        self._put(connection, record.model_copy(update={"status": changed}))
            except BaseException as failure:  # noqa: BLE001 - told by the fixture
                self.failures.append(failure)

        known = threading.Event()
        thread = threading.Thread(target=work)
        self.answers.append(thread)
        thread.start()
        assert known.wait(10)


def _wait_for_new(connection: sqlite3.Connection, kind: type[Record], before: set[str]) -> str:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        new = {name for name, _ in sqlite_table.texts(connection, kind)} - before
        if new:
            return new.pop()
        time.sleep(0.002)
    raise AssertionError(f"no {kind.kind} was created")


@pytest.fixture
def store(tmp_path):
    home = tmp_path / "home"
    sqlite_file.create_or_check(home / "records.db", 5)
    with contextlib.closing(sqlite_file.connect(home / "records.db", 5)) as connection:
        made = Store(home, connection)
        made.put(keyspace(), shard(LOWER, "-80"), shard(UPPER, "80-"))
        yield made
        for thread in made.answers:
            thread.join(30)
        assert made.failures == []


@pytest.fixture
def flyball(store, monkeypatch) -> Callable[..., Result]:
    """Run the program on the store's home."""
    monkeypatch.setenv("FLYBALL_HOME", str(store.home))
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()

    def run(*words: str, stdin: str | None = None) -> Result:
        done = runner.invoke(app, list(words), input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert "Traceback" not in done.stderr
        return Result(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def refused(flyball, store):
    """Run what must be refused: with a code and a next step on stderr, the right exit code, and nothing changed."""

    def run(code: str, exit_code: int, *words: str, stdin: str | None = None) -> Result:
        before = store.everything()
        done = flyball(*words, stdin=stdin)
        assert f"error {code}: " in done.err
        assert "next: " in done.err
        assert done.code == exit_code
        assert store.everything() == before
        return done

    return run


@pytest.fixture
def make():
    """What makes records."""

    class Make:
        keyspace = staticmethod(keyspace)
        shard = staticmethod(shard)
        failover = staticmethod(failover)
        operation = staticmethod(operation)
        LOWER, UPPER = LOWER, UPPER

    return Make


@pytest.fixture
def at_a_terminal(monkeypatch):
    """Somebody can be asked."""
    monkeypatch.setattr("flyball.cli.confirm.is_terminal", lambda: True)
