"""No password can be read in a member by whoever may look at everything but the accounts."""

import re

from flyball.session import call
from flyball_local import mysqld
from tests.mysql.member.conftest import APP_PASSWORD, ONE, TERM, TWO

COLUMNS = """
SELECT table_schema, table_name, column_name FROM information_schema.columns
WHERE table_schema IN ('performance_schema', 'sys') AND table_name <> 'log_status'
  AND data_type IN ('char', 'varchar', 'text', 'mediumtext', 'longtext', 'json', 'blob', 'longblob', 'mediumblob')
"""


def seen_in(pair, member: str, secrets: list[str]) -> list[str]:
    """The tables of performance_schema in which one of the secrets stands."""
    found = []
    tables: dict[str, list[str]] = {}
    for schema, table, column in pair.engine(member, COLUMNS):
        if schema == "performance_schema":  # sys shows nothing else
            tables.setdefault(f"{schema}.{table}", []).append(column)
    assert len(tables) > 80
    for table, columns in tables.items():
        rows = pair.engine(member, f"SELECT {', '.join(f'`{column}`' for column in columns)} FROM {table}")
        text = repr(rows)
        found += [table for secret in secrets if secret in text]
    return found


async def test_passwords_leave_no_trace(start):
    pair = await start()
    await pair.act(ONE, "ensure_user", TERM, "second", "another-secret-word", "commerce", False)
    secrets = [pair.secret[key] for key in ("topology", "clone", "engine")]
    secrets += [pair.account[1], APP_PASSWORD.replace("'", ""), "an-app", "another-secret-word"]
    for member in (ONE, TWO):
        assert seen_in(pair, member, secrets) == []
        assert pair.engine(member, "SELECT @@general_log, @@slow_query_log") == ((0, 0),)
        printed = mysqld.error_log(pair.home.member(member)).read_text()
        binlogs = b"".join(
            file.read_bytes() for file in mysqld.data_directory(pair.home.member(member)).glob("binlog.0*")
        )
        for secret in secrets:
            assert secret not in printed
            assert secret.encode() not in binlogs


async def test_what_sessions_wait_for_is_shown_all_the_same(start):
    """The looks at what waits for an acknowledgement go by it."""
    pair = await start()
    topology = await pair.topology(ONE)
    look = "SELECT processlist_user, instrumented FROM performance_schema.threads"
    rows = pair.engine(ONE, f"{look} WHERE processlist_user = 'flyball_topology'")
    assert ("flyball_topology", "NO") in rows
    assert await topology.query(call("watch", TERM, 5)) == []
    assert re.match("[0-9a-f-]{36}", (await pair.probe(ONE))["server_uuid"])
