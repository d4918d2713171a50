"""Random schemas, data and changes that look for what a copy gets wrong: seeded, so that any of them comes again.

Each kind of column brings its definition and values at its edges; tables draw columns, keys, indexes and generated
columns from them. Changes are inserts, updates of any column but the sharding one, and deletes.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from flyball.records.keyspace import TableSpec

Value = Callable[[Random], str]


@dataclass(frozen=True)
class Kind:
    """A column's type, and how its values are drawn, as SQL. ``key`` tells that a primary key may begin with it."""

    ddl: str
    value: Value
    key: bool = False
    indexable: bool = True


def _bytes(random: Random, most: int) -> bytes:
    size = random.choice((0, 1, 2, 3, random.randrange(most + 1), most))
    if random.random() < 0.5:
        return bytes(random.choices(b"\x00\x01\x02\t\n\r'\"\\,;NULL \xff\x1a", k=min(size, most)))
    return random.randbytes(min(size, most))


def _text(random: Random, most: int, letters: str) -> str:
    size = random.choice((0, 1, random.randrange(most + 1), most))
    return "".join(random.choices(letters, k=size))


_PLAIN = "abZ019 \t\n\r\\'\"%_,;NULL\x00\x01\x1a"
_LATIN = _PLAIN + "äßÿ¡"
_WIDE = _LATIN + "€漢字абв"
_ALL = _WIDE + "😀🏳️"


def _in(charset: str, text: str) -> str:
    encoded = text.encode(
        {"latin1": "cp1252", "utf16": "utf-16-be", "gbk": "gbk", "utf8mb4": "utf-8"}[charset], "ignore"
    )
    return f"_{charset} x'{encoded.hex()}'"


def _chars(charset: str, most: int, letters: str) -> Value:
    return lambda random: _in(charset, _text(random, most, letters))


def _integer(low: int, high: int) -> Value:
    return lambda random: str(random.choice((low, high, 0, 1, random.randint(low, high), random.randint(0, 9))))


def _double(random: Random) -> str:
    while True:
        (value,) = struct.unpack("d", random.randbytes(8))
        if value == value and abs(value) < 1.7e308 and (value == 0 or abs(value) > 3e-308):
            return random.choice(
                (repr(value), "0", "-0e0", "0.1", "1e308", "2.2250738585072014e-308", "123456789.123456789")
            )


def _float(random: Random) -> str:
    while True:
        (value,) = struct.unpack("f", random.randbytes(4))
        if value == value and abs(value) < 3.4e38 and (value == 0 or abs(value) > 1.2e-38):
            return random.choice((repr(value), "0.1", "16777217", "3.4028e38", "1e-37"))


def _moment(random: Random) -> str:
    return (
        f"{random.choice((1000, 1970, 1999, 2026, 9999))}-{random.randint(1, 12):02}-{random.randint(1, 28):02} "
        f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}.{random.randint(0, 999999):06}"
    )


def _json(random: Random, depth: int = 0) -> str:
    def made(depth: int) -> object:
        roll = random.randrange(9 if depth < 3 else 6)
        if roll == 0:
            return None
        if roll == 1:
            return random.choice((True, False))
        if roll == 2:
            return random.randint(-(2**63), 2**64 - 1)
        if roll == 3:
            return random.choice((0.1, 1e300, -2.5e-10, 3.0, 123456789.125))
        if roll <= 5:
            return _text(random, 20, _ALL.replace("\x00", ""))
        if roll == 6:
            return [made(depth + 1) for _ in range(random.randrange(4))]
        return {_text(random, 5, "abc€'\"\\"): made(depth + 1) for _ in range(random.randrange(4))}

    return f"CAST(CONVERT(x'{json.dumps(made(0)).encode().hex()}' USING utf8mb4) AS JSON)"


def _shape(random: Random) -> str:
    x, y = random.uniform(-90, 90), random.uniform(-90, 90)
    return random.choice(
        (
            f"ST_GeomFromText('POINT({x} {y})', {random.choice((0, 4326))})",
            f"ST_GeomFromText('LINESTRING(0 0,{x} {y},1 1)')",
            f"ST_GeomFromText('POLYGON((0 0,0 {abs(y) + 1},{abs(x) + 1} 0,0 0))')",
            "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')",
        )
    )


