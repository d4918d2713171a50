"""What ``CALL flyball.probe()`` returns, made from what the model of a member says of itself.

The inverse of ``flyball_topology.probe.snapshot``; a test holds the two together.
"""

import json
from typing import TypeVar

from flyball.session.packets import frame
from flyball_topology.view import Snapshot
from tests.simulation.fleet.wire import column, eof, ok, row

T = TypeVar("T")

COLUMNS = (
    "server_uuid", "version", "super_read_only", "read_only", "offline_mode", "gtid_executed", "gtid_purged",
    "semi_sync_source", "semi_sync_acks", "semi_sync_timeout", "semi_sync_replica", "fence_uuid", "fence_term",
    "opened", "reigned", "fence_version", "fence_issue", "fence_note",
    "source_host", "source_port", "source_uuid", "receiver_state", "receiver_errno",
    "receiver_error", "received", "source_heartbeats", "applier_state", "applier_errno", "applier_error",
    "clone_state", "clone_errno", "clone_error", "journal_term", "beat", "accounts", "databases", "dumps", "waiting",
    "disk_full",
)  # fmt: skip


def values(seen: Snapshot) -> tuple[str | None, ...]:
    """The row's values, in the order of ``COLUMNS``."""
    channel = seen.channel
    promised = seen.promise is not None
    return (
        seen.uuid, seen.version, flag(seen.super_read_only), flag(seen.read_only), flag(seen.offline),
        str(seen.executed), str(seen.purged), flag(seen.semi_sync_source), str(seen.semi_sync_acks), "1000000000",
        flag(seen.semi_sync_replica), seen.uuid if promised else None, str(seen.promise) if promised else None,
        str(seen.opened) if promised else None, str(seen.reigned) if promised else None,
        str(seen.noted) if promised else None, seen.issue if promised else None,
        seen.note.text() if promised and seen.note else None,
        channel and channel.host, channel and str(channel.port), channel and channel.source_uuid,
        channel and channel.receiver, channel and str(channel.receiver_errno), channel and channel.receiver_error,
        channel and str(channel.received), channel and str(channel.heartbeats),
        channel and ("ON" if channel.applier_on else "OFF"), channel and str(channel.applier_errno),
        channel and channel.applier_error,
        seen.clone_state or None, "0", "", str(seen.journal_term), str(seen.beat),
        None if seen.accounts is None else json.dumps({name: int(locked) for name, locked in seen.accounts.items()}),
        None if seen.databases is None else json.dumps(sorted(seen.databases)),
        json.dumps(sorted(seen.followers)), str(seen.waiting), flag(seen.disk_full),
    )  # fmt: skip


def flag(value: bool) -> str:
    """0 or 1, as MySQL prints a boolean variable."""
    return "1" if value else "0"


def packets(seen: Snapshot) -> tuple[bytes, ...]:
    """The payloads of the result set and of the OK that ends the CALL."""
    cells, definitions = values(seen), _DEFINITIONS
    if not seen.takes_notes:
        cells, definitions = _without_note(cells), _without_note(definitions)
    return (bytes([len(cells)]), *definitions, eof(), row(cells), eof(more=True), ok())


def alone(seen: Snapshot) -> bytes:
    """The same as framed bytes, for a probe that is the whole text."""
    if not seen.takes_notes:
        return b"".join(frame(payload, at) for at, payload in enumerate(packets(seen), start=1))
    at = len(COLUMNS) + 3
    return _HEAD + frame(row(values(seen)), at) + frame(eof(more=True), at + 1) + frame(ok(), at + 2)


def _without_note(cells: tuple[T, ...]) -> tuple[T, ...]:
    """As a program that is older than notes tells it."""
    at = COLUMNS.index("fence_note")
    return (*cells[:at], *cells[at + 1 :])


_DEFINITIONS = tuple(column(name) for name in COLUMNS)
_HEAD = b"".join(
    frame(payload, at) for at, payload in enumerate((bytes([len(COLUMNS)]), *_DEFINITIONS, eof()), start=1)
)
