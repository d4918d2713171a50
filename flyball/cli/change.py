"""``flyball switchover`` and ``flyball failover``: ask for another primary, and watch it happen."""

from typing import Annotated

import typer
from rich.text import Text

from flyball.addressing import Target, find_member, find_shard
from flyball.cli.asking import (
    ReasonOption,
    TimeoutOption,
    WaitOption,
    conclude,
    has_ended,
    new_name,
    wait_for,
)
from flyball.cli.board import Board, read_board
from flyball.cli.change_plan import ChangeMode, plan_change
from flyball.cli.confirm import YesOption, confirm
from flyball.cli.output import Format, OutputOption, show
from flyball.cli.place import HomeOption, Place, place_of, with_records
from flyball.cli.workflow_report import headline
from flyball.records import Failover, Metadata, Shard
from flyball.records.failover import FailoverSpec
from flyball.store import Records

app = typer.Typer()

ShardArgument = Annotated[str, typer.Argument(metavar="KEYSPACE[/SHARD]", help="The range as written, or the name.")]
ToOption = Annotated[str | None, typer.Option(help="The member that shall reign; any fit one where absent.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show the steps and what they rest on; change nothing.")]


@app.command(
    epilog="Examples:  flyball switchover commerce/80- --to commerce-80-x-2  |  flyball switchover commerce --dry-run"
)
def switchover(
    context: typer.Context,
    target: ShardArgument,
    *,
    to: ToOption = None,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    timeout: TimeoutOption = 60.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Change a shard's primary in a planned way: a short pause of writes, and nothing is lost.

    Until the new term is issued, whatever fails is undone at once, and the old primary serves on.
    """
    place = place_of(context, home)
    board = with_records(place, read_board)
    shard = _find(board, target)
    member = find_member(shard, to).name if to is not None else None
    if dry_run:
        _show_plan(board, shard, "planned", member, output, accept_loss=False)
        return
    spec = FailoverSpec(keyspace=shard.spec.keyspace, shard=shard.name, mode="planned", to=member, reason=reason)
    _ask(place, "switchover", spec, timeout if wait else None, output)


@app.command(
    epilog="Examples:  flyball failover commerce/80-  |  flyball failover commerce/80- --accept-loss  (loses writes!)"
)
def failover(
    context: typer.Context,
    target: ShardArgument,
    *,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on even where acknowledged writes may be lost.")
    ] = False,
    reason: ReasonOption = "",
    dry_run: DryRunOption = False,
    timeout: TimeoutOption = 60.0,
    wait: WaitOption = True,
    yes: YesOption = False,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Change a shard's primary without the old one's help, dead or not.

    It goes on only once nobody of the old reign could still acknowledge a write, so nothing is lost; unless a
    person gives up what only members out of reach may hold.
    """
    place = place_of(context, home)
    board = with_records(place, read_board)
    shard = _find(board, target)
    if dry_run:
        _show_plan(board, shard, "emergency", None, output, accept_loss=accept_loss)
        return
    if accept_loss:
        confirm(
            f"Writes of {shard.spec.keyspace}/{shard.spec.range} that clients heard ok for may be lost for good.",
            shard.name,
            yes=yes,
        )
    spec = FailoverSpec(
        keyspace=shard.spec.keyspace, shard=shard.name, mode="emergency", reason=reason, accept_loss=accept_loss
    )
    _ask(place, "failover", spec, timeout if wait else None, output)


def _find(board: Board, target: str) -> Shard:
    return find_shard(board.shards.values(), Target.parse(target))


def _show_plan(
    board: Board, shard: Shard, mode: ChangeMode, to: str | None, output: Format, *, accept_loss: bool
) -> None:
    plan = plan_change(board, shard, mode, to, accept_loss=accept_loss)
    show(output, plan.document(), plan.story())
    if plan.refusal is not None:
        raise plan.refusal


def _ask(place: Place, kind: str, spec: FailoverSpec, limit: float | None, output: Format) -> None:
    """Create the request, follow it, print what came of it."""

    async def work(records: Records) -> Failover:
        asked = await records.create(Failover(metadata=Metadata(name=new_name(spec.shard, kind)), spec=spec))
        return asked if limit is None else await wait_for(records, asked, has_ended, limit, withdraw=True)

    result = with_records(place, work)
    show(output, result.document(), Text(headline(result)))
    conclude(result)