KINDS = (
    Kind("TINYINT", _integer(-128, 127), key=True),
    Kind("SMALLINT UNSIGNED", _integer(0, 65535), key=True),
    Kind("MEDIUMINT", _integer(-8388608, 8388607), key=True),
    Kind("INT ZEROFILL", _integer(0, 2**32 - 1), key=True),
    Kind("BIGINT", _integer(-(2**63), 2**63 - 1), key=True),
    Kind("BIGINT UNSIGNED", _integer(0, 2**64 - 1), key=True),
    Kind("DECIMAL(65,30)", lambda random: f"{random.randint(-(10**35), 10**35)}.{random.randrange(10**30):030}", key=True),
    Kind("DECIMAL(10,0) UNSIGNED", lambda random: str(random.randrange(10**10)), key=True),
    Kind("FLOAT", _float),
    Kind("DOUBLE", _double),
    Kind("DOUBLE(20,3)", lambda random: f"{random.uniform(-1e12, 1e12):.3f}"),
    Kind("FLOAT(10,2)", lambda random: f"{random.uniform(-1e6, 1e6):.2f}"),
    Kind("BIT(1)", lambda random: str(random.randrange(2))),
    Kind("BIT(64)", lambda random: str(random.choice((0, 2**64 - 1, random.randrange(2**64))))),
    Kind("DATE", lambda random: random.choice((f"'{_moment(random)[:10]}'", "'0000-00-00'", "'2020-02-31'", "'2020-00-00'")), key=True),
    Kind("TIME(3)", lambda random: random.choice(("'-838:59:59'", "'838:59:59'", "'00:00:00.123'", f"'{_moment(random)[11:23]}'")), key=True),
    Kind("DATETIME(6)", lambda random: random.choice((f"'{_moment(random)}'", "'0000-00-00 00:00:00'")), key=True),
    Kind("TIMESTAMP(6)", lambda random: random.choice(("'2026-03-29 01:30:00.5'", "'1970-01-01 00:00:01'", "'0000-00-00 00:00:00'"))),
    Kind("YEAR", lambda random: random.choice(("0", "1901", "2155", "2026")), key=True),
    Kind("CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci", _chars("utf8mb4", 10, _ALL), key=True),
    Kind("VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", _chars("utf8mb4", 50, _ALL), key=True),
    Kind("VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", _chars("utf8mb4", 50, _WIDE), key=True),
    Kind("VARCHAR(50) CHARACTER SET latin1", _chars("latin1", 50, _LATIN), key=True),
    Kind("VARCHAR(50) CHARACTER SET utf16", _chars("utf16", 50, _ALL), key=True),
    Kind("VARCHAR(50) CHARACTER SET gbk", _chars("gbk", 50, _PLAIN + "漢字"), key=True),
    Kind("BINARY(16)", lambda random: f"x'{_bytes(random, 16).hex()}'", key=True),
    Kind("VARBINARY(100)", lambda random: f"x'{_bytes(random, 100).hex()}'", key=True),
    Kind("TINYTEXT CHARACTER SET utf8mb4", _chars("utf8mb4", 30, _ALL), indexable=False),
    Kind("TEXT CHARACTER SET utf16", _chars("utf16", 300, _ALL), indexable=False),
    Kind("LONGTEXT CHARACTER SET utf8mb4", _chars("utf8mb4", 3000, _ALL), indexable=False),
    Kind("BLOB", lambda random: f"x'{_bytes(random, 2000).hex()}'", indexable=False),
    Kind("LONGBLOB", lambda random: f"x'{_bytes(random, 20000).hex()}'", indexable=False),
    Kind("ENUM('a','1','','B','€')", lambda random: random.choice(("1", "2", "3", "4", "5", "''", "'1'"))),
    Kind("SET('x','y','1','2')", lambda random: str(random.randrange(16))),
    Kind("JSON", _json, indexable=False),
    Kind("GEOMETRY", _shape, indexable=False),
    Kind("POINT", lambda random: f"ST_GeomFromText('POINT({random.uniform(-9, 9)} {random.uniform(-9, 9)})')", indexable=False),
    Kind("VECTOR(8)", lambda random: f"x'{struct.pack('<8f', *(random.uniform(-9, 9) for _ in range(8))).hex()}'", indexable=False),
)  # fmt: skip

SHARDING = (
    Kind("INT", _integer(-(2**31), 2**31 - 1), key=True),
    Kind("BIGINT UNSIGNED", _integer(0, 2**64 - 1), key=True),
    Kind("VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", _chars("utf8mb4", 30, _ALL), key=True),
    Kind("VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin", _chars("utf8mb4", 30, _ALL), key=True),
    Kind("CHAR(12) CHARACTER SET latin1 COLLATE latin1_bin", _chars("latin1", 12, _LATIN), key=True),
    Kind("VARBINARY(40)", lambda random: f"x'{_bytes(random, 40).hex()}'", key=True),
    Kind("BINARY(8)", lambda random: f"x'{_bytes(random, 8).hex()}'", key=True),
)

