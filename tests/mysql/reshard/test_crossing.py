"""A cutover and its way back by the acts of a reshard, over SQL, with what is seen after each."""

import itertools

import pytest

from flyball.errors import FlyballError
from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.keyspaceid import keyspace_id
from flyball.records import Keyspace, Shard
from flyball.records.keyspace import ShardRoute, TableSpec
from flyball.records.reshard import ReshardSpec
from flyball.records.shard import MemberStatus, Reign, Role
from flyball.secrets import FileSecrets
from flyball.store.sqlite import SqliteRecords
from flyball_topology.crossing.sql_crossing import SqlCrossing
from flyball_topology.reshard import acts
from flyball_topology.reshard.port import Move
from tests.mysql.reshard.conftest import ISSUE, S1, S2, T1, T2, TERM, WORKFLOW
from tests.mysql.waiting import until

SOURCE, TARGET = "commerce-x-80", "commerce-80-x"
PART = KeyRange.parse("80-")


class Crossed:
    """The crossing, and the records that a reshard would have."""

    def __init__(self, two, records, crossing) -> None:
        self.two, self.records, self.crossing = two, records, crossing

    async def reigns(self, name: str, primary: str, *others: str) -> None:
        shard = await self.records.get(Shard, name)
        uuids = {member: (await self.two.probe(member))["server_uuid"] for member in (primary, *others)}
        members = tuple(MemberStatus(name=m, role=Role.REPLICA, uuid=uuid) for m, uuid in uuids.items())
        reign = Reign(term=TERM, primary=primary, uuid=uuids[primary], issue=ISSUE)
        status = shard.status.model_copy(update={"issued": TERM, "reign": reign, "members": members})
        await self.records.replace_status(shard.model_copy(update={"status": status}))

    async def move(self) -> Move:
        """As both sides' records are now; the source holds everything, the target a half."""
        source, target = await self.records.get(Shard, SOURCE), await self.records.get(Shard, TARGET)
        whole = source.model_copy(update={"spec": source.spec.model_copy(update={"range": "-"})})
        keyspace = await self.records.get(Keyspace, "commerce")
        tables = {"t": TableSpec(shard_by="owner")}
        keyspace = keyspace.model_copy(update={"spec": keyspace.spec.model_copy(update={"tables": tables})})
        spec = ReshardSpec(
            keyspace="commerce",
            sources=(ShardRoute(range="-", shard=SOURCE),),
            targets=(ShardRoute(range="80-", shard=TARGET),),
        )
        return Move(WORKFLOW, spec, keyspace, (whole,), (target,), ("t",))

    async def act(self, kind, shard: str, *values: object) -> None:
        """Once, and once more: each act is safe to repeat."""
        for _ in range(2):
            await self.crossing.act(await self.move(), kind(shard, TERM, *values))

    async def look(self, shard: str):
        return await self.crossing.look(await self.move(), shard)

    async def raise_version(self, shard: str) -> None:
        found = await self.records.get(Shard, shard)
        status = found.status.model_copy(update={"version": found.status.version + 1})
        await self.records.replace_status(found.model_copy(update={"status": status}))

    async def runs_even(self, shard: str, producer: str) -> bool:
        channel = (await self.look(shard)).channels.get(producer)
        return channel is not None and channel.runs and channel.lacks is not None and channel.lacks.is_empty


@pytest.fixture
async def crossed(start, home):
    """``await crossed()``"""
    made = []

    async def begin(*, replicas: int = 1) -> Crossed:
        two = await start(replicas=replicas)
        records = await SqliteRecords.open(home.records)
        ticks = itertools.count(step=10.0)
        crossing = SqlCrossing(records, FileSecrets(home.secrets), lambda: float(next(ticks)))
        made.append((records, crossing))
        crossed = Crossed(two, records, crossing)
        await crossed.reigns(SOURCE, S1, *([S2] if replicas > 1 else []))
        await crossed.reigns(TARGET, T1, *([T2] if replicas > 1 else []))
        return crossed

    yield begin
    for records, crossing in made:
        crossing.close()
        await records.close()


