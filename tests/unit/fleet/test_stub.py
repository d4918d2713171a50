"""The fleet speaks as members do: what it says of itself is what the service reads."""

from hypothesis import given
from hypothesis import strategies as st

from flyball.session import call
from flyball.session.packets import Response
from flyball_topology.probe import snapshot
from tests.simulation.fleet import probe
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
