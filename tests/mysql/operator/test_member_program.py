"""The first process of a member's container: makes its data once, stops it by rule 1, loads what is rotated."""

import asyncio
import os
import signal
import socket
import ssl
from datetime import UTC, datetime

import pytest

from flyball.certificates import issue_member
from flyball.session import SessionLostError, call
from tests.mysql.operator.conftest import TLS_NAME
from tests.mysql.waiting import LIMIT, until

APP_PASSWORD = "an-app's-password"


async def reign(container):
    """Make the member a primary that nobody acknowledges; returns a session of an application."""
    primary = await container.connect()
    await primary.query(call("establish", 1))
    await primary.query(call("ensure_database", 1, "commerce"))
    await primary.query(call("ensure_user", 1, "app", APP_PASSWORD, "commerce", True))
    await primary.query(call("promote", 1, 0, "", "", 1, "", None))
    return await container.connect("app", APP_PASSWORD)


async def waits(container) -> bool:
    session = await container.connect()
    (row,) = await session.query(call("probe", True))
    session.close()
    return row["waiting"] != "0"


def server_id(container) -> int:
    """The id that the running mysqld was given; the last option wins."""
    return int((container.root / "volume/server-id").read_text())


async def test_a_server_keeps_its_id_over_restarts(container):
    await container.prepare()
    process = await container.run()
    session = await container.connect()
    ((first,),) = [row.values() for row in await session.query("SELECT @@server_id AS id")]
    session.close()
    assert int(first) == server_id(container)
    process.send_signal(signal.SIGTERM)
    await ended(process)
    await container.run()
    assert server_id(container) == int(first)


async def ended(process) -> int:
    async with asyncio.timeout(LIMIT):
        return await process.wait()


async def test_the_data_directory_is_made_once_and_never_touched_again(container):
    assert await container.prepare() == 0
    mark = container.data / "mark"
    mark.touch()
    assert await container.prepare() == 0
    assert mark.exists()
    assert "the data directory is there" in container.said()


async def test_what_is_no_data_directory_is_left_alone_and_named(container):
    container.data.mkdir()
    (container.data / "somebody's").touch()
    assert await container.prepare() != 0
    assert [file.name for file in container.data.iterdir()] == ["somebody's"]
    assert "nothing is touched" in container.said()


async def test_one_that_was_broken_off_is_begun_anew(container):
    half = container.begin_data()
    assert await container.prepare() == 0
    assert (container.data / "mysql.ibd").is_file()
    assert [file.name for file in half.parent.iterdir()] == ["data"]


async def test_a_commit_that_waits_for_its_acknowledgement_never_hears_ok_from_a_pod_that_is_deleted(container):
    await container.prepare()
    process = await container.run()
    app = await reign(container)
    waiting = asyncio.create_task(app.query("CREATE TABLE commerce.t (id INT PRIMARY KEY)"))
    await until(lambda: waits(container))
    assert not waiting.done()
    process.send_signal(signal.SIGTERM)
    with pytest.raises(SessionLostError):
        await waiting
    assert await ended(process) == 0


async def test_a_member_at_rest_shuts_down_cleanly(container):
    await container.prepare()
    process = await container.run()
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 0
    assert "mysqld shut down" in container.said()
    assert "mysqld was killed" not in container.said()


async def test_one_that_cannot_be_reached_is_killed_and_told_nothing(container):
    await container.prepare()
    process = await container.run()
    (container.root / "given/start/engine.cnf").write_text("[client]\nuser=flyball_engine\npassword=wrong\n")
    process.send_signal(signal.SIGTERM)
    assert await ended(process) == 0
    assert "mysqld was killed" in container.said()


async def test_a_crash_of_mysqld_ends_the_container(container):
    await container.prepare()
    process = await container.run()
    os.kill(container.mysqld_pid(), signal.SIGKILL)
    assert await ended(process) != 0
    assert "ended by itself" in container.said()


async def test_a_clone_that_is_complete_is_started_as_another_server_without_leaving_the_container(container):
    await container.prepare()
    process = await container.run()
    before = (container.data / "auto.cnf").read_text()
    pid, first = container.mysqld_pid(), server_id(container)
    clone = container.data / "#clone"
    clone.mkdir()
    (clone / "#status_fix").touch()
    os.kill(pid, signal.SIGKILL)

    def another() -> bool:
        fresh = container.data / "auto.cnf"
        return fresh.is_file() and fresh.read_text() != before

    await until(another)
    assert process.returncode is None
    assert server_id(container) != first
    assert server_id(container) % 16 == first % 16 == 1


async def test_one_that_a_failed_clone_emptied_is_started_once_more(container):
    """What CLONE leaves when it fails: a state of 3, written while mysqld ran on."""
    await container.prepare()
    process = await container.run()
    first = server_id(container)
    clone = container.data / "#clone"
    clone.mkdir()
    (clone / "#view_status").write_text("3 1\n")
    await until(lambda: "started once more" in container.said())

    async def answers() -> bool:
        try:
            (await container.connect()).close()
        except Exception:  # noqa: BLE001 - it is just starting
            return False
        return True

    await until(answers)
    assert process.returncode is None
    assert server_id(container) == first  # its procedures were there, so it was not emptied


def presented(container) -> bytes:
    """The certificate that mysqld presents now: its greeting, our wish for TLS, its answer."""
    context = ssl.create_default_context(cadata=container.authority.certificate)
    with socket.create_connection(("127.0.0.1", container.port), timeout=10) as plain:
        plain.recv(4096)
        wish = (0x0000_0800 | 0x0000_8000 | 0x0000_0200).to_bytes(4, "little") + bytes(4) + b"\x2d" + bytes(23)
        plain.sendall(len(wish).to_bytes(3, "little") + b"\x01" + wish)
        with context.wrap_socket(plain, server_hostname=TLS_NAME) as secure:
            found = secure.getpeercert(binary_form=True)
    assert found is not None
    return found


async def test_a_new_certificate_is_presented_without_a_restart(container):
    await container.prepare()
    await container.run()
    pid, before = container.mysqld_pid(), await asyncio.to_thread(presented, container)
    pair = container.give_certificate()
    expected = ssl.PEM_cert_to_DER_cert(pair.certificate)
    assert before != expected

    async def is_new() -> bool:
        return await asyncio.to_thread(presented, container) == expected

    await until(is_new)
    assert container.mysqld_pid() == pid


async def test_a_certificate_that_does_not_fit_its_key_changes_nothing(container):
    await container.prepare()
    await container.run()
    before = await asyncio.to_thread(presented, container)
    stranger = issue_member(container.authority, TLS_NAME, (), datetime.now(UTC))
    (container.root / "given/tls/tls.key").write_text(stranger.key)
    await until(lambda: "cannot be loaded" in container.said())
    assert await asyncio.to_thread(presented, container) == before
