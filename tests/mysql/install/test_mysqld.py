"""A real mysqld: found, given a data directory, started, frozen, killed, started again."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flyball.errors import Code, EngineError
from flyball_local import mysqld
from flyball_local.data_directory import initialize
from flyball_local.mysql_install import MySQL, cache_directory, find_mysql
from flyball_local.mysql_programs import OLDEST
from flyball_local.mysqld import MysqldProcess, is_running, start, wait_until_ended

LIMIT = 120.0


@pytest.fixture(scope="module")
def mysql() -> MySQL:
    return find_mysql()


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "m"
    yield directory
    left = mysqld.read_state(directory)
    if left is not None:
        mysqld.kill(left)


def options(member: Path) -> list[str]:
    return ["--skip-networking", f"--socket={mysqld.socket_file(member)}", "--mysqlx=OFF"]


def ask(mysql: MySQL, member: Path, sql: str) -> subprocess.CompletedProcess[str]:
    command = [*mysql.client_command(), f"--socket={mysqld.socket_file(member)}", "-uroot", "-N", "-e", sql]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


async def until(condition: Callable[[], bool], process: MysqldProcess, member: Path) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():
            assert is_running(process), mysqld.last_errors(member)
            await asyncio.sleep(0.05)


async def begin(mysql: MySQL, member: Path, *more: str) -> MysqldProcess:
    process = start(member, mysql, [*options(member), *more])
    await until(lambda: ask(mysql, member, "SELECT 1").returncode == 0, process, member)
    return process


def test_the_mysql_that_is_found_has_all_its_parts(mysql: MySQL):
    assert mysql.version >= OLDEST
    said = subprocess.run(
        [*mysql.client_command(), "--version"], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert ".".join(map(str, mysql.version)) in said.stdout


async def test_members_are_copies_with_an_identity_of_their_own(mysql: MySQL, tmp_path: Path):
    members = [tmp_path / "a", tmp_path / "b"]
    cache = cache_directory()
    await asyncio.gather(*(initialize(member, mysql, cache) for member in members))
    identities = []
    for member in members:
        process = await begin(mysql, member, "--plugin-load-add=semisync_source.so;mysql_clone.so")
        identities.append(ask(mysql, member, "SELECT @@server_uuid, @@gtid_executed").stdout.split())
        plugins = ask(mysql, member, "SELECT plugin_status FROM information_schema.plugins WHERE plugin_name='clone'")
        assert plugins.stdout.strip() == "ACTIVE"
        mysqld.kill(process)
        assert await wait_until_ended(process, LIMIT)
    assert all(len(words) == 1 for words in identities), "nothing is in the binary log yet"
    assert identities[0] != identities[1]
    assert (members[0] / "data/server-key.pem").read_bytes() != (members[1] / "data/server-key.pem").read_bytes()


async def test_a_member_keeps_its_data_when_it_is_initialised_again(mysql: MySQL, member: Path):
    await initialize(member, mysql, cache_directory())
    (member / "data/of-ours").touch()
    await initialize(member, mysql, cache_directory())
    assert (member / "data/of-ours").exists()


async def test_a_directory_that_is_no_data_directory_is_left_as_it_is(mysql: MySQL, member: Path):
    (member / "data").mkdir(parents=True)
    (member / "data/thesis.txt").touch()
    with pytest.raises(EngineError) as caught:
        await initialize(member, mysql, cache_directory())
    assert caught.value.code is Code.FOREIGN_DIRECTORY
    assert [p.name for p in (member / "data").iterdir()] == ["thesis.txt"]


async def test_a_template_is_made_once_for_all_who_ask_and_only_a_whole_one_counts(mysql: MySQL, tmp_path: Path):
    cache = tmp_path / "cache"
    await asyncio.gather(*(initialize(tmp_path / name, mysql, cache) for name in "abc"))
    names = sorted(p.name for p in cache.iterdir() if p.is_dir())
    assert names == [f"data-{'.'.join(map(str, mysql.version))}"]
    for name in "abc":
        assert sorted(p.name for p in (tmp_path / name).iterdir()) == ["data"]
        assert not (tmp_path / name / "data/auto.cnf").exists()


async def test_a_server_that_refuses_to_initialise_says_why_and_leaves_nothing(
    mysql: MySQL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("flyball_local.data_directory._INITIALIZE", ("--initialize-insecure", "--no-such-option"))
    with pytest.raises(EngineError, match="no-such-option") as caught:
        await initialize(tmp_path / "m", mysql, tmp_path / "cache")
    assert caught.value.code is Code.PROCESS_FAILED
    assert not list((tmp_path / "m").iterdir())
    assert not [p for p in (tmp_path / "cache").iterdir() if p.is_dir()]


async def test_committed_rows_survive_a_kill_and_a_frozen_server_goes_on(mysql: MySQL, member: Path):
    await initialize(member, mysql, cache_directory())
    first = await begin(mysql, member)
    done = ask(mysql, member, "CREATE DATABASE d; CREATE TABLE d.t (a INT PRIMARY KEY); INSERT INTO d.t VALUES (7)")
    assert done.returncode == 0, done.stderr
    assert mysqld.sigstop(first)
    assert is_running(first)
    assert mysqld.sigcont(first)
    assert ask(mysql, member, "SELECT a FROM d.t").stdout.strip() == "7"
    assert mysqld.kill(first)
    assert await wait_until_ended(first, LIMIT)
    second = await begin(mysql, member)
    assert ask(mysql, member, "SELECT a FROM d.t").stdout.strip() == "7"
    assert mysqld.terminate(second)
    assert await wait_until_ended(second, LIMIT)


async def test_a_server_that_ends_by_itself_leaves_its_reason_in_the_log(mysql: MySQL, member: Path):
    await initialize(member, mysql, cache_directory())
    process = start(member, mysql, [*options(member), "--no-such-option=1"])
    assert await wait_until_ended(process, LIMIT)
    assert "no-such-option" in mysqld.last_errors(member)
