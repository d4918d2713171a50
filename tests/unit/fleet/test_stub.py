"""The fleet speaks as members do: what it says of itself is what the service reads."""

import inspect
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.gtid import NOTHING, GtidSet
from flyball.session import call
from flyball.session.packets import Response, learn, recognise
from flyball_topology import sql_members, steps
from flyball_topology.probe import Reader, snapshot
from flyball_topology.view import Channel, Snapshot
from tests.simulation.fleet import probe, statements
from tests.simulation.fleet.statements import parse
from tests.unit.topology.views import healthy
from tests.unit.topology.world import World


def read(data: bytes) -> dict[str, str | None]:
    """The row, as a session reads it."""
    response, at, complete = Response(), 0, False
    while at < len(data):
        size = int.from_bytes(data[at : at + 3], "little")
        complete = response.feed(data[at + 4 : at + 4 + size])
        at += 4 + size
    assert complete
    return response.rows[0]


def test_a_snapshot_comes_through_the_row_unchanged() -> None:
    views = (*healthy().members.values(), *healthy(acks=2, members=4).members.values())
    for seen in (*(view.snapshot for view in views), *(server.probe() for server in World.of().servers.values())):
        assert seen is not None
        assert snapshot(read(probe.alone(seen))) == seen


@given(st.text(), st.integers(0, 2**63), st.booleans())
def test_a_call_is_read_as_it_was_written(text: str, number: int, flag: bool) -> None:
    texts = "; ".join((call("one", text, number), call("two", flag, None), "CALL flyball.three(1.500000)"))
    assert parse(texts) == [("one", [text, number]), ("two", [flag, None]), ("three", [1.5])]


def response(seen: Snapshot) -> Response:
    """The answer to a probe, as a session has it: in one stride once its shape is known."""
    data = probe.alone(seen)
    found = recognise(data)
    if found is None:
        found, at = Response(), 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 3], "little")
            found.feed(data[at + 4 : at + 4 + size])
            at += 4 + size
        learn(data, found)
    return found


GIDS = st.sampled_from(
    [
        NOTHING,
        *(GtidSet.span(f"{uuid:08x}-0000-4000-8000-000000000000", 1, n) for uuid in (1, 2) for n in (1, 99, 2**40)),
    ]
)
CHANNELS = st.builds(
    lambda received, heartbeats, receiver: Channel("h", 1, "u", receiver, 0, "", received, heartbeats, True, 0, ""),
    GIDS,
    st.integers(0, 2**40),
    st.sampled_from(["ON", "CONNECTING"]),
)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_answers_read_by_the_ones_before_are_read_as_they_are(data: st.DataObject) -> None:
    """Whatever changes from one to the next: what grows, anything else, a channel that comes or goes, lengths."""
    view = healthy().members["m1"].snapshot
    assert view is not None
    reader = Reader()
    for _ in range(4):
        view = replace(
            view,
            executed=data.draw(GIDS),
            beat=data.draw(st.integers(0, 2**40)),
            channel=data.draw(st.none() | CHANNELS),
            disk_full=data.draw(st.booleans()),
            version=data.draw(st.sampled_from(["9.7.4", "9" * 250, "9" * 251, "9" * 70_000])),
        )
        assert reader.read(response(view)) == view


def test_what_grew_is_all_that_is_read_of_an_answer_like_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    view = next(view.snapshot for view in healthy().members.values() if view.snapshot and view.snapshot.channel)
    reader, whole = Reader(), list[object]()
    before = reader.read(response(view))
    monkeypatch.setattr("flyball_topology.probe.snapshot", lambda row: whole.append(row) or snapshot(row))
    assert view.channel is not None
    for number in (1, 99, 1, 1, 5):
        gtids = GtidSet.span(view.uuid, 1, number)
        channel = replace(view.channel, heartbeats=number, received=gtids)
        now = replace(view, beat=number, executed=gtids, channel=channel)
        found = reader.read(response(now))
        assert found == now
        assert found.accounts is before.accounts
    assert before == view, "the one before is as it was"
    assert reader.read(response(view)) == view
    assert whole == []
    reader.read(response(replace(view, offline=not view.offline)))
    assert len(whole) == 1


ACTS = (
    steps.Fence("m1", 2),
    steps.Freeze("m1", 2),
    steps.Thaw("m1", 2),
    steps.Hold("m1", 2),
    steps.Serve("m1", 2),
    steps.Follow("m2", 2, "m1"),
    steps.Lend("m1", 2, "m2"),
    steps.Settle("m2", 2),
    steps.CatchUp("m2", 2, ""),
    steps.Promote("m1", 2, "", 1, ("m1", "m2"), "planned"),
    steps.ForgetSource("m1", 2),
    steps.Isolate("m2", 2),
    steps.Declare("m1", 2, ()),
    steps.Establish("m1", 2, "db", (), ("m1", "m2")),
    steps.Provision("m1", 2, "db", (), ("m1", "m2")),
    steps.Admit("m1", 2, ("m1", "m2")),
    steps.EnsureSemiSync("m1", 2, 1),
)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_each_act_calls_procedures_that_the_fleet_has_with_the_arguments_that_they_take(act: steps.Act) -> None:
    world = World.of()
    texts = sql_members._statements(world.shard(), act, {"replica-seed": "s"}, takes_notes=True)
    for procedure, arguments in parse("; ".join(texts)):
        inspect.signature(statements._PROCEDURES[procedure]).bind(world, act.member, *arguments)


def test_no_act_but_clone_is_left_out() -> None:
    known = {kind.__name__ for kind in steps.Act.__subclasses__()}
    assert {type(act).__name__ for act in ACTS} == known - {"Clone"}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_the_acts_of_an_older_member_lack_the_note_and_nothing_else(act: steps.Act) -> None:
    def calls(takes_notes: bool) -> list[tuple[str, list[statements.Argument]]]:
        texts = sql_members._statements(World.of().shard(), act, {"replica-seed": "s"}, takes_notes=takes_notes)
        return [call for text in texts for call in parse(text)]

    for (procedure, now), (_, before) in zip(calls(takes_notes=True), calls(takes_notes=False), strict=True):
        assert before == (now[:-1] if procedure in statements._NOTED else now)


def test_what_an_older_member_says_of_itself_is_read() -> None:
    seen = replace(World.of()["m1"].probe(), takes_notes=False)
    assert snapshot(read(probe.alone(seen))) == seen
