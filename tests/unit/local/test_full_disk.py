"""A mysqld that sleeps for want of space is told from one that does not, and is started anew once there is room."""

from pathlib import Path

import pytest

from flyball_local import full_disk
from flyball_local.full_disk import FullDisks, sleeps, waiting_since

WAITS = (
    "2026-11-23T07:52:45.500000Z 16 [ERROR] [MY-000035] [Server] Disk is full writing './relay.000005' (OS errno 28 - "
    "No space left on device). Waiting for someone to free space... Retry in 60 secs. Message reprinted in 600 secs."
)
STARTS = "2026-11-23T07:53:00.000000Z 0 [System] [MY-010116] [Server] mysqld (mysqld 9.7.4) starting as process 4711"
AT = 1795420365.5


def test_the_log_says_since_when_it_waits():
    assert waiting_since(f"{WAITS}\n2026-11-23T07:52:46.0Z 0 [Note] something else") == AT
    assert waiting_since("nothing of the kind") is None


def test_a_start_ends_it():
    assert waiting_since(f"{WAITS}\n{STARTS}") is None


@pytest.mark.parametrize(
    ("full", "now", "asleep"),
    [
        (0.0, 5.0, True),
        (0.0, 59.0, True),
        (0.0, 61.0, False),  # it has looked, and there was room
        (70.0, 100.0, True),  # at its look after a minute there was none
        (70.0, 121.0, False),
    ],
)
def test_it_sleeps_until_its_next_look_after_there_was_room(full: float, now: float, asleep: bool):
    assert sleeps(AT, AT + full, AT + now) is asleep


def test_without_room_it_does_not_sleep_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "error.log").write_text(f"{WAITS}\n")
    disks = FullDisks()
    assert disks.sleeps_in_vain(tmp_path, AT + 5)
    monkeypatch.setattr(full_disk, "ROOM", 1 << 62)
    assert not disks.sleeps_in_vain(tmp_path, AT + 70)
    monkeypatch.setattr(full_disk, "ROOM", 1)
    assert disks.sleeps_in_vain(tmp_path, AT + 100)
    assert not disks.sleeps_in_vain(tmp_path, AT + 121)
