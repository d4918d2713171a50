"""The client side of MySQL's protocol, as far as the topology service speaks it: bytes in, values out.

Source: MySQL's internals documentation, "Client/Server Protocol" (handshake v10, caching_sha2_password, text result
sets). Pure: no socket is touched here.
"""

import hashlib
import struct
from dataclasses import dataclass, field

SSL = 0x0800
LOCAL_FILES = 0x0080
MORE_RESULTS = 0x0008
_CAPABILITIES = (
    0x0001  # LONG_PASSWORD
    | 0x0200  # PROTOCOL_41
    | 0x2000  # TRANSACTIONS
    | 0x8000  # SECURE_CONNECTION
    | 0x10000  # MULTI_STATEMENTS
    | 0x20000  # MULTI_RESULTS
    | 0x80000  # PLUGIN_AUTH
    | SSL
)
LARGEST_PACKET = 0xFFFFFF
_UTF8MB4 = 45
PLUGIN = "caching_sha2_password"


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server says first."""

    version: str
    connection_id: int
    nonce: bytes
    capabilities: int


@dataclass(frozen=True, slots=True)
class Failure:
    """An ERR packet: the server's error number, SQLSTATE and message."""

    errno: int
    sqlstate: str
    message: str


def frame(payload: bytes, sequence: int) -> bytes:
    """Return ``payload`` with its header; one packet, so less than 16 MiB."""
    if len(payload) >= LARGEST_PACKET:
        raise ValueError(f"a statement of {len(payload)} bytes does not fit a packet")
    return struct.pack("<I", len(payload) | (sequence & 0xFF) << 24) + payload


def greeting(payload: bytes) -> Greeting:
    """Read the server's first packet (handshake v10)."""
    end = payload.index(0, 1)
    version = payload[1:end].decode("ascii", "replace")
    (connection_id,) = struct.unpack_from("<I", payload, end + 1)
    first = payload[end + 5 : end + 13]
    low, _, _, high, length = struct.unpack_from("<HBHHB", payload, end + 14)
    rest = payload[end + 32 : end + 32 + max(13, length - 8)]
    return Greeting(version, connection_id, (first + rest)[:20], low | high << 16)


def ssl_request(more: int = 0) -> bytes:
    """Ask for TLS, before anything about the account is said.

    :param more: capabilities besides those that every session has, ``LOCAL_FILES`` say.
    """
    return struct.pack("<IIB23x", _CAPABILITIES | more, LARGEST_PACKET, _UTF8MB4)


def login(user: str, password: str, nonce: bytes, more: int = 0) -> bytes:
    """The login packet for caching_sha2_password; ``more`` as in ``ssl_request``."""
    proof = scramble(password, nonce)
    return ssl_request(more) + user.encode() + b"\0" + bytes([len(proof)]) + proof + PLUGIN.encode() + b"\0"


def scramble(password: str, nonce: bytes) -> bytes:
    """XOR(SHA256(password), SHA256(SHA256(SHA256(password)) + nonce)); empty for an empty password."""
    if not password:
        return b""
    once = hashlib.sha256(password.encode()).digest()
    mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def failure(payload: bytes) -> Failure:
    """Read an ERR packet."""
    (errno,) = struct.unpack_from("<H", payload, 1)
    if payload[3:4] == b"#":
        return Failure(errno, payload[4:9].decode("ascii", "replace"), payload[9:].decode("utf-8", "replace"))
    return Failure(errno, "HY000", payload[3:].decode("utf-8", "replace"))


Row = dict[str, str | None]


