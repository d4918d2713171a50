"""Keyspace ids before the judge: Python and the SQL compute the same for every type and character set."""

from random import Random

import pytest

from flyball.keyspaceid import KeyKind, keyspace_id, sql_expression

ROWS = 500
LATIN = "".join(map(chr, [*range(1, 127), *range(0xA0, 0x100)]))
CYRILLIC = "".join(map(chr, [*range(32, 127), *range(0x410, 0x450)]))
KANJI = "abc漢字仮名交文日本語アイウー、。"
ANYTHING = LATIN + CYRILLIC + KANJI + "ßẞİı€\u0301\u200d\ufeff\U0001f600\U0010fffd\0 '\"\\%"


def texts(alphabet: str):
    return lambda random: "".join(random.choices(alphabet, k=random.randint(0, 20)))


def numbers(low: int, high: int):
    return lambda random: random.choice([low, high, low + 1, 0, random.randint(low, high), random.randint(0, 100)])


COLUMNS = [
    ("TINYINT", KeyKind.INTEGER, numbers(-128, 127)),
    ("INT", KeyKind.INTEGER, numbers(-(2**31), 2**31 - 1)),
    ("BIGINT", KeyKind.INTEGER, numbers(-(2**63), 2**63 - 1)),
    ("BIGINT UNSIGNED", KeyKind.INTEGER, numbers(0, 2**64 - 1)),
    ("INT(10) ZEROFILL", KeyKind.INTEGER, numbers(0, 2**32 - 1)),
    ("VARBINARY(30)", KeyKind.BYTES, lambda random: random.randbytes(random.randint(0, 30))),
    ("BINARY(16)", KeyKind.BYTES, lambda random: random.randbytes(random.randint(0, 16))),
    ("VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", KeyKind.TEXT, texts(ANYTHING)),
    ("VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci", KeyKind.TEXT, texts(ANYTHING)),
    ("CHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", KeyKind.TEXT, texts(ANYTHING)),
    ("VARCHAR(30) CHARACTER SET utf32", KeyKind.TEXT, texts(ANYTHING)),
    ("VARCHAR(30) CHARACTER SET utf16", KeyKind.TEXT, texts(ANYTHING)),
    ("VARCHAR(30) CHARACTER SET utf16le", KeyKind.TEXT, texts(ANYTHING)),
    ("VARCHAR(30) CHARACTER SET gb18030", KeyKind.TEXT, texts(ANYTHING)),
    ("VARCHAR(30) CHARACTER SET latin1", KeyKind.TEXT, texts(LATIN)),
    ("VARCHAR(30) CHARACTER SET cp1251", KeyKind.TEXT, texts(CYRILLIC)),
    ("VARCHAR(30) CHARACTER SET cp932", KeyKind.TEXT, texts(KANJI)),
    ("VARCHAR(30) CHARACTER SET ujis", KeyKind.TEXT, texts(KANJI)),
    ("VARCHAR(30) CHARACTER SET ascii", KeyKind.TEXT, texts(LATIN[:126])),
]


@pytest.fixture
def cursor(judge):
    with judge.cursor() as cursor:
        cursor.execute("CREATE DATABASE hashes")
        cursor.execute("USE hashes")
        yield cursor
        cursor.execute("DROP DATABASE hashes")


@pytest.mark.parametrize(("column", "kind", "make"), COLUMNS, ids=[column for column, *_ in COLUMNS])
def test_a_stored_key_has_the_same_id_in_sql_and_in_python(cursor, column, kind, make):
    random = Random(column)
    expression = sql_expression("`the key`", kind)
    cursor.execute(f"CREATE TABLE keyed (`the key` {column} NOT NULL)")
    cursor.executemany("INSERT INTO keyed VALUES (%s)", [(make(random),) for _ in range(ROWS)])
    for names in ("utf8mb4", "latin1"):
        # The connection's character set must not matter to what the server computes.
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute("SET character_set_connection = " + names)
        cursor.execute(f"SELECT `the key`, {expression} FROM keyed")
        rows = cursor.fetchall()
        assert len(rows) == ROWS
        for key, computed in rows:
            assert keyspace_id(key) == computed, repr(key)
    cursor.execute("SET NAMES utf8mb4")


def test_literals_have_the_same_id_too(cursor):
    random = Random(7)
    for kind, make in ((KeyKind.INTEGER, numbers(-(2**63), 2**64 - 1)), (KeyKind.TEXT, texts(ANYTHING)),
                       (KeyKind.BYTES, lambda random: random.randbytes(12))):  # fmt: skip
        keys = [make(random) for _ in range(300)]
        literal = "_binary %s" if kind is KeyKind.BYTES else "%s"
        cursor.execute("SELECT " + ", ".join([sql_expression(literal, kind)] * len(keys)), keys)
        assert cursor.fetchone() == tuple(map(keyspace_id, keys))


def test_null_has_no_id(cursor):
    for kind in KeyKind:
        cursor.execute("SELECT " + sql_expression("NULL", kind))
        assert cursor.fetchone() == (None,)


def test_the_id_is_an_unsigned_number_to_the_server(cursor):
    cursor.execute(f"CREATE TABLE ids AS SELECT {sql_expression('1', KeyKind.INTEGER)} AS id")
    cursor.execute(
        "SELECT column_type FROM information_schema.columns WHERE table_name = 'ids' AND table_schema = 'hashes'"
    )
    assert cursor.fetchone() == ("bigint unsigned",)


@pytest.mark.parametrize(
    ("column", "kind"),
    [("BIGINT", KeyKind.INTEGER), ("VARBINARY(20)", KeyKind.BYTES), ("VARCHAR(20) COLLATE utf8mb4_bin", KeyKind.TEXT)],
)
def test_a_functional_index_on_the_id_finds_a_key_range(cursor, column, kind):
    expression = sql_expression("`id`", kind)
    cursor.execute(
        f"CREATE TABLE keyed (id {column} PRIMARY KEY, filler CHAR(200) DEFAULT '', INDEX ksid (({expression})))"
    )
    cursor.executemany("INSERT INTO keyed (id) VALUES (%s)", [(n,) for n in range(500)])
    cursor.execute("ANALYZE TABLE keyed")
    cursor.fetchall()
    where = f"WHERE {expression} >= {0x10 << 56} AND {expression} < {0x18 << 56}"
    cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL SELECT id FROM keyed {where}")
    plan = dict(zip([part[0] for part in cursor.description], cursor.fetchone(), strict=True))
    assert (plan["key"], plan["type"]) == ("ksid", "range")
    cursor.execute(f"SELECT id FROM keyed {where}")
    as_key = {KeyKind.INTEGER: int, KeyKind.BYTES: lambda n: b"%d" % n, KeyKind.TEXT: str}[kind]
    expected = {as_key(n) for n in range(500) if 0x10 <= keyspace_id(as_key(n)) >> 56 < 0x18}
    assert {key for (key,) in cursor.fetchall()} == expected != set()
