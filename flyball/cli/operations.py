"""A person's words as records: pause and resume, fence, reseed, release, adopt.

A pause and a fence stand until they are lifted, which is the deletion of their record; the others are done once.
"""

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
    is_acknowledged,
    new_name,
    wait_for,
)
from flyball.cli.board import Board, read_board
from flyball.cli.confirm import YesOption, confirm
from flyball.cli.output import Format, OutputOption, documents, show
from flyball.cli.place import HomeOption, Place, place_of, with_records
from flyball.cli.workflow_report import headline
from flyball.errors import Code, InputError
from flyball.records import Metadata, Operation, Shard
from flyball.records.operation import OperationSpec, OperationType
from flyball.store import Records

app = typer.Typer()

ScopeArgument = Annotated[str, typer.Argument(metavar="KEYSPACE[/SHARD]", help="A keyspace, or one shard of it.")]
ShardArgument = Annotated[str, typer.Argument(metavar="KEYSPACE[/SHARD]", help="The range as written, or the name.")]
MemberArgument = Annotated[str, typer.Argument(help="The member's name, or its ordinal.")]

STANDING = {OperationType.PAUSE, OperationType.FENCE}
"""Words that stand until they are lifted."""


@app.command(epilog="Examples:  flyball pause commerce --reason 'storage move'  |  flyball resume commerce")
def pause(
    context: typer.Context,
    target: ScopeArgument,
    *,
    reason: ReasonOption = "",
    timeout: TimeoutOption = 30.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Touch nothing of a keyspace or shard until it is resumed: no failover, no repair."""
    place, board = _look(context, home)
    meant = Target.parse(target)
    shards = board.shards_of(meant)
    shard = shards[0].name if meant.shard is not None else None
    spec = OperationSpec(type=OperationType.PAUSE, keyspace=meant.keyspace, shard=shard, reason=reason)
    say(place, board, spec, timeout if wait and shards else None, output)


@app.command(epilog="Example:  flyball resume commerce/80-")
def resume(
    context: typer.Context, target: ScopeArgument, *, output: OutputOption = Format.TABLE, home: HomeOption = None
) -> None:
    """Lift the pauses of a keyspace or shard."""
    place, board = _look(context, home)
    meant = Target.parse(target)
    shards = board.shards_of(meant)
    shard = shards[0].name if meant.shard is not None else None
    take_back(place, board, OperationSpec(type=OperationType.PAUSE, keyspace=meant.keyspace, shard=shard), output)


@app.command(epilog="Examples:  flyball fence commerce/80- commerce-80-x-2  |  flyball fence commerce/80- 2 --lift")
def fence(
    context: typer.Context,
    target: ShardArgument,
    member: MemberArgument,
    *,
    lift: Annotated[bool, typer.Option("--lift", help="Let it in again.")] = False,
    reason: ReasonOption = "",
    timeout: TimeoutOption = 60.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Keep a member out of service until the fence is lifted; a primary hands over first."""
    place, board = _look(context, home)
    spec = _about_member(board, OperationType.FENCE, target, member, reason)
    if lift:
        take_back(place, board, spec, output)
    else:
        say(place, board, spec, timeout if wait else None, output)


@app.command(epilog="Example:  flyball reseed commerce/80- commerce-80-x-2")
def reseed(
    context: typer.Context,
    target: ShardArgument,
    member: MemberArgument,
    *,
    reason: ReasonOption = "",
    timeout: TimeoutOption = 3600.0,
    wait: WaitOption = True,
    yes: YesOption = False,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Make a member anew from another one (CLONE); what only it holds is given up, and written down."""
    place, board = _look(context, home)
    spec = _about_member(board, OperationType.RESEED, target, member, reason)
    errant = _errant(board, spec)
    if errant:
        confirm(f"{spec.member} alone holds {errant}; that will be gone.", spec.member or "", yes=yes)
    say(place, board, spec, timeout if wait else None, output)


@app.command(epilog="Example:  flyball release commerce/80- commerce-80-x-2")
def release(
    context: typer.Context,
    target: ShardArgument,
    member: MemberArgument,
    *,
    reason: ReasonOption = "",
    timeout: TimeoutOption = 60.0,
    wait: WaitOption = True,
    yes: YesOption = False,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Let a member that is held after an accepted loss be reseeded: what it holds may then be lost."""
    place, board = _look(context, home)
    spec = _about_member(board, OperationType.RELEASE, target, member, reason)
    shard = board.shards[spec.shard or ""]
    if spec.member not in shard.status.held:
        held = ", ".join(shard.status.held) or "nobody"
        raise InputError(
            Code.BAD_USAGE, f"{spec.member} is not held; held in {shard.name}: {held}", "There is nothing to release."
        )
    confirm(f"{spec.member} may hold writes that were given up; after this they can be lost.", spec.member, yes=yes)
    say(place, board, spec, timeout if wait else None, output)


@app.command(epilog="Example:  flyball adopt commerce/80-")
def adopt(
    context: typer.Context,
    target: ShardArgument,
    *,
    reason: ReasonOption = "",
    timeout: TimeoutOption = 60.0,
    wait: WaitOption = True,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Take over the term that the members know, where the record is older than they are (a restored store)."""
    place, board = _look(context, home)
    shard = find_shard(board.shards.values(), Target.parse(target))
    spec = OperationSpec(type=OperationType.ADOPT, keyspace=shard.spec.keyspace, shard=shard.name, reason=reason)
    say(place, board, spec, timeout if wait else None, output)


def _look(context: typer.Context, home: HomeOption) -> tuple[Place, Board]:
    place = place_of(context, home)
    return place, with_records(place, read_board)


def _about_member(board: Board, kind: OperationType, target: str, member: str, reason: str) -> OperationSpec:
    shard = find_shard(board.shards.values(), Target.parse(target))
    found = find_member(shard, member)
    return OperationSpec(type=kind, keyspace=shard.spec.keyspace, shard=shard.name, member=found.name, reason=reason)


def _errant(board: Board, spec: OperationSpec) -> str:
    shard: Shard = board.shards[spec.shard or ""]
    return next((seen.errant for seen in shard.status.members if seen.name == spec.member), "")


def _standing(board: Board, spec: OperationSpec) -> list[Operation]:
    """The same word about the same object, as far as it is still in effect."""
    return [
        operation
        for operation in board.operations.values()
        if operation.spec.model_copy(update={"reason": spec.reason}) == spec
        and (spec.type in STANDING or not operation.status.outcome.ended)
    ]


def say(place: Place, board: Board, spec: OperationSpec, limit: float | None, output: Format) -> None:
    """Create the record unless the same word stands already; wait until it was heard, or done."""
    standing = _standing(board, spec)

    async def work(records: Records) -> Operation:
        if standing:
            asked = standing[0]
        else:
            name = new_name(str(spec.type), spec.workflow or spec.member or spec.shard or spec.keyspace)
            asked = await records.create(Operation(metadata=Metadata(name=name), spec=spec))
        if limit is None:
            return asked
        enough = is_acknowledged if spec.type in STANDING else has_ended
        return await wait_for(records, asked, enough, limit, withdraw=not standing and spec.type not in STANDING)

    result = with_records(place, work)
    show(output, result.document(), Text(headline(result)))
    conclude(result)


def take_back(place: Place, board: Board, spec: OperationSpec, output: Format) -> None:
    """Delete the records of a word that stands."""
    standing = _standing(board, spec)
    about = spec.workflow or spec.member or spec.shard or spec.keyspace
    if not standing:
        raise _nothing_to_lift(board, spec, about)

    async def work(records: Records) -> None:
        for operation in standing:
            await records.delete(Operation, operation.name)

    with_records(place, work)
    lifted = ", ".join(operation.name for operation in standing)
    show(output, documents(standing), Text(f"{about}: lifted {lifted}"))


def _nothing_to_lift(board: Board, spec: OperationSpec, about: str) -> InputError:
    verb = "paused" if spec.type is OperationType.PAUSE else "fenced"
    whole = _standing(board, spec.model_copy(update={"shard": None})) if spec.member is None and spec.shard else []
    keyspace = board.keyspaces.get(spec.keyspace)
    next_step = f"`flyball status {spec.keyspace}` shows what is in effect."
    if whole:
        next_step = f"Its keyspace is paused as a whole: `flyball resume {spec.keyspace}`."
    elif verb == "paused" and keyspace is not None and keyspace.spec.paused:
        next_step = "Its keyspace is declared with paused: true; edit and apply that."
    return InputError(Code.NO_SUCH_OBJECT, f"{about} is not {verb} by an operation of its own", next_step)
