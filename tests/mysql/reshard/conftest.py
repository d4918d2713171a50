"""Two shards of real members that a test drives by their procedures: rows come from one to the other.

There is an engine and no topology service: a test says each act itself, as the topology service would.
"""

import asyncio

import pytest

from flyball.conditions import MEMBERS_RUNNING, READY
from flyball.gtid import GtidSet
from flyball.member.accounts import credentials_name, mover_account, mover_password, replica_account, replica_password
from flyball.secrets import FileSecrets
from flyball.session import ServerError, Session, call, literal
from flyball_local.engine import Setup
from flyball_local.home import Home
from flyball_local.identity import identities
from flyball_local.ports import HOST
from flyball_local.up import up
from tests.mysql.reshard import at_work
from tests.mysql.waiting import LIMIT

S1, S2 = "commerce-x-80-1", "commerce-x-80-2"
T1, T2 = "commerce-80-x-1", "commerce-80-x-2"
TERM, VERSION, ISSUE = 3, 0, ""
WORKFLOW = "commerce-move-1"
DATABASE = "commerce"
APP_PASSWORD = "an-app's-password"
TABLE = "CREATE TABLE commerce.t (id INT PRIMARY KEY, owner INT NOT NULL, v INT)"


class TwoShards:
    """S1 and T1 reign under TERM; S2 follows S1 where there are replicas, and T2 follows T1."""

    def __init__(self, home: Home, connect, secret) -> None:
        self.home, self._connect, self.secret = home, connect, secret
        self._sessions: dict[tuple[str, str], Session] = {}
        self.account = mover_account(WORKFLOW)
        self.password = mover_password(secret["replica-seed"], WORKFLOW)

    async def reign(self, member: str, replica: str | None = None, acks: int = 0) -> None:
        """The member reigns; ``replica`` follows it, and acknowledges where that is asked."""
        name = replica or member
        account, password = replica_account(name), replica_password(self.secret["replica-seed"], name)
        for act in (
            ("establish", TERM),
            ("ensure_database", TERM, DATABASE),
            ("ensure_user", TERM, "app", APP_PASSWORD, DATABASE, True),
            ("ensure_replica_account", TERM, account, password),
            ("promote", TERM, VERSION, ISSUE, "", acks, account, None),
        ):
            await self.act(member, *act)
        if replica is not None:
            await self.follow(replica, member)
        async with asyncio.timeout(LIMIT):
            await self.act(member, "journal", TERM, member, "bootstrap")

    async def follow(self, replica: str, source: str, term: int = TERM) -> None:
        account, password = replica_account(replica), replica_password(self.secret["replica-seed"], replica)
        await self.act(replica, "follow", term, VERSION, ISSUE, HOST, self.port(source), account, password, True, None)

    def port(self, member: str) -> int:
        return identities(self.home.members)[member].port

    async def session(self, member: str, user: str = "") -> Session:
        """A kept session: the topology service's, the application's or the movers'."""
        kept = self._sessions.get((member, user))
        if kept is None or not kept.alive:
            login = {"": (), "app": ("app", APP_PASSWORD), "mover": (self.account, self.password)}[user]
            kept = self._sessions[(member, user)] = await self._connect(self.home, member, *login)
        return kept

    async def act(self, member: str, name: str, *values: object) -> None:
        await (await self.session(member)).query(call(name, *values))

    async def do(self, member: str, name: str, *values: object, version: int = VERSION) -> None:
        """An act of a reshard: under the term, the record's version and the term's issue."""
        await self.act(member, name, TERM, version, ISSUE, *values)

    async def refused(self, member: str, name: str, *values: object, version: int = VERSION) -> str:
        with pytest.raises(ServerError) as caught:
            await self.do(member, name, *values, version=version)
        return str(caught.value)

    async def app(self, member: str, sql: str) -> list:
        return [tuple(row.values()) for row in await (await self.session(member, "app")).query(sql)]

    async def mover(self, member: str, *statements: str) -> list:
        session = await self.session(member, "mover")
        rows: list = []
        for statement in statements:
            rows = [tuple(row.values()) for row in await session.query(statement)]
        return rows

    async def probe(self, member: str) -> dict:
        (row,) = await (await self.session(member)).query(call("probe", True))
        return row

    async def look(self, member: str) -> dict:
        (row,) = await (await self.session(member)).query(call("probe_reshard", WORKFLOW, self.account, DATABASE))
        return row

    async def executed(self, member: str) -> GtidSet:
        return GtidSet.parse((await self.probe(member))["gtid_executed"])

    async def line(self, member: str) -> GtidSet:
        return (await self.executed(member)).without_tag("flyball")

    async def movers(self, *members: str) -> None:
        for member in members:
            await self.do(member, "ensure_mover", self.account, self.password, DATABASE)

    async def change_guards(self, member: str, *statements: str) -> None:
        """As the topology service does: armed, unlogged, by the movers."""
        await self.do(member, "arm_guards")
        await self.mover(member, "SET sql_log_bin = 0", "USE commerce", *statements, "SET sql_log_bin = 1")
        await self.do(member, "disarm_guards")

    async def import_from(self, member: str, source: str, channel: str = "move-s") -> None:
        await self.do(member, "import", channel, HOST, self.port(source), self.account, self.password, DATABASE)

    async def begin_at(self, member: str, source: str) -> None:
        """The target has what the source has: its tables, made unlogged, and the source's GTIDs."""
        await self.mover(member, "SET sql_log_bin = 0", TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
        rows = await self.app(source, "SELECT id, owner, v FROM commerce.t")
        for row in rows:
            await self.mover(member, f"INSERT INTO commerce.t VALUES ({', '.join(map(literal, row))})")
        await self.mover(member, "SET sql_log_bin = 1")
        await self.do(member, "declare_foreign", str(await self.executed(source)))

    async def caught_up(self, member: str, source: str) -> bool:
        return (await self.executed(member)).contains(await self.line(source))


@pytest.fixture
def start(home, keyspace, connect):
    """``await start()``: a source that serves and a target that does not, of one member each."""

    async def begin(*, replicas: int = 1, acks: int = 0) -> TwoShards:
        wanted = keyspace(shards=2, replicas=replicas, durability={"policy": "none"})
        await up(home, [wanted], background=True, wait=LIMIT, until=MEMBERS_RUNNING, setup=Setup(home, topology=()))
        secret = await FileSecrets(home.secrets).get(credentials_name("commerce"))
        two = TwoShards(home, connect, secret)
        await two.reign(S1, S2 if replicas > 1 else None, acks)
        await two.reign(T1, T2 if replicas > 1 else None)
        await two.do(T1, "hold", 1, 0.0)
        await two.app(S1, TABLE)
        return two

    return begin


@pytest.fixture
def serving(home: Home, keyspace):
    """``await serving(shards=1)``: a keyspace that serves, with all that a user has; its home."""

    async def begin(*, shards: int, replicas: int = 2) -> Home:
        durability = {"policy": "semi-sync", "acks": 1} if replicas > 1 else {"policy": "none"}
        wanted = keyspace(
            shards=shards,
            replicas=replicas,
            durability=durability,
            tables={"orders": {"shardBy": "customer"}},
            users=[{"name": "app", "ddl": True}],
            reclaim_policy="Delete",
        )
        await up(home, [wanted], background=True, wait=at_work.LIMIT, until=READY)
        return home

    return begin
