"""``flyball apply``, ``get`` and ``delete``: records as manifests."""

from typing import Annotated

import typer
from rich.text import Text

from flyball.cli.applying import Change, Verdict, apply_all, examine
from flyball.cli.board import Board, read_board
from flyball.cli.confirm import YesOption, confirm
from flyball.cli.kinds import check_deletion, find_kind, find_record, rows, select
from flyball.cli.output import Format, OutputOption, documents, show, table
from flyball.cli.place import HomeOption, place_of, with_records
from flyball.cli.reading import read_text
from flyball.records import Keyspace, manifest

app = typer.Typer()

KindArgument = Annotated[str, typer.Argument(help="Keyspace, Shard, Failover or Operation; also keyspaces, ks …")]


@app.command(epilog="Examples:  flyball apply -f keyspace.yaml --dry-run  |  flyball apply -f - < keyspace.yaml")
def apply(
    context: typer.Context,
    *,
    file: Annotated[str, typer.Option("--file", "-f", help="Records in YAML or JSON; - for standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the differences; change nothing.")] = False,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Create or edit records. Everything is checked before the first is written; no edit may strand data."""
    wanted = manifest.load(read_text(file), "standard input" if file == "-" else file)
    place = place_of(context, home)
    changes = examine(with_records(place, read_board), wanted)
    if not dry_run:
        with_records(place, lambda records: apply_all(records, changes))
    show(output, _document(changes, dry_run=dry_run), _told(changes, dry_run=dry_run))


@app.command(epilog="Examples:  flyball get keyspaces  |  flyball get shard commerce-80-x -o yaml")
def get(
    context: typer.Context,
    kind: Annotated[str | None, typer.Argument(help="All kinds where absent.")] = None,
    name: Annotated[str | None, typer.Argument()] = None,
    *,
    output: OutputOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show records, as they are stored."""
    board = with_records(place_of(context, home), read_board)
    if kind is not None and name is not None:
        record = find_record(board, find_kind(kind), name)
        show(output, record.document(), Text(manifest.dump_yaml([record]).rstrip()))
        return
    found = select(board, find_kind(kind) if kind is not None else None)
    show(output, documents(found), table(("KIND", "NAME", "ABOUT", "STATE", "CREATED"), rows(found)))


@app.command(epilog="Examples:  flyball delete operation pause-commerce-1a2b3c4d  |  flyball delete keyspace commerce")
def delete(
    context: typer.Context,
    kind: KindArgument,
    name: Annotated[str, typer.Argument()],
    *,
    yes: YesOption = False,
    home: HomeOption = None,
) -> None:
    """Delete a record: a keyspace with all its shards, or a person's word, which lifts it."""
    place = place_of(context, home)
    board: Board = with_records(place, read_board)
    record = find_record(board, find_kind(kind), name)
    check_deletion(record)
    if isinstance(record, Keyspace) and any(shard.spec.keyspace == name for shard in board.shards.values()):
        fate = "and its data REMOVED" if record.spec.reclaim_policy == "Delete" else "its data kept"
        confirm(f"Keyspace {name} stops serving; its members are stopped, {fate}.", name, yes=yes)
    with_records(place, lambda records: records.delete(type(record), name, record.metadata.revision))
    typer.echo(f"{record.kind} {name} deleted" + (", once its engine has let go" if record.metadata.finalizers else ""))


def _document(changes: list[Change], *, dry_run: bool) -> dict[str, object]:
    return {
        "dryRun": dry_run,
        "changes": [
            {
                "kind": change.wanted.kind,
                "name": change.wanted.name,
                "verdict": str(change.verdict),
                "difference": list(change.difference),
            }
            for change in changes
        ],
    }


def _told(changes: list[Change], *, dry_run: bool) -> Text:
    text = Text()
    for change in changes:
        verdict = str(change.verdict)
        if dry_run and change.verdict is not Verdict.UNCHANGED:
            verdict = {Verdict.CREATED: "would be created", Verdict.CHANGED: "would be changed"}[change.verdict]
        text.append(f"{change.wanted.kind} {change.wanted.name} {verdict}\n")
        if dry_run:
            for line in change.difference:
                text.append(f"  {line}\n", {"+": "green", "-": "red"}.get(line[:1], "dim"))
    text.rstrip()
    return text
