"""A cloned member becomes another server; no other member ever does."""

from pathlib import Path

import pytest

from flyball.member.cloned import forget_identity


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
