"""GTID sets before the judge: thousands of random cases, thousands a round trip."""

import json
from random import Random

import pymysql
import pytest

from flyball.errors import InputError
from flyball.gtid import LAST_NUMBER, GtidSet

CASES = 3000
UUIDS = ["00000000-0000-0000-0000-000000000001", "3e11fa47-71ca-11e1-9e33-c80aa9429562",
         "3E11FA47-71CA-11E1-9E33-C80AA9429563", "ffffffff-ffff-ffff-ffff-ffffffffffff"]  # fmt: skip
TAGS = ["prune", "Prune2", "_", "a", "a_", "a0", "z" * 32]


def blank(random: Random) -> str:
    return random.choice(["", "", "", "", " ", "\n", "\t ", "\r\n"])


def some_text(random: Random) -> str:
    """A set as a person or a server may write it: any order, blanks, repeats, overlaps, empty elements."""
    elements = []
    for _ in range(random.randint(0, 4)):
        tokens = [random.choice(UUIDS)]
        for _ in range(random.randint(1, 4)):
            if random.random() < 0.4:
                tokens.append(random.choice(TAGS))
            first = random.choice([random.randint(1, 30), random.randint(1, 2000), LAST_NUMBER - random.randint(0, 9)])
            last = min(first + random.randint(0, 12), LAST_NUMBER)
            dash = blank(random) + "-" + blank(random)
            tokens.append(f"{first:0{random.choice([1, 1, 9])}}" + (f"{dash}{last}" if random.random() < 0.7 else ""))
        elements.append((blank(random) + ":" + blank(random)).join(tokens))
        if random.random() < 0.1:
            elements.append(blank(random))
    return blank(random) + (blank(random) + "," + blank(random)).join(elements) + blank(random)


def ask(judge: pymysql.Connection, expressions: str, pairs: list[tuple[str, str]]) -> list[tuple]:
    """The server's answers for each pair (a, b), in order, in one round trip."""
    with judge.cursor() as cursor:
        cursor.execute(
            f"SELECT {expressions} FROM JSON_TABLE(%s, '$[*]' COLUMNS "
            "(i FOR ORDINALITY, a LONGTEXT PATH '$[0]', b LONGTEXT PATH '$[1]')) cases ORDER BY i",
            (json.dumps(pairs),),
        )
        answers = list(cursor.fetchall())
    assert len(answers) == len(pairs)
    return answers


@pytest.mark.parametrize("seed", range(3))
def test_reading_printing_and_the_algebra_agree_with_the_server(judge, seed):
    random = Random(seed)
    pairs = [(some_text(random), some_text(random)) for _ in range(CASES)]
    answers = ask(
        judge,
        "GTID_SUBTRACT(a, ''), GTID_SUBSET(a, b), GTID_SUBTRACT(a, b), GTID_SUBTRACT(CONCAT(a, ',', b), ''), "
        "GTID_SUBTRACT(a, GTID_SUBTRACT(a, b))",
        pairs,
    )
    for (a, b), (printed, subset, subtracted, united, shared) in zip(pairs, answers, strict=True):
        left, right = GtidSet.parse(a), GtidSet.parse(b)
        assert str(left) == printed, a
        assert right.contains(left) == bool(subset), (a, b)
        assert str(left.subtract(right)) == subtracted, (a, b)
        assert str(left.union(right)) == united, (a, b)
        assert str(left.intersect(right)) == shared, (a, b)
    # Random pairs are rarely contained in each other, so contained ones are made.
    subsets = [(str(GtidSet.parse(a).intersect(GtidSet.parse(b))), a) for a, b in pairs]
    assert all(subset for (subset,) in ask(judge, "GTID_SUBSET(a, b)", subsets))
    assert sum(subset for _, subset, *_ in answers) < CASES


