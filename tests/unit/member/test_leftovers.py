"""What a clone that was broken off leaves does not keep the member from starting."""

import os
from pathlib import Path

from flyball.member.leftovers import is_broken, remove_leftovers


def make(data: Path, *files: str) -> None:
    for file in files:
        place = data / file
        if file.endswith("/"):
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def test_empty_schemas_go_where_flyballs_own_is_empty(tmp_path: Path):
    make(tmp_path, "flyball/", "flyball_shard/", "commerce/", "#clone/", "mysql/general_log.CSM", "mysql.ibd")
    make(tmp_path, "performance_schema/", "sys/")  # without the former mysqld has no clone plugin
    assert remove_leftovers(tmp_path) == ("commerce", "flyball", "flyball_shard")
    kept = {"#clone", "mysql", "mysql.ibd", "performance_schema", "sys"}
    assert {entry.name for entry in tmp_path.iterdir()} == kept


def test_a_member_that_works_keeps_a_database_without_tables(tmp_path: Path):
    make(tmp_path, "flyball/fence.ibd", "commerce/", "mysql.ibd")
    assert remove_leftovers(tmp_path) == ()
    assert (tmp_path / "commerce").is_dir()


def test_what_holds_a_file_stays(tmp_path: Path):
    make(tmp_path, "flyball/", "commerce/ledger.ibd")
    assert remove_leftovers(tmp_path) == ("flyball",)
    assert (tmp_path / "commerce" / "ledger.ibd").is_file()


def test_a_new_data_directory_has_none(tmp_path: Path):
    make(tmp_path, "mysql.ibd")
    assert remove_leftovers(tmp_path) == ()


def test_one_that_was_started_since_the_clone_and_has_nothing_of_its_own_is_broken(tmp_path: Path):
    make(tmp_path, "flyball/", "#clone/#view_status", "pid")
    os.utime(tmp_path / "#clone" / "#view_status", (100, 100))
    os.utime(tmp_path / "pid", (200, 200))
    assert is_broken(tmp_path, tmp_path / "pid")
    os.utime(tmp_path / "#clone" / "#view_status", (300, 300))  # a clone is under way
    assert not is_broken(tmp_path, tmp_path / "pid")


def test_one_that_works_or_was_never_cloned_is_not_broken(tmp_path: Path):
    make(tmp_path, "flyball/fence.ibd", "#clone/#view_status", "pid")
    os.utime(tmp_path / "#clone" / "#view_status", (100, 100))
    assert not is_broken(tmp_path, tmp_path / "pid")
    assert not is_broken(tmp_path / "nothing", tmp_path / "pid")
