"""Failovers, Operations and Reshards as people read them: a headline, a row, the whole story. Pure."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flyball.cli.output import Document, table
from flyball.records import Failover, Operation, Reshard
from flyball.records.failover import Outcome, Step

Workflow = Failover | Operation | Reshard

STYLES = {
    Outcome.PENDING: "yellow",
    Outcome.RUNNING: "magenta",
    Outcome.SUCCEEDED: "green",
    Outcome.REFUSED: "red",
    Outcome.UNDONE: "red",
    Outcome.CANCELLED: "red",
}


def kind_of(workflow: Workflow) -> str:
    """What it is: ``switchover``, ``failover``, ``reseed`` …"""
    if isinstance(workflow, Operation):
        return str(workflow.spec.type)
    if isinstance(workflow, Reshard):
        return "reshard"
    return "switchover" if workflow.spec.mode == "planned" else "failover"


def about(workflow: Workflow) -> str:
    """What it is about: a keyspace, a shard or a member."""
    if isinstance(workflow, Operation) and workflow.spec.member:
        return workflow.spec.member
    if isinstance(workflow, Operation) and workflow.spec.workflow:
        return workflow.spec.workflow
    if isinstance(workflow, Reshard):
        return workflow.spec.keyspace
    return workflow.spec.shard or workflow.spec.keyspace


def route(workflow: Workflow) -> str:
    """From whom to whom; empty for an operation."""
    if isinstance(workflow, Operation):
        return ""
    if isinstance(workflow, Reshard):
        sides = (workflow.spec.sources, workflow.spec.targets)
        return " -> ".join(" ".join(route.range for route in side) for side in sides)
    before, after = workflow.status.from_primary or "?", workflow.status.to_primary or workflow.spec.to or "?"
    return f"{before} -> {after}"


def milliseconds(workflow: Workflow) -> float | None:
    """How long its steps took together; None while none is known."""
    known = [step.milliseconds for step in workflow.status.steps if step.milliseconds is not None]
    return round(sum(known), 1) if known else None


def headline(workflow: Workflow) -> str:
    """The workflow in one line."""
    text = f"{workflow.name}: {kind_of(workflow)} of {about(workflow)}, {workflow.status.outcome}"
    if isinstance(workflow, Failover):
        text += f", {route(workflow)}" + (f", term {workflow.status.term}" if workflow.status.term else "")
    if isinstance(workflow, Reshard):
        text += f", {route(workflow)}" + (f", {workflow.status.stage}" if not workflow.status.outcome.ended else "")
    if workflow.status.message:
        text += f" ({f'{workflow.status.code}: ' if workflow.status.code else ''}{workflow.status.message})"
    elif workflow.spec.reason:
        text += f" ({workflow.spec.reason})"
    return text


def rows(workflows: list[Workflow]) -> Table:
    """A table, a row a workflow."""
    columns = ("NAME", "KIND", "ABOUT", "OUTCOME", "FROM -> TO", "TERM", "STEPS", "CREATED")
    return table(columns, [_row(workflow) for workflow in workflows])


def _row(workflow: Workflow) -> list[str | Text]:
    outcome = workflow.status.outcome
    spent = milliseconds(workflow)
    term = workflow.status.term if isinstance(workflow, Failover) else 0
    return [
        workflow.name,
        kind_of(workflow),
        about(workflow),
        Text(str(outcome), STYLES[outcome]),
        route(workflow),
        str(term) if term else "",
        f"{len(workflow.status.steps)} in {spent:g} ms" if spent is not None else "",
        workflow.metadata.created,
    ]


def story(workflow: Workflow) -> Group:
    """Everything about one workflow, for people."""
    head = [headline(workflow), f"asked for: {workflow.spec.reason or '(no reason given)'}"]
    if isinstance(workflow, Failover) and workflow.status.at_risk:
        head.append(f"given up by a person: {workflow.status.at_risk}")
    if isinstance(workflow, Operation):
        head += [f"phase: {workflow.status.phase}"] if workflow.status.phase is not None else []
        head += [f"evidence: {workflow.status.evidence}"] if workflow.status.evidence else []
    if isinstance(workflow, Reshard):
        head += _reshard_lines(workflow)
    return Group(Text("\n".join(head)), *(Text(step_line(step)) for step in workflow.status.steps))


def _reshard_lines(reshard: Reshard) -> list[str]:
    """Where a reshard stands, in rows, bytes and what it waits for."""
    status = reshard.status
    lines = [f"{route.range:>10}  {route.shard}  source" for route in reshard.spec.sources]
    lines += [f"{route.range:>10}  {route.shard}  target" for route in reshard.spec.targets]
    for one in status.progress:
        done = f"{one.rows} of about {max(one.rows, one.rows_expected)} rows, {one.size / 1e6:.1f} MB"
        lines.append(f"{one.table}: {done}{', done' if one.is_done else ''}")
    if status.eta is not None:
        lines.append(f"the present step ends in about {status.eta:.0f} s")
    if status.cutovers:
        lines.append(f"cutovers that were undone: {status.cutovers}")
    if not status.outcome.ended:
        lines += [f"awaited: {'; '.join(status.awaited)}"] if status.awaited else []
    return lines


def step_line(step: Step) -> str:
    """One step: its state, how long it took, what was seen."""
    mark = {"Done": "done", "Failed": "FAILED", "Running": "…"}[step.state]
    spent = f"{step.milliseconds:>8.1f} ms" if step.milliseconds is not None else " " * 11
    return f"  {mark:<6} {spent}  {step.name}" + (f"  ({step.evidence})" if step.evidence else "")


def document(workflow: Workflow) -> Document:
    """The record, for machines."""
    return workflow.document()
