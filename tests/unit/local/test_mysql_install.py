"""Which MySQL is taken, and what a user is told when there is none.

Servers, apt and dpkg are small shell scripts here: they answer as the real ones do, on PATH and in prefixes
that have the real layout. ``tests/mysql/install`` holds the real ones to the same.
"""

import os
import platform
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from flyball.errors import Code, EngineError
from flyball_local import mysql_debian, mysql_install
from flyball_local.apt_sources import Archive
from flyball_local.mysql_debian import Fault, Ran, diagnose, unpack_mysql
from flyball_local.mysql_install import MySQL, Origin, cache_directory, find_mysql
from flyball_local.mysql_programs import LOADERS, open_prefix, parse_version

REAL = "mysqld  Ver 9.7.4-2 for Linux on x86_64 ((Debian))"
MARIADB = "mysqld  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)"
NO_NETWORK = "Err:1 http://mirror.test/debian sid InRelease\n  Temporary failure resolving 'mirror.test'\n"
ARCHIVE = Archive("http://mirror.test/debian", ("sid",), ("main",), "/key.gpg")


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def plugins(directory: Path) -> None:
    directory.mkdir(parents=True)
    for name in ("semisync_source.so", "semisync_replica.so", "mysql_clone.so"):
        (directory / name).touch()


def install_at(prefix: Path, version: str = REAL) -> Path:
    """A MySQL in the layout of Debian's packages below ``prefix``."""
    plugins(prefix / "usr/lib/mysql/plugin")
    script(prefix / "usr/bin/mysql", "echo client")
    return script(prefix / "usr/sbin/mysqld", f"echo '{version}'")