@dataclass(slots=True)
class Response:
    """Gathers the packets that answer one COM_QUERY, with all its result sets.

    ``columns`` and ``payloads`` are those of the last result set that had any columns, and are read as ``rows`` when
    somebody asks; ``failure`` is set when a statement failed, and ends the response.
    """

    columns: list[str] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    """The rows as they came."""
    failure: Failure | None = None
    _awaited: int = 0
    _in_rows: bool = False

    @property
    def rows(self) -> list[Row]:
        """The rows, read anew at each call."""
        return [_row(self.columns, payload) for payload in self.payloads]

    def feed(self, payload: bytes) -> bool:
        """Take one packet; return whether the response is complete."""
        head = payload[0]
        if self._in_rows:
            return self._take_row(payload)
        if self._awaited:
            if len(self.columns) < self._awaited:
                self.columns.append(_column_name(payload))
            else:  # the EOF after the columns
                self._in_rows = True
            return False
        if head == 0x00:
            _, at = length(payload, 1)
            _, at = length(payload, at)
            return not struct.unpack_from("<H", payload, at)[0] & MORE_RESULTS
        if head == 0xFF:
            self.failure = failure(payload)
            return True
        self._awaited, _ = length(payload, 0)
        self.columns, self.payloads = [], []
        return False

    def _take_row(self, payload: bytes) -> bool:
        if payload[0] == 0xFE and len(payload) < 9:
            self._in_rows, self._awaited = False, 0
            return not struct.unpack_from("<H", payload, 3)[0] & MORE_RESULTS
        if payload[0] == 0xFF:
            self.failure = failure(payload)
            return True
        self.payloads.append(payload)
        return False


@dataclass(slots=True)
class _Shape:
    """What known answers of one row have around it."""

    columns: list[str]
    tails: set[bytes] = field(default_factory=set)


_shapes: dict[bytes, _Shape] = {}
"""By their heads: the packets before the row. A probe's answer begins with the same two kilobytes of columns each
second, from every member."""
_KEPT_SHAPES = 16
_KEPT_TAILS = 8


def learn(data: bytes, response: Response) -> None:
    """Remember the shape of ``data``, which came at once and is all of a response."""
    if len(response.payloads) != 1 or data[0:1] != b"\1" or data[4] != len(response.columns):
        return
    at = 0
    for _ in range(len(response.columns) + 2):  # their count, they, and the EOF behind them
        at += 4 + int.from_bytes(data[at : at + 3], "little")
    head = data[:at]
    if head not in _shapes and len(_shapes) == _KEPT_SHAPES:
        del _shapes[next(iter(_shapes))]  # the oldest; what is still asked for is learned again
    shape = _shapes.setdefault(head, _Shape(response.columns))
    if len(shape.tails) < _KEPT_TAILS:
        shape.tails.add(data[at + 4 + len(response.payloads[0]) :])


def recognise(data: bytes) -> Response | None:
    """The response in one stride, where ``data`` is all of one with a known shape."""
    for head, shape in _shapes.items():
        if data.startswith(head):
            at = len(head) + 4
            end = at + int.from_bytes(data[at - 4 : at - 1], "little")
            if data[end:] in shape.tails and data[at] < 0xFE:
                return Response(shape.columns, [data[at:end]])
    return None


def cell(payload: bytes, at: int) -> tuple[bytes | None, int]:
    """The cell of a row at ``at``, and where the next one begins; ``None`` is NULL."""
    size = payload[at]
    at += 1
    if size == 0xFB:
        return None, at
    if size > 0xFB:
        size, at = length(payload, at - 1)
    return payload[at : at + size], at + size


def text(found: bytes | None) -> str | None:
    """A cell's text."""
    return None if found is None else found.decode("utf-8", "surrogateescape")


def _row(columns: list[str], payload: bytes) -> Row:
    row: Row = {}
    at = 0
    for name in columns:
        found, at = cell(payload, at)
        row[name] = text(found)
    return row


_names: dict[bytes, str] = {}


def _column_name(payload: bytes) -> str:
    """The fifth string of a column definition. Probes ask for the same columns each second, so they are kept."""
    name = _names.get(payload)
    if name is None:
        at = 0
        for _ in range(4):
            size, at = length(payload, at)
            at += size
        size, at = length(payload, at)
        name = payload[at : at + size].decode()
        if len(_names) < 1000:
            _names[payload] = name
    return name


def length(payload: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer at ``at``, and where what follows begins."""
    first = payload[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(payload[at + 1 : at + 1 + size], "little"), at + 1 + size
