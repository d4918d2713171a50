"""How results are printed: tables for people on standard output, JSON or YAML for machines, progress on stderr."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console, RenderableType
from rich.table import Table

from flyball.records import Record

Document = Mapping[str, Any]
"""What machines read: an object with stable keys."""


class Format(StrEnum):
    """How to print a result."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


OutputOption = Annotated[Format, typer.Option("--output", "-o", help="For people, or for machines.")]


def console() -> Console:
    """Standard output, for people. Wide where nobody looks, so that nothing is cut off in a file."""
    wide = None if sys.stdout.isatty() else 200
    return Console(file=sys.stdout, width=wide, highlight=False, soft_wrap=False)


def show(form: Format, document: object, for_people: RenderableType) -> None:
    """Print the result in the form that was asked for."""
    if form is Format.TABLE:
        console().print(for_people)
    else:
        typer.echo(as_text(form, document), nl=False)


def as_text(form: Format, document: object) -> str:
    """The document as JSON or YAML."""
    if form is Format.JSON:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def documents(records: Iterable[Record]) -> dict[str, Any]:
    """Records as one List."""
    return {"apiVersion": "v1", "kind": "List", "items": [record.document() for record in records]}


def table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]]) -> Table:
    """A plain table."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def note(text: str) -> None:
    """Say on standard error what goes on."""
    typer.echo(text, err=True)
