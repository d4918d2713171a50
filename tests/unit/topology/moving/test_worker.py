"""How a worker and the service that started it talk, and what becomes of a worker that ends."""

import asyncio
import io
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.keyrange import KeyRange
from flyball.records import Keyspace, Metadata, Shard
from flyball.records.keyspace import KeyspaceSpec, ShardRoute, TableSpec
from flyball.records.reshard import ReshardSpec
from flyball.records.shard import MemberSpec, Reign, ShardSpec, ShardStatus
from flyball.secrets import Secret
from flyball.session import Login, Target
from flyball_topology.moving import plane
from flyball_topology.moving.job import Job, Place
from flyball_topology.moving.plane import MovingPlane
from flyball_topology.moving.worker import AskedFeed, Conversation, described, read_job
from flyball_topology.reshard.acts import Act, DeclareForeign, HoldChannel, OpenChannel
from flyball_topology.reshard.port import Move
from flyball_topology.reshard.seen import ShardSeen, Work

GTIDS = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"


def shard(name: str, part: str) -> Shard:
    member = MemberSpec(name=f"{name}-1", host="127.0.0.1", port=3306, tls_name="m")
    spec = ShardSpec(keyspace="shop", range=part, database="shop", members=(member,), credentials="c")
    status = ShardStatus(reign=Reign(term=3, primary=member.name))
    return Shard(metadata=Metadata(name=name), spec=spec, status=status)


def move() -> Move:
    sources, targets = (shard("shop-x-x", "-"),), (shard("shop-x-80", "-80"), shard("shop-80-x", "80-"))

    def routes(shards: tuple[Shard, ...]) -> tuple[ShardRoute, ...]:
        return tuple(ShardRoute(range=one.spec.range, shard=one.name) for one in shards)

    spec = ReshardSpec(keyspace="shop", sources=routes(sources), targets=routes(targets))
    tables = {"orders": TableSpec(shard_by="customer")}
    keyspace = Keyspace(metadata=Metadata(name="shop"), spec=KeyspaceSpec(shards=2, tables=tables))
    return Move("move-1", spec, keyspace, sources, targets, ("orders",), "print")


class KnownSecrets:
    """One secret."""

    async def get(self, name: str) -> Secret:
        return Secret({"replica-seed": "seed", "ca": "authority"})


