"""The program: which command is in which module, and what becomes of errors.

A command's module is imported when the command is used or listed. Whatever goes wrong in one ends here: a
coded error is printed with its next step, anything else without a traceback (``FLYBALL_TRACEBACK=1`` shows it).
"""

import importlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import flyball
from flyball.cli import exits

COMMANDS = {
    "status": "flyball.cli.status",
    "explain": "flyball.cli.explain",
    "switchover": "flyball.cli.change",
    "failover": "flyball.cli.change",
    "fence": "flyball.cli.operations",
    "pause": "flyball.cli.operations",
    "resume": "flyball.cli.operations",
    "reseed": "flyball.cli.operations",
    "release": "flyball.cli.operations",
    "adopt": "flyball.cli.operations",
    "workflow": "flyball.cli.workflow",
    "sql": "flyball.cli.sql",
    "apply": "flyball.cli.manifests",
    "get": "flyball.cli.manifests",
    "delete": "flyball.cli.manifests",
    "local": "flyball.cli.local",
    "topology": "flyball.cli.topology",
}
"""Each command's module. There ``app`` holds a command of that name, or is the group of that name."""

GROUPS = {"workflow", "local", "topology"}
"""The commands that are groups of commands."""


class Program(TyperGroup):
    """The commands, imported on demand; and the one place where errors end."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # typer's own kind of context
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """The command of that name, None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        group = typer.main.get_group(importlib.import_module(COMMANDS[cmd_name]).app)
        if cmd_name not in GROUPS:
            return group.commands[cmd_name]
        group.name = cmd_name
        return group

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:  # noqa: ANN401
        """Run a command, and end the process with its exit code."""
        extra["standalone_mode"] = False
        given = list(args) if args is not None else None
        raise SystemExit(_guarded(lambda: super(Program, self).main(given, prog_name or "flyball", **extra)))


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
    home: Annotated[  # noqa: ARG001 - commands look it up (place.py) where their own --home is not given
        Path | None,
        typer.Option(envvar="FLYBALL_HOME", help="Where records and secrets lie; ~/.flyball by default."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool | None, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = None,
) -> None:
    """Sharded MySQL that keeps itself alive.

    Declare a keyspace, and feedback controllers do the rest; this program shows what they do, and asks them for more.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
