"""The program: which command is in which module, and what becomes of errors.

A command's module is imported when the command is used. Whatever goes wrong in one ends here: a
coded error is printed with its next step, anything else without a traceback (``FLYBALL_TRACEBACK=1`` shows it).
"""

import importlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import flyball
from flyball.cli import exits
from flyball.cli.said import Said, Store
from flyball.kubernetes.credentials import Cluster


@dataclass(frozen=True, slots=True)
class Word:
    """A command's module, and what the list of commands says about it: importing all of them takes a second."""

    module: str
    summary: str


COMMANDS = {
    "status": Word(
        "flyball.cli.status",
        "Show keyspaces, shards and members: ranges, terms, roles, lag, what is wrong and what is awaited.",
    ),
    "explain": Word(
        "flyball.cli.explain",
        "Say what is being done about a shard, and why: what was wanted and seen, what was refused, what is awaited.",
    ),
    "report": Word(
        "flyball.cli.report",
        "Gather records, decisions, events, logs and the state of pods into one archive that holds no secret.",
    ),
    "switchover": Word(
        "flyball.cli.change",
        "Change a shard's primary in a planned way: a short pause of writes, and nothing is lost.",
    ),
    "failover": Word(
        "flyball.cli.change",
        "Change a shard's primary without the old one's help, dead or not.",
    ),
    "fence": Word(
        "flyball.cli.operations",
        "Keep a member out of service until the fence is lifted; a primary hands over first.",
    ),
    "pause": Word(
        "flyball.cli.operations",
        "Touch nothing of a keyspace or shard until it is resumed: no failover, no repair.",
    ),
    "resume": Word(
        "flyball.cli.operations",
        "Lift the pauses of a keyspace or shard.",
    ),
    "reseed": Word(
        "flyball.cli.operations",
        "Make a member anew from another one (CLONE); what only it holds is given up, and written down.",
    ),
    "release": Word(
        "flyball.cli.operations",
        "Let a member that is held after an accepted loss be reseeded: what it holds may then be lost.",
    ),
    "adopt": Word(
        "flyball.cli.operations",
        "Take over the term that the members know, where the record is older than they are (a restored store).",
    ),
    "reshard": Word(
        "flyball.cli.reshard",
        "Move a keyspace's rows to another number of shards, while it serves.",
    ),
    "verify": Word(
        "flyball.cli.verify",
        "Compare all rows of every replica with its primary's, at one GTID set, while the application writes.",
    ),
    "workflow": Word(
        "flyball.cli.workflow",
        "List workflows, show one with its steps, and say what is to become of a reshard: pause, approve, cancel …",
    ),
    "sql": Word(
        "flyball.cli.sql",
        "Open the mysql client on the primary of a shard. It ends with the client's own exit code.",
    ),
    "apply": Word(
        "flyball.cli.manifests",
        "Create or edit records. Everything is checked before the first is written; no edit may strand data.",
    ),
    "get": Word(
        "flyball.cli.manifests",
        "Show records, as they are stored.",
    ),
    "delete": Word(
        "flyball.cli.manifests",
        "Delete a record: a keyspace with all its shards, or a person's word, which lifts it.",
    ),
    "local": Word(
        "flyball.cli.local",
        "Keyspaces on this machine: mysqld processes, one store file, no Kubernetes.",
    ),
    "topology": Word(
        "flyball.cli.topology",
        "The topology service: it observes members, decides, and acts.",
    ),
    "operator": Word(
        "flyball.cli.operator",
        "The Kubernetes operator: keyspaces become pods, volumes, services and secrets.",
    ),
}
"""Each command. In its module ``app`` holds a command of that name, or is the group of that name."""

GROUPS = {"workflow", "local", "topology", "operator"}
"""The commands that are groups of commands."""

CLUSTER_OPTIONS = ("--namespace", "-n", "--context", "--kubeconfig")
"""The program's options that kubectl takes anywhere, and so does this."""
OWN_OPTIONS = {"local", "topology", "operator"}
"""Groups whose commands have options of their own by these names, or none of the cluster's."""
_BEFORE = ("--home", "--store", *CLUSTER_OPTIONS)
"""The program's options that take a value."""


