"""``flyball status``: the tree of keyspaces, shards and members, once or live."""

import asyncio
from typing import Annotated

import typer
from rich.live import Live

from flyball.addressing import Target
from flyball.cli.board import Board, following, read_board
from flyball.cli.output import Format, OutputOption, console, show
from flyball.cli.place import HomeOption, Place, open_records, place_of, with_records
from flyball.cli.status_report import report, tree
from flyball.errors import Code, InputError

app = typer.Typer()


@app.command(
    epilog="Examples:  flyball status  |  flyball status commerce/80- --watch  |  flyball status -o json",
)
def status(
    context: typer.Context,
    target: Annotated[str | None, typer.Argument(metavar="[KEYSPACE[/SHARD]]", help="All where absent.")] = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Stay, and show every change.")] = False,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show keyspaces, shards and members: ranges, terms, roles, lag, what is wrong and what is awaited."""
    meant = Target.parse(target) if target is not None else None
    place = place_of(context, home)
    if not watch:
        board = with_records(place, read_board)
        document = report(board, meant)
        show(output, document, tree(document))
    elif output is not Format.TABLE:
        raise InputError(
            Code.BAD_USAGE, f"--watch goes with tables only, not with -o {output}", "Leave one of the two out."
        )
    else:
        asyncio.run(_watch(place, meant))


async def _watch(place: Place, target: Target | None) -> None:
    """Show every change until Ctrl-C."""
    async with open_records(place) as records, following(records) as follower:
        board: Board = await follower.next()
        with Live(
            tree(report(board, target)), console=console(), auto_refresh=False, vertical_overflow="visible"
        ) as live:
            while True:
                live.update(tree(report(await follower.next(), target)), refresh=True)
