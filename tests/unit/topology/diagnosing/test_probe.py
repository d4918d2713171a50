"""What a probe's row is read as."""

import json
from collections import defaultdict

import pytest

from flyball.errors import Code, MemberError
from flyball.session.packets import Response
from flyball_topology.probe import Reader, of_rows, snapshot

Row = dict[str, str | None]


def row(**told: str | None) -> Row:
    """A row that says nothing but ``told``."""
    found: Row = defaultdict(lambda: None)
    found.update(told)
    return found


@pytest.mark.parametrize(
    ("state", "errno", "means"),
    [
        ("In Progress", "0", "In Progress"),
        ("In Progress", "1317", "Failed"),
        ("Failed", "3862", "Failed"),
        ("Completed", "0", "Completed"),
        (None, None, ""),
    ],
)
def test_a_clone_that_ended_halfway_is_not_in_progress(state, errno, means):
    """mysqld says "In Progress" for good after it was killed in the middle of a clone."""
    assert snapshot(row(clone_state=state, clone_errno=errno)).clone_state == means


def test_a_client_that_waits_for_an_acknowledgement_is_no_follower():
    """They come out of one look at the sessions; a session that does not replicate has no name there."""
    assert snapshot(row(dumps=json.dumps(["flyball_r_1", None]), waiting="1")).followers == {"flyball_r_1"}


def test_accounts_that_say_the_same_are_read_once_and_cannot_be_changed():
    text = json.dumps({"flyball_r_1": 0, "app": 1})
    first, second = (snapshot(row(accounts=text)).accounts for _ in range(2))
    assert first == {"flyball_r_1": False, "app": True}
    assert first is second
    with pytest.raises(TypeError):
        first["app"] = False


def test_an_answer_without_a_row_is_no_answer():
    """The probe's procedure bears missing tables; while a clone takes flyball's own away, CALL says OK and no more."""
    for read in (lambda: Reader().read(Response()), lambda: of_rows([])):
        with pytest.raises(MemberError, match="no row") as told:
            read()
        assert told.value.code is Code.MEMBER_REFUSED