class FakeApt:
    """Answers as apt and dpkg do; ``faults`` are what the next commands of a kind print as they fail."""

    def __init__(self, **faults: list[str]) -> None:
        self.faults = faults
        self.ran: list[str] = []

    def __call__(self, command: Sequence[str], /) -> Ran:
        kind = "dpkg" if command[0] == "dpkg" else command[-1] if command[-1] == "update" else "install"
        if command[-1] == "--print-architecture":
            return Ran(0, "amd64\n")
        if command[0] == "apt-config":
            return Ran(0, f"MAIN='{self.sources}'\nPARTS='/nonexistent'\n")
        self.ran.append(kind)
        if self.faults.get(kind):
            return Ran(100, self.faults[kind].pop(0))
        if kind == "install":
            work = Path(command[command.index("-c") + 1]).parent
            (work / "cache/archives/mysql-server-core_9.7.4-2_amd64.deb").touch()
        if kind == "dpkg":
            install_at(Path(command[-1]))
        return Ran(0, "")

    sources = "/nonexistent"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine with apt and dpkg, and no mysqld; returns its environment."""
    for tool in ("apt-get", "apt-config", "dpkg"):
        script(tmp_path / "bin" / tool, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(mysql_debian, "PAUSE", 0.0)
    (tmp_path / "sources.list").write_text("deb http://mirror.test/debian bookworm main\n")
    monkeypatch.setattr(FakeApt, "sources", tmp_path / "sources.list")
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def refusal(environ: dict[str, str], **more: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        find_mysql(environ, **more)  # type: ignore[arg-type]
    assert caught.value.next_step, "a refusal says what to do next"
    return caught.value


# --- versions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (REAL, (9, 7, 4)),
        ("/usr/sbin/mysqld  Ver 8.4.0 for Linux on x86_64 (MySQL Community Server - GPL)", (8, 4, 0)),
        ("mysqld  Ver 8.4.3-3 for Linux on x86_64 (Percona Server (GPL), Release 3)", (8, 4, 3)),
    ],
)
def test_a_mysql_of_8_4_or_newer_serves(text: str, version: tuple[int, int, int]):
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MARIADB, "MariaDB 10.11.6"),
        ("mariadbd from 12.1.2-MariaDB, client 15.2 for Linux (x86_64)", "MariaDB 12.1.2"),
        ("mysqld  Ver 8.0.45 for Linux on x86_64", "8.0.45, older than 8.4"),
        ("segmentation fault", "no version"),
    ],
)
def test_mariadb_old_servers_and_noise_are_refused_by_name(text: str, reason: str):
    with pytest.raises(EngineError, match=reason) as caught:
        parse_version(text)
    assert caught.value.code is Code.NO_MYSQL


# --- the first way: a prefix that the user names -----------------------------------------------------


def test_a_prefix_that_is_named_wins_over_path(machine: dict[str, str], tmp_path: Path):
    install_at(tmp_path / "named", REAL.replace("9.7.4", "8.4.1"))
    script(tmp_path / "bin/mysqld", f"echo '{REAL}'")
    mysql = find_mysql({**machine, "FLYBALL_MYSQL_PREFIX": str(tmp_path / "named")})
    assert (mysql.version, mysql.origin) == ((8, 4, 1), Origin.PREFIX)
    assert mysql.basedir == tmp_path / "named/usr"


def test_a_prefix_may_have_the_layout_of_mysqls_own_archive(tmp_path: Path):
    script(tmp_path / "bin/mysqld", f"echo '{REAL}'")
    plugins(tmp_path / "lib/plugin")
    mysql = open_prefix(tmp_path, Origin.PREFIX)
    assert (mysql.basedir, mysql.plugin_dir) == (tmp_path, tmp_path / "lib/plugin")


def test_a_named_prefix_without_mysqld_is_an_error_and_not_a_reason_to_look_elsewhere(
    machine: dict[str, str], tmp_path: Path
):
    script(tmp_path / "bin/mysqld", f"echo '{REAL}'")
    (tmp_path / "empty").mkdir()
    error = refusal({**machine, "FLYBALL_MYSQL_PREFIX": str(tmp_path / "empty")})
    assert error.code is Code.NO_MYSQL
    assert "has no mysqld" in error.message
    assert "nothing else was tried" in error.message


def test_a_server_without_the_plugins_that_are_needed_is_refused(tmp_path: Path):
    install_at(tmp_path)
    (tmp_path / "usr/lib/mysql/plugin/mysql_clone.so").unlink()
    with pytest.raises(EngineError, match=r"lacks plugins.*mysql_clone\.so"):
        open_prefix(tmp_path, Origin.PREFIX)


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_a_prefix_with_a_loader_of_its_own_is_called_through_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processor: str
):
    monkeypatch.setattr(platform, "machine", lambda: processor)
    server = install_at(tmp_path)
    loader = script(tmp_path / LOADERS[processor], 'shift 2; exec "$@"')
    charsets = tmp_path / "usr/share/mysql/charsets"
    charsets.mkdir(parents=True)
    (charsets / "Index.xml").touch()
    mysql = open_prefix(tmp_path, Origin.CACHE)
    libraries = f"{loader.parent}:{tmp_path}/usr/lib/mysql/private"
    assert mysql.mysqld_command() == [
        str(loader),
        "--library-path",
        libraries,
        str(server),
        "--no-defaults",
        f"--basedir={tmp_path}/usr",
        f"--plugin-dir={tmp_path}/usr/lib/mysql/plugin",
        f"--lc-messages-dir={tmp_path}/usr/share/mysql",
        f"--character-sets-dir={charsets}",
    ]
    assert mysql.client_command()[:5] == [
        str(loader),
        "--library-path",
        libraries,
        f"{tmp_path}/usr/bin/mysql",
        "--no-defaults",
    ]


def test_a_server_without_a_client_says_so_when_the_client_is_asked_for(tmp_path: Path):
    install_at(tmp_path)
    (tmp_path / "usr/bin/mysql").unlink()
    with pytest.raises(EngineError, match="no mysql client"):
        open_prefix(tmp_path, Origin.PREFIX).client_command()


# --- the second way: PATH ----------------------------------------------------------------------------


def test_a_real_mysql_on_path_is_taken_and_nothing_is_fetched(machine: dict[str, str], tmp_path: Path):
    script(tmp_path / "bin/mysqld", f"echo '{REAL}'")
    plugins(tmp_path / "lib/mysql/plugin")
    apt = FakeApt()
    mysql = find_mysql(machine, tmp_path / "cache", run=apt)
    assert (mysql.origin, mysql.loader, apt.ran) == (Origin.PATH, None, [])
    assert mysql.mysqld_command()[:2] == [str(tmp_path / "bin/mysqld"), "--no-defaults"]


@pytest.mark.parametrize("version", [MARIADB, REAL.replace("9.7.4", "8.0.45")])
def test_what_cannot_serve_on_path_is_passed_over_for_the_cache(machine: dict[str, str], tmp_path: Path, version: str):
    script(tmp_path / "bin/mysqld", f"echo '{version}'")
    assert find_mysql(machine, tmp_path / "cache", run=FakeApt()).origin is Origin.CACHE


# --- the third way: the cache ------------------------------------------------------------------------


def test_an_empty_cache_is_filled_once(machine: dict[str, str], tmp_path: Path):
    first = find_mysql(machine, tmp_path / "cache", run=FakeApt())
    again = FakeApt()
    assert find_mysql(machine, tmp_path / "cache", run=again) == first
    assert again.ran == []
    assert first.basedir == tmp_path / "cache/mysql-9.7.4/usr"
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == ["mysql-9.7.4", "mysql.lock"]


def test_a_prefix_without_its_stamp_does_not_count(machine: dict[str, str], tmp_path: Path):
    install_at(tmp_path / "cache/mysql-9.7.4")
    apt = FakeApt()
    find_mysql(machine, tmp_path / "cache", run=apt)
    assert apt.ran == ["update", "install", "dpkg"]


def test_a_whole_prefix_that_does_not_run_any_more_is_replaced(machine: dict[str, str], tmp_path: Path):
    mysql = find_mysql(machine, tmp_path / "cache", run=FakeApt())
    script(mysql.mysqld, "exit 127")
    heard: list[str] = []
    found = find_mysql(machine, tmp_path / "cache", heard.append, FakeApt())
    assert (found, found.mysqld.read_text()) == (mysql, f"#!/bin/sh\necho '{REAL}'\n")
    assert any("passing over" in line for line in heard)


def test_the_newest_of_several_whole_prefixes_is_taken(machine: dict[str, str], tmp_path: Path):
    for version in ("9.7.4", "9.7.10", "8.4.5"):
        prefix = tmp_path / f"cache/mysql-{version}"
        install_at(prefix, REAL.replace("9.7.4", version))
        (prefix / ".flyball-complete").touch()
    assert find_mysql(machine, tmp_path / "cache").version == (9, 7, 10)


def test_what_a_dead_installation_left_behind_is_removed(machine: dict[str, str], tmp_path: Path):
    dead = tmp_path / "cache/.mysql-unpacking-dead/prefix/usr"
    dead.mkdir(parents=True)
    find_mysql(machine, tmp_path / "cache", run=FakeApt())
    assert not dead.parent.parent.exists()


def test_a_download_that_breaks_is_tried_three_times(machine: dict[str, str], tmp_path: Path):
    apt = FakeApt(update=[NO_NETWORK], install=["E: Failed to fetch x.deb  Hash Sum mismatch"])
    assert find_mysql(machine, tmp_path / "cache", run=apt).version == (9, 7, 4)
    assert apt.ran == ["update", "update", "install", "update", "install", "dpkg"]


def test_a_damaged_package_is_fetched_again(machine: dict[str, str], tmp_path: Path):
    apt = FakeApt(dpkg=["dpkg-deb: error: archive has premature member"])
    assert find_mysql(machine, tmp_path / "cache", run=apt).version == (9, 7, 4)
    assert apt.ran == ["update", "install", "dpkg", "update", "install", "dpkg"]


def test_a_second_archive_serves_where_the_first_has_no_such_suite(tmp_path: Path):
    apt = FakeApt(update=["Err:2 http://a.test sid Release\n  404  Not Found"])
    (tmp_path / "work").mkdir()
    prefix = unpack_mysql(tmp_path / "work", [ARCHIVE, ARCHIVE], lambda _: None, apt, lambda _: None)
    assert (prefix / "usr/sbin/mysqld").is_file()


# --- no way serves -----------------------------------------------------------------------------------


def test_without_a_network_the_error_tells_what_was_seen_on_each_way(machine: dict[str, str], tmp_path: Path):
    script(tmp_path / "bin/mysqld", f"echo '{MARIADB}'")
    apt = FakeApt(update=[NO_NETWORK] * 9)
    error = refusal(machine, cache=tmp_path / "cache", run=apt)
    assert error.code is Code.NO_MYSQL
    assert "FLYBALL_MYSQL_PREFIX: not set" in error.message
    assert f"{tmp_path}/bin/mysqld is MariaDB 10.11.6, not MySQL" in error.message
    assert "cannot be reached (tried 3 times)" in error.message
    assert apt.ran == ["update"] * 3
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["mysql.lock"]


def test_a_disk_that_fills_up_is_not_tried_again(machine: dict[str, str], tmp_path: Path):
    apt = FakeApt(dpkg=["dpkg-deb: error: cannot write: No space left on device"])
    error = refusal(machine, cache=tmp_path / "cache", run=apt)
    assert error.code is Code.DISK_FULL
    assert apt.ran == ["update", "install", "dpkg"]
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["mysql.lock"]


def test_too_little_room_is_seen_before_anything_is_fetched(
    machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mysql_install, "SPACE_NEEDED", 1 << 60)
    apt = FakeApt()
    error = refusal(machine, cache=tmp_path / "cache", run=apt)
    assert (error.code, apt.ran) == (Code.DISK_FULL, [])


def test_a_system_without_apt_is_told_so(machine: dict[str, str], tmp_path: Path):
    (tmp_path / "bin/apt-get").unlink()
    error = refusal(machine, cache=tmp_path / "cache", run=FakeApt())
    assert "this system has no apt-get" in error.message
    assert "PATH: no mysqld there" in error.message


def test_an_apt_that_names_no_archive_of_debian_is_told_so(machine: dict[str, str], tmp_path: Path):
    (tmp_path / "sources.list").write_text("deb http://vendor.test/apt nodistro stable\n")
    assert "names no archive" in refusal(machine, cache=tmp_path / "cache", run=FakeApt()).message


def test_a_processor_that_has_no_packages_is_told_so(
    machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert "riscv64" in refusal(machine, cache=tmp_path / "cache", run=FakeApt()).message


def test_a_cache_that_cannot_be_written_is_told_so(machine: dict[str, str], tmp_path: Path):
    (tmp_path / "cache").write_text("a file")
    error = refusal(machine, cache=tmp_path / "cache", run=FakeApt())
    assert (error.code, "cannot be used" in error.message) == (Code.NO_MYSQL, True)


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (NO_NETWORK, Fault.NO_NETWORK),
        ("  Could not connect to 127.0.0.1:1 (127.0.0.1). - connect (111: Connection refused)", Fault.NO_NETWORK),
        ("E: The repository 'http://m.test sid Release' does not have a Release file.", Fault.NO_SUITE),
        ("W: GPG error: NO_PUBKEY 0E98404D386FA1D9\nE: The repository is not signed.", Fault.UNSIGNED),
        ("E: Unable to locate package mysql-server-core", Fault.NO_PACKAGE),
        ("E: You don't have enough free space in /c/archives/.", Fault.DISK_FULL),
        ("E: Failed to fetch x.deb  Hash Sum mismatch", Fault.BROKEN),
    ],
)
def test_apts_words_are_understood(output: str, fault: Fault):
    assert diagnose(output) is fault


def test_a_login_in_apts_words_is_not_repeated(tmp_path: Path):
    apt = FakeApt(update=["E: Failed https://me:secret@mirror.test/debian is not signed."])
    with pytest.raises(EngineError) as caught:
        unpack_mysql(tmp_path, [ARCHIVE], lambda _: None, apt, lambda _: None)
    assert "secret" not in str(caught.value)


def test_apt_verifies_signatures_and_keeps_off_the_machines_state(tmp_path: Path):
    unpack_mysql(tmp_path, [ARCHIVE], lambda _: None, FakeApt(), lambda _: None)
    assert "Signed-By: /key.gpg" in (tmp_path / "flyball.sources").read_text()
    configuration = (tmp_path / "apt.conf").read_text()
    assert 'APT::Get::AllowUnauthenticated "false"' in configuration
    assert f'Dir::State "{tmp_path}/state"' in configuration
    assert "#clear APT::Update::Post-Invoke;" in configuration


# --- where the cache is ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"XDG_CACHE_HOME": "/big/cache", "HOME": "/home/me"}, "/big/cache/flyball"),
        ({"HOME": "/home/me"}, "/home/me/.cache/flyball"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.cache/flyball"),
    ],
)
def test_the_cache_follows_the_xdg_rules(environ: dict[str, str], place: str):
    assert cache_directory(environ) == Path(place)


# --- two processes, and one that is killed -----------------------------------------------------------

SLOW_APT = """
echo "$@" >> {log}
conf=$(dirname "$3")
case "$*" in
  *--download-only*) echo started >> {log}
             if [ -e {gate} ]; then echo here > {began}; read -r line < {fifo}; fi
             touch "$conf/cache/archives/mysql.deb" ;;