def test_sets_of_a_thousand_intervals_agree_with_the_server(judge):
    random = Random(0)
    pairs = []
    for _ in range(10):
        a, b = (
            f"{UUIDS[1]}:"
            + ":".join(f"{start}-{start + random.randint(0, 5)}" for start in random.sample(range(1, 20_000), 1000))
            for _ in "ab"
        )
        pairs.append((a, b))
    for (a, b), (subtracted, united) in zip(
        pairs, ask(judge, "GTID_SUBTRACT(a, b), GTID_SUBTRACT(CONCAT(a, ',', b), '')", pairs), strict=True
    ):
        assert str(GtidSet.parse(a).subtract(GtidSet.parse(b))) == subtracted
        assert str(GtidSet.parse(a).union(GtidSet.parse(b))) == united


def test_gtid_executed_is_printed_as_the_server_prints_it(judge):
    random = Random(1)
    with judge.cursor() as cursor:
        for _ in range(30):
            some = GtidSet.parse(some_text(random))
            cursor.execute("RESET BINARY LOGS AND GTIDS")
            cursor.execute("SET GLOBAL gtid_purged = %s", (str(some),))
            cursor.execute("SELECT @@GLOBAL.gtid_executed, @@GLOBAL.gtid_purged")
            assert cursor.fetchone() == (str(some), str(some))
        cursor.execute("RESET BINARY LOGS AND GTIDS")


def test_tagged_transactions_of_the_server_itself_are_read(judge):
    with judge.cursor() as cursor:
        cursor.execute("RESET BINARY LOGS AND GTIDS")
        for tag in ("", ":prune", ":Heartbeat", ":prune"):
            cursor.execute(f"SET gtid_next = 'AUTOMATIC{tag}'")
            cursor.execute("CREATE DATABASE one_transaction")
            cursor.execute("SET gtid_next = 'AUTOMATIC'")
            cursor.execute("DROP DATABASE one_transaction")
        cursor.execute("SELECT @@server_uuid, @@GLOBAL.gtid_executed")
        uuid, executed = cursor.fetchone()
    read = GtidSet.parse(executed)
    assert read.sids == {uuid}
    assert read.tags == {"", "prune", "heartbeat"}
    assert (read.last(uuid), read.last(uuid, "prune"), read.last(uuid, "heartbeat")) == (5, 2, 1)
    assert read.without_tag("prune").count == 6


def as_the_server_reads(judge: pymysql.Connection, text: str) -> str | None:
    """The canonical form of a text, None where the server says that it is malformed (error 1772)."""
    with judge.cursor() as cursor:
        try:
            cursor.execute("SELECT GTID_SUBTRACT(%s, '')", (text,))
        except pymysql.err.OperationalError as error:
            if error.args[0] != 1772:
                raise
            return None
        return cursor.fetchone()[0]


def broken_text(random: Random) -> str:
    """A set with one to three characters changed, lost or put in."""
    text = list(some_text(random))
    for _ in range(random.randint(1, 3)):
        at = random.randint(0, len(text))
        what = random.choice(["", *":,-019afgz_ \n+;{}.é"])
        text[at : at + random.randint(0, 1)] = what
    return "".join(text)


@pytest.mark.parametrize("seed", range(2))
def test_a_broken_text_is_read_as_the_server_reads_it_or_not_at_all(judge, seed):
    random = Random(seed)
    read = refused = 0
    for _ in range(2000):
        text = broken_text(random)
        printed = as_the_server_reads(judge, text)
        try:
            mine = str(GtidSet.parse(text))
        except InputError:
            mine = None
        if mine is None:
            refused += 1
            assert printed is None or names_nothing_or_oddly(text), text
        else:
            read += 1
            assert mine == printed, text
    assert read > 100
    assert refused > 100


def names_nothing_or_oddly(text: str) -> bool:
    """Whether the text has what only the server takes: a bare uuid or tag, a backward span, a uuid in other dress."""
    compact = "".join(text.split()).lower()
    for element in filter(None, compact.split(",")):
        uuid, *rest = element.split(":")
        if len(uuid) != 36 or not rest or not rest[-1][:1].isdigit():
            return True
        for before, token in zip(["0", *rest], rest, strict=False):
            first, _, last = token.partition("-")
            if not before[:1].isdigit() and not token[:1].isdigit():
                return True
            if last.isdigit() and first.isdigit() and int(last) < int(first):
                return True
    return False
