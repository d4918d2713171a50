"""Watching members: who answers, who hears whom, how far behind each is. On virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from flyball.errors import Code, MemberError
from flyball.gtid import NOTHING, GtidSet
from flyball.records import Metadata, Shard
from flyball.records.shard import MemberSpec, Reign, ShardSpec
from flyball.session import SessionLostError
from flyball_topology.steps import Act
from flyball_topology.view import Channel, Reach, Snapshot
from flyball_topology.watching import PROBE_WITHIN, Watch

pytestmark = pytest.mark.looptime

UUID = "00000000-0000-0000-0000-000000000001"


def shard(*names: str) -> Shard:
    members = tuple(MemberSpec(name=name, host="127.0.0.1", port=3306 + i) for i, name in enumerate(names))
    spec = ShardSpec(keyspace="k", range="-", database="k", members=members, credentials="c")
    return Shard(metadata=Metadata(name="s"), spec=spec)


def snapshot(*, beat: int = 0, channel: Channel | None = None) -> Snapshot:
    return Snapshot(
        uuid=UUID,
        version="9.7",
        super_read_only=True,
        read_only=True,
        offline=False,
        executed=NOTHING,
        purged=NOTHING,
        semi_sync_source=False,
        semi_sync_acks=1,
        semi_sync_replica=True,
        promise=1,
        opened=0,
        journal_term=1,
        beat=beat,
        channel=channel,
    )


def channel(*, receiver: str = "ON", heartbeats: int = 0, received: GtidSet = NOTHING) -> Channel:
    return Channel("127.0.0.1", 3306, UUID, receiver, 0, "", received, heartbeats, True, 0, "")


class Members:
    """Members that answer what they are told to."""

    def __init__(self) -> None:
        self.answers: dict[str, Snapshot | Exception | None] = {}
        self.asked: list[str] = []
        self.beating: Exception | None = None
        self.hang_beats = False

    async def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> Snapshot:
        self.asked.append(member.name)
        answer = self.answers[member.name]
        if answer is None:
            await asyncio.sleep(3600)
            raise AssertionError
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def act(self, shard: Shard, act: Act) -> Snapshot | None:
        raise AssertionError

    async def beat(self, shard: Shard, member: MemberSpec, beat: int) -> None:
        if self.hang_beats:
            await asyncio.sleep(3600)
        if self.beating:
            raise self.beating

    def forget(self, shard: str) -> None:
        raise AssertionError


@pytest.fixture
def members() -> Members:
    return Members()


def watch_of(members: Members) -> Watch:
    return Watch(members, asyncio.get_running_loop().time, lambda: None)


def refused() -> SessionLostError:
    error = SessionLostError(Code.MEMBER_UNREACHABLE, "gone")
    error.refused = True
    return error


async def test_refusing_silence_and_a_refused_login_are_told_apart(members: Members) -> None:
    members.answers = {
        "a": snapshot(),
        "b": refused(),
        "c": None,
        "d": MemberError(Code.MEMBER_LOGIN, "no"),
    }
    seen = await watch_of(members).look(shard("a", "b", "c", "d"), 0.0)
    assert [member.reach for member in seen.values()] == [Reach.OK, Reach.REFUSED, Reach.SILENT, Reach.LOGIN]


async def test_a_silent_member_is_waited_for_once_and_then_only_glanced_at(members: Members) -> None:
    members.answers = {"a": snapshot(), "b": None}
    watch, clock = watch_of(members), asyncio.get_running_loop().time
    started = clock()
    await watch.look(shard("a", "b"), 0.0)
    assert clock() - started >= PROBE_WITHIN
    started = clock()
    seen = await watch.look(shard("a", "b"), 0.0)
    assert clock() - started < 0.1  # virtual seconds: a failover does not wait for the dead
    assert seen["b"].failures == 1


async def test_failures_count_in_a_row_and_keep_when_they_began(members: Members) -> None:
    members.answers = {"a": refused()}
    watch = watch_of(members)
    first = (await watch.look(shard("a"), 0.0))["a"]
    await asyncio.sleep(5)
    second = (await watch.look(shard("a"), 0.0))["a"]
    assert (first.failures, second.failures) == (1, 2)
    assert second.since == first.since
    members.answers["a"] = snapshot()
    back = (await watch.look(shard("a"), -1.0))["a"]
    assert (back.failures, back.reach) == (0, Reach.OK)
    assert back.since > first.since


async def test_a_member_that_fell_silent_keeps_its_last_snapshot_as_history(members: Members) -> None:
    members.answers = {"a": snapshot(beat=3)}
    watch = watch_of(members)
    await watch.look(shard("a"), 0.0)
    members.answers["a"] = refused()
    gone = (await watch.look(shard("a"), -1.0))["a"]
    assert gone.seen is None
    assert gone.snapshot is not None
    assert gone.snapshot.beat == 3


async def test_a_fresh_snapshot_is_not_asked_for_again(members: Members) -> None:
    members.answers = {"a": snapshot()}
    watch = watch_of(members)
    await watch.look(shard("a"), 0.1)
    await watch.look(shard("a"), 0.1)
    assert members.asked == ["a"]
    await asyncio.sleep(0.2)
    await watch.look(shard("a"), 0.1)
    assert members.asked == ["a", "a"]


async def test_hearing_needs_an_advance_or_a_heartbeat_not_a_thread_that_says_on(members: Members) -> None:
    """Rule 14: after SIGSTOP of the source the I/O thread says ON for long."""
    clock = asyncio.get_running_loop().time
    watch = watch_of(members)
    members.answers = {"a": snapshot(channel=channel(heartbeats=1))}
    assert (await watch.look(shard("a"), 0.0))["a"].hears(clock())
    for _ in range(4):
        await asyncio.sleep(1)
        seen = (await watch.look(shard("a"), 0.0))["a"]
    assert not seen.hears(clock())
    members.answers = {"a": snapshot(channel=channel(heartbeats=2))}
    await asyncio.sleep(1)
    assert (await watch.look(shard("a"), 0.0))["a"].hears(clock())
    for number in range(1, 6):
        await asyncio.sleep(1)
        members.answers = {"a": snapshot(channel=channel(heartbeats=2, received=GtidSet.span(UUID, 1, number)))}
        seen = (await watch.look(shard("a"), 0.0))["a"]
    assert seen.hears(clock())
    members.answers = {"a": snapshot(channel=channel(receiver="CONNECTING", heartbeats=3))}
    assert not (await watch.look(shard("a"), -1.0))["a"].hears(clock())


async def test_lag_is_told_by_heartbeats_and_this_services_clock_alone(members: Members) -> None:
    members.answers = {"a": snapshot(beat=10), "b": snapshot(beat=10)}
    watch, one = watch_of(members), shard("a", "b")
    seen = await watch.look(one, 0.0)
    assert seen["b"].lag is None
    for _ in range(5):
        watch.beats.send(one, seen["a"])
        await asyncio.sleep(1)
    members.answers = {"a": snapshot(beat=15), "b": snapshot(beat=12)}
    seen = await watch.look(one, 0.0)
    assert seen["a"].lag == 0.0
    assert seen["b"].lag == pytest.approx(3.0, abs=0.1)


async def test_a_heartbeat_that_hangs_is_known_and_no_second_one_is_sent(members: Members) -> None:
    members.answers = {"a": snapshot()}
    watch, one = watch_of(members), shard("a")
    seen = await watch.look(one, 0.0)
    assert watch.beats.hung() == 0.0
    members.hang_beats = True
    watch.beats.send(one, seen["a"])
    await asyncio.sleep(4)
    watch.beats.send(one, seen["a"])
    assert watch.beats.hung() == pytest.approx(4.0, abs=0.1)
    watch.stop()


async def test_a_heartbeat_from_before_a_partition_is_given_up_after_it(members: Members) -> None:
    """Its connection is silent for as long again; the primary, which is back, can write."""
    members.answers = {"a": snapshot()}
    watch, one = watch_of(members), shard("a")
    seen = await watch.look(one, 0.0)
    members.hang_beats = True
    watch.beats.send(one, seen["a"])
    members.answers = {"a": None}
    await asyncio.sleep(4)
    await watch.look(one, 0.0)
    assert watch.beats.hung() > 4.0
    members.answers, members.hang_beats = {"a": snapshot()}, False
    await asyncio.sleep(1)
    seen = await watch.look(one, 0.0)
    watch.beats.send(one, seen["a"])
    await asyncio.sleep(0.1)
    assert watch.beats.hung() == 0.0


async def test_one_that_hangs_again_after_a_partition_is_known_too(members: Members) -> None:
    members.answers = {"a": snapshot()}
    watch, one = watch_of(members), shard("a")
    seen = await watch.look(one, 0.0)
    members.hang_beats = True
    watch.beats.send(one, seen["a"])
    members.answers = {"a": refused()}
    await asyncio.sleep(1)
    await watch.look(one, 0.0)
    members.answers = {"a": snapshot()}
    await asyncio.sleep(1)
    for _ in range(5):
        seen = await watch.look(one, 0.0)
        watch.beats.send(one, seen["a"])
        await asyncio.sleep(1)
    assert watch.beats.hung() == pytest.approx(5.0, abs=0.1)
    watch.stop()


async def test_a_heartbeat_that_fails_again_and_again_hangs_too(members: Members) -> None:
    members.answers = {"a": snapshot()}
    watch, one = watch_of(members), shard("a")
    seen = await watch.look(one, 0.0)
    members.beating = MemberError(Code.MEMBER_REFUSED, "disk full")
    for _ in range(4):
        watch.beats.send(one, seen["a"])
        await asyncio.sleep(1)
    assert watch.beats.hung() == pytest.approx(4.0, abs=0.1)
    members.beating = None
    watch.beats.send(one, seen["a"])
    await asyncio.sleep(0.1)
    assert watch.beats.hung() == 0.0


async def test_a_member_made_anew_starts_as_unknown(members: Members) -> None:
    members.answers = {"a": snapshot()}
    watch = watch_of(members)
    await watch.look(shard("a"), 0.0)
    again = shard("a")
    spec = again.spec.members[0].model_copy(update={"incarnation": 2})
    members.answers["a"] = refused()
    seen = await watch.look(again.model_copy(update={"spec": again.spec.model_copy(update={"members": (spec,)})}), 0.0)
    assert seen["a"].snapshot is None


async def test_how_long_a_receiver_tries_to_connect_is_remembered_until_it_is_connected() -> None:
    members = Members()
    watch = Watch(members, asyncio.get_running_loop().time, lambda: None)
    members.answers["m1"] = snapshot(channel=channel(receiver="CONNECTING"))
    await asyncio.sleep(10)
    first = (await watch.look(shard("m1"), 0.0))["m1"].connecting_since
    await asyncio.sleep(10)
    assert (await watch.look(shard("m1"), 0.0))["m1"].connecting_since == first == 10
    members.answers["m1"] = snapshot(channel=channel())
    await asyncio.sleep(1)
    assert (await watch.look(shard("m1"), 0.0))["m1"].connecting_since is None


async def test_the_end_of_one_looks_second_cuts_no_probe_of_the_next_look(members: Members) -> None:
    """One member refuses at once and is probed again, while another's silence of the first look still counts."""
    members.answers = {"a": refused(), "b": None}
    watch, one = watch_of(members), shard("a", "b")
    looking = asyncio.create_task(watch.look(one, 0.0))
    await asyncio.sleep(0.5)
    looking.cancel()
    members.answers["a"] = None
    await asyncio.sleep(0.1)
    await watch.look(one, 0.0)
    await asyncio.sleep(0.5)
    seen = await watch.look(one, 10.0)
    assert (seen["a"].failures, seen["b"].failures) == (1, 1)
    assert seen["a"].reach is Reach.REFUSED
    watch.stop()


