"""The demo as a program: its options, its words at the end, its exit code."""

import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console

from flyball.errors import FlyballError
from flyball_local.demo.acts import KEYSPACE, Wish, run
from flyball_local.demo.words import Words
from flyball_local.home import Home

WIDTH = 110
"""Columns where the output is no terminal."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def demo(*, keep: bool = False, flights: int | None = None) -> int:
    """Run the demo; return the exit code: 0, 1 when anything was not as it must be, 130 when interrupted."""
    wish = Wish(keep, flights)
    console = Console(width=None if sys.stdout.isatty() else WIDTH, soft_wrap=True)
    words = Words(console)
    try:
        home = asyncio.run(run(wish, words))
    except FlyballError as error:
        sys.stderr.write(f"error {error}\n")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    console.print()
    console.print("[bold]Every count agrees, and no acknowledged write is lost.[/bold]")
    for line in _next_words(home) if wish.keep else _again_words():
        console.print(line, highlight=False, markup=False)
    return 0


def wishes_to_keep(environ: "os._Environ[str] | dict[str, str]" = os.environ) -> bool:
    """Whether ``KEEP=1`` stands in the environment, as ``make demo KEEP=1`` puts it there."""
    return environ.get("KEEP", "") not in {"", "0", "no"}


def _command() -> str:
    """How this ``flyball`` is called from the directory that one is in."""
    program = Path(sys.executable).with_name("flyball")
    try:
        return str(program.relative_to(Path.cwd()))
    except ValueError:
        return str(program)


def _again_words() -> list[str]:
    return [
        "",
        "Next:  make demo KEEP=1                      the same, and it stays up to play with",
        "       docs/tutorials/first-keyspace.md      a keyspace of your own, step by step",
    ]


def _next_words(home: Home) -> list[str]:
    flyball = _command()
    return [
        "",
        "It is left running. To look around, and to break things:",
        "",
        f"  export FLYBALL_HOME={home.root}",
        f"  {flyball} status --watch",
        f"  {flyball} explain {KEYSPACE}/-80",
        f"  {flyball} sql {KEYSPACE}/80- -e 'SELECT carrier, COUNT(*) FROM flights GROUP BY carrier'",  # noqa: S608 - for people
        f"  {flyball} switchover {KEYSPACE}/-80",
        f"  {flyball} local kill {KEYSPACE}-80-x-1",
        "",
        "To stop it and remove its data:",
        "",
        f"  {flyball} local down --purge --yes",
    ]
