"""What the demo says: plain sentences while it works, one table at the end."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table as Grid

from flyball_local.demo.load import Loaded
from flyball_local.demo.results import Result


class Words:
    """Says what happens, with the seconds since the beginning in front."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        """A new act."""
        self._console.print()
        self._console.print(f"[bold]{text}[/bold]")

    def say(self, text: str) -> None:
        """One thing that happened."""
        self._console.print(f"[dim]{time.monotonic() - self._began:6.1f} s[/dim]  {text}", highlight=False)

    @contextmanager
    def waiting(self) -> Iterator[Callable[[str], None]]:
        """What is awaited, in one line that changes; nothing where there is no terminal."""
        with self._console.status("") as status:
            yield lambda text: status.update(f"{text[: self._console.width - 12]}")

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[Progress]:
        """A bar on a terminal; nothing where there is none."""
        columns = (TextColumn("         {task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
            bar.add_task(what, total=total)
            yield bar

    def loaded(self, loaded: Iterable[Loaded], shards: Sequence[str]) -> None:
        """The rows of each table on each shard."""
        grid = Grid("table", "spread by", *shards, "in all", box=None, padding=(0, 2))
        for each in loaded:
            spread = each.table.key or "whole on every shard"
            counts = [f"{each.shards[shard].rows:,}" for shard in shards]
            grid.add_row(each.table.name, spread, *counts, f"{each.rows:,}")
        self._console.print(grid)

    def results(self, results: Iterable[Result]) -> None:
        """The table at the end."""
        grid = Grid("shard", "what happened", "longest pause", "writes", "failed", "unknown", "lost")
        for column in grid.columns:
            column.no_wrap = True
        for result in results:
            lost = f"[bold green]{result.lost} lost[/]" if result.lost == 0 else f"[bold red]{result.lost} lost[/]"
            grid.add_row(
                result.shard,
                result.event,
                f"{result.gap * 1000:,.0f} ms",
                f"{result.acknowledged:,}",
                str(result.errors),
                str(result.unknown),
                lost,
            )
        self._console.print()
        self._console.print(grid)