async def test_a_probe_that_is_given_up_with_its_watch_says_nothing_of_the_member(members: Members) -> None:
    members.answers = {"a": snapshot()}
    watch, one = watch_of(members), shard("a")
    await watch.look(one, 0.0)
    members.answers["a"] = None
    looking = asyncio.create_task(watch.look(one, -1.0))
    await asyncio.sleep(0.1)
    watch.stop()
    assert (await looking)["a"].reach is Reach.OK


async def test_an_answer_that_nobody_expected_makes_the_member_no_better_known(members: Members) -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    members.answers = {"a": snapshot()}
    watch = watch_of(members)
    assert (await watch.look(shard("a"), 0.0))["a"].reach is Reach.OK
    members.answers = {"a": IndexError("list index out of range")}
    await asyncio.sleep(1)
    seen = await watch.look(shard("a"), 0.0)
    assert (seen["a"].reach, seen["a"].failures) == (Reach.SILENT, 1)
    assert told == [members.answers["a"]]  # it is told all the same: it is a mistake of ours


class Immediate(Members):
    """Answers by a future that is done, as sessions that are kept do."""

    def probe(self, shard: Shard, member: MemberSpec, on_lost: Callable[[], None]) -> "asyncio.Future[Snapshot]":
        self.asked.append(member.name)
        future: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        answer = self.answers[member.name]
        if isinstance(answer, Exception):
            future.set_exception(answer)
        elif answer is not None:
            future.set_result(answer)
        return future