async def test_a_cutover_goes_there_and_its_way_back_is_open(crossed):
    world = await crossed(replicas=2)
    two = world.two
    await two.app(S1, "INSERT INTO commerce.t VALUES (1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0)")
    for shard in (SOURCE, TARGET):
        await world.act(acts.PrepareMovers, shard)
    await world.act(acts.Guard, SOURCE)
    source, target = await world.look(SOURCE), await world.look(TARGET)
    assert source.movers == {S1, S2}
    assert source.guarded
    assert source.writable
    assert not target.writable
    assert (await world.records.get(Shard, TARGET)).status.imports, "before the first row comes"

    await two.begin_at(T1, S1)
    await world.act(acts.OpenChannel, TARGET, SOURCE)
    await two.app(S1, "INSERT INTO commerce.t VALUES (5, 5, 0), (6, 6, 0), (7, 7, 0)")
    await until(lambda: world.runs_even(TARGET, SOURCE))
    assert (await world.look(TARGET)).ghosts is None
    await world.act(acts.Prune, TARGET)
    assert (await world.look(TARGET)).ghosts == 0
    in_range = [str(n) for n in range(1, 8) if keyspace_id(n) in PART]
    assert [row[0] for row in await two.mover(T1, "SELECT id FROM commerce.t ORDER BY id")] == in_range

    await world.raise_version(SOURCE)
    await world.act(acts.Freeze, SOURCE)
    source = await world.look(SOURCE)
    assert source.frozen
    assert not source.writable
    await world.act(acts.CatchUp, TARGET, SOURCE, str(source.line), 30.0)
    await world.act(acts.Journal, TARGET)
    target = await world.look(TARGET)
    assert target.executed.contains(source.line)
    assert (target.journal, target.ghosts, dict(target.strays)) == (TERM, 0, {})

    held = str(target.executed)
    await world.raise_version(TARGET)
    await world.act(acts.Open, TARGET)
    assert (await world.look(TARGET)).writable
    await world.act(acts.CloseChannel, TARGET, SOURCE)
    await world.act(acts.DeclareForeign, SOURCE, held)
    await world.act(acts.OpenChannel, SOURCE, TARGET)
    await two.app(T1, f"INSERT INTO commerce.t VALUES (8, {in_range[0]}, 0)")
    await until(lambda: world.runs_even(SOURCE, TARGET))
    await until(lambda: two.caught_up(S2, S1))
    for member in (S1, S2):
        assert [row[0] for row in await two.app(member, "SELECT id FROM commerce.t ORDER BY id")] == list("12345678")

    for shard in (SOURCE, TARGET):
        await world.act(acts.Clean, shard)
        assert (await world.look(shard)).clean
        status = (await world.records.get(Shard, shard)).status
        assert not status.imports
        mine, other = (S1, T1) if shard == SOURCE else (T1, S1)
        brought = (await two.line(mine)).only_uuids([(await two.probe(other))["server_uuid"]])
        assert not brought.is_empty
        assert GtidSet.parse(status.reign.base).contains(brought), "else it would be errant from now on"


async def test_what_a_failover_dropped_of_the_source_is_told_as_strays(crossed):
    """Rule 19: the source sent it before it had its acknowledgement, so no client heard of it; the target has it."""
    world = await crossed(replicas=2)
    two = world.two
    await until(lambda: two.caught_up(S2, S1))
    for shard in (SOURCE, TARGET):
        await world.act(acts.PrepareMovers, shard)
    await two.begin_at(T1, S1)
    await two.act(S2, "fence", TERM, 0, "")  # hears nothing more
    await world.act(acts.OpenChannel, TARGET, SOURCE)
    await two.app(S1, "INSERT INTO commerce.t VALUES (99, 99, 0)")
    stray = (await two.line(S1)).subtract(await two.line(S2))
    assert not stray.is_empty
    await until(lambda: world.runs_even(TARGET, SOURCE))
    await two.act(S1, "fence", TERM + 1, 0, "")
    await two.act(S2, "promote", TERM + 1, 0, "", "", 0, "", None)
    await two.act(S2, "journal", TERM + 1, S2, "emergency")
    shard = await world.records.get(Shard, SOURCE)
    past = (shard.status.reign.uuid,)
    reign = Reign(term=TERM + 1, primary=S2, uuid=(await two.probe(S2))["server_uuid"], past=past, issue=ISSUE)
    await world.records.replace_status(
        shard.model_copy(update={"status": shard.status.model_copy(update={"reign": reign, "issued": TERM + 1})})
    )
    target = await world.look(TARGET)
    assert SOURCE not in target.channels, "it comes from a member that reigns no more"
    assert target.strays[SOURCE] == stray
    await world.act(acts.OpenChannel, TARGET, SOURCE)
    await two.app(S2, "INSERT INTO commerce.t VALUES (100, 100, 0)")
    await until(lambda: world.runs_even(TARGET, SOURCE))
    assert ("100",) in await two.mover(T1, "SELECT id FROM commerce.t")
    assert (await world.look(TARGET)).strays[SOURCE] == stray


async def test_a_primary_that_is_not_open_under_its_reign_tells_nothing(crossed):
    world = await crossed()
    await world.two.act(T1, "fence", TERM + 1, 0, "")
    with pytest.raises(FlyballError):
        await world.look(TARGET)
