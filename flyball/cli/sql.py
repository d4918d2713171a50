"""``flyball sql``: the ``mysql`` client, connected to a shard's primary as one of the keyspace's users.

The password never stands in an argument, in the environment or on the disk: the client reads it from an options
file in memory (memfd_create(2)) that only it inherits. TLS is required, and the certificate is checked against the
keyspace's authority.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from flyball.addressing import Target, find_member, find_shard
from flyball.cli.board import read_board
from flyball.cli.local import mysql_client
from flyball.cli.place import HomeOption, Place, place_of, read_secret, with_records
from flyball.errors import Code, InputError, RefusedError
from flyball.member.accounts import credentials_name, user_key
from flyball.records import Shard
from flyball.records.keyspace import UserSpec
from flyball.records.shard import MemberSpec
from flyball.secrets import Secret

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Login:
    """Where to go, and as whom."""

    member: MemberSpec
    database: str
    user: str
    password: str
    ca: str


@app.command(
    epilog="Examples:  flyball sql commerce/80-  |  flyball sql commerce/80- -e 'SELECT 1'  |  "
    "flyball sql commerce -- --table  |  echo 'SELECT 1' | flyball sql commerce"
)
def sql(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="KEYSPACE[/SHARD]")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[-- ARGS]", help="For the mysql client.")] = None,
    *,
    execute: Annotated[str | None, typer.Option("-e", "--execute", help="Run this statement and end.")] = None,
    user: Annotated[str | None, typer.Option(help="One of spec.users; the first with ddl where absent.")] = None,
    member: Annotated[str | None, typer.Option(help="Another member than the primary.")] = None,
    home: HomeOption = None,
) -> None:
    """Open the mysql client on the primary of a shard. It ends with the client's own exit code."""
    place = place_of(context, home)
    shard = find_shard(with_records(place, read_board).shards.values(), Target.parse(target))
    login = _login(place, shard, user, member)
    words = mysql_client()
    extra = [*(arguments or []), *(["--execute", execute] if execute is not None else [])]
    raise typer.Exit(run_client(words, login, extra))


def run_client(words: Sequence[str], login: Login, extra: Sequence[str]) -> int:
    """Run the client until it ends; return its exit code.

    :param words: what starts it, ``--no-defaults`` among them: our options file takes that place.
    """
    ca = _in_memory("ca", login.ca)
    options = _in_memory("options", _options_file(login, f"/proc/self/fd/{ca}"))
    command = [f"--defaults-file=/proc/self/fd/{options}" if word == "--no-defaults" else word for word in words]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the client's: it ends a statement
    try:
        with subprocess.Popen([*command, *extra], pass_fds=(ca, options)) as client:
            code = client.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(ca)
        os.close(options)
    return code if code >= 0 else 128 - code


def _options_file(login: Login, ca: str) -> str:
    options = {
        "user": login.user,
        "password": login.password,
        "host": login.member.host,
        "port": str(login.member.port),
        "protocol": "TCP",
        "database": login.database,
        "ssl-mode": "VERIFY_IDENTITY",
        "ssl-ca": ca,
        "default-character-set": "utf8mb4",
    }
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in options.values())
    return "[client]\n" + "".join(f'{name}="{value}"\n' for name, value in zip(options, quoted, strict=True))


def _in_memory(name: str, text: str) -> int:
    """A file of this user alone that is nowhere on the disk; its descriptor."""
    descriptor = os.memfd_create(f"flyball-{name}")
    os.fchmod(descriptor, 0o600)  # the client ignores an options file that others may write
    with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as file:
        file.write(text)
    return descriptor


def _login(place: Place, shard: Shard, user: str | None, member: str | None) -> Login:
    name = member or shard.status.reign.primary
    if not name:
        raise RefusedError(
            Code.NOT_DONE,
            f"shard {shard.name} has no primary",
            "`flyball explain` tells what is awaited; --member names a member all the same.",
        )
    account = _account(shard, user)
    secret = asyncio.run(read_secret(place, shard.spec.credentials or credentials_name(shard.spec.keyspace)))
    password, ca = _of_secret(shard, secret, user_key(account)), _of_secret(shard, secret, "ca")
    return Login(find_member(shard, name), shard.spec.database, account, password, ca)


def _account(shard: Shard, wanted: str | None) -> str:
    users = shard.spec.users
    names = ", ".join(user.name for user in users) or "(none)"
    if not users or (wanted is not None and wanted not in {user.name for user in users}):
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"keyspace {shard.spec.keyspace!r} has no user{f' {wanted!r}' if wanted else 's'}",
            f"Its users are {names}; declare one under spec.users.",
        )
    return wanted or _preferred(users).name


def _preferred(users: Sequence[UserSpec]) -> UserSpec:
    """The first who may change schemas, else the first."""
    return next((user for user in users if user.ddl), users[0])


def _of_secret(shard: Shard, secret: Secret | None, key: str) -> str:
    value = secret.get(key) if secret is not None else None
    if value is None:
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"the secret {shard.spec.credentials!r} {'is not there' if secret is None else f'has no {key}'}",
            "Use the home of the keyspace's engine (--home), or wait until the engine has made it.",
        )
    return value
