"""Real mysqld processes for tests: a home whose processes are gone after the test, whatever happened in it."""

import shutil
import signal
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from flyball.errors import FlyballError
from flyball.member.accounts import TOPOLOGY, credentials_name
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball.secrets import FileSecrets
from flyball.session import Login, Session, Target, call
from flyball.session.packets import Row
from flyball_local import background, engine_state, mysqld, topology_process
from flyball_local.credentials import tls_name
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.mysql_install import MySQL, find_mysql
from flyball_local.ports import HOST

Connect = Callable[..., Awaitable[Session]]


@pytest.fixture(scope="session")
def mysql() -> MySQL:
    """The MySQL that the tests run; found as the engine finds it."""
    return find_mysql()


@asynccontextmanager
async def _nothing_left(home: Home) -> AsyncIterator[Home]:
    try:
        yield home
    finally:
        end_processes(home)
        shutil.rmtree(home.root, ignore_errors=True)
        shutil.rmtree(home.short_sockets, ignore_errors=True)


def end_processes(home: Home) -> None:
    """Kill whatever was started for this home: first who starts others, then the others."""
    for file in (engine_state.state_file(home), home.root / "engine-start.json", topology_process.state_file(home)):
        with suppress(FlyballError):
            state = background.read(file)
            if state is not None:
                background.send(state, signal.SIGKILL)
    for directory in home.members.glob("*/"):
        with suppress(FlyballError):
            member = mysqld.read_state(directory)
            if member is not None:
                mysqld.kill(member)


@pytest.fixture
async def make_home(mysql: MySQL) -> AsyncIterator[Callable[[], Awaitable[Home]]]:
    """Makes homes; none of their processes and directories outlives the test."""
    async with AsyncExitStack() as homes:

        async def make() -> Home:
            root = Path(tempfile.mkdtemp(prefix="flyball-home-"))  # short: a socket's path has 107 bytes at most
            return await homes.enter_async_context(_nothing_left(Home(root)))

        yield make


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
