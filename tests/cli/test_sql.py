"""The mysql client on a shard's primary: who logs in where, and where the password is not."""

import json
import sys

import pytest

from flyball.secrets import FileSecrets

CLIENT = """
import json, os, sys
defaults = next(word for word in sys.argv if word.startswith("--defaults-file="))
text = open(defaults.partition("=")[2]).read()
options = dict(line.split("=", 1) for line in text.splitlines()[1:])
options = {name: value.strip('"') for name, value in options.items()}
mode = os.stat(defaults.partition("=")[2]).st_mode & 0o777
seen = {"options": options, "ca": open(options["ssl-ca"]).read(), "words": sys.argv[1:], "mode": mode}
seen["environment"] = dict(os.environ)
json.dump(seen, open(os.environ["SEEN"], "w"))
sys.exit(int(os.environ.get("EXIT", "0")))
"""
SECRET = {"user-app": 'pass"word\\', "user-owner": "owner-password", "ca": "THE AUTHORITY"}


@pytest.fixture
def client(tmp_path, monkeypatch, store):
    """A client that writes down what it was given; returns how to read that."""
    program, seen = tmp_path / "client.py", tmp_path / "seen.json"
    program.write_text(CLIENT)
    monkeypatch.setattr("flyball.cli.sql.mysql_client", lambda: [sys.executable, str(program), "--no-defaults"])
    monkeypatch.setenv("SEEN", str(seen))
    FileSecrets(store.home / "secrets")._write("commerce-credentials", SECRET, is_new=True)
    return lambda: json.loads(seen.read_text())


def test_it_goes_to_the_primary_as_the_user_who_may_change_schemas(flyball, client):
    assert flyball("sql", "commerce/80-", "-e", "SELECT 1").code == 0
    seen = client()
    options = seen["options"]
    assert (options["user"], options["password"]) == ("owner", "owner-password")
    assert (options["host"], options["port"], options["database"]) == ("127.0.0.1", "15001", "commerce")
    assert (options["ssl-mode"], seen["ca"]) == ("VERIFY_IDENTITY", "THE AUTHORITY")
    assert seen["words"][1:] == ["--execute", "SELECT 1"]


def test_the_password_is_in_no_argument_and_no_environment(flyball, client, tmp_path):
    flyball("sql", "commerce/80-")
    seen = client()
    assert not any("owner-password" in word for word in [*seen["words"], *seen["environment"].values()])
    assert seen["mode"] == 0o600
    assert list(tmp_path.rglob("*.cnf")) == []


def test_another_user_and_member_can_be_named_and_arguments_passed(flyball, client, make):
    assert flyball("sql", "commerce/80-", "--user", "app", "--member", "3", "--", "--table", "-N").code == 0
    seen = client()
    assert (seen["options"]["user"], seen["options"]["port"]) == ("app", "15003")
    assert seen["options"]["password"] == 'pass\\"word\\\\'
    assert seen["words"][1:] == ["--table", "-N"]


def test_it_ends_with_the_clients_exit_code(flyball, client, monkeypatch):
    monkeypatch.setenv("EXIT", "3")
    assert flyball("sql", "commerce/80-", "-e", "SELEKT").code == 3


def test_bad_input_is_refused(refused, client, store, make):
    refused("FB1011", 2, "sql", "commerce")
    refused("FB1009", 2, "sql", "shop")
    assert "app, owner" in refused("FB1009", 2, "sql", "commerce/80-", "--user", "root").err
    refused("FB1009", 2, "sql", "commerce/80-", "--member", "9")
    store.put(make.shard(make.UPPER, "80-", reign={}))
    refused("FB4009", 5, "sql", "commerce/80-")


def test_a_secret_that_is_missing_is_named(refused, store, monkeypatch):
    monkeypatch.setattr("flyball.cli.sql.mysql_client", lambda: ["--no-defaults"])
    assert "commerce-credentials" in refused("FB1009", 2, "sql", "commerce/80-").err