async def test_a_probe_needs_no_task_of_its_own() -> None:
    members = Immediate()
    members.answers = {"a": snapshot(), "b": refused(), "c": None}
    before = asyncio.all_tasks()
    watch = watch_of(members)
    looking = asyncio.create_task(watch.look(shard("a", "b", "c"), 0.0))
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() - before == {looking}
    seen = await looking
    assert [member.reach for member in seen.values()] == [Reach.OK, Reach.REFUSED, Reach.SILENT]


async def test_whoever_does_not_answer_a_glance_is_news_after_a_second() -> None:
    members, told = Immediate(), list[bool]()
    members.answers = {"a": snapshot(), "b": snapshot(channel=channel())}
    watch, one = watch_of(members), shard("a", "b")
    reign = Reign(term=1, primary="a", uuid=UUID)
    one = one.model_copy(update={"status": one.status.model_copy(update={"reign": reign})})
    await watch.look(one, 0.0)
    await asyncio.sleep(1)
    assert watch.glance(one, 0.0, told.append)
    await asyncio.sleep(0.01)
    assert told == [True]
    members.answers["b"] = None
    assert watch.glance(one, 0.0, told.append)
    assert not watch.glance(one, 0.0, told.append), "one is in flight"
    await asyncio.sleep(PROBE_WITHIN / 2)
    assert told == [True]
    await asyncio.sleep(PROBE_WITHIN)
    assert told == [True, False]
    assert not watch.glance(one, 0.0, told.append), "one is known to be unwell"
    seen = await watch.look(one, 0.0)
    assert seen["b"].failures


async def test_a_probe_that_fails_in_an_unforeseen_way_is_a_missed_one_and_ends_its_glance() -> None:
    members, told, failures = Immediate(), list[bool](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    members.answers = {"a": snapshot()}
    watch, one = watch_of(members), shard("a")
    reign = Reign(term=1, primary="a", uuid=UUID)
    one = one.model_copy(update={"status": one.status.model_copy(update={"reign": reign})})
    await watch.look(one, 0.0)
    await asyncio.sleep(1)
    members.answers["a"] = IndexError("no such cell")
    assert watch.glance(one, 0.0, told.append)
    await asyncio.sleep(0.01)
    assert told == [False]
    assert len(failures) == 1, "it is a fault of this program, and is logged"
    seen = await watch.look(one, 1.0)
    assert (seen["a"].failures, seen["a"].error) == (1, "no such cell")
