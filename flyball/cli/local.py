"""``flyball local``: keyspaces on this machine, without Kubernetes. Everything is done by the local engine.

Its home (``--home``) holds the store, the secrets, the members' data and their logs.
"""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from flyball.cli.confirm import YesOption, confirm
from flyball.cli.output import note
from flyball.cli.place import HomeOption, place_of
from flyball.cli.reading import read_text
from flyball.errors import Code, InputError
from flyball.records import Keyspace, manifest
from flyball_local import down as engine_down
from flyball_local import members
from flyball_local import up as engine_up
from flyball_local.home import Home
from flyball_local.mysql_install import find_mysql

T = TypeVar("T")

app = typer.Typer(help="Keyspaces on this machine: mysqld processes, one store file, no Kubernetes.")

FileOption = Annotated[str, typer.Option("--file", "-f", help="Keyspaces in YAML or JSON; - for standard input.")]
MemberArgument = Annotated[str, typer.Argument(help="The member's name, commerce-80-x-1 say.")]
AdoptOption = Annotated[bool, typer.Option("--adopt", help="Take over data that an earlier keyspace of the name left.")]
SecondsOption = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait until all of it serves.")]


@app.command(epilog="Examples:  flyball local up -f keyspace.yaml  |  flyball local up -f keyspace.yaml --background")
def up(
    context: typer.Context,
    *,
    file: FileOption,
    background: Annotated[bool, typer.Option("--background", help="Return once it serves.")] = False,
    adopt: AdoptOption = False,
    wait: SecondsOption = 120.0,
    home: HomeOption = None,
) -> None:
    """Bring keyspaces up, and keep them up; in the foreground, Ctrl-C takes everything down in order."""
    keyspaces = _keyspaces(file)
    place = _home(context, home)
    result = _run(engine_up.up(place, keyspaces, background=background, adopt=adopt, wait=wait, report=_tell))
    typer.echo(f"engine {result.engine}: {', '.join(each.keyspace for each in result.keyspaces)}")


@app.command(epilog="Example:  flyball local add -f another.yaml")
def add(
    context: typer.Context,
    *,
    file: FileOption,
    adopt: AdoptOption = False,
    wait: SecondsOption = 120.0,
    home: HomeOption = None,
) -> None:
    """Hand further keyspaces, or edited ones, to the engine that runs."""
    keyspaces = _keyspaces(file)
    result = _run(engine_up.add(_home(context, home), keyspaces, adopt=adopt, wait=wait, report=_tell))
    typer.echo(f"engine {result.engine}: {', '.join(each.keyspace for each in result.keyspaces)}")


@app.command(epilog="Examples:  flyball local down  |  flyball local down --purge")
def down(
    context: typer.Context,
    *,
    purge: Annotated[bool, typer.Option("--purge", help="Remove all data, records and secrets too.")] = False,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Stop everything of this home, members first by their rules, so that no client hears an untrue ok."""
    place = _home(context, home)
    if purge and place.root.is_dir():
        confirm(f"All data in {place.root} will be removed.", place.root.name, yes=yes)
    result = _run(engine_down.down(place, purge=purge, report=note))
    typer.echo("down" if result.was_running else "nothing ran")
    for member in result.removed:
        typer.echo(f"removed {member}")
    for path in result.left:
        typer.echo(f"left {path}: not flyball's")


@app.command(epilog="Example:  flyball local kill commerce-80-x-1")
def kill(context: typer.Context, member: MemberArgument, *, home: HomeOption = None) -> None:
    """Kill a member's mysqld as a crash does (SIGKILL); the engine starts it again."""
    done = _run(members.kill(_home(context, home), member))
    typer.echo(f"{member}: {'killed' if done else 'was down'}")


@app.command(epilog="Example:  flyball local stop commerce-80-x-2")
def stop(context: typer.Context, member: MemberArgument, *, home: HomeOption = None) -> None:
    """Stop a member in order, and keep it down until it is started."""
    typer.echo(f"{member}: {_run(members.stop(_home(context, home), member)).value}")


@app.command(epilog="Example:  flyball local start commerce-80-x-2")
def start(context: typer.Context, member: MemberArgument, *, home: HomeOption = None) -> None:
    """Start a member that was stopped."""
    _run(members.start(_home(context, home), member))
    typer.echo(f"{member}: accepts connections")


@app.command(epilog="Example:  flyball local hang commerce-80-x-1")
def hang(context: typer.Context, member: MemberArgument, *, home: HomeOption = None) -> None:
    """Freeze a member's mysqld as a stalled machine does (SIGSTOP)."""
    members.hang(_home(context, home), member)
    typer.echo(f"{member}: hangs; `flyball local resume {member}` lets it go on")


@app.command(epilog="Example:  flyball local resume commerce-80-x-1")
def resume(context: typer.Context, member: MemberArgument, *, home: HomeOption = None) -> None:
    """Let a frozen member go on (SIGCONT)."""
    members.resume(_home(context, home), member)
    typer.echo(f"{member}: goes on")


@app.command(epilog="Examples:  flyball local demo  |  flyball local demo --keep")
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", envvar="KEEP", help="Leave it running.")] = False,
    flights: Annotated[int | None, typer.Option(min=0, help="Load only so many of the 336,776 flights.")] = None,
) -> None:
    """Two shards with real data in a temporary home: load, check, switch over, kill -9, nothing lost."""
    from flyball_local.demo import program  # noqa: PLC0415 - no other command needs it

    raise typer.Exit(program.demo(keep=keep, flights=flights))


@app.command()
def mysql() -> None:
    """Say which MySQL is used; fetch one into the user's cache where there is none."""
    typer.echo(str(find_mysql(report=note)))


def mysql_client() -> list[str]:
    """The words that start the mysql client of the MySQL that the engine runs."""
    return find_mysql(report=note).client_command()


def _home(context: typer.Context, given: Path | None) -> Home:
    return Home(place_of(context, given).root)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run the work; a signal that ends it is like Ctrl-C."""
    try:
        return asyncio.run(work)
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _keyspaces(file: str) -> list[Keyspace]:
    """The keyspaces of a manifest.

    :raises InputError: BAD_USAGE when it holds anything else.
    """
    records = manifest.load(read_text(file), "standard input" if file == "-" else file)
    others = [f"{record.kind} {record.name!r}" for record in records if not isinstance(record, Keyspace)]
    if others:
        raise InputError(
            Code.BAD_USAGE,
            f"{file} also holds {', '.join(others)}; expected keyspaces",
            "Use `flyball apply` for those.",
        )
    return [record for record in records if isinstance(record, Keyspace)]


def _tell(progress: engine_up.Progress) -> None:
    condition = progress.condition
    text = condition.message or condition.reason
    note(f"{progress.keyspace}: {'ready' if condition.status else text}")
