"""The probe: everything about a member in one round trip, read into a snapshot."""

import json
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from flyball.gtid import GtidSet
from flyball.session.packets import Row
from flyball_topology.view import Channel, Snapshot


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
def _accounts(text: str) -> Mapping[str, bool]:
    """The same from one look to the next, as the names below are."""
    return MappingProxyType({name: bool(locked) for name, locked in json.loads(text).items()})


@lru_cache(maxsize=8192)
def _names(text: str) -> frozenset[str]:
    return frozenset(name for name in json.loads(text) if name)


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
    text = _text(row, name)
    found = _parsed.get(text)
    if found is None:
        if len(_parsed) > 4096:
            _parsed.clear()
        found = _parsed[text] = GtidSet.parse(text)
    return found
