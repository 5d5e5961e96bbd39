"""What verbs write: JSON or text on stdout, progress and warnings on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Skipped


def print_json(document: Any) -> None:
    """Write one JSON document (anything msgspec encodes) on stdout, and nothing else."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    click.echo(text.decode())


def warn(message: str) -> None:
    """One line on stderr."""
    click.echo(f"warning: {message}", err=True)


def report_skipped(skipped: Skipped) -> None:
    """Say on stderr how many inputs were skipped, one line a reason, with an example."""
    for reason, count in sorted(skipped.counts.items()):
        click.echo(f"skipped {count}: {reason} (e.g. {skipped.examples[reason][0]})", err=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A `Progress` that draws bars with rate and time left, on a terminal only."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    with Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, tuple[Any, float]] = {}

        def show(task: str, done: int, total: int | None) -> None:
            if task not in tasks:
                tasks[task] = (bars.add_task(task, total=total, rate=""), time.monotonic())
            number, start = tasks[task]
            rate = done / max(time.monotonic() - start, 1e-3)
            bars.update(number, completed=done, total=total, rate=f"{rate:.1f}/s")

        yield show


def print_table(columns: list[str], rows: list[list[str]], *, title: str | None = None) -> None:
    """A table on stdout: fitted to a terminal, as wide as it needs to be in a pipe or a file."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As Text, so that square brackets in a title are not taken for rich's markup.
        table.add_row(*(Text(cell) for cell in row))
    on_terminal = sys.stdout.isatty()
    Console(width=None if on_terminal else 10_000).print(table)
