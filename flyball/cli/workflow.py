"""``flyball workflow``: what was asked for, by whom, step by step: Failovers, Operations and Reshards."""

from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from flyball.cli import workflow_report
from flyball.cli.asking import ReasonOption, WaitOption
from flyball.cli.board import Board, read_board
from flyball.cli.confirm import YesOption, confirm
from flyball.cli.operations import say, take_back
from flyball.cli.output import Format, OutputOption, documents, show
from flyball.cli.place import HomeOption, Place, place_of, with_records
from flyball.errors import Code, InputError
from flyball.records import Reshard
from flyball.records.operation import OperationSpec, OperationType
from flyball.resharding import live

app = typer.Typer(
    help="List workflows, show one with its steps, and say what is to become of a reshard: pause, approve, cancel …"
)

NameArgument = Annotated[str, typer.Argument(metavar="RESHARD", help="Its name, or that of its keyspace.")]
_LONG = 3600.0
"""Seconds that a word waits for its outcome where nothing else is said: rows may have to be compared first."""
LongOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait at most.")]


@app.command("list", epilog="Examples:  flyball workflow list  |  flyball workflow list commerce -o json")
def list_workflows(
    context: typer.Context,
    keyspace: Annotated[str | None, typer.Argument(help="All where absent.")] = None,
    *,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """List changes of primary, operations and reshards, the latest first."""
    board = with_records(place_of(context, home), read_board)
    found = [each for each in _all(board) if keyspace in {None, each.spec.keyspace}]
    if keyspace is not None and not found and keyspace not in board.keyspaces:
        raise InputError(
            Code.NO_SUCH_OBJECT, f"keyspace {keyspace!r} does not exist", "`flyball status` shows what there is."
        )
    show(output, documents(found), workflow_report.rows(found) if found else Text("There are none."))


@app.command("show", epilog="Example:  flyball workflow show commerce-80-x-term-7")
def show_workflow(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As `flyball workflow list` shows it.")],
    *,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show one workflow: its outcome, and each step with what was seen and how long it took."""
    board = with_records(place_of(context, home), read_board)
    if name in board.keyspaces and (reshard := _of_keyspace(board, name)) is not None:
        name = reshard.name
    workflow = board.failovers.get(name) or board.operations.get(name) or board.reshards.get(name)
    if workflow is None:
        raise InputError(
            Code.NO_SUCH_OBJECT, f"workflow {name!r} does not exist", "`flyball workflow list` shows what there is."
        )
    show(output, workflow_report.document(workflow), workflow_report.story(workflow))


@app.command("pause", epilog="Example:  flyball workflow pause commerce")
def pause_workflow(
    context: typer.Context,
    name: NameArgument,
    *,
    reason: ReasonOption = "",
    timeout: LongOption = 30.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Begin no further step of a reshard until it is resumed. A cutover that has begun comes to its end first."""
    _say(place_of(context, home), OperationType.PAUSE, name, reason, _Answer(timeout if wait else None, output))


@app.command("resume", epilog="Example:  flyball workflow resume commerce")
def resume_workflow(
    context: typer.Context, name: NameArgument, *, output: OutputOption = Format.TABLE, home: HomeOption = None
) -> None:
    """Lift the pauses of a reshard."""
    place = place_of(context, home)
    board = with_records(place, read_board)
    reshard = _find(board, name)
    spec = OperationSpec(type=OperationType.PAUSE, keyspace=reshard.spec.keyspace, workflow=reshard.name)
    take_back(place, board, spec, output)


@app.command("approve", epilog="Example:  flyball workflow approve commerce")
def approve(
    context: typer.Context,
    name: NameArgument,
    *,
    reason: ReasonOption = "",
    timeout: LongOption = 30.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Let the next cutover of a reshard happen, where the keyspace says approval: Manual."""
    _say(place_of(context, home), OperationType.APPROVE, name, reason, _Answer(timeout if wait else None, output))


@app.command("cancel", epilog="Example:  flyball workflow cancel commerce")
def cancel(
    context: typer.Context,
    name: NameArgument,
    *,
    reason: ReasonOption = "",
    timeout: LongOption = _LONG,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Take away all that a reshard made, before its cutover: the sources serve on, and nothing is left behind."""
    _say(place_of(context, home), OperationType.CANCEL, name, reason, _Answer(timeout if wait else None, output))


@app.command("reverse", epilog="Example:  flyball workflow reverse commerce")
def reverse(
    context: typer.Context,
    name: NameArgument,
    *,
    reason: ReasonOption = "",
    timeout: LongOption = _LONG,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Let the former shards serve again: rows are compared, then the same cutover goes the other way."""
    _say(place_of(context, home), OperationType.REVERSE, name, reason, _Answer(timeout if wait else None, output))


@app.command("complete", epilog="Example:  flyball workflow complete commerce --yes")
def complete(
    context: typer.Context,
    name: NameArgument,
    *,
    reason: ReasonOption = "",
    timeout: LongOption = _LONG,
    wait: WaitOption = True,
    yes: YesOption = False,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Give up the way back of a reshard: the former shards go, by the keyspace's reclaimPolicy."""
    board = with_records(place_of(context, home), read_board)
    reshard = _find(board, name)
    keyspace = board.keyspaces.get(reshard.spec.keyspace)
    if keyspace is not None and keyspace.spec.reclaim_policy == "Delete" and not reshard.status.outcome.ended:
        gone = ", ".join(route.shard for route in reshard.spec.sources)
        confirm(f"It cannot be reversed any more, and the data of {gone} is REMOVED.", reshard.name, yes=yes)
    _say(
        place_of(context, home),
        OperationType.COMPLETE,
        reshard.name,
        reason,
        _Answer(timeout if wait else None, output),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """How an answer is awaited, in seconds, and shown."""

    limit: float | None
    output: Format


def _say(place: Place, kind: OperationType, name: str, reason: str, answer: _Answer) -> None:
    board = with_records(place, read_board)
    reshard = _find(board, name)
    spec = OperationSpec(type=kind, keyspace=reshard.spec.keyspace, workflow=reshard.name, reason=reason)
    say(place, board, spec, answer.limit, answer.output)


def _find(board: Board, name: str) -> Reshard:
    """The reshard of that name, or of that keyspace."""
    found = board.reshards.get(name) or _of_keyspace(board, name)
    if found is None:
        raise InputError(
            Code.NO_SUCH_OBJECT, f"reshard {name!r} does not exist", "`flyball workflow list` shows what there is."
        )
    return found


def _of_keyspace(board: Board, keyspace: str) -> Reshard | None:
    """The one that goes on, or else the latest."""
    found = [one for one in board.reshards.values() if one.spec.keyspace == keyspace]
    return live(found) or max(found, key=lambda one: (one.metadata.created, one.name), default=None)


def _all(board: Board) -> list[workflow_report.Workflow]:
    every: list[workflow_report.Workflow] = [
        *board.failovers.values(),
        *board.operations.values(),
        *board.reshards.values(),
    ]
    return sorted(every, key=lambda each: (each.metadata.created, each.name), reverse=True)
