"""Reading every member of a shard directly, past the client that follows the primary.

A replica is read once it has applied what its primary had at the beginning of the audit; waiting for that is the
server's own work (``WAIT_FOR_EXECUTED_GTID_SET``).
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from flyball.client.connection import Login as ClientLogin
from flyball.client.connection import LostError, NotDoneError, TlsConnector
from flyball.client.situation import Address
from flyball.errors import Code, MemberError
from flyball.records import Shard
from flyball.records.shard import MemberSpec
from flyball_local.trial.ledger import TABLE
from flyball_local.trial.writer import Login

CATCH_UP = 60
"""Seconds that a replica may take to apply what its primary has."""

Rows = tuple[tuple[Any, ...], ...]


def read(member: MemberSpec, database: str, login: Login, *statements: str) -> list[Rows]:
    """The rows of each statement, from that very member.

    :raises MemberError: MEMBER_UNREACHABLE when it does not answer.
    """
    address = Address(member.name, member.host, member.port, member.tls_name or member.host)
    try:
        with closing(TlsConnector(ClientLogin(login.user, login.password, login.ca))(address, database)) as connection:
            return [connection.execute(sql, (), lambda: False).rows for sql in statements]
    except (NotDoneError, LostError) as error:
        raise MemberError(Code.MEMBER_UNREACHABLE, str(error), "`flyball status` shows the members.") from error


def read_everywhere(shard: Shard, login: Login, *statements: str) -> dict[str, list[Rows]]:
    """The rows of each statement, from every member of the shard, the primary first.

    :raises MemberError: MEMBER_UNREACHABLE; MEMBER_REFUSED when a replica does not catch up.
    """
    database, primary = shard.spec.database, shard.spec.member(shard.status.reign.primary)
    if primary is None:
        raise MemberError(Code.MEMBER_UNREACHABLE, f"shard {shard.name} has no primary", "")
    (((held,),), *first) = read(primary, database, login, "SELECT @@GLOBAL.gtid_executed", *statements)
    found = {primary.name: list(first)}
    for member in shard.spec.members:
        if member is primary:
            continue
        wait = f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{held}', {CATCH_UP})"
        (((late,),), *rest) = read(member, database, login, wait, *statements)
        if late:
            raise MemberError(
                Code.MEMBER_REFUSED,
                f"{member.name} did not catch up within {CATCH_UP} s",
                "`flyball explain` says why.",
            )
        found[member.name] = list(rest)
    return found


def numbers_everywhere(shard: Shard, login: Login) -> dict[str, Sequence[int]]:
    """The numbers of the ledger's table on every member, the primary first."""
    found = read_everywhere(shard, login, f"SELECT id FROM {TABLE}")  # noqa: S608 - a name of our own
    return {member: [int(number) for (number,) in rows] for member, (rows,) in found.items()}
