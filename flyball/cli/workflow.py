"""``flyball workflow``: what was asked for, by whom, step by step: Failovers, Operations and Reshards."""

from typing import Annotated

import typer
from rich.text import Text

from flyball.cli import workflow_report
from flyball.cli.board import Board, read_board
from flyball.cli.output import Format, OutputOption, documents, show
from flyball.cli.place import HomeOption, place_of, with_records
from flyball.errors import Code, InputError

app = typer.Typer(help="List workflows, and show one with its steps, their evidence and durations.")


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
    workflow = board.failovers.get(name) or board.operations.get(name) or board.reshards.get(name)
    if workflow is None:
        raise InputError(
            Code.NO_SUCH_OBJECT, f"workflow {name!r} does not exist", "`flyball workflow list` shows what there is."
        )
    show(output, workflow_report.document(workflow), workflow_report.story(workflow))


def _all(board: Board) -> list[workflow_report.Workflow]:
    every: list[workflow_report.Workflow] = [
        *board.failovers.values(),
        *board.operations.values(),
        *board.reshards.values(),
    ]
    return sorted(every, key=lambda each: (each.metadata.created, each.name), reverse=True)
