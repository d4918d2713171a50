"""Asking for something by a record, and watching it being done.

A request is created, its steps are told as they come, and its outcome becomes the command's. When nobody takes a
request up within the limit it is withdrawn, so that it does not come true at a moment when nobody expects it any
more; one that is running already goes on. A word that stands (a pause, a fence) is never withdrawn.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import typer

from flyball.cli import exits
from flyball.cli.board import Board, following
from flyball.cli.output import note
from flyball.cli.workflow_report import Workflow, step_line
from flyball.errors import Code, RefusedError
from flyball.records import Failover, Operation, Reshard
from flyball.records.base import LONGEST_NAME
from flyball.records.failover import Outcome, StepState
from flyball.store import ConflictError, Records

W = TypeVar("W", bound=Failover | Operation | Reshard)

TimeoutOption = Annotated[float, typer.Option(min=0.1, help="Seconds to wait at most.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the outcome, or only ask.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it is kept with the record.")]

_NEXT = {
    Code.NOT_REVOKED: "Bring one of these members back; or give up what only they may hold: `flyball failover "
    "… --accept-loss`.",
    Code.CANDIDATE_UNFIT: "`flyball explain` tells how the members stand; name another one with --to.",
    Code.SHARD_PAUSED: "`flyball resume` lifts the pause.",
    Code.RECORD_OLDER_THAN_MEMBERS: "`flyball adopt` takes over the term that the members know.",
    Code.LINE_INCOMPLETE: "Bring the missing members back.",
    Code.NOT_EMPTY: "`flyball release` lets the member go, once what it holds is not needed any more.",
    Code.TOO_LATE: "`flyball workflow show` tells how far it is; `reverse` and `complete` end what has switched.",
    Code.NO_WAY_BACK: "`flyball workflow cancel` takes away what has not switched yet.",
    Code.RESHARD_REFUSED: "Mend what is named, then ask again with `flyball reshard`.",
    Code.SCHEMA_CHANGED: "`flyball workflow cancel`, then ask again with `flyball reshard`.",
    Code.ROWS_DIFFER: "`flyball reseed` makes a replica anew; `flyball workflow cancel` leaves a reshard's sources as "
    "they are.",
    Code.NO_SUCH_OBJECT: "`flyball status` shows what there is.",
}
"""What a person can do about a refusal, by its code."""


def new_name(*parts: str) -> str:
    """A name for a record that is new each time, and says what it is about."""
    suffix = secrets.token_hex(4)
    return f"{'-'.join(parts)[: LONGEST_NAME - len(suffix) - 1].rstrip('-')}-{suffix}"


async def wait_for(records: Records, asked: W, enough: Callable[[W], bool], timeout: float, *, withdraw: bool) -> W:  # noqa: ASYNC109 - what happens at its end is told here
    """The record once it says enough; its steps are told meanwhile.

    :param timeout: seconds.
    :param withdraw: take the request back when nobody took it up in time.
    :raises RefusedError: TIMED_OUT, or NOT_DONE when somebody deleted the record.
    """
    note(f"{asked.name}: asked for")
    told = _Told(asked)
    try:
        async with asyncio.timeout(timeout), following(records) as follower:
            while True:
                now = told.tell(await follower.next())
                if enough(now):
                    return now
    except TimeoutError:
        raise await _timed_out(records, asked, timeout, withdraw=withdraw) from None


def conclude(workflow: Workflow) -> None:
    """Raise what the record says when it ended without doing what was asked for."""
    status = workflow.status
    if status.outcome.ended and status.outcome is not Outcome.SUCCEEDED:
        plain = exits.error_of(status.code, "")
        message = status.message or "no reason was given"
        raise exits.error_of(status.code, f"{workflow.name}: {status.outcome}: {message}", _NEXT.get(plain.code, ""))


def has_ended(workflow: Workflow) -> bool:
    """Whether nothing more will come."""
    return workflow.status.outcome.ended


def is_acknowledged(workflow: Workflow) -> bool:
    """Whether somebody has taken it up."""
    return workflow.status.outcome is not Outcome.PENDING


class _Told(Generic[W]):
    """What was told about a request so far."""

    def __init__(self, asked: W) -> None:
        self._asked = asked
        self._steps = 0
        self._standing = ""

    def tell(self, board: Board) -> W:
        """Tell what is new, and return the record as it is now."""
        now = board.of(type(self._asked)).get(self._asked.name)
        if now is None or now.metadata.uid != self._asked.metadata.uid:
            raise RefusedError(
                Code.NOT_DONE, f"{self._asked.name} was deleted before it ended", "See who withdrew it, and ask again."
            )
        standing = _standing(board, now)
        if standing and standing != self._standing:
            self._standing = standing
            note(standing)
        done = [step for step in now.status.steps if step.state is not StepState.RUNNING]
        for step in done[self._steps :]:
            note(step_line(step))
        self._steps = len(done)
        return now


def _standing(board: Board, now: Workflow) -> str:
    """Where the request stands, in one line; empty while nothing has come of it."""
    if now.status.outcome is Outcome.PENDING:
        return ""
    if isinstance(now, Operation):
        return f"{now.name}: {now.status.phase or now.status.outcome}"
    if isinstance(now, Reshard):
        return f"{now.name}: {now.status.stage}"
    shard = board.shards.get(now.spec.shard)
    transition = shard.status.transition if shard is not None else None
    if transition is None or transition.failover != now.name:
        return ""
    return f"{now.name}: {transition.phase}" + (f" {transition.candidate}" if transition.candidate else "")


async def _timed_out(records: Records, asked: Workflow, timeout: float, *, withdraw: bool) -> RefusedError:  # noqa: ASYNC109 - for the message
    now = await records.get(type(asked), asked.name)
    if now is not None and now.status.outcome is Outcome.PENDING:
        taken_back = withdraw and await _withdraw(records, now)
        fate = "It was withdrawn." if taken_back else "It stands, and takes effect once somebody does."
        return RefusedError(
            Code.TIMED_OUT,
            f"{asked.name}: nobody took it up within {timeout:g} s. {fate}",
            "See that the topology service runs; `flyball explain` tells what the shard waits for.",
        )
    return RefusedError(
        Code.TIMED_OUT,
        f"{asked.name}: has not ended within {timeout:g} s; it goes on",
        f"`flyball workflow show {asked.name}` tells how far it is.",
    )


async def _withdraw(records: Records, pending: Workflow) -> bool:
    """Delete the request unless somebody takes it up at this very moment."""
    try:
        await records.delete(type(pending), pending.name, pending.metadata.revision)
    except ConflictError:
        return False
    return True
