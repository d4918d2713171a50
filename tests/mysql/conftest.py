"""Real mysqld processes for tests: a home whose processes are gone after the test, whatever happened in it."""

import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from flyball.member.accounts import TOPOLOGY, credentials_name, tls_name
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball.secrets import FileSecrets
from flyball.session import Login, Session, Target, call
from flyball.session.packets import Row
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.mysql_install import MySQL, find_mysql
from flyball_local.ports import HOST
from flyball_local.trial import janitor as janitors

Connect = Callable[..., Awaitable[Session]]


@pytest.fixture(scope="session")
def mysql() -> MySQL:
    """The MySQL that the tests run; found as the engine finds it."""
    return find_mysql()


@pytest.fixture(scope="session")
def janitor() -> Iterator[Callable[[Home], None]]:
    """Is told of every home, and cleans it up when this process is gone, even if it was killed."""
    process = janitors.start()
    yield lambda home: janitors.tell(process, home)
    process.communicate(timeout=janitors.END_WITHIN)


@pytest.fixture
async def make_home(mysql: MySQL, janitor: Callable[[Home], None]) -> AsyncIterator[Callable[[], Awaitable[Home]]]:
    """Makes homes; none of their processes and directories outlives the test."""
    homes: list[Home] = []

    async def make() -> Home:
        home = Home(Path(tempfile.mkdtemp(prefix="flyball-home-")))  # short: a socket's path has 107 bytes at most
        homes.append(home)
        janitor(home)
        return home

    yield make
    for home in homes:
        janitors.clean_up(home)


@pytest.fixture
async def home(make_home: Callable[[], Awaitable[Home]]) -> Home:
    """A home, empty."""
    return await make_home()


@pytest.fixture
def keyspace() -> Callable[..., Keyspace]:
    """Makes a keyspace: ``keyspace("commerce", shards=1, replicas=3)``."""

    def make(name: str = "commerce", **spec: object) -> Keyspace:
        return Keyspace(metadata=Metadata(name=name), spec=KeyspaceSpec.model_validate(spec))

    return make


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Opens sessions with members: ``await connect(home, member, user=…, password=…)``; the topology account's else."""
    sessions: list[Session] = []

    async def open_session(home: Home, member: str, user: str = TOPOLOGY, password: str | None = None) -> Session:
        identity = identities(home.members)[member]
        secret = await FileSecrets(home.secrets).get(credentials_name(identity.keyspace))
        assert secret is not None
        tls = ssl.create_default_context(cadata=secret["ca"])
        target = Target(HOST, identity.port, tls_name(identity.keyspace, member))
        session = await Session.connect(target, Login(user, password or secret["topology"]), tls)
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        session.close()


@pytest.fixture
def probe() -> Callable[[Session], Awaitable[Row]]:
    """Asks a member all about itself, as the topology service does: ``await probe(session)``."""

    async def ask(session: Session) -> Row:
        (row,) = await session.query(call("probe", True))
        return row

    return ask
