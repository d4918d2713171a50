"""A home is its user's alone, and knows whose each directory is."""

import json
import os
import socket
import stat
import tempfile
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from flyball.attempts import CALM, Attempts
from flyball.errors import Code, EngineError
from flyball.stability import Backoff
from flyball_local import background, mysqld, ports, processes
from flyball_local.engine_state import only_engine
from flyball_local.home import LONGEST_SOCKET_PATH, Home, find_home
from flyball_local.hosts import Host, dump, load
from flyball_local.identity import Identity, adopt, check_owner, identities, read_identity, write_identity
from flyball_local.member_process import settle_identity

ONE = Identity("commerce", "u1", "commerce-x-x", "commerce-x-x-1", 1, 20001, 1)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def refused(code: Code):
    return pytest.raises(EngineError, check=lambda error: error.code is code)


# --- the directory -------------------------------------------------------------------------------------


def test_a_home_is_given_or_named_by_the_environment_or_the_users_own(tmp_path: Path):
    assert find_home(tmp_path, {"FLYBALL_HOME": "/elsewhere"}).root == tmp_path
    assert find_home(None, {"FLYBALL_HOME": str(tmp_path)}).root == tmp_path
    assert find_home(None, {}).root == Path.home() / ".flyball"
    assert find_home(Path("here"), {}).root == Path.cwd() / "here"


def test_a_home_that_others_may_enter_is_refused(tmp_path: Path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    with refused(Code.FOREIGN_DIRECTORY):
        Home(tmp_path / "open").prepare()
    assert list((tmp_path / "open").iterdir()) == []


def test_a_socket_lies_in_its_members_directory(home: Home):
    short = Home(Path("/h"))
    assert short.socket("m") == Path("/h/members/m/mysqld.sock")


def test_a_deep_home_puts_its_sockets_into_a_short_private_directory(tmp_path: Path):
    deep = Home(tmp_path / ("d" * 60) / ("e" * 60))
    deep.prepare()
    deep.prepare_member(ONE.member)
    place = deep.socket(ONE.member)
    try:
        assert len(os.fsencode(place)) <= LONGEST_SOCKET_PATH
        assert place.parent == deep.short_sockets
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert deep.socket("other") != place
    finally:
        place.parent.rmdir()


def test_a_socket_directory_that_somebody_else_prepared_is_refused(tmp_path: Path):
    deep = Home(tmp_path / ("d" * 60) / ("f" * 60))
    deep.prepare()
    deep.short_sockets.mkdir(mode=0o700)
    deep.short_sockets.chmod(0o777)
    try:
        with refused(Code.FOREIGN_DIRECTORY):
            deep.prepare_member(ONE.member)
    finally:
        deep.short_sockets.rmdir()


def test_a_second_engine_is_refused_and_the_lock_ends_with_its_holder(home: Home):
    with only_engine(home), refused(Code.ENGINE_RUNNING), only_engine(home):
        pass
    with only_engine(home):
        pass


# --- whose it is ---------------------------------------------------------------------------------------


def test_an_identity_reads_back_the_same_and_is_private(home: Home):
    home.prepare_member(ONE.member)
    write_identity(home.member(ONE.member), ONE)
    assert read_identity(home.member(ONE.member)) == ONE
    assert stat.S_IMODE((home.member(ONE.member) / "identity.json").stat().st_mode) == 0o600
    assert identities(home.members) == {ONE.member: ONE}


def test_a_directory_that_is_missing_or_empty_belongs_to_nobody(home: Home):
    assert read_identity(home.member("m")) is None
    home.member("m").mkdir()
    assert read_identity(home.member("m")) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"keyspace": 1}', "\xff"])
def test_anything_else_is_foreign(home: Home, text: str):
    home.member("m").mkdir()
    (home.member("m") / "identity.json").write_text(text, encoding="latin-1")
    with refused(Code.FOREIGN_DIRECTORY):
        read_identity(home.member("m"))
    assert identities(home.members) == {}


def test_a_file_in_a_members_place_is_foreign(home: Home):
    home.member("m").write_text("theirs")
    with refused(Code.FOREIGN_DIRECTORY):
        read_identity(home.member("m"))


@pytest.mark.parametrize("change", [{"keyspace": "other"}, {"uid": "u2"}, {"shard": "commerce-80-x"}])
def test_a_directory_of_another_keyspace_uid_or_shard_is_refused(home: Home, change: dict[str, str]):
    with refused(Code.FOREIGN_DIRECTORY):
        check_owner(home.members, replace(ONE, **change), "commerce", "u1", "commerce-x-x")
    check_owner(home.members, ONE, "commerce", "u1", "commerce-x-x")


def test_a_deep_tmpdir_makes_no_socket_too_deep_and_whoever_looks_finds_the_same_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    deep = Home(tmp_path / ("d" * 100))
    before = deep.socket("m")
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("t" * 100)))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert deep.socket("m") == before
    assert len(os.fsencode(before)) <= LONGEST_SOCKET_PATH


def test_only_directories_of_the_same_name_are_adopted_as_another_incarnation(home: Home):
    other = replace(ONE, keyspace="other", member="other-x-x-1")
    for identity in (ONE, other):
        home.prepare_member(identity.member)
        write_identity(home.member(identity.member), identity)
    assert adopt(home.members, "commerce", "u2") == (ONE.member,)
    assert read_identity(home.member(ONE.member)) == replace(ONE, uid="u2", incarnation=2)
    assert read_identity(home.member(other.member)) == other
    assert adopt(home.members, "commerce", "u2") == ()


