"""Where the records and the secrets are: the home that was named, ``FLYBALL_HOME``, or ``~/.flyball``."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from flyball.errors import Code, InputError
from flyball.store import Records
from flyball.store.sqlite import SqliteRecords

T = TypeVar("T")

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Where records and secrets lie.", show_default="FLYBALL_HOME, ~/.flyball")
]
"""``--home`` of every command; the program's own stands where it is not given."""


@dataclass(frozen=True, slots=True)
class Place:
    """A home, as far as commands look into it."""

    root: Path

    @property
    def records(self) -> Path:
        """The record store's file."""
        return self.root / "records.db"

    @property
    def secrets(self) -> Path:
        """The directory of the secrets."""
        return self.root / "secrets"


def place_of(context: typer.Context, home: Path | None) -> Place:
    """The home that a command works on."""
    root: Path | None = context.find_root().params.get("home")
    found = home or root or Path(os.environ.get("FLYBALL_HOME") or Path.home() / ".flyball")
    return Place(Path(os.path.abspath(found.expanduser())))  # noqa: PTH100 - a link to a home stays what it is called


@contextlib.asynccontextmanager
async def open_records(place: Place) -> AsyncIterator[Records]:
    """The record store of the home; it is never made here.

    :raises InputError: NO_SUCH_OBJECT when there is none.
    """
    if not place.records.exists():
        raise InputError(
            Code.NO_SUCH_OBJECT,
            f"there is no record store at {place.records}",
            "Start one with `flyball local up -f KEYSPACE.yaml`, or name its home with --home or FLYBALL_HOME.",
        )
    async with await SqliteRecords.open(place.records) as records:
        yield records


def with_records(place: Place, work: Callable[[Records], Awaitable[T]]) -> T:
    """Run ``work`` on the home's record store."""

    async def inside() -> T:
        async with open_records(place) as records:
            return await work(records)

    return asyncio.run(inside())
