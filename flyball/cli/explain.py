"""``flyball explain``: the latest decision about a shard in prose, and what led to the present reign."""

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from flyball.addressing import Target
from flyball.cli.board import Board, read_board
from flyball.cli.output import Document, Format, OutputOption, show
from flyball.cli.place import HomeOption, place_of, with_records
from flyball.cli.workflow_report import headline
from flyball.records import Shard

app = typer.Typer()

RECENT = 5
"""Changes of primary that are told, the latest first."""


@app.command(epilog="Examples:  flyball explain commerce  |  flyball explain commerce/80- -o json")
def explain(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="KEYSPACE[/SHARD]")],
    *,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Say what is being done about a shard, and why: what was wanted and seen, what was refused, what is awaited."""
    meant = Target.parse(target)
    board = with_records(place_of(context, home), read_board)
    shards = board.shards_of(meant)
    told = Group(*(prose(board, shard) for shard in shards)) if shards else Text("There are no shards yet.")
    show(output, {"shards": [facts(board, shard) for shard in shards]}, told)


def facts(board: Board, shard: Shard) -> Document:
    """Everything that the prose tells, with stable keys."""
    status = shard.status
    return {
        "keyspace": shard.spec.keyspace,
        "name": shard.name,
        "range": shard.spec.range,
        "reign": {"term": status.reign.term, "primary": status.reign.primary, "issued": status.issued},
        "decision": status.decision.wire(),
        "transition": status.transition.wire() if status.transition is not None else None,
        "findings": list(status.findings),
        "conditions": [condition.wire() for condition in status.conditions],
        "operations": [each.document() for each in board.operations_on(shard) if not each.status.outcome.ended],
        "failovers": [each.document() for each in board.failovers_of(shard)[:RECENT]],
    }


def prose(board: Board, shard: Shard) -> Text:
    """The shard's story, for people."""
    text = Text()
    text.append(f"{shard.spec.keyspace}/{shard.spec.range}", "bold cyan")
    text.append(f"  {shard.name}\n", "dim")
    for line in _lines(board, shard):
        text.append(f"  {line}\n")
    return text


def _lines(board: Board, shard: Shard) -> list[str]:
    status, decision = shard.status, shard.status.decision
    reign = status.reign
    lines = [f"{reign.primary} reigns under term {reign.term}." if reign.term else "No member has reigned yet."]
    if status.issued > reign.term:
        lines.append(f"Term {status.issued} is the newest that was issued.")
    lines.append(f"Wanted: {decision.wanted}." if decision.wanted else "No decision was made yet.")
    lines += [f"Seen: {text}" for text in decision.seen or status.findings]
    lines.append(f"Step: {decision.step}." if decision.step else "No step is being taken.")
    lines += [f"Why: {decision.why}."] if decision.why else []
    lines += [f"Refused: {text}" for text in decision.refused]
    lines += [f"Awaited: {text}" for text in decision.awaited]
    lines += _transition_lines(shard)
    for condition in status.conditions:
        answer = {True: "yes", False: "no", None: "unknown"}[condition.status]
        lines.append(f"{condition.type}: {answer} ({condition.message or condition.reason})")
    for operation in board.operations_on(shard):
        if not operation.status.outcome.ended:
            lines.append(f"A person's word: {headline(operation)}")
    failovers = board.failovers_of(shard)
    if failovers:
        lines.append("Changes of primary, the latest first:")
        lines += [f"  {headline(failover)}" for failover in failovers[:RECENT]]
    return lines


def _transition_lines(shard: Shard) -> list[str]:
    transition = shard.status.transition
    if transition is None:
        return []
    to = f" to {transition.candidate}" if transition.candidate else ""
    lines = [f"A {transition.mode} change of primary{to} is at {transition.phase}: {transition.reason}."]
    if transition.term:
        lines.append(f"It holds term {transition.term}, so it can only go forward.")
    if transition.holds:
        lines.append(f"The candidate must hold {transition.holds}.")
    lines += [f"May be acknowledging writes: {each.name} under term {each.term}." for each in transition.suspects]
    if transition.at_risk:
        lines.append(f"Given up by a person: {transition.at_risk}.")
    return lines
