"""``flyball reshard``: ask for another number of shards, by an edit of the keyspace's spec, and watch it happen."""

import asyncio
from contextlib import aclosing
from typing import Annotated

import typer
from rich.text import Text

from flyball.cli.asking import TimeoutOption, wait_for
from flyball.cli.board import Board, read_board
from flyball.cli.output import Format, OutputOption, note, show
from flyball.cli.place import HomeOption, Place, place_of, with_records
from flyball.cli.reshard_plan import plan_reshard
from flyball.cli.workflow_report import headline
from flyball.errors import Code, InputError, RefusedError
from flyball.expand import expand
from flyball.records import Keyspace, Reshard
from flyball.records.failover import Outcome
from flyball.records.keyspace import KeyspaceSpec
from flyball.records.reshard import Stage
from flyball.resharding import AGAIN
from flyball.store import Added, Records, Selector
from flyball.store.editing import edit

app = typer.Typer()


@app.command(
    epilog="Examples:  flyball reshard commerce --shards 4  |  flyball reshard commerce --ranges -40,40-,… --dry-run"
)
def reshard(
    context: typer.Context,
    keyspace: Annotated[str, typer.Argument(metavar="KEYSPACE")],
    *,
    shards: Annotated[int | None, typer.Option(min=1, max=256, help="Equal key ranges.")] = None,
    ranges: Annotated[str | None, typer.Option(help="Key ranges by name, divided by commas.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "--plan", help="Show the steps and what they rest on; change nothing.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the new shards serve, or only ask.")
    ] = False,
    timeout: TimeoutOption = 3600.0,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Move a keyspace's rows to another number of shards, while it serves.

    It edits spec.shards (or spec.ranges); the engine makes the new shards, and the topology service does the rest.
    With neither option, what the keyspace declares is asked for again, after a reshard that was refused, cancelled
    or reversed.
    """
    place = place_of(context, home)
    board = with_records(place, read_board)
    stored = _find(board, keyspace)
    wanted = _edited(stored, shards, ranges)
    expand(wanted)
    of_keyspace = tuple(one for one in board.reshards.values() if one.spec.keyspace == keyspace)
    plan = plan_reshard(stored, wanted, board.shards, of_keyspace)
    if dry_run:
        show(output, plan.document(), plan.story())
    if plan.refusal is not None:
        raise plan.refusal
    if not dry_run:
        result = _ask(place, stored, _again(wanted, of_keyspace), of_keyspace, timeout if wait else None)
        text = f"{keyspace}: asked for; `flyball workflow show {keyspace}` tells how far it is"
        show(output, result.document(), Text(headline(result) if isinstance(result, Reshard) else text))


def _find(board: Board, name: str) -> Keyspace:
    found = board.keyspaces.get(name)
    if found is None:
        raise InputError(
            Code.NO_SUCH_OBJECT, f"keyspace {name!r} does not exist", "`flyball status` shows what there is."
        )
    return found


def _edited(stored: Keyspace, shards: int | None, ranges: str | None) -> Keyspace:
    if shards is not None and ranges is not None:
        raise InputError(Code.BAD_USAGE, "--shards and --ranges say the same in two ways", "Give one of them.")
    if shards is None and ranges is None:
        return stored
    said = stored.spec.wire() | {"shards": shards, "ranges": ranges.split(",") if ranges is not None else None}
    return stored.model_copy(update={"spec": KeyspaceSpec.model_validate(said)})


def _again(wanted: Keyspace, known: tuple[Reshard, ...]) -> Keyspace:
    """The edit; a reshard that ended without doing the same does not stand in its way."""
    newest = max(known, key=lambda one: (one.metadata.created, one.name), default=None)
    if newest is None or newest.status.outcome is Outcome.SUCCEEDED:
        return wanted
    labels = wanted.metadata.labels | {AGAIN: newest.name}
    return wanted.model_copy(update={"metadata": wanted.metadata.model_copy(update={"labels": labels})})


def _ask(
    place: Place, stored: Keyspace, wanted: Keyspace, known: tuple[Reshard, ...], limit: float | None
) -> Keyspace | Reshard:
    """Edit the keyspace; wait for what comes of it, if that is wanted."""

    async def work(records: Records) -> Keyspace | Reshard:
        edited = await edit(records, stored, wanted)
        if limit is None:
            return edited
        return await _follow(records, stored.name, {one.metadata.uid for one in known}, limit)

    return with_records(place, work)


async def _follow(records: Records, keyspace: str, known: set[str], limit: float) -> Reshard:
    """The reshard that the engine makes of the edit, once its targets serve or it has ended."""

    def is_new(one: Reshard) -> bool:
        return one.metadata.uid not in known

    note(f"{keyspace}: asked for")
    try:
        async with asyncio.timeout(limit), aclosing(records.watch(Reshard, Selector(keyspace=keyspace))) as events:
            made = await anext(one.record async for one in events if isinstance(one, Added) and is_new(one.record))
    except TimeoutError:
        message = f"keyspace {keyspace}: no engine has made a reshard of it within {limit:g} s"
        raise RefusedError(Code.TIMED_OUT, message, "See that its engine runs; the edit stands.") from None
    return await wait_for(records, made, _serves, limit, withdraw=False)


def _serves(reshard: Reshard) -> bool:
    return reshard.status.outcome.ended or reshard.status.stage is Stage.SWITCHED
