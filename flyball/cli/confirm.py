"""A person's word for what cannot be undone: its name typed on a terminal, or ``--yes``."""

import sys
from typing import Annotated

import typer

from flyball.errors import Code, InputError

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts that know what they do.")]


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(consequence: str, word: str, *, yes: bool) -> None:
    """Go on only when a person types ``word``, or gave ``--yes``.

    :param consequence: what will happen, as a sentence.
    :raises InputError: NOT_CONFIRMED; nothing was changed.
    """
    if yes:
        return
    if not is_terminal():
        raise InputError(
            Code.NOT_CONFIRMED, f"{consequence} Nobody could be asked.", "Give --yes if that is what you want."
        )
    typer.echo(consequence, err=True)
    typed = typer.prompt(f"Type {word} to go on", default="", show_default=False, err=True)
    if typed.strip() != word:
        raise InputError(
            Code.NOT_CONFIRMED, f"{typed.strip()!r} is not {word!r}; nothing was changed.", "Try again, or leave it."
        )
