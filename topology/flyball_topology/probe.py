"""The probe: everything about a member in one round trip, read into a snapshot.

A member tells the same each second but for four cells that grow. So a reader keeps the bytes between these from the
answer before, and where they are the same the snapshot before is, too, but for the four.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from flyball.errors import Code, MemberError
from flyball.gtid import GtidSet
from flyball.session.packets import Response, Row, cell, text
from flyball_topology import notes
from flyball_topology.view import Channel, Snapshot, grown

_GROWING = ("gtid_executed", "received", "source_heartbeats", "beat")
"""The cells that differ from one answer to the next of a shard at rest, in the order in which they come."""
_NOTE = "fence_note"
"""The cell that tells whether a member's program knows of notes."""


class Reader:
    """Reads one member's answers to ``CALL flyball.probe()``, each by the one before."""

    __slots__ = ("_before", "_cells", "_columns", "_same")

    def __init__(self) -> None:
        self._columns: list[str] = []
        self._same: list[bytes] = []
        """The bytes before, between and behind the cells that grow."""
        self._cells: list[bytes | None] = []
        self._before: Snapshot | None = None

    @property
    def takes_notes(self) -> bool:
        """Whether the member's acts are told a note, as far as is known."""
        return self._before is None or self._before.takes_notes

    def read(self, response: Response) -> Snapshot:
        """The snapshot in a response of one row.

        :raises MemberError: MEMBER_REFUSED when there is none.
        """
        if not response.payloads:
            raise _no_row()
        payload = response.payloads[0]
        found = self._grown(payload) if response.columns is self._columns else None
        if found is None:
            found = of_rows(response.rows)
            self._learn(response.columns, payload)
        self._before = found
        return found

    def _grown(self, payload: bytes) -> Snapshot | None:
        """The snapshot, where nothing but the four cells differs."""
        before, found, at = self._before, [], 0
        for same in self._same:
            if not payload.startswith(same, at):
                return None
            at += len(same)
            if at < len(payload):
                value, at = cell(payload, at)
                found.append(value)
        if at != len(payload) or len(found) != len(_GROWING) or before is None:
            return None
        (executed, received, heartbeats, beat), was = found, self._cells
        channel = before.channel
        self._cells = found
        return grown(
            before,
            before.executed if executed == was[0] else _parse(text(executed) or ""),
            int(beat or 0),
            channel.received if channel is not None and received == was[1] else _parse(text(received) or ""),
            int(heartbeats or 0),
        )

    def _learn(self, columns: list[str], payload: bytes) -> None:
        same, growing, cells, at, begin = [], [], [], 0, 0
        for name in columns:
            value, end = cell(payload, at)
            if name in _GROWING:
                same.append(payload[begin:at])
                growing.append(name)
                cells.append(value)
                begin = end
            at = end
        known = tuple(growing) == _GROWING
        self._columns, self._same, self._cells = columns, [*same, payload[begin:]] if known else [], cells


def of_rows(rows: Sequence[Row]) -> Snapshot:
    """The snapshot in an answer that is one row.

    :raises MemberError: MEMBER_REFUSED when there is none.
    """
    if not rows:
        raise _no_row()
    return snapshot(rows[0])


def _no_row() -> MemberError:
    """The procedure bears that tables are missing, and then says nothing: as while a clone takes the schemas away."""
    return MemberError(
        Code.MEMBER_REFUSED,
        "the probe's answer has no row: flyball's own tables are missing, as in the middle of a clone",
        "Wait for the clone to end; reseed the member if none is under way.",
    )


def snapshot(row: Row) -> Snapshot:
    """Read the row that ``CALL flyball.probe()`` returns (``flyball/member/sql/7_probe.sql``)."""
    uuid = _text(row, "server_uuid")
    promise = _number(row, "fence_term") if _text(row, "fence_uuid") == uuid else None
    accounts = row["accounts"]
    databases = row["databases"]
    return Snapshot(
        uuid=uuid,
        version=_text(row, "version"),
        super_read_only=_flag(row, "super_read_only"),
        read_only=_flag(row, "read_only"),
        offline=_flag(row, "offline_mode"),
        executed=_set(row, "gtid_executed"),
        purged=_set(row, "gtid_purged"),
        semi_sync_source=_flag(row, "semi_sync_source"),
        semi_sync_acks=_number(row, "semi_sync_acks"),
        semi_sync_replica=_flag(row, "semi_sync_replica"),
        promise=promise,
        opened=_number(row, "opened") if promise is not None else 0,
        reigned=_number(row, "reigned") if promise is not None else 0,
        issue=_text(row, "fence_issue") if promise is not None else "",
        noted=_number(row, "fence_version") if promise is not None else 0,
        note=notes.parse(row.get(_NOTE) or "") if promise is not None else None,
        takes_notes=_NOTE in row,
        journal_term=_number(row, "journal_term"),
        beat=_number(row, "beat"),
        channel=_channel(row),
        clone_state=_clone_state(row),
        clone_error=_text(row, "clone_error") if _number(row, "clone_errno") else "",
        accounts=_accounts(accounts) if accounts else None,
        databases=_names(databases) if databases else None,
        followers=_names(row["dumps"] or "[]"),
        waiting=_number(row, "waiting"),
        disk_full=_flag(row, "disk_full"),
    )


@lru_cache(maxsize=8192)
def _accounts(told: str) -> Mapping[str, bool]:
    """The same from one look to the next, as the names below are."""
    return MappingProxyType({name: bool(locked) for name, locked in json.loads(told).items()})


@lru_cache(maxsize=8192)
def _names(told: str) -> frozenset[str]:
    return frozenset(name for name in json.loads(told) if name)


def _clone_state(row: Row) -> str:
    """A mysqld that was killed halfway says "In Progress" for good afterwards, with the error that its start met."""
    state = _text(row, "clone_state")
    return "Failed" if state == "In Progress" and _number(row, "clone_errno") else state


def _channel(row: Row) -> Channel | None:
    if row["source_host"] is None:
        return None
    return Channel(
        host=_text(row, "source_host"),
        port=_number(row, "source_port"),
        source_uuid=_text(row, "source_uuid"),
        receiver=_text(row, "receiver_state"),
        receiver_errno=_number(row, "receiver_errno"),
        receiver_error=_text(row, "receiver_error"),
        received=_set(row, "received"),
        heartbeats=_number(row, "source_heartbeats"),
        applier_on=_text(row, "applier_state") == "ON",
        applier_errno=_number(row, "applier_errno"),
        applier_error=_text(row, "applier_error"),
    )


def _text(row: Row, name: str) -> str:
    return row[name] or ""


def _number(row: Row, name: str) -> int:
    return int(row[name] or 0)


def _flag(row: Row, name: str) -> bool:
    return row[name] == "1"


_parsed: dict[str, GtidSet] = {}


def _set(row: Row, name: str) -> GtidSet:
    """Sets mostly stay as they were a second ago, so the last few texts are kept."""
    return _parse(_text(row, name))


def _parse(gtids: str) -> GtidSet:
    found = _parsed.get(gtids)
    if found is None:
        if len(_parsed) > 4096:
            _parsed.clear()
        found = _parsed[gtids] = GtidSet.parse(gtids)
    return found
