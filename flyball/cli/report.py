"""``flyball report``: records, decisions, events and logs in one archive, without secrets, to look at or to send on."""

import asyncio
import json
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console

import flyball
from flyball.cli.board import KINDS, Board, read_board
from flyball.cli.explain import facts, prose
from flyball.cli.output import note
from flyball.cli.place import HomeOption, Place, open_records, place_of
from flyball.cli.status_report import report as status_of
from flyball.cli.status_report import tree
from flyball.errors import FlyballError
from flyball.report import archive, cluster
from flyball.report.redaction import Redaction, secrets_in
from flyball.secrets import FileSecrets

app = typer.Typer()

TAIL = 2 << 20
"""Bytes that are read of a log of this machine, counted from its end."""


@app.command(
    epilog="Examples:  flyball report  |  flyball report --file /tmp/incident.tar.gz  |  kubectl flyball report -n shop"
)
def report(
    context: typer.Context,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The archive.", show_default="flyball-report-TIME.tar.gz, here")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Gather records, decisions, events, logs and the state of pods into one archive that holds no secret."""
    now = datetime.now(UTC)
    path = file or Path(f"flyball-report-{now:%Y%m%dT%H%M%SZ}.tar.gz")
    found = asyncio.run(_gather(place_of(context, home), now))
    secrets = [value for held in found.secrets for value in secrets_in(held, _members(found))]
    archive.write(path, found.texts, Redaction(secrets), time.time())
    for text in found.unread:
        note(f"not in it: {text}")
    typer.echo(f"{path}: {len(found.texts)} texts; look through it before you send it on")


async def _gather(place: Place, now: datetime) -> cluster.Gathered:
    found = await _of_cluster(place) if place.cluster is not None else await _of_home(place)
    try:
        async with open_records(place) as records:
            found.texts |= _of_records(await read_board(records))
    except FlyballError as error:
        found.unread.append(f"the records: {error.message}")
    found.texts["about.json"] = json.dumps(
        {
            "flyball": flyball.__version__,
            "python": platform.python_version(),
            "at": now.isoformat(timespec="seconds"),
            "place": "a cluster" if place.cluster is not None else "a home",
            "unread": found.unread,
            "secrets known": len(found.secrets),
        },
        indent=2,
    )
    return found


def _of_records(board: Board) -> dict[str, str]:
    """The records, and what is said about them."""
    texts = {
        f"records/{kind.kind}/{name}.yaml": yaml.safe_dump(
            record.document(), sort_keys=False, allow_unicode=True, width=cluster.WIDE
        )
        for kind in KINDS
        for name, record in board.of(kind).items()
    }
    shards = [shard for _, shard in sorted(board.shards.items())]
    texts["status.txt"] = _plain(tree(status_of(board, None)))
    texts["explain.txt"] = _plain(*(prose(board, shard) for shard in shards))
    texts["decisions.json"] = json.dumps([facts(board, shard) for shard in shards], indent=2, ensure_ascii=False)
    return texts


async def _of_cluster(place: Place) -> cluster.Gathered:
    from flyball.kubernetes.client import connect  # noqa: PLC0415 - what it stands on costs 35 MB

    named = place.cluster
    if named is None:
        return cluster.Gathered()
    api, access = await connect(named.kubeconfig, named.context)
    try:
        return await cluster.gather(api, named.namespace or access.namespace)
    finally:
        await api.close()


async def _of_home(place: Place) -> cluster.Gathered:
    from flyball_local.home import Home  # noqa: PLC0415 - only where there is a home
    from flyball_local.mysqld import error_log  # noqa: PLC0415

    home, found = Home(place.root), cluster.Gathered()
    logs = {f"logs/{path.name}": path for path in sorted(home.logs.glob("*"))}
    for directory in sorted(home.members.glob("*/")):
        logs[f"logs/members/{directory.name}.log"] = error_log(directory)
    for name, path in logs.items():
        try:
            found.texts[name] = _tail(path)
        except OSError as error:
            found.unread.append(f"{path}: {error.strerror or error}")
    secrets = FileSecrets(home.secrets)
    for path in sorted(home.secrets.glob("*.json")):
        try:
            found.secrets.append(dict(await secrets.get(path.stem) or {}))
        except FlyballError as error:
            found.unread.append(error.message)
    return found


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return file.read().decode(errors="replace")


def _members(found: cluster.Gathered) -> list[str]:
    """The members that the records name: passwords are derived from their names."""
    names = []
    for name, text in found.texts.items():
        if name.startswith("records/Shard/"):
            names += [member["name"] for member in yaml.safe_load(text)["spec"].get("members", ())]
    return names


def _plain(*parts: object) -> str:
    console = Console(width=200, highlight=False, color_system=None, force_terminal=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()