esac
"""


@pytest.fixture
def slow_machine(tmp_path: Path) -> dict[str, str]:
    """A machine of scripts whose apt-get, at ``install``, waits until the test opens the gate."""
    made = tmp_path / "made"
    install_at(made)
    os.mkfifo(tmp_path / "fifo")
    os.mkfifo(tmp_path / "began")
    (tmp_path / "gate").touch()
    (tmp_path / "log").touch()
    (tmp_path / "sources.list").write_text("deb http://mirror.test/debian bookworm main\n")
    names = {"log": tmp_path / "log", "gate": tmp_path / "gate", "fifo": tmp_path / "fifo"}
    names["began"] = tmp_path / "began"
    script(tmp_path / "bin/apt-get", SLOW_APT.format(**names))
    script(tmp_path / "bin/apt-config", f"echo \"MAIN='{tmp_path}/sources.list'\"")
    script(tmp_path / "bin/dpkg", f'[ "$1" = --print-architecture ] && echo amd64 || cp -r {made}/. "$3"')
    return {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }


def begin(environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "flyball_local.mysql_install"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def open_gate(tmp_path: Path) -> None:
    (tmp_path / "gate").unlink()
    with (tmp_path / "fifo").open("w") as fifo:
        fifo.write("go\n")


def first_line_with(stream: object, word: str) -> str:
    """Read lines until one has the word; the test's own limit ends a wait that would last."""
    for line in stream:  # type: ignore[attr-defined]
        if word in line:
            return line
    raise AssertionError(f"it ended without saying {word!r}")