def test_a_member_with_a_new_uuid_has_a_new_server_id(home: Home):
    """A replica skips what its own server id has written: it would never get back what it wrote before."""
    other = replace(ONE, member="commerce-x-x-2", server_id=7)
    for identity in (ONE, other):
        home.prepare_member(identity.member)
        write_identity(home.member(identity.member), identity)
    data = home.member(ONE.member) / "data"
    data.mkdir()
    (data / "auto.cnf").touch()
    assert settle_identity(home, ONE) == ONE
    (data / "#clone").mkdir()
    (data / "#clone" / "#status_fix").touch()
    assert settle_identity(home, ONE) == replace(ONE, server_id=8)
    assert read_identity(home.member(ONE.member)) == replace(ONE, server_id=8)
    assert read_identity(home.member(other.member)) == other


# --- ports ---------------------------------------------------------------------------------------------


def test_a_chosen_port_is_free_and_not_yet_given_out():
    first = ports.choose_port((), Random(1))
    assert first in ports.RANGE
    assert ports.choose_port({first}, Random(1)) != first


def test_a_port_that_is_taken_is_passed_over_and_its_holder_named():
    with socket.socket() as taken:
        port = ports.choose_port((), Random())
        taken.bind((ports.HOST, port))
        taken.listen(1)
        assert not ports.is_free(port)
        assert str(os.getpid()) in ports.holder_of(port)
        with pytest.raises(EngineError) as caught:
            ports.check_free(port, "member m")
    assert caught.value.code is Code.PORT_IN_USE
    assert str(port) in caught.value.message
    assert caught.value.next_step
    ports.check_free(port, "member m")


# --- attempts ------------------------------------------------------------------------------------------


def test_the_first_restart_comes_at_once_and_the_next_ones_rest():
    class Longest(Random):
        def uniform(self, a: float, b: float) -> float:
            return b

    attempts = Attempts(Backoff(1.0, 30.0, Longest()))
    attempts.started("m", 0.0)
    assert not attempts.rests("m", 0.0)
    attempts.started("m", 1.0)
    assert attempts.rests("m", 1.5)
    assert not attempts.rests("m", 2.0)
    attempts.started("m", 2.0)
    assert attempts.rests("m", 3.9)
    assert not attempts.rests("other", 3.9)
    attempts.started("m", 2.0 + CALM + 1.0)
    assert not attempts.rests("m", 2.0 + CALM + 1.0)


def test_what_failed_is_told_until_it_works():
    attempts = Attempts(Backoff(1.0, 30.0, Random(1)))
    attempts.failed("m", EngineError(Code.PORT_IN_USE, "taken", "end it"), 0.0)
    trouble = attempts.trouble("m")
    assert trouble is not None
    assert (trouble.code, trouble.text) == (Code.PORT_IN_USE, "taken. Next: end it")
    attempts.works("m")
    assert attempts.trouble("m") is None


# --- processes -----------------------------------------------------------------------------------------


def test_a_process_that_is_just_ending_still_runs(home: Home, monkeypatch: pytest.MonkeyPatch):
    """It has lost its command line, but not yet its files, its locks and its ports."""
    ending = processes.Process(4711, 99, (), ended=False)
    monkeypatch.setattr(background, "look_at", lambda pid: ending)
    monkeypatch.setattr(mysqld, "look_at", lambda pid: ending)
    boot = processes.boot_id()
    assert background.is_running(background.Background("t", ("python",), 4711, 99, boot))
    assert mysqld.is_running(mysqld.MysqldProcess("/data", "t", 4711, 99, boot))
    assert not background.is_running(background.Background("t", ("python",), 4711, 98, boot))


def test_a_background_process_is_noted_found_by_its_token_and_ended(home: Home):
    file = home.root / "engine.json"
    started = background.start(file, ["sleep", "1000"], home.logs / "engine.log")
    try:
        assert background.read(file) == started
        assert background.is_running(started)
        unfinished = {"token": started.token, "command": started.command}
        file.write_text(json.dumps(unfinished))
        assert background.read(file) == started
    finally:
        background.send(started, background.signal.SIGKILL)
    assert background.read(home.root / "none.json") is None


def test_a_member_on_a_host_of_its_own_stays_there(home):
    home.prepare_member(ONE.member)
    there = replace(ONE, host=Host("10.0.0.7", ("nsenter", "--net=/run/netns/seven", "--")))
    write_identity(home.member(ONE.member), there)
    assert read_identity(home.member(ONE.member)) == there


def test_a_member_that_was_made_without_a_host_is_on_this_machine(home):
    home.prepare_member(ONE.member)
    known = {name: getattr(ONE, name) for name in ("keyspace", "uid", "shard", "member", "incarnation", "port")}
    (home.member(ONE.member) / "identity.json").write_text(json.dumps({**known, "server_id": 1}))
    found = read_identity(home.member(ONE.member))
    assert found == ONE
    assert found.host.is_own


def test_hosts_reach_the_engine_as_one_word():
    hosts = {"commerce-x-x-1": Host("10.0.0.7", ("nsenter", "--net=/run/netns/seven", "--"))}
    assert load(dump(hosts)) == hosts
