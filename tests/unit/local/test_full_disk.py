"""A mysqld that sleeps for want of space is told from one that does not, and is started anew once there is room."""

import json
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest

from flyball.attempts import Attempts
from flyball.records import Keyspace, Metadata
from flyball.records.keyspace import KeyspaceSpec
from flyball.secrets import FileSecrets
from flyball.stability import Backoff
from flyball.store.memory import MemoryRecords
from flyball_local import full_disk
from flyball_local.full_disk import FullDisks, sleeps, waiting_since
from flyball_local.home import Home
from flyball_local.identity import Identity, write_identity
from flyball_local.mysqld import MysqldProcess
from flyball_local.observe import Observer
from flyball_local.view import KeyspaceView

WAITS = (
    "2026-11-23T07:52:45.500000Z 16 [ERROR] [MY-000035] [Server] Disk is full writing './relay.000005' (OS errno 28 - "
    "No space left on device). Waiting for someone to free space... Retry in 60 secs. Message reprinted in 600 secs."
)
STARTS = "2026-11-23T07:53:00.000000Z 0 [System] [MY-010116] [Server] mysqld (mysqld 9.7.4) starting as process 4711"
AT = 1795420365.5
ENDED = MysqldProcess(data="/nowhere", token="x", pid=1, began=1, boot="another one")


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


async def test_a_member_that_ended_for_want_of_space_rests_no_longer_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home, records, attempts = Home(tmp_path), MemoryRecords(), Attempts(Backoff(1e6, 1e6, Random(1)))
    home.prepare()
    spec = KeyspaceSpec.model_validate({"shards": 1, "replicas": 1, "durability": {"policy": "none"}})
    keyspace = await records.create(Keyspace(metadata=Metadata(name="shop"), spec=spec))
    identity = Identity("shop", keyspace.metadata.uid, "shop-x-x", "shop-x-x-1", 1, 20001, 1)
    home.prepare_member(identity.member)
    directory = home.member(identity.member)
    write_identity(directory, identity)
    (directory / "mysqld.json").write_text(json.dumps(asdict(ENDED)))
    for _ in range(3):
        attempts.started(identity.member, 0.0)
    observer = Observer(home, records, FileSecrets(home.secrets), attempts, lambda: 1.0)

    async def rests() -> bool:
        seen = await observer.look("shop")
        assert isinstance(seen, KeyspaceView)
        return seen.members[identity.member].rests

    assert await rests()
    monkeypatch.setattr(full_disk, "ROOM", 1 << 62)
    assert await rests()
    monkeypatch.setattr(full_disk, "ROOM", 1)
    assert not await rests()