def test_two_processes_install_once_and_both_have_it(slow_machine: dict[str, str], tmp_path: Path):
    first = begin(slow_machine)
    assert (tmp_path / "began").read_text() == "here\n"
    second = begin(slow_machine)
    assert second.stderr is not None
    first_line_with(second.stderr, "waiting for it")
    open_gate(tmp_path)
    said = [process.communicate(timeout=60)[0] for process in (first, second)]
    assert said[0] == said[1]
    assert "MySQL 9.7.4 from the cache" in said[0]
    assert (tmp_path / "log").read_text().count("started") == 1


def test_an_installer_that_is_killed_leaves_nothing_that_counts(slow_machine: dict[str, str], tmp_path: Path):
    killed = begin(slow_machine)
    assert (tmp_path / "began").read_text() == "here\n"
    killed.kill()
    killed.wait(timeout=60)
    cache = tmp_path / ".cache/flyball"
    assert list(cache.glob(".mysql-unpacking-*"))
    assert not list(cache.glob("mysql-*/.flyball-complete"))
    open_gate(tmp_path)  # lets go of the apt-get that the killed one had started
    killed.communicate(timeout=60)
    again = begin(slow_machine)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert "MySQL 9.7.4 from the cache" in out
    assert sorted(p.name for p in cache.iterdir()) == ["mysql-9.7.4", "mysql.lock"]


def test_the_command_says_why_there_is_none(machine: dict[str, str], tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(mysql_debian, "run_command", None)
    monkeypatch.setenv("FLYBALL_MYSQL_PREFIX", str(tmp_path / "nowhere"))
    assert mysql_install.main() == 1
    assert "FB5001" in capsys.readouterr().err


def test_a_mysql_shows_its_version_and_where_it_came_from(tmp_path: Path):
    install_at(tmp_path)
    mysql: MySQL = open_prefix(tmp_path, Origin.PREFIX)
    assert str(mysql) == f"MySQL 9.7.4 from FLYBALL_MYSQL_PREFIX: {tmp_path}/usr/sbin/mysqld"
