"""What ``flyball status`` says: first as a document with stable keys, then that document as a tree. Pure.

People and machines read the same facts, because the tree is made from the document alone.
"""

from typing import Any

from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from flyball.addressing import Target
from flyball.cli.board import Board
from flyball.cli.output import Document
from flyball.records import Shard
from flyball.records.operation import OperationType
from flyball.records.shard import Intent, LagClass, MemberSpec, MemberStatus, Role


def report(board: Board, target: Target | None) -> Document:
    """The facts about what is meant.

    :raises InputError: NO_SUCH_OBJECT.
    """
    return {"keyspaces": [_keyspace(board, name, target) for name in board.keyspaces_of(target)]}


def _keyspace(board: Board, name: str, target: Target | None) -> Document:
    record = board.keyspaces.get(name)
    shards = board.shards_of(Target(name, target.shard if target is not None else None))
    return {
        "name": name,
        "declared": record is not None,
        "deleting": record is not None and record.metadata.deletion_requested,
        "conditions": [condition.wire() for condition in record.status.conditions] if record is not None else [],
        "shards": [_shard(board, shard) for shard in shards],
    }


def _shard(board: Board, shard: Shard) -> Document:
    status = shard.status
    paused = [each.name for each in board.operations_on(shard) if each.spec.type is OperationType.PAUSE]
    return {
        "name": shard.name,
        "range": shard.spec.range,
        "term": status.reign.term,
        "primary": status.reign.primary or None,
        "serving": shard.spec.serving,
        "paused": bool(paused) or shard.spec.paused,
        "transition": _transition(shard),
        "members": [_member(board, shard, member) for member in shard.spec.members],
        "findings": list(status.findings),
        "fine": is_fine(shard),
        "decision": {
            "step": status.decision.step,
            "why": status.decision.why,
            "refused": list(status.decision.refused),
            "awaited": list(status.decision.awaited),
        },
    }


def is_fine(shard: Shard) -> bool:
    """Whether a member reigns, nothing is in flight, wrong or awaited."""
    status = shard.status
    waits = status.decision.awaited or status.decision.refused
    return bool(status.reign.term) and status.transition is None and not status.findings and not waits


def _transition(shard: Shard) -> Document | None:
    transition = shard.status.transition
    if transition is None:
        return None
    return {
        "mode": str(transition.mode),
        "phase": str(transition.phase),
        "candidate": transition.candidate or None,
        "term": transition.term,
        "failover": transition.failover or None,
        "reason": transition.reason,
    }


def _member(board: Board, shard: Shard, member: MemberSpec) -> Document:
    status = shard.status
    seen = next((each for each in status.members if each.name == member.name), None)
    role = seen.role if seen is not None else None
    fenced = any(
        each.spec.type is OperationType.FENCE and each.spec.member == member.name for each in board.operations_on(shard)
    )
    return {
        "name": member.name,
        "address": member.address,
        "zone": member.zone,
        "role": str(role) if role is not None else "Unknown",
        "primary": member.name == status.reign.primary,
        "lag": _lag(seen),
        "errant": seen.errant if seen is not None else "",
        "acks": _acks(shard, member.name),
        "leaving": member.intent is Intent.LEAVE,
        "fenced": fenced,
        "held": member.name in status.held,
        "diverged": any(mark.known and mark.name == member.name for mark in status.diverged),
    }


def _lag(seen: MemberStatus | None) -> str:
    return str(seen.lag if seen is not None else LagClass.UNKNOWN)


def _acks(shard: Shard, member: str) -> str:
    """Whether the member's acknowledgement counts: ``yes``, ``no``, or that this changes."""
    status = shard.status
    now = member in status.ackers
    later = now if status.ackers_next is None else member in status.ackers_next
    if now == later:
        return "yes" if now else "no"
    return "joining" if later else "leaving"


# --- for people ------------------------------------------------------------------------------------------


def tree(document: Document) -> Tree:
    """The document as a tree."""
    root = Tree("[bold]keyspaces[/]" if document["keyspaces"] else "there is no keyspace yet", guide_style="dim")
    for keyspace in document["keyspaces"]:
        branch = root.add(_keyspace_line(keyspace))
        for condition in keyspace["conditions"]:
            if not condition.get("status"):
                branch.add(_warning(f"{condition['type']}: {condition.get('message') or condition['reason']}"))
        for shard in keyspace["shards"]:
            _add_shard(branch, shard)
        if not keyspace["shards"]:
            branch.add("[dim]no shards yet[/]")
    return root


def _keyspace_line(keyspace: Document) -> str:
    marks = "" if keyspace["declared"] else "  [yellow]not declared any more[/]"
    marks += "  [yellow]is being deleted[/]" if keyspace["deleting"] else ""
    return f"[bold]{escape(keyspace['name'])}[/]{marks}"


def _add_shard(parent: Tree, shard: Document) -> None:
    state = "[green]fine[/]" if shard["fine"] else "[yellow]attention[/]"
    if not shard["primary"]:
        state = "[red]no primary[/]"
    marks = "  [yellow]paused[/]" if shard["paused"] else ""
    marks += "" if shard["serving"] else "  [yellow]does not serve[/]"
    branch = parent.add(
        f"[bold cyan]{escape(shard['range'])}[/]  {shard['name']}  term {shard['term']}"
        f"  primary {shard['primary'] or '-'}  {state}{marks}"
    )
    if shard["transition"] is not None:
        branch.add(Text(transition_line(shard["transition"]), style="magenta"))
    for member in shard["members"]:
        branch.add(_member_line(member))
    for finding in shard["findings"]:
        branch.add(_warning(finding))
    if not shard["fine"]:
        for line in _decision_lines(shard["decision"]):
            branch.add(Text(line, style="dim"))


def transition_line(transition: Document) -> str:
    """A change of primary in flight, in one line."""
    to = f" to {transition['candidate']}" if transition["candidate"] else ""
    term = f", term {transition['term']}" if transition["term"] else ""
    return f"{transition['mode']} change of primary{to}: {transition['phase']}{term} ({transition['reason']})"


def _member_line(member: dict[str, Any]) -> Text:
    role = member["role"]
    style = {Role.PRIMARY: "green", Role.REPLICA: "", Role.CLONING: "yellow"}.get(role, "red")
    line = Text(f"{member['name']}  {member['address']}  ")
    line.append(f"{role:<11}", style)
    if not member["primary"]:
        line.append(f"  lag {member['lag']}", "" if member["lag"] == LagClass.OK else "yellow")
    line.append("" if member["acks"] == "no" else f"  acks: {member['acks']}", "dim")
    for mark in ("leaving", "fenced", "held", "diverged"):
        line.append(f"  {mark}" if member[mark] else "", "yellow")
    if member["errant"]:
        line.append(f"  errant: {member['errant']}", "red")
    return line


def _warning(text: str) -> Text:
    return Text(f"! {text}", style="yellow")


def _decision_lines(decision: Document) -> list[str]:
    lines = [f"step: {decision['step']}"] if decision["step"] else []
    lines += [f"why: {decision['why']}"] if decision["why"] else []
    lines += [f"refused: {text}" for text in decision["refused"]]
    return lines + [f"awaited: {text}" for text in decision["awaited"]]
