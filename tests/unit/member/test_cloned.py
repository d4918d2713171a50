"""A cloned member becomes another server; no other member ever does. One whose clone failed starts anew."""

import os
from pathlib import Path

import pytest

from flyball.member.cloned import forget_identity, is_emptied


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "auto.cnf").write_text("[auto]\nserver-uuid=00000001-0000-4000-8000-000000000001\n")
    return tmp_path


def clone_left(data: Path, *names: str) -> bool:
    """What a clone left behind; whether the identity was forgotten."""
    (data / "#clone").mkdir()
    for name in names:
        (data / "#clone" / name).touch()
    forgotten = forget_identity(data)
    assert forgotten is not (data / "auto.cnf").exists()
    return forgotten


def test_after_a_complete_clone_the_identity_is_forgotten_once_and_again(data: Path) -> None:
    assert clone_left(
        data, "#new_files", "#old_files", "#replace_files", "#status_fix", "#view_progress", "#view_status"
    )
    (data / "auto.cnf").touch()  # a start that made another one, and failed
    assert forget_identity(data)


def test_a_member_that_was_never_cloned_keeps_its_identity(data: Path) -> None:
    assert not forget_identity(data)
    assert (data / "auto.cnf").exists()


def test_a_clone_that_broke_off_changes_nothing(data: Path) -> None:
    assert not clone_left(data, "#new_files", "#old_files", "#replace_files", "#status_error", "#view_status")


def test_one_that_is_neither_whole_nor_marked_as_broken_changes_nothing(data: Path) -> None:
    assert not clone_left(data, "#status_fix", "#status_error")


def test_nor_does_one_that_was_put_in_place_long_ago(data: Path) -> None:
    assert not clone_left(data, "#view_progress", "#view_status")


FAILED = "3 1\n1795418538931619 1795418841791144\n127.0.0.1:24437\n3862\nClone Donor Error: Connect failed\n\n"


@pytest.mark.parametrize(
    ("said", "emptied"), [(FAILED, True), ("1 1" + FAILED[3:], False), ("2 1" + FAILED[3:], False)]
)
def test_a_clone_that_failed_since_the_start_asks_for_another_start(data: Path, said: str, *, emptied: bool) -> None:
    """It drops the procedures first, and the copies of its files hide that."""
    started = data / "mysqld.pid"
    started.touch()
    (data / "#clone").mkdir()
    status = data / "#clone" / "#view_status"
    status.write_text(said)
    os.utime(status, (2e9, 2e9))
    os.utime(started, (1e9, 1e9))
    assert is_emptied(data, started) is emptied
    os.utime(started, (3e9, 3e9))
    assert not is_emptied(data, started)


@pytest.mark.parametrize("said", [FAILED, "1 1" + FAILED[3:]])
def test_one_that_a_clone_emptied_is_another_server_too(data: Path, said: str) -> None:
    """It would number its transactions from 1 again."""
    (data / "#clone").mkdir()
    (data / "#clone" / "#view_status").write_text(said)
    (data / "flyball").mkdir()
    fence = data / "flyball" / "fence.ibd"
    fence.touch()
    assert not forget_identity(data)  # the clone failed before it dropped anything
    fence.unlink()
    assert forget_identity(data)
    assert not (data / "auto.cnf").exists()


def test_a_member_that_was_never_cloned_is_not_emptied(data: Path) -> None:
    (data / "mysqld.pid").touch()
    assert not is_emptied(data, data / "mysqld.pid")
