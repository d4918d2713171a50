"""The fence's table, as a member makes it at each start: also where an older version of flyball made it."""

from importlib import resources

import pytest

TABLES = (resources.files("flyball.member") / "sql" / "2_tables.sql").read_text()
OLDER = (
    "DROP COLUMN version, DROP COLUMN issue, DROP COLUMN serves, DROP COLUMN note",
    "DROP COLUMN issue",
    "DROP COLUMN serves, DROP COLUMN note",
    "DROP COLUMN note",
)


def start(cursor) -> None:
    for statement in filter(str.strip, TABLES.split(";\n")):
        cursor.execute(statement)


@pytest.mark.parametrize("mode", ["", "ANSI_QUOTES"])
@pytest.mark.parametrize("change", OLDER)
def test_an_older_table_gets_what_it_lacks_and_keeps_what_was_promised(judge, change, mode):
    with judge.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = %s", [mode])
        try:
            start(cursor)
            cursor.execute("REPLACE INTO flyball.fence (id, server_uuid, term, opened) VALUES (1, 'u', 7, 7)")
            cursor.execute(f"ALTER TABLE flyball.fence {change}")
            start(cursor)
            start(cursor)
            cursor.execute("SELECT term, opened, version, issue, serves, note FROM flyball.fence")
            assert cursor.fetchall() == ((7, 0, 0, "", 1, None),)
        finally:
            cursor.execute("SET SESSION sql_mode = DEFAULT")
            cursor.execute("DROP DATABASE IF EXISTS flyball")
