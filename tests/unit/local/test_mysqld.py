"""A process that flyball started is told apart from every other one, and only that one is ever signalled.

The server is a shell script that waits; ``tests/mysql/install`` starts real ones.
"""

import json
import os
import platform
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flyball.errors import Code, EngineError
from flyball_local import mysqld, processes
from flyball_local.mysql_programs import MySQL, Origin
from flyball_local.mysqld import MysqldProcess, is_running, read_state, start, wait_until_ended
from flyball_local.processes import look_at


@pytest.fixture
def mysql(tmp_path: Path) -> MySQL:
    server = tmp_path / "mysqld"
    os.mkfifo(tmp_path / "fifo")
    server.write_text(f'#!/bin/sh\necho "started with $*"\nread -r line < {tmp_path}/fifo\n')
    server.chmod(0o755)
    return MySQL((9, 7, 4), Origin.PREFIX, tmp_path, tmp_path, server)


@pytest.fixture
def member(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "member"
    (directory / "data").mkdir(parents=True)
    (directory / "data/mysql.ibd").touch()
    yield directory
    left = read_state(directory)
    if left is not None:
        mysqld.kill(left)


def other_process() -> subprocess.Popen[bytes]:
    """A process that flyball did not start; it ends when its input does."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def wait_for_state(pid: int, letter: str) -> None:
    """Wait until the kernel shows the process in that state; the test's own limit ends it."""
    while f"State:\t{letter}" not in Path(f"/proc/{pid}/status").read_text():
        time.sleep(0.001)


def end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(timeout=30)


# --- starting ----------------------------------------------------------------------------------------


def test_a_started_server_runs_in_a_session_of_its_own_with_our_data_directory(member: Path, mysql: MySQL):
    process = start(member, mysql, ["--port=3399", "--datadir=/elsewhere"])
    assert is_running(process)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    seen = look_at(process.pid)
    assert seen is not None
    assert seen.command[-1] == f"--datadir={member}/data"
    assert seen.command.index("--no-defaults") < seen.command.index("--port=3399")


def test_the_state_file_is_for_its_owner_only_and_reads_back_the_same(member: Path, mysql: MySQL):
    process = start(member, mysql, [])
    assert stat.S_IMODE((member / "mysqld.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((member / "error.log").stat().st_mode) == 0o600
    assert read_state(member) == process


def test_the_servers_environment_holds_nothing_that_would_change_it(member: Path, mysql: MySQL, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("MYSQL_TCP_PORT", "1")
    process = start(member, mysql, [])
    environment = Path(f"/proc/{process.pid}/environ").read_text()
    assert "LD_PRELOAD" not in environment
    assert "MYSQL_TCP_PORT" not in environment
    assert "PATH=" in environment


def test_a_server_that_runs_is_not_started_twice(member: Path, mysql: MySQL):
    process = start(member, mysql, [])
    with pytest.raises(EngineError) as caught:
        start(member, mysql, [])
    assert caught.value.code is Code.ENGINE_RUNNING
    assert read_state(member) == process


async def test_a_server_is_started_again_after_it_ended(member: Path, mysql: MySQL):
    first = start(member, mysql, [])
    mysqld.kill(first)
    assert await wait_until_ended(first, 30)
    second = start(member, mysql, [])
    assert (first.began, first.pid) != (second.began, second.pid)
    assert is_running(second)


def test_a_directory_without_mysqls_files_is_not_started(tmp_path: Path, mysql: MySQL):
    (tmp_path / "m/data").mkdir(parents=True)
    with pytest.raises(EngineError) as caught:
        start(tmp_path / "m", mysql, [])
    assert caught.value.code is Code.FOREIGN_DIRECTORY
    assert not (tmp_path / "m/mysqld.json").exists()


def test_a_server_that_cannot_be_executed_is_an_error_and_leaves_no_process(member: Path, mysql: MySQL):
    with pytest.raises(EngineError) as caught:
        start(member, replace(mysql, mysqld=Path("/nonexistent/mysqld")), [])
    assert caught.value.code is Code.PROCESS_FAILED
    assert read_state(member) is None


def test_a_server_outlives_the_process_that_started_it(member: Path, mysql: MySQL):
    starter = (
        "import sys; from pathlib import Path; from flyball_local.mysqld import *; "
        "from flyball_local.mysql_programs import MySQL, Origin; p = Path(sys.argv[1]); "
        "start(Path(sys.argv[2]), MySQL((9, 7, 4), Origin.PREFIX, p, p, p / 'mysqld'), [])"
    )
    command = [sys.executable, "-W", "error", "-c", starter, str(mysql.basedir), str(member)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    process = read_state(member)
    assert process is not None
    assert is_running(process)


def test_a_start_that_was_cut_short_before_the_process_was_noted_is_found_again(member: Path, mysql: MySQL):
    process = start(member, mysql, [])
    unfinished = {"data": process.data, "token": process.token}
    (member / "mysqld.json").write_text(json.dumps(unfinished))
    assert read_state(member) == process


def test_a_start_that_was_cut_short_before_there_was_a_process_counts_as_none(member: Path):
    (member / "mysqld.json").write_text(json.dumps({"data": str(member / "data"), "token": "abc"}))
    assert read_state(member) is None


def test_a_state_file_that_is_damaged_is_told_and_not_guessed_at(member: Path):
    (member / "mysqld.json").write_text('{"pid": 1}')
    with pytest.raises(EngineError) as caught:
        read_state(member)
    assert caught.value.code is Code.FOREIGN_DIRECTORY
    (member / "mysqld.json").unlink()


def test_the_socket_lock_of_our_ended_server_is_removed_and_no_other(member: Path, mysql: MySQL):
    # 4194304 is above every process id that Linux gives
    state = {"data": str(member / "data"), "token": "abc", "pid": 4194304, "began": 1, "boot": "b"}
    (member / "mysqld.json").write_text(json.dumps(state))
    ours, other = member / "a.sock", member / "b.sock"
    (member / "a.sock.lock").write_text("4194304\n")
    (member / "b.sock.lock").write_text(f"{os.getpid()}\n")
    start(member, mysql, [f"--socket={ours}", f"--socket={other}"])
    assert not (member / "a.sock.lock").exists()
    assert (member / "b.sock.lock").exists()


# --- never a process that flyball did not start ------------------------------------------------------

SYS_EXIT = {"x86_64": 60, "aarch64": 93}
"""The number of exit(2), which ends one thread alone, by processor."""

SIGNALS: list[Callable[[MysqldProcess], bool]] = [
    mysqld.kill,
    mysqld.terminate,
    mysqld.sigstop,
    mysqld.sigcont,
]


@pytest.mark.parametrize("send", SIGNALS)
def test_a_process_id_that_is_used_again_is_not_signalled(member: Path, mysql: MySQL, send):
    other = other_process()
    seen = look_at(other.pid)
    assert seen is not None
    ours = start(member, mysql, [])
    for state in (
        replace(ours, pid=other.pid),  # another beginning
        replace(ours, pid=other.pid, began=seen.began),  # the same tick, another command line
    ):
        assert not is_running(state)
        assert not send(state)
    assert other.poll() is None
    end(other)
    assert other.returncode == 1, "it ended by its own EOFError"


@pytest.mark.parametrize("send", SIGNALS)
def test_our_own_process_is_not_ours_under_another_directory_boot_or_beginning(member: Path, mysql: MySQL, send):
    ours = start(member, mysql, [])
    for state in (
        replace(ours, data=ours.data + "2"),
        replace(ours, data=ours.data.removesuffix("a")),
        replace(ours, boot="another"),
        replace(ours, began=ours.began + 1),
        replace(ours, pid=0),
    ):
        assert not is_running(state)
        assert not send(state)
    assert is_running(ours)


@pytest.mark.parametrize("with_handles", [True, False])
async def test_a_kill_ends_it_with_or_without_process_handles(
    member: Path, mysql: MySQL, monkeypatch, with_handles: bool
):
    if not with_handles:

        def refuse(pid: int) -> int:
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(os, "pidfd_open", refuse)
    process = start(member, mysql, [])
    assert mysqld.kill(process)
    assert await wait_until_ended(process, 30)
    assert not mysqld.kill(process)


async def test_a_stopped_process_still_runs_and_a_wait_for_its_end_has_a_limit(member: Path, mysql: MySQL):
    process = start(member, mysql, [])
    assert mysqld.sigstop(process)
    wait_for_state(process.pid, "T")  # of two signals that wait, the kernel would deliver SIGTERM first
    assert mysqld.terminate(process)
    assert not await wait_until_ended(process, 0.1)
    assert is_running(process)
    assert mysqld.sigcont(process)
    assert await wait_until_ended(process, 30)


def test_a_zombie_counts_as_ended_and_a_child_of_ours_is_reaped():
    child = other_process()
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still there
    seen = look_at(child.pid)
    assert seen is not None
    assert seen.ended
    assert look_at(child.pid) is None
    child.returncode = -9
    assert child.stdin is not None
    child.stdin.close()


def test_a_process_whose_first_thread_alone_has_ended_has_not_ended(tmp_path: Path):
    code = (
        "import ctypes, threading; threading.Thread(target=input).start(); "
        f"ctypes.CDLL(None).syscall({SYS_EXIT[platform.machine()]}, 0)"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    wait_for_state(child.pid, "Z")
    seen = look_at(child.pid)
    assert seen is not None
    assert not seen.ended
    child.kill()
    child.communicate(timeout=30)


def test_a_process_name_with_brackets_and_blanks_is_read_rightly(tmp_path: Path):
    odd = tmp_path / "a) S (b"
    odd.symlink_to(Path(sys.executable).resolve())
    child = subprocess.Popen([odd, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    plain = other_process()
    seen, beside = look_at(child.pid), look_at(plain.pid)
    assert seen is not None
    assert beside is not None
    assert 0 <= beside.began - seen.began < 10_000
    end(child)
    end(plain)


def test_no_process_has_id_zero_or_one_that_is_free():
    assert look_at(0) is None
    assert look_at(2**22 + 1) is None
    assert not processes.send_signal(2**22 + 1, signal.SIGKILL, lambda _: True)


# --- what it printed ---------------------------------------------------------------------------------


async def test_what_the_server_printed_is_kept_over_all_its_starts(member: Path, mysql: MySQL):
    for port in ("1", "2"):
        process = start(member, mysql, [f"--port={port}"])
        mysqld.kill(process)
        await wait_until_ended(process, 30)
    assert len((member / "error.log").read_text().splitlines()) <= 2
    (member / "error.log").write_text("a\nx [ERROR] first\nb\ny [ERROR] second\nc\n")
    assert mysqld.last_errors(member) == "x [ERROR] first\ny [ERROR] second"
    assert mysqld.last_errors(member, 1) == "y [ERROR] second"
    (member / "error.log").write_text("a\nb\n")
    assert mysqld.last_errors(member) == "a\nb"
    (member / "error.log").unlink()
    assert mysqld.last_errors(member) == ""
