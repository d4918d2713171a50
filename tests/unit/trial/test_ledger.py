"""What a ledger tells: pauses, failures, and which acknowledged writes are not there."""

from math import inf
from pathlib import Path

import pytest

from flyball_local.trial.ledger import Entry, Ledger, LedgerFile, Told


def ledger(*entries: tuple[int, Told, float]) -> Ledger:
    return Ledger(tuple(Entry(number, told, done - 0.001, done) for number, told, done in entries))


def test_what_was_written_is_read_again(tmp_path: Path):
    file = LedgerFile(tmp_path / "a.ledger")
    entries = (
        Entry(1, Told.ACK, 1.5, 1.625),
        Entry(2, Told.ERROR, 2.0, 2.25, "1062: duplicate\nentry '2'"),
        Entry(3, Told.UNKNOWN, 3.0, 3.5, "lost"),
    )
    for entry in entries:
        file.append(entry)
    file.close()
    read = Ledger.read(tmp_path / "a.ledger")
    assert read.entries[0] == entries[0]
    assert read.entries[1].text == "1062: duplicate entry '2'"
    assert read.acknowledged == {1}
    assert [entry.number for entry in read.told(Told.UNKNOWN)] == [3]


def test_a_last_line_that_is_not_whole_is_left_out(tmp_path: Path):
    (tmp_path / "a.ledger").write_text("1 ack 1.0 1.1 \n2 ack 2.0 2.")
    assert Ledger.read(tmp_path / "a.ledger").acknowledged == {1}


def test_no_file_is_an_empty_ledger(tmp_path: Path):
    assert Ledger.read(tmp_path / "none").entries == ()


def test_an_acknowledged_number_that_is_not_there_is_lost():
    told = ledger((1, Told.ACK, 1.0), (2, Told.ACK, 2.0), (3, Told.UNKNOWN, 3.0), (4, Told.ERROR, 4.0))
    assert told.lost([1]) == (2,)
    assert told.lost([1, 2, 3]) == ()


def test_a_number_that_failed_or_was_never_written_must_not_be_there():
    told = ledger((1, Told.ACK, 1.0), (2, Told.UNKNOWN, 2.0), (3, Told.ERROR, 3.0))
    assert told.invented([1, 2]) == ()
    assert told.invented([1, 3, 99]) == (3, 99)


@pytest.mark.parametrize(
    ("begin", "end", "gap"),
    [
        (1.2, 1.3, 4.0),  # inside the pause
        (0.9, 1.1, 4.0),  # it begins right after the event
        (5.1, 5.2, 0.5),
        (9.0, 9.5, inf),  # nothing was acknowledged any more
    ],
)
def test_the_gap_is_the_longest_pause_around_the_event(begin: float, end: float, gap: float):
    told = ledger((1, Told.ACK, 0.5), (2, Told.ACK, 1.0), (3, Told.ERROR, 3.0), (4, Told.ACK, 5.0), (5, Told.ACK, 5.5))
    assert told.gap(begin, end) == pytest.approx(gap)


def test_a_long_pause_elsewhere_is_not_the_events():
    told = ledger((1, Told.ACK, 0.0), (2, Told.ACK, 10.0), (3, Told.ACK, 10.1), (4, Told.ACK, 10.3))
    assert told.gap(10.15, 10.2) == pytest.approx(0.2)
