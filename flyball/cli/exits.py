"""What the program's exit code says, and how an error reads: one table for the code, the docs and the tests.

error FB1009: keyspace 'shop' has no shard '40-'
next: Name one of shop/-80, shop/80-.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import typer

from flyball.errors import TREE, Code, FlyballError, RefusedError


@dataclass(frozen=True, slots=True)
class ExitCode:
    """One exit code: its number, the stable codes that lead to it by their first characters, what it means."""

    number: int
    codes: tuple[str, ...]
    meaning: str


DONE = ExitCode(0, (), "done; for a reading command: there was an answer")
UNEXPECTED = ExitCode(1, (), "something that the program does not know; please report it")
TIMED_OUT = ExitCode(7, (Code.TIMED_OUT.number,), "what was asked for did not happen within its limit")
INTERRUPTED = ExitCode(130, (), "stopped by Ctrl-C")

EXIT_CODES = (
    DONE,
    UNEXPECTED,
    ExitCode(2, ("FB1",), "what was typed or declared cannot be; nothing was changed"),
    ExitCode(3, ("FB2",), "the record store refused or failed"),
    ExitCode(4, ("FB3",), "a member could not be reached, or refused"),
    ExitCode(5, ("FB4",), "safety forbids it now, or it was undone; the message says why"),
    ExitCode(6, ("FB5",), "the local engine cannot do it"),
    TIMED_OUT,
    ExitCode(8, ("FB6",), "the Kubernetes API refused, or cannot be reached"),
    INTERRUPTED,
)
"""Every exit code; the longest match of a stable code decides."""


def exit_code_of(code: Code) -> int:
    """The exit code of an error."""
    matches = [
        (len(prefix), exit_code.number)
        for exit_code in EXIT_CODES
        for prefix in exit_code.codes
        if code.number.startswith(prefix)
    ]
    return max(matches)[1]


def tell(error: FlyballError) -> int:
    """Print the error on standard error; return its exit code."""
    return _print(error.code, error.message, error.next_step)


def tell_usage(message: str, command: str) -> int:
    """Print what is wrong with the words that were typed; return the exit code."""
    return _print(Code.BAD_USAGE, message, f"`{command} --help` shows what there is, with examples.")


def tell_unexpected(failure: BaseException) -> int:
    """Print a failure that nobody foresaw, without its traceback; return the exit code."""
    typer.echo(f"error: unexpected {type(failure).__name__}: {failure}", err=True)
    typer.echo("next: Run it again with FLYBALL_TRACEBACK=1 in the environment, and report what it prints.", err=True)
    return UNEXPECTED.number


def first_of(failure: BaseException) -> FlyballError | None:
    """The error to tell about, out of a group of several; None when none of it is ours."""
    return next((each for each in _flat(failure) if isinstance(each, FlyballError)), None)


def error_of(number: str, message: str, next_step: str = "") -> FlyballError:
    """The error that a record carries as the text of its code; NOT_DONE where it has none that is known."""
    code = next((code for code in Code if code.number == number), Code.NOT_DONE)
    kind = next((kind for kind, prefix in TREE.items() if code.number.startswith(prefix)), RefusedError)
    return kind(code, message or code.meaning, next_step)


def _print(code: Code, message: str, next_step: str) -> int:
    typer.echo(f"error {code.number}: {message}", err=True)
    if next_step:
        typer.echo(f"next: {next_step[:1].upper()}{next_step[1:]}", err=True)
    return exit_code_of(code)


def _flat(failure: BaseException) -> Iterator[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        for inner in failure.exceptions:
            yield from _flat(inner)
    else:
        yield failure
