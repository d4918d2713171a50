"""The running shard, with every party on a host of its own: each member, two topology services, the client.

Each member has a small disk of its own, too.

``observer`` is the test itself, which no cut concerns: it looks at members whoever else cannot reach them. The record
store is a file and not part of the network; taking it away is another fault (``hold_the_store``).
"""

import itertools
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pymysql

from flyball.member.accounts import ENGINE
from flyball_local.engine import Setup
from flyball_local.trial import janitor
from flyball_local.trial.disks import make_disk
from flyball_local.trial.network import Network, token_of
from tests.mysql.topology.running import DATABASE, SHARD, RunningShard
from tests.mysql.topology.waiting import WaitingWrite

MEMBERS = tuple(f"{SHARD}-{number}" for number in (1, 2, 3))
SERVICES = ("topology-1", "topology-2")
CLIENT, OBSERVER = "client", "observer"
MEASURED = Path(os.environ["FLYBALL_MEASURED"]) if "FLYBALL_MEASURED" in os.environ else None
"""A file to append measurements to, one JSON object a line."""


class DividedShard(RunningShard):
    """The shard, as a test cuts it."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Network(token_of(self.home), (*MEMBERS, *SERVICES, CLIENT, OBSERVER))
        self.network.build()
        self.home.prepare()
        for member in MEMBERS:
            make_disk(self.home.member(member))
        self._numbers = itertools.count(-1000, -1)

    @property
    def setup(self) -> Setup:
        hosts = {member: self.network.host(member) for member in MEMBERS}
        return Setup(self.home, topology=(), hosts=hosts)

    def enter_service(self, number: int) -> Sequence[str]:
        return self.network.enter(SERVICES[(number - 1) % len(SERVICES)])

    def party_of(self, number: int) -> str:
        """The party that the running service ``number`` (0 or 1) is at."""
        started = self._started - len(self.services) + number
        return SERVICES[started % len(SERVICES)]

    def place_of_client(self) -> AbstractContextManager[None]:
        return self.network.inside(CLIENT)

    def place_of_test(self) -> AbstractContextManager[None]:
        return self.network.inside(OBSERVER)

    def let_all_run(self) -> None:
        self.network.mend_all()
        super().let_all_run()

    def end(self) -> None:
        super().end()
        janitor.clean_up(self.home)

    # --- cutting ------------------------------------------------------------------------------------------

    def divide(self, ones: Sequence[str], others: Sequence[str]) -> None:
        """Nobody of ``ones`` and nobody of ``others`` hear each other any more."""
        for one, other in product(ones, others):
            self.network.cut(one, other)
            self.network.cut(other, one)

    def silence(self, source: str, targets: Sequence[str]) -> None:
        """The targets hear nothing from ``source``, which hears them still."""
        for target in targets:
            self.network.cut(source, target)

    def others(self, *but: str) -> list[str]:
        """Every party but these and the observer."""
        return [party for party in self.network.parties if party not in {*but, OBSERVER}]

    @contextmanager
    def hold_the_store(self) -> Iterator[None]:
        """Meanwhile nobody can write a record: somebody else's transaction is in the way."""
        with closing(sqlite3.connect(self.home.records, isolation_level=None)) as thief:
            thief.execute("BEGIN IMMEDIATE")
            yield
            thief.execute("ROLLBACK")

    # --- at a member's own side ---------------------------------------------------------------------------

    def at(self, name: str, **options: Any) -> "pymysql.Connection[Any]":
        """An application's connection from the member's own host: no cut lies between."""
        with self.network.inside(name):
            return pymysql.connect(
                host=self.address(name),
                port=self.port(name),
                user="app",
                password=self.secret["user-app"],
                database=DATABASE,
                ssl=self.tls,
                autocommit=True,
                connect_timeout=5,
                read_timeout=60,
                **options,
            )

    def next_number(self) -> int:
        """A number for the ledger's table that nobody has used."""
        return next(self._numbers)

    def write_at(self, name: str, number: int) -> WaitingWrite:
        """A write from the member's own host."""
        return WaitingWrite(self.at(name), number)

    def is_offline(self, name: str) -> bool:
        """Whether the member lets no client in, by its own word over its socket."""
        ask = "SELECT @@GLOBAL.offline_mode AS offline"
        try:
            return bool(self.sql(name, ask, user=ENGINE)[0]["offline"])
        except pymysql.OperationalError:  # a login may be cut by offline_mode just then
            return bool(self.sql(name, ask, user=ENGINE)[0]["offline"])

    def waits_at(self, name: str) -> bool:
        """Whether a commit waits there for its acknowledgement, by the member's own word over its socket."""
        waiting = "SELECT 1 FROM performance_schema.threads WHERE processlist_state LIKE 'Waiting for semi-sync ACK%'"
        return bool(self.sql(name, waiting, user=ENGINE))

    def measure(self, what: str, since: float) -> None:
        """Print, and keep where asked for, how long something took."""
        seconds = round(time.monotonic() - since, 3)
        print(f"measured: {what}: {seconds} s")  # noqa: T201 - for whoever runs it with -s
        if MEASURED is not None:
            with MEASURED.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"what": what, "seconds": seconds}) + "\n")