class HearingCrossing:
    """Notes the acts; refuses those of one kind."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.refused: type[Act] | None = None

    async def look(self, move: Move, shard: str) -> ShardSeen:
        raise NotImplementedError

    async def act(self, move: Move, act: Act) -> None:
        if self.refused is not None and isinstance(act, self.refused):
            raise MemberError(Code.TERM_TOO_OLD, "a newer term")
        self.acts.append(act)


Planes = Callable[[str], tuple[MovingPlane, HearingCrossing]]


@pytest.fixture
async def planes(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Planes]:
    """Makes planes whose workers run a few lines of Python."""
    monkeypatch.setattr(plane, "believing", lambda _: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    made: list[MovingPlane] = []

    def make(script: str) -> tuple[MovingPlane, HearingCrossing]:
        crossing = HearingCrossing()
        prelude = "import json, sys\nhear = lambda: json.loads(sys.stdin.readline())\n"
        prelude += "def tell(**what): print(json.dumps(what), flush=True)\njob = hear()\n"
        made.append(MovingPlane(KnownSecrets(), crossing, (sys.executable, "-c", prelude + script)))  # type: ignore[arg-type]
        return made[-1], crossing

    yield make
    for one in made:
        for workflow in list(one._workers):
            await one.stop(Move(workflow, *[None] * 4))  # type: ignore[arg-type]
        await one.close()


async def ended(one: MovingPlane) -> plane._Worker:
    worker = one._workers["move-1"]
    assert worker.task is not None
    async with asyncio.timeout(60):
        await worker.task
    return worker


def test_a_job_is_the_same_on_the_other_side_of_the_pipe() -> None:
    place = Place("shop-x-80", KeyRange.parse("-80"), Target("127.0.0.1", 3306, "m"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tables = {"orders": TableSpec(shard_by="customer"), "country": TableSpec(reference=True)}
    job = Job("move-1", "shop", tables, (place,), (place,), Login("u", "p"), context, "print", 3)
    assert read_job(json.loads(json.dumps(described(job, "authority"))), context) == job


def test_a_refusal_is_the_workers_error_with_its_code() -> None:
    conversation = Conversation(io.StringIO(), io.StringIO())
    conversation._answers.put({"error": "a newer term", "code": "FB3003"})
    with pytest.raises(MemberError) as refused:
        AskedFeed(conversation).hold()
    assert refused.value.code is Code.TERM_TOO_OLD


def test_what_a_worker_asks_for_is_one_line() -> None:
    sink = io.StringIO()
    conversation = Conversation(io.StringIO(), sink)
    conversation._answers.put({})
    AskedFeed(conversation).until({"shop-x-x": GtidSet.parse(GTIDS)})
    assert json.loads(sink.getvalue()) == {"ask": "until", "holds": {"shop-x-x": GTIDS}}


async def test_channels_are_held_under_the_terms_that_the_comparison_began_with(planes: Planes) -> None:
    one, crossing = planes(
        "tell(ask='hold'); hear(); tell(ask='until', holds={'shop-x-x': 'S'}); hear(); tell(ask='release'); hear()\n"
        "tell(event='done', rows=5, repaired=1, work='verify')"
    )
    await one.verify(move(), reverse=False)
    worker = await ended(one)
    both = ("shop-x-80", "shop-80-x")
    held = [HoldChannel(target, 3, "shop-x-x") for target in both]
    assert crossing.acts[:4] == [*held, *(HoldChannel(target, 3, "shop-x-x", "S") for target in both)]
    assert set(crossing.acts[4:]) == {*held, *(OpenChannel(target, 3, "shop-x-x") for target in both)}
    seen = plane._verified(worker)
    assert (seen.work, seen.repaired, dict(seen.terms)) == (Work.DONE, 1, dict.fromkeys(("shop-x-x", *both), 3))


async def test_on_the_way_back_the_sources_are_held(planes: Planes) -> None:
    one, crossing = planes("tell(ask='hold'); hear(); tell(event='done', rows=0, repaired=0)")
    await one.verify(move(), reverse=True)
    assert plane._verified(await ended(one)).reverse
    assert {(act.shard, act.producer) for act in crossing.acts if isinstance(act, HoldChannel)} == {
        ("shop-x-x", "shop-x-80"),
        ("shop-x-x", "shop-80-x"),
    }


async def test_what_a_copy_holds_is_declared_at_the_target(planes: Planes) -> None:
    one, crossing = planes(f"tell(ask='declare', shard='shop-80-x', gtids='{GTIDS}'); hear()")
    await one.copy(move())
    await ended(one)
    assert crossing.acts == [DeclareForeign("shop-80-x", 3, GTIDS)]


async def test_a_refused_act_ends_the_comparison_and_tells_why(planes: Planes) -> None:
    one, crossing = planes(
        "tell(ask='hold'); said = hear(); tell(event='failed', message=said['error'], code=said['code'])"
    )
    crossing.refused = HoldChannel
    await one.verify(move(), reverse=False)
    seen = plane._verified(await ended(one))
    assert (seen.work, seen.failure, seen.code) == (Work.BROKEN, "a newer term", Code.TERM_TOO_OLD)


async def test_rows_that_still_differ_are_for_a_person(planes: Planes) -> None:
    one, _ = planes("tell(event='failed', message='rows differ', code='FB4012')")
    await one.verify(move(), reverse=False)
    assert plane._verified(await ended(one)).work is Work.FAILED


async def test_a_worker_that_dies_leaves_its_work_broken_and_is_begun_anew(planes: Planes) -> None:
    one, _ = planes("import os; os._exit(9)")
    await one.verify(move(), reverse=False)
    first = await ended(one)
    assert plane._verified(first).work is Work.BROKEN
    await one.verify(move(), reverse=False)
    assert (await ended(one)).process.pid != first.process.pid


async def test_a_worker_that_is_at_it_is_left_at_it_and_stopped_when_told(planes: Planes) -> None:
    one, _ = planes("tell(event='progress', table='orders', rows=7, size=0); hear()")
    await one.verify(move(), reverse=False)
    worker = one._workers["move-1"]
    await one.verify(move(), reverse=False)
    assert one._workers["move-1"] is worker
    assert plane._verified(worker).work is Work.RUNNING
    await one.stop(move())
    assert worker.process.returncode is not None


@pytest.mark.parametrize("script", ["tell(event='done', rows=5, repaired=0, work='verify')", "sys.exit(3)"])
async def test_whoever_waits_hears_of_a_work_as_soon_as_it_ends(planes: Planes, script: str) -> None:
    one, _ = planes(script)
    heard: list[str] = []
    one.tell_ends_to(heard.append)
    await one.verify(move(), reverse=False)
    worker = await ended(one)
    assert heard == ["shop"]
    assert not worker.runs
