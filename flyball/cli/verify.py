"""``flyball verify``: are the rows of every replica those of its primary, and does each row stand where it belongs?"""

import typer
from rich.text import Text

from flyball.addressing import Target
from flyball.cli.asking import ReasonOption, TimeoutOption, WaitOption, conclude, has_ended, new_name, wait_for
from flyball.cli.board import read_board
from flyball.cli.operations import ScopeArgument
from flyball.cli.output import Format, OutputOption, show
from flyball.cli.place import HomeOption, place_of, with_records
from flyball.cli.workflow_report import headline, story
from flyball.records import Metadata, Operation
from flyball.records.operation import OperationSpec, OperationType
from flyball.store import Records

app = typer.Typer()


@app.command(epilog="Examples:  flyball verify commerce  |  flyball verify commerce/80- -o json")
def verify(
    context: typer.Context,
    target: ScopeArgument,
    *,
    reason: ReasonOption = "",
    timeout: TimeoutOption = 3600.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Compare all rows of every replica with its primary's, at one GTID set, while the application writes.

    Rows that stand on a shard to which they do not belong are named, too. Nothing is changed. The exit code is 0 only
    where everything is the same on every member.
    """
    place = place_of(context, home)
    board = with_records(place, read_board)
    meant = Target.parse(target)
    shards = board.shards_of(meant)
    shard = shards[0].name if meant.shard is not None else None
    spec = OperationSpec(type=OperationType.VERIFY, keyspace=meant.keyspace, shard=shard, reason=reason)

    async def work(records: Records) -> Operation:
        name = new_name("verify", spec.shard or spec.keyspace)
        asked = await records.create(Operation(metadata=Metadata(name=name), spec=spec))
        if not wait:
            return asked
        return await wait_for(records, asked, has_ended, timeout, withdraw=True)

    result = with_records(place, work)
    show(output, result.document(), story(result) if wait else Text(headline(result)))
    conclude(result)
