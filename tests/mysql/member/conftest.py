"""Members that a test drives by their procedures, with an engine but without a topology service."""

import asyncio

import pymysql
import pytest

from flyball.conditions import MEMBERS_RUNNING
from flyball.gtid import GtidSet
from flyball.member.accounts import ENGINE, credentials_name, replica_account, replica_password
from flyball.secrets import FileSecrets
from flyball.session import Session, call
from flyball_local.engine import Setup
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.ports import HOST
from flyball_local.up import up
from tests.mysql.waiting import LIMIT

ONE, TWO, THREE = "commerce-x-x-1", "commerce-x-x-2", "commerce-x-x-3"
TERM = 3
APP_PASSWORD = "an-app's-password"


class Pair:
    """ONE reigns under TERM; TWO follows it and acknowledges; THREE, where there is one, is as it started."""

    def __init__(self, home: Home, connect, probe, secret) -> None:
        self.home, self._connect, self._probe, self.secret = home, connect, probe, secret

    async def reign(self) -> None:
        account, password = self.account
        primary = await self.topology(ONE)
        await primary.query(call("establish", TERM))
        await primary.query(call("ensure_database", TERM, "commerce"))
        await primary.query(call("ensure_user", TERM, "app", APP_PASSWORD, "commerce", True))
        await primary.query(call("ensure_replica_account", TERM, account, password))
        await primary.query(call("promote", TERM, 0, "", "", 1, account, None))
        await self.follow(ONE)
        async with asyncio.timeout(LIMIT):
            await primary.query(call("journal", TERM, ONE, "bootstrap"))  # waits for its acknowledgement
        await (await self.app(ONE)).query("CREATE TABLE commerce.t (id INT PRIMARY KEY)")

    @property
    def account(self) -> tuple[str, str]:
        return replica_account(TWO), replica_password(self.secret["replica-seed"], TWO)

    async def topology(self, member: str) -> Session:
        return await self._connect(self.home, member)

    async def app(self, member: str) -> Session:
        return await self.login(member, "app")

    async def login(self, member: str, user: str) -> Session:
        return await self.login_as(member, user, APP_PASSWORD)

    async def login_as(self, member: str, user: str, password: str) -> Session:
        return await self._connect(self.home, member, user, password)

    async def act(self, member: str, name: str, *values: object) -> None:
        """One act, in a session of its own."""
        await (await self.topology(member)).query(call(name, *values))

    async def follow(self, source: str, *, term: int = TERM, acks: bool = True) -> None:
        """TWO follows."""
        port = identities(self.home.members)[source].port
        await self.act(TWO, "follow", term, 0, "", HOST, port, *self.account, acks, None)

    def engine(self, member: str, *statements: str) -> tuple:
        """What somebody with rights on the machine may do; returns the rows of the last statement."""
        socket = str(self.home.socket(member))
        with pymysql.connect(unix_socket=socket, user=ENGINE, password=self.secret["engine"]) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall()

    async def in_step(self) -> bool:
        """Whether TWO has executed what ONE has."""
        return (await self.executed(TWO)).contains(await self.executed(ONE))

    async def probe(self, member: str) -> dict:
        return await self._probe(await self.topology(member))

    async def received(self, member: str) -> GtidSet:
        return GtidSet.parse((await self.probe(member))["received"] or "")

    async def executed(self, member: str) -> GtidSet:
        return GtidSet.parse((await self.probe(member))["gtid_executed"])


@pytest.fixture
def start(home, keyspace, connect, probe):
    """``await start()``: members that run and are closed; ``await start(reign=True)``: ONE reigns, TWO follows."""

    async def begin(*, reign: bool = True, replicas: int = 2, **spec: object) -> Pair:
        wanted = keyspace(replicas=replicas, durability={"policy": "none"}, **spec)
        await up(home, [wanted], background=True, wait=LIMIT, until=MEMBERS_RUNNING, setup=Setup(home, topology=()))
        secret = await FileSecrets(home.secrets).get(credentials_name("commerce"))
        pair = Pair(home, connect, probe, secret)
        if reign:
            await pair.reign()
        return pair

    return begin
