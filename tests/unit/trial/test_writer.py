"""The writer's loop: each number once, and what was told of it."""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pymysql

from flyball.client import OutcomeUnknownError
from flyball.errors import Code, MemberError
from flyball_local.trial.ledger import Ledger, LedgerFile, Told
from flyball_local.trial.writer import write


def resting(times: int) -> Callable[[float], bool]:
    """Does not rest, and says so many times to go on."""
    left = iter([True] * times)
    return lambda _seconds: next(left, False)


def test_each_number_is_written_once_and_what_was_told_of_it_is_noted(tmp_path: Path):
    unknown = OutcomeUnknownError(Code.OUTCOME_UNKNOWN, "the connection broke", "")
    answers = {
        2: unknown,
        3: MemberError(Code.MEMBER_LOGIN, "refused", ""),
        4: pymysql.IntegrityError(1062, "there already"),
    }
    sent: list[int] = []

    def send(number: int) -> None:
        sent.append(number)
        if number in answers:
            raise answers[number]

    ledger = LedgerFile(tmp_path / "ledger")
    write(send, count(1), ledger, 0.0, resting(5))
    ledger.close()
    told = Ledger.read(tmp_path / "ledger")
    assert sent == [1, 2, 3, 4, 5]
    assert [entry.told for entry in told.entries] == [Told.ACK, Told.UNKNOWN, Told.ERROR, Told.ERROR, Told.ACK]
    assert "the connection broke" in told.entries[1].text
