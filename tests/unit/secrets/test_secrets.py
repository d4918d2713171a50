"""Secrets are kept whole, private, and out of every text."""

import json
import logging
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flyball import secrets
from flyball.errors import Code, FlyballError
from flyball.secrets import FileSecrets, Secret, generate_password, write_private

PASSWORD = "correct-horse"


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "home" / "secrets"


@pytest.fixture
def store(directory) -> FileSecrets:
    return FileSecrets(directory)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def raises(code, awaitable) -> FlyballError:
    with pytest.raises(FlyballError) as caught:
        await awaitable
    assert caught.value.code is code
    assert PASSWORD not in repr(caught.value) + str(caught.value)
    return caught.value


async def test_what_was_put_is_got(store):
    assert await store.get("commerce") is None
    await store.create("commerce", {"app": PASSWORD, "é": '"\n'})
    assert dict(await store.get("commerce")) == {"app": PASSWORD, "é": '"\n'}
    await store.replace("commerce", {"app": "new"})
    assert dict(await store.get("commerce")) == {"app": "new"}
    await store.delete("commerce")
    await store.delete("commerce")
    assert await store.get("commerce") is None


async def test_whoever_comes_second_changes_nothing(store):
    await store.create("commerce", {"app": "first"})
    await raises(Code.ALREADY_EXISTS, store.create("commerce", {"app": PASSWORD}))
    assert dict(await store.get("commerce")) == {"app": "first"}


async def test_what_is_not_there_cannot_be_replaced(store):
    await raises(Code.NO_SUCH_OBJECT, store.replace("commerce", {"app": PASSWORD}))
    assert await store.get("commerce") is None


async def test_files_are_this_users_alone(store, directory):
    old = os.umask(0)
    try:
        await store.create("a", {})
        await store.replace("a", {"app": PASSWORD})
    finally:
        os.umask(old)
    assert mode(directory) == 0o700
    assert [(path.name, mode(path)) for path in directory.iterdir()] == [("a.json", 0o600)]


async def test_a_file_that_others_may_read_is_refused(store, directory):
    await store.create("a", {"app": PASSWORD})
    (directory / "a.json").chmod(0o640)
    assert "chmod 600" in (await raises(Code.STORE_CORRUPT, store.get("a"))).next_step


@pytest.mark.parametrize("text", ["", "{", f'["{PASSWORD}"]', f'{{"app": ["{PASSWORD}"]}}', f'"{PASSWORD}"', "\0"])
async def test_a_damaged_file_is_refused_without_showing_it(store, directory, text):
    await store.create("a", {})
    (directory / "a.json").write_text(text)
    error = await raises(Code.STORE_CORRUPT, store.get("a"))
    assert error.__cause__ is None
    assert error.__suppress_context__


async def test_a_file_that_is_no_text_is_refused(store, directory):
    await store.create("a", {})
    (directory / "a.json").write_bytes(b"\xff\xfe")
    await raises(Code.STORE_CORRUPT, store.get("a"))


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".a", "A", "a" * 64])
async def test_a_name_never_leaves_the_directory(store, name):
    await raises(Code.NOT_A_NAME, store.create(name, {"app": PASSWORD}))


async def test_a_failed_write_leaves_the_old_contents_and_no_draft(store, directory, monkeypatch):
    await store.create("a", {"app": "old"})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secrets.os, "fsync", full)
    await raises(Code.STORE_UNWRITABLE, store.replace("a", {"app": PASSWORD}))
    assert dict(await store.get("a")) == {"app": "old"}
    assert [path.name for path in directory.iterdir()] == ["a.json"]


def test_one_of_many_creators_wins(store):
    def create(number: int) -> Code | None:
        try:
            store._write("a", {"app": str(number)}, is_new=True)
        except FlyballError as error:
            return error.code
        return None

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(create, range(32)))
    assert answers.count(None) == 1
    assert answers.count(Code.ALREADY_EXISTS) == 31
    assert store._read("a")["app"] == str(answers.index(None))


def test_a_secret_shows_its_keys_alone(caplog):
    secret = Secret({"app": PASSWORD})
    logging.getLogger("x").warning("%s %r", secret, {"inside": secret})
    shown = f"{secret} {secret!r} {[secret]} {caplog.text}"
    assert "app=***" in shown
    assert PASSWORD not in shown


def test_a_password_needs_no_quoting_and_is_new_each_time():
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", password) for password in passwords)


def test_a_private_file_is_replaced_whole(tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("a longer text than the next one")
    path.chmod(0o644)
    write_private(path, "short")
    assert path.read_text() == "short"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


async def test_a_file_is_plain_json(store, directory):
    await store.create("a", {"app": PASSWORD})
    assert json.loads((directory / "a.json").read_text()) == {"app": PASSWORD}
