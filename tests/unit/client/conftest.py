"""A shard on paper: a real store file, members that answer as a test says, and a clock that only sleep moves."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from flyball.client import RecordReader, Result, ShardClient
from flyball.client.connection import NotDoneError
from flyball.records import Keyspace, Shard
from flyball.store import sqlite_file, sqlite_table

MEMBERS = ("one", "two", "three")


def shard(
    name: str = "commerce-x-x",
    part: str = "-",
    *,
    primary: str = "one",
    term: int = 1,
    phase: str = "",
    candidate: str = "",
    mode: str = "planned",
    serving: bool = True,
    access: str = "",
) -> Shard:
    members = [
        {"name": member, "host": "127.0.0.1", "port": 15001 + place, "tlsName": f"{member}.commerce"}
        for place, member in enumerate(MEMBERS)
    ]
    spec = {"keyspace": "commerce", "range": part, "database": "commerce", "members": members, "credentials": "c"}
    status: dict[str, object] = {"issued": term, "reign": {"term": term, "primary": primary}}
    if phase:
        status["transition"] = {"mode": mode, "phase": phase, "candidate": candidate}
    if access:
        status["access"] = {"mode": access, "by": "move-1"}
    record = {"metadata": {"name": name}, "spec": {**spec, "serving": serving}, "status": status}
    return Shard.model_validate(record)


@dataclass
class Member:
    """What a member does: each answer is used once, a Result is given when none is left."""

    refuses: Exception | None = None
    answers: list[Exception | Callable[[], None]] = field(default_factory=list)
    lost: bool = False
    open: bool = False
    connects: int = 0
    got: list[str] = field(default_factory=list)
    closed: int = 0


@dataclass
class FakeConnection:
    name: str
    member: Member

    def is_lost(self) -> bool:
        return self.member.lost

    def execute(self, sql: str, args: object, abandoned: Callable[[], bool]) -> Result:
        answer = self.member.answers.pop(0) if self.member.answers else None
        if callable(answer):
            answer()
            answer = None
        if isinstance(answer, Exception):
            raise answer
        self.member.got.append(sql)
        return Result(affected=1)

    def takes_writes(self) -> bool:
        return self.member.open

    def close(self) -> None:
        self.member.closed += 1


@dataclass
class World:
    """One store, the members by name, the time, and what happens when."""

    store: sqlite3.Connection
    path: object
    members: dict[str, Member] = field(default_factory=lambda: {name: Member() for name in MEMBERS})
    now: float = 0.0
    slept: int = 0
    events: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    clients: list[object] = field(default_factory=list)

    def write(self, *records: Shard | Keyspace) -> None:
        self.store.execute("BEGIN IMMEDIATE")
        for record in records:
            sqlite_table.store(self.store, record, 100)
        self.store.execute("COMMIT")

    def at(self, moment: float, event: Callable[[], object]) -> None:
        self.events.append((moment, event))

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += 1
        due = [event for moment, event in self.events if moment <= self.now]
        self.events = [(moment, event) for moment, event in self.events if moment > self.now]
        for event in due:
            event()

    def connect(self, address: object, database: str) -> FakeConnection:
        member = self.members[address.member]
        member.connects += 1
        if member.refuses is not None:
            raise member.refuses
        member.lost = False
        return FakeConnection(address.member, member)

    def client(self, **options: object) -> ShardClient:
        settings = {
            "user": "app",
            "password": "p",
            "ca": "",
            "connect": self.connect,
            "clock": lambda: self.now,
            "sleep": self.sleep,
        }
        made = ShardClient(self.path, "commerce", None, **{**settings, **options})
        self.clients.append(made)
        return made

    def down(self, name: str) -> None:
        """The member's process is gone."""
        self.members[name].lost = True
        self.members[name].refuses = NotDoneError("connection refused")


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "records.db"
    sqlite_file.create_or_check(path, 5)
    with contextlib.closing(sqlite_file.connect(path, 5)) as store:
        made = World(store, path)
        made.write(shard())
        yield made
        for client in made.clients:
            client.close()


@pytest.fixture
def reader(world):
    with RecordReader(world.path) as made:
        yield made


@pytest.fixture
def a_shard():
    return shard
