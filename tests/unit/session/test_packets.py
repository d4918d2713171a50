"""The bytes of MySQL's client protocol, read and written without a server."""

import struct

from pymysql._auth import scramble_caching_sha2

from flyball.session import packets


def lenenc(text: str) -> bytes:
    raw = text.encode()
    if len(raw) < 0xFB:
        return bytes([len(raw)]) + raw
    return b"\xfc" + struct.pack("<H", len(raw)) + raw


def column(name: str) -> bytes:
    return lenenc("def") + lenenc("") + lenenc("t") + lenenc("t") + lenenc(name) + lenenc(name) + b"\x0c" + bytes(12)


def eof(status: int = 2) -> bytes:
    return b"\xfe\x00\x00" + struct.pack("<H", status)


def feed(*payloads: bytes) -> tuple[packets.Response, list[bool]]:
    response = packets.Response()
    return response, [response.feed(payload) for payload in payloads]


def test_a_frame_carries_its_length_and_sequence() -> None:
    assert packets.frame(b"abc", 5) == b"\x03\x00\x00\x05abc"


def test_a_greeting_gives_version_connection_and_twenty_bytes_of_nonce() -> None:
    nonce = bytes(range(1, 21))
    payload = (
        b"\x0a9.7.4\0"
        + struct.pack("<I", 77)
        + nonce[:8]
        + b"\0"
        + struct.pack("<HBHHB", 0xFFFF, 255, 2, 0xDFFF, 21)
        + bytes(10)
        + nonce[8:]
        + b"\0caching_sha2_password\0"
    )
    greeting = packets.greeting(payload)
    assert (greeting.version, greeting.connection_id, greeting.nonce) == ("9.7.4", 77, nonce)
    assert greeting.capabilities == 0xDFFFFFFF
    assert greeting.capabilities & packets.SSL


def test_the_password_is_proven_as_caching_sha2_asks() -> None:
    # Value computed with MySQL's documented formula by another implementation (PyMySQL).
    nonce = bytes(range(20))
    assert packets.scramble("geheim", nonce) == scramble_caching_sha2(b"geheim", nonce)
    assert packets.scramble("", nonce) == b""


def test_rows_of_the_last_result_set_are_returned_with_nulls() -> None:
    response, ended = feed(
        b"\x02", column("a"), column("b"), eof(), lenenc("1") + b"\xfb", lenenc("2") + lenenc("x"), eof()
    )
    assert ended == [False] * 6 + [True]
    assert response.rows == [{"a": "1", "b": None}, {"a": "2", "b": "x"}]
    assert response.failure is None


def test_a_response_goes_on_while_more_results_are_announced() -> None:
    more = b"\x00\x00\x00" + struct.pack("<HH", 2 | packets.MORE_RESULTS, 0)
    response, ended = feed(
        more, b"\x01", column("a"), eof(), lenenc("7"), eof(2 | packets.MORE_RESULTS), b"\x00\x00\x00\x02\x00\x00\x00"
    )
    assert ended[:-1] == [False] * 6
    assert ended[-1] is True
    assert response.rows == [{"a": "7"}]


def test_an_error_ends_the_response_wherever_it_comes() -> None:
    error = b"\xff" + struct.pack("<H", 33003) + b"#45000" + b"FB3003 term 4 is below the fence 5"
    for before in ((), (b"\x01", column("a"), eof(), lenenc("1"))):
        response, ended = feed(*before, error)
        assert ended[-1] is True
        assert response.failure == packets.Failure(33003, "45000", "FB3003 term 4 is below the fence 5")


def test_a_row_that_begins_like_an_end_is_a_row() -> None:
    """A length-encoded string of more than 16 MiB begins with the byte that an EOF packet is."""
    long = "x" * 70_000
    payload = b"\xfd" + len(long).to_bytes(3, "little") + long.encode()
    response, ended = feed(b"\x01", column("a"), eof(), payload, eof())
    assert ended[-2:] == [False, True]
    assert response.rows == [{"a": long}]
    huge = b"\xfe" + struct.pack("<Q", 20) + b"y" * 20
    response, ended = feed(b"\x01", column("a"), eof(), huge, eof())
    assert response.rows == [{"a": "y" * 20}]


def answer(*payloads: bytes) -> bytes:
    return b"".join(packets.frame(payload, at) for at, payload in enumerate(payloads, start=1))


def test_an_answer_of_a_known_shape_is_taken_in_one_stride() -> None:
    around = (
        (b"\x02", column("p"), column("q"), eof()),
        (eof(2 | packets.MORE_RESULTS), b"\x00\x00\x00\x02\x00\x00\x00"),
    )
    first = (*around[0], lenenc("1") + b"\xfb", *around[1])
    response, _ = feed(*first)
    assert packets.recognise(answer(*first)) is None
    packets.learn(answer(*first), response)
    second = answer(*around[0], lenenc("a longer one") + lenenc("x"), *around[1])
    found = packets.recognise(second)
    assert found is not None
    assert found.rows == [{"p": "a longer one", "q": "x"}]
    for other in (
        second[:-1],  # not all of it is there
        second + b"\x00",
        answer(*around[0], *around[1]),  # no row
        answer(*around[0], b"\xff\x10\x04no", *around[1]),  # an error in its place
        answer(*around[0], lenenc("1") + b"\xfb", lenenc("2") + b"\xfb", *around[1]),  # two
        answer(*around[0], lenenc("1") + b"\xfb", eof(), *around[1]),  # another end
    ):
        assert packets.recognise(other) is None


def test_the_newest_shapes_are_the_known_ones() -> None:
    """A few statements that are asked once leave room for the one that is asked each second."""
    for number in range(40):
        parts = (b"\x01", column(f"c{number}"), eof(), lenenc("1"), eof())
        whole = answer(*parts)
        packets.learn(whole, feed(*parts)[0])
        assert packets.recognise(whole) is not None