MODES = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'"
"""Under which the statements are run: what some application once stored."""


@dataclass(frozen=True)
class HostileTable:
    """A table drawn at random. ``columns`` are those that take values, in order."""

    name: str
    create: str
    spec: TableSpec
    columns: tuple[tuple[str, Kind, bool], ...]
    fixed: frozenset[str]

    def insert(self, random: Random) -> str:
        values = [
            "NULL" if nullable and random.random() < 0.2 else kind.value(random) for _, kind, nullable in self.columns
        ]
        names = ", ".join(f"`{name}`" for name, _, _ in self.columns)
        return f"INSERT IGNORE INTO `{self.name}` ({names}) VALUES ({', '.join(values)})"

    def change(self, random: Random) -> str:
        roll = random.random()
        if roll < 0.4:
            return self.insert(random)
        if roll < 0.55:
            return f"DELETE FROM `{self.name}` ORDER BY RAND({random.randrange(1000)}) LIMIT {random.randrange(1, 4)}"
        name, kind, nullable = random.choice([c for c in self.columns if c[0] not in self.fixed] or [self.columns[0]])
        if name in self.fixed:
            return self.insert(random)
        value = "NULL" if nullable and random.random() < 0.2 else kind.value(random)
        return f"UPDATE IGNORE `{self.name}` SET `{name}` = {value} ORDER BY RAND({random.randrange(1000)}) LIMIT 3"


def tables(random: Random) -> Iterator[HostileTable]:
    """One to three tables."""
    for number in range(random.randint(1, 3)):
        yield _table(random, number)


def _table(random: Random, number: int) -> HostileTable:
    name = random.choice((f"t{number}", f"odd name {number}", f"Ünï`{number}".replace("`", "")))
    reference = number > 0 and random.random() < 0.25
    sharding = random.choice(SHARDING)
    drawn = random.sample(KINDS, random.randint(1, 9))
    columns: list[tuple[str, Kind, bool]] = [("shard key", sharding, False)]
    columns += [(f"c{at}", kind, random.random() < 0.5) for at, kind in enumerate(drawn)]
    keys = [(column, kind, False) for column, kind, _ in columns[1:] if kind.key]
    lead = random.choice(("id", "shard", "other", "both")) if keys else random.choice(("id", "shard"))
    key: list[str] = {"id": ["id"], "shard": ["shard key", "id"], "other": [keys[0][0], "id"] if keys else [],
                      "both": ["shard key", keys[0][0], "id"] if keys else []}[lead]  # fmt: skip
    fixed = {"shard key", *key}
    columns = [(column, kind, nullable and column not in key) for column, kind, nullable in columns]
    random.shuffle(columns)
    lines = [f"`{column}` {kind.ddl} {'NULL' if nullable else 'NOT NULL'}" for column, kind, nullable in columns]
    lines.append("`id` BIGINT NOT NULL AUTO_INCREMENT")
    if random.random() < 0.4:
        lines.append(f"`made` VARCHAR(100) AS (SHA2(`shard key`, 256)) {random.choice(('VIRTUAL', 'STORED'))}")
        if random.random() < 0.5:
            lines.append("KEY `on made` (`made`)")
    lines.append(f"PRIMARY KEY ({', '.join(f'`{column}`' for column in key)})")
    if key[0] != "id":
        lines.append("KEY `counter` (`id`)")
    for at, (column, kind, _) in enumerate(columns):
        if kind.indexable and random.random() < 0.3:
            lines.append(f"KEY `k{at}` (`{column}`)")
    if random.random() < 0.3:
        lines.append("UNIQUE KEY `u` (`shard key`, `id`)")
    if random.random() < 0.2:
        lines.append(f"KEY `f` ((LEFT(SHA2(`shard key`, 256), {random.randint(4, 20)})))")
    partitions = ""
    if lead != "both" and random.random() < 0.2 and not {"UNIQUE", "GEOMETRY", "POINT"} & set(" ".join(lines).split()):
        partitions = " PARTITION BY KEY () PARTITIONS 3"
    create = f"CREATE TABLE `{name}` ({', '.join(lines)}){partitions}"
    spec = TableSpec(reference=True) if reference else TableSpec(shard_by="shard key")
    return HostileTable(name, create, spec, tuple(columns), frozenset(fixed))