class Program(TyperGroup):
    """The commands, imported on demand; and the one place where errors end."""

    _lists = False

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Take the words apart; what says which cluster is meant may stand behind the command, too."""
        return super().parse_args(ctx, with_cluster_first(args))

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own kind of context
        """The names, in the order of the help."""
        return list(COMMANDS)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Write the help, with the commands' summaries from the table above."""
        self._lists = True
        super().format_help(ctx, formatter)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """The command of that name, None when there is none; without what it does, while they are only listed."""
        if cmd_name not in COMMANDS:
            return None
        if self._lists:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name].summary)
        group = typer.main.get_group(importlib.import_module(COMMANDS[cmd_name].module).app)
        if cmd_name not in GROUPS:
            return group.commands[cmd_name]
        group.name = cmd_name
        return group

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:  # noqa: ANN401
        """Run a command, and end the process with its exit code."""
        extra["standalone_mode"] = False
        given = list(args) if args is not None else None
        raise SystemExit(_guarded(lambda: super(Program, self).main(given, prog_name or "flyball", **extra)))


def with_cluster_first(words: Sequence[str]) -> list[str]:
    """The words with the options about the cluster before the command; behind ``--`` they are somebody else's."""
    at = _command(words)
    if at is None or words[at] in OWN_OPTIONS:
        return list(words)
    moved, rest, pending = [], [], list(words[at:])
    while pending:
        word = pending.pop(0)
        if word == "--":
            rest += [word, *pending]
            break
        if word in CLUSTER_OPTIONS and pending:
            moved += [word, pending.pop(0)]
        elif word.startswith(tuple(f"{option}=" for option in CLUSTER_OPTIONS if option.startswith("--"))):
            moved.append(word)
        else:
            rest.append(word)
    return [*words[:at], *moved, *rest]


def _command(words: Sequence[str]) -> int | None:
    """Where the command stands; None where there is none."""
    at = 0
    while at < len(words):
        if not words[at].startswith("-"):
            return at
        at += 2 if words[at] in _BEFORE else 1
    return None


def _guarded(work: Callable[[], object]) -> int:
    """The exit code of the work, with its errors told."""
    try:
        code = work()
    except KeyboardInterrupt:
        return exits.INTERRUPTED.number
    except Exception as failure:
        if (ours := exits.first_of(failure)) is not None:
            return exits.tell(ours)
        if isinstance(failure, typer.Abort):
            return exits.INTERRUPTED.number
        if (message := _usage(failure)) is not None:
            context = getattr(failure, "ctx", None)
            return exits.tell_usage(message, getattr(context, "command_path", "flyball"))
        if os.environ.get("FLYBALL_TRACEBACK"):
            raise
        return exits.tell_unexpected(failure)
    return code if isinstance(code, int) else exits.DONE.number


def _usage(failure: Exception) -> str | None:
    """What the parser of the words complains about; None when it is not the parser."""
    if isinstance(failure, BrokenPipeError):
        return None
    formatted = getattr(failure, "format_message", None)
    return str(formatted()) if callable(formatted) else None


app = typer.Typer(cls=Program, invoke_without_command=True, pretty_exceptions_enable=False, rich_markup_mode="rich")


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(f"flyball {flyball.__version__}")
        raise typer.Exit


@app.callback(epilog="Exit codes are explained in docs/reference/cli.md, errors in docs/reference/errors.md.")
def program(
    context: typer.Context,
    *,
    home: Annotated[
        Path | None, typer.Option(help="Where records and secrets lie; FLYBALL_HOME, or ~/.flyball where there is one.")
    ] = None,
    store: Annotated[
        Store | None, typer.Option(help="Records on this machine, or in a cluster. FLYBALL_STORE, or what there is.")
    ] = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Of the cluster; the context's own where absent.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="How the cluster is reached; KUBECONFIG or ~/.kube/config where absent.")
    ] = None,
    cluster_context: Annotated[
        str | None, typer.Option("--context", help="Of the kubeconfig; its current one.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = None,
) -> None:
    """Sharded MySQL that keeps itself alive.

    Declare a keyspace, and feedback controllers do the rest; this program shows what they do, and asks them for more.
    """
    cluster = Cluster(namespace, kubeconfig, cluster_context)
    context.obj = Said(home, store, cluster, as_kubectl=(context.info_name or "").startswith("kubectl"))
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
