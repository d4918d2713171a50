"""What chaos happens on: one keyspace, every party on a host of its own, every member on a small disk of its own.

The engine runs beside it all, as it does on a machine; two topology services compete for the lease; a writer for each
shard keeps a ledger. The ground looks after what a machine's supervisor would: a service or an engine that was ended
is started again by whoever ended it.
"""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from flyball.client import ShardClient
from flyball.conditions import MEMBERS_RUNNING
from flyball.expand import DesiredShard, expand
from flyball.records import Keyspace, Metadata, Shard
from flyball.records.keyspace import KeyspaceSpec
from flyball.store.sqlite import SqliteRecords
from flyball_local import background, engine_state, mysqld
from flyball_local.engine import Setup, start_in_background
from flyball_local.home import Home
from flyball_local.trial import janitor, ledger
from flyball_local.trial.audit import numbers_everywhere
from flyball_local.trial.changes import is_whole, wait_for
from flyball_local.trial.disks import make_disk
from flyball_local.trial.network import Network, token_of
from flyball_local.trial.place import make_home, signals_cancel
from flyball_local.trial.writer import Login, Writer, login_of, start_writer
from flyball_local.up import up

KEYSPACE, USER = "chaos", "app"
SERVICES = ("topology-1", "topology-2")
CLIENT, OBSERVER = "client", "observer"
WRITE_EVERY = 0.02
"""Seconds between two writes of a shard's writer."""
COMING_UP = 300.0


class Service:
    """A topology service on a host of its own, kept by us: started, ended, started again."""

    def __init__(self, home: Home, name: str, enter: Sequence[str]) -> None:
        self.name = name
        self.log = home.logs / f"{name}.log"
        self._home, self._enter = home, enter
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        places = ("--store", str(self._home.records), "--secrets", str(self._home.secrets), "--identity", self.name)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._enter, sys.executable, "-m", "flyball_topology", *places],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=background.python_environment(),
                cwd="/",
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Signal it; nothing happens where it has ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    async def ended(self, limit: float = 20.0) -> None:
        """Wait until it has ended; kill it where that takes too long."""
        if self._process is None:
            return
        try:
            await asyncio.to_thread(self._process.wait, limit)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


@dataclass(slots=True)
class Ground:
    """Everything that a fault may strike, and who watches it."""

    home: Home
    network: Network
    setup: Setup
    desired: tuple[DesiredShard, ...]
    services: tuple[Service, ...]
    records: SqliteRecords | None = None
    login: Login | None = None
    writers: dict[str, Writer] = field(default_factory=dict)

    @property
    def shards(self) -> tuple[str, ...]:
        """The shards' names."""
        return tuple(shard.name for shard in self.desired)

    async def shard(self, name: str) -> Shard:
        """The shard's record as it is now."""
        assert self.records is not None
        found = await self.records.get(Shard, name)
        assert found is not None
        return found

    def process(self, member: str) -> mysqld.MysqldProcess:
        """The member's mysqld, as it was started last."""
        state = mysqld.read_state(self.home.member(member))
        assert state is not None
        return state

    def start_engine(self) -> None:
        """Start the engine again, unless one runs."""
        if engine_state.running_engine(self.home) is None:
            start_in_background(self.setup)

    async def there(self, shard: str, *, everywhere: bool) -> dict[str, Sequence[int]]:
        """The numbers of the ledger's table on every member, or on the primary alone.

        :raises MemberError: MEMBER_UNREACHABLE; MEMBER_REFUSED when a replica does not catch up.
        """
        now, login = await self.shard(shard), self.login
        assert login is not None
        if not everywhere:
            primary = now.spec.member(now.status.reign.primary)
            spec = now.spec.model_copy(update={"members": (primary,)})
            now = now.model_copy(update={"spec": spec})

        def read() -> dict[str, Sequence[int]]:
            with self.network.inside(OBSERVER):
                return numbers_everywhere(now, login)

        return await asyncio.to_thread(read)


@asynccontextmanager
async def ground(shards: int) -> AsyncIterator[Ground]:
    """Bring everything up, whole and under load; take it down whatever happens, this process's end included."""
    spec = {"shards": shards, "replicas": 3, "users": [{"name": USER, "ddl": True}]}
    keyspace = Keyspace(metadata=Metadata(name=KEYSPACE), spec=KeyspaceSpec.model_validate(spec))
    desired = expand(keyspace)
    members = [member for shard in desired for member in shard.members]
    home = make_home("flyball-chaos-")
    network = Network(token_of(home), (*members, *SERVICES, CLIENT, OBSERVER))
    services = tuple(Service(home, name, network.enter(name)) for name in SERVICES)
    setup = Setup(home, topology=(), hosts={member: network.host(member) for member in members})
    made = Ground(home, network, setup, desired, services)
    with janitor.watch(home):
        try:
            with signals_cancel():
                home.prepare()
                network.build()
                for member in members:
                    make_disk(home.member(member))
                await _come_up(made, keyspace)
                yield made
        finally:
            await _go_down(made)


async def _come_up(made: Ground, keyspace: Keyspace) -> None:
    await up(made.home, [keyspace], background=True, until=MEMBERS_RUNNING, wait=COMING_UP, setup=made.setup)
    for service in made.services:
        service.start()
    made.login = await login_of(made.home, KEYSPACE, USER)
    made.records = await SqliteRecords.open(made.home.records)
    for name in made.shards:
        await wait_for(made.records, name, is_whole, "whole", COMING_UP)
        await asyncio.to_thread(_create_table, made, name)
        made.writers[name] = start_writer(
            made.home,
            KEYSPACE,
            name,
            user=USER,
            ledger=made.home.root / f"{name}.ledger",
            every=WRITE_EVERY,
            enter=made.network.enter(CLIENT),
        )


def _create_table(made: Ground, shard: str) -> None:
    login = made.login
    assert login is not None
    with (
        made.network.inside(CLIENT),
        ShardClient(
            made.home.records, KEYSPACE, shard, user=login.user, password=login.password, ca=login.ca
        ) as client,
    ):
        client.execute(ledger.CREATE)


async def _go_down(made: Ground) -> None:
    for writer in made.writers.values():
        writer.kill()
    for service in made.services:
        service.send(signal.SIGKILL)
        await service.ended()
    if made.records is not None:
        await made.records.close()
    await asyncio.to_thread(janitor.clean_up, made.home)
