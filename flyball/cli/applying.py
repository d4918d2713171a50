"""What applying a manifest would change, checked as a whole before anything is written.

A person may write keyspaces, and the requests that are records: Failovers and Operations. Shards are declared by
the engine alone. A request is said once: it can be deleted, never edited.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import yaml

from flyball.cli.board import Board
from flyball.errors import Code, InputError
from flyball.expand import check_edit, expand
from flyball.member.options import check_config
from flyball.records import Keyspace, Record, Reshard, Shard
from flyball.store import Records
from flyball.store.editing import edit


class Verdict(StrEnum):
    """What becomes of a record."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """One record of a manifest against what is stored.

    :param stored: the record as it is; None when there is none.
    :param difference: lines that are new (``+``), gone (``-``), and what stands around them.
    """

    wanted: Record
    stored: Record | None
    verdict: Verdict
    difference: tuple[str, ...] = ()


def examine(board: Board, wanted: Sequence[Record]) -> list[Change]:
    """What would change.

    :raises InputError: with the first record that cannot be applied.
    """
    return [_examine(board, record) for record in wanted]


async def apply_all(records: Records, changes: Sequence[Change]) -> None:
    """Write what changes.

    :raises StoreError: CONFLICT when a spec changed since it was examined; those before it are written.
    """
    for change in changes:
        if change.verdict is Verdict.CREATED:
            await records.create(change.wanted)
        elif change.verdict is Verdict.CHANGED and change.stored is not None:
            await edit(records, change.stored, change.wanted)


def _examine(board: Board, wanted: Record) -> Change:
    if isinstance(wanted, Shard):
        raise InputError(
            Code.BAD_USAGE,
            f"Shard {wanted.name!r} cannot be applied: the engine declares shards, from their keyspace",
            "Edit the Keyspace; `flyball switchover`, fence and the like ask for the rest.",
        )
    if isinstance(wanted, Reshard):
        raise InputError(
            Code.BAD_USAGE,
            f"Reshard {wanted.name!r} cannot be applied: the engine asks for it, from its keyspace",
            "Edit shards or ranges of the Keyspace, or use `flyball reshard`.",
        )
    stored = board.of(type(wanted)).get(wanted.name)
    if isinstance(wanted, Keyspace):
        _check_keyspace(stored if isinstance(stored, Keyspace) else None, wanted)
    before, after = _editable(stored) if stored is not None else [], _editable(wanted)
    if stored is None:
        return Change(wanted, None, Verdict.CREATED, tuple(f"+{line}" for line in after))
    if before == after:
        return Change(wanted, stored, Verdict.UNCHANGED)
    if not isinstance(wanted, Keyspace):
        raise InputError(
            Code.ALREADY_EXISTS,
            f"{wanted.kind} {wanted.name!r} exists already, and says something else; what was said is not edited",
            "Delete it and say it anew, or use another name.",
        )
    difference = tuple(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    return Change(wanted, stored, Verdict.CHANGED, difference)


def _check_keyspace(stored: Keyspace | None, wanted: Keyspace) -> None:
    expand(wanted)
    check_config(wanted.spec.mysql.config)
    if stored is None:
        return
    if stored.metadata.deletion_requested:
        raise InputError(
            Code.ALREADY_EXISTS,
            f"Keyspace {wanted.name!r} is being deleted",
            "Wait until it is gone: `flyball get keyspaces`.",
        )
    check_edit(stored, wanted)


def _editable(record: Record) -> list[str]:
    """What a person says of a record, as lines."""
    said = {"labels": dict(sorted(record.metadata.labels.items())), "spec": record.wire()["spec"]}
    return yaml.safe_dump(said, sort_keys=True, allow_unicode=True).splitlines()
