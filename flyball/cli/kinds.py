"""Kinds by the names that people use, records as rows, and which records may be deleted. Pure."""

from collections.abc import Sequence

from flyball.addressing import in_order
from flyball.cli.board import Board
from flyball.cli.workflow_report import about, kind_of
from flyball.errors import Code, InputError, RefusedError
from flyball.records import KINDS, Failover, Keyspace, Operation, Record, Reshard, Shard
from flyball.records.failover import Outcome
from flyball.records.faults import nearest
from flyball.records.operation import OperationType

_SHORT = {"ks": Keyspace, "sh": Shard, "fo": Failover, "op": Operation, "rs": Reshard}


def find_kind(text: str) -> type[Record]:
    """The kind of that name; either case, singular, plural or short.

    :raises InputError: BAD_USAGE.
    """
    lower = text.lower()
    for name, kind in KINDS.items():
        if lower in {name.lower(), f"{name.lower()}s"}:
            return kind
    if lower in _SHORT:
        return _SHORT[lower]
    raise InputError(
        Code.BAD_USAGE,
        f"there is no kind {text!r}; expected one of {', '.join(KINDS)}{nearest(text, KINDS)}",
        "Name one of these, or none for all.",
    )


def find_record(board: Board, kind: type[Record], name: str) -> Record:
    """The record.

    :raises InputError: NO_SUCH_OBJECT.
    """
    known = board.of(kind)
    if name not in known:
        listed = ", ".join(sorted(known)[:10]) or "none"
        raise InputError(
            Code.NO_SUCH_OBJECT, f"{kind.kind} {name!r} does not exist{nearest(name, known)}", f"There are: {listed}."
        )
    return known[name]


def select(board: Board, kind: type[Record] | None) -> list[Record]:
    """The records of a kind, or all of them."""
    every: list[Record] = [
        *(board.keyspaces[name] for name in sorted(board.keyspaces)),
        *in_order(board.shards.values()),
        *(board.failovers[name] for name in sorted(board.failovers)),
        *(board.operations[name] for name in sorted(board.operations)),
        *(board.reshards[name] for name in sorted(board.reshards)),
    ]
    return [record for record in every if kind is None or isinstance(record, kind)]


def rows(records: Sequence[Record]) -> list[tuple[str, str, str, str, str]]:
    """A row a record."""
    return [(each.kind, each.name, _about(each), _state(each), each.metadata.created) for each in records]


def check_deletion(record: Record) -> None:
    """Make sure that a person may delete the record now.

    :raises InputError: BAD_USAGE for a Shard.
    :raises RefusedError: WORKFLOW_IN_FLIGHT for what is halfway.
    """
    if isinstance(record, Shard):
        raise InputError(
            Code.BAD_USAGE,
            f"Shard {record.name!r} cannot be deleted: the engine declares shards, from their keyspace",
            "Delete or edit the Keyspace.",
        )
    if isinstance(record, Reshard) and not record.status.outcome.ended:
        raise RefusedError(
            Code.WORKFLOW_IN_FLIGHT,
            f"Reshard {record.name!r} has not ended; halfway is no place to stop",
            "`flyball workflow cancel`, `reverse` or `complete` ends it.",
        )
    if isinstance(record, Failover | Operation) and record.status.outcome is Outcome.RUNNING and not _stands(record):
        raise RefusedError(
            Code.WORKFLOW_IN_FLIGHT,
            f"{record.kind} {record.name!r} is running; halfway is no place to stop",
            f"`flyball workflow show {record.name}` tells how far it is.",
        )


def _stands(record: Failover | Operation) -> bool:
    """A pause or a fence runs for as long as it stands; deleting it is how it is lifted."""
    return isinstance(record, Operation) and record.spec.type in {OperationType.PAUSE, OperationType.FENCE}


def _about(record: Record) -> str:
    match record:
        case Keyspace():
            return " ".join(map(str, record.spec.key_ranges()))
        case Shard():
            return f"{record.spec.keyspace}/{record.spec.range}"
        case Failover() | Operation() | Reshard():
            return f"{kind_of(record)} of {about(record)}"
    return ""


def _state(record: Record) -> str:
    match record:
        case Keyspace():
            if record.metadata.deletion_requested:
                return "is being deleted"
            return ", ".join(each.reason for each in record.status.conditions if each.type == "Ready")
        case Shard():
            reign = record.status.reign
            return f"{reign.primary}, term {reign.term}" if reign.term else "no primary"
        case Failover() | Operation() | Reshard():
            return str(record.status.outcome)
    return ""
