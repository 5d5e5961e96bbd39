"""What verbs write: JSON or text on stdout, progress and warnings on stderr."""

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from edgepatent_runtime import whole
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Skipped

if TYPE_CHECKING:
    from rich.table import Table

# What a terminal obeys instead of showing it, or what shows other text than is there: control
# characters, marks of writing direction, characters without a width, halves of pairs. The joiners
# U+200C and U+200D belong to the spelling of several languages.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

# Where nobody draws bars, work tells how far it is once in so many seconds.
_EVERY_S = 10.0
# Longer ones may be broken: paths, and what is no word at all.
_LONG_WORD = 24


def plain(text: str) -> str:
    """``text`` as one line that a terminal only shows: what is hidden in it stands there as \\x1b.

    Titles, ids and file names are other people's: whatever verbs write goes through here.
    """
    return _HIDDEN.sub(_spelled, text)


def _spelled(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def say(text: str, *, err: bool = False) -> None:
    """Write lines of text on stdout, or on stderr."""
    click.echo("\n".join(map(plain, text.split("\n"))), err=err)


def print_json(document: Any) -> None:
    """Write one JSON document (anything msgspec encodes) on stdout, and nothing else."""
    text = msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
    # msgspec spells the first 32; what else is hidden can only stand in a string.
    click.echo("\n".join(_HIDDEN.sub(_spelled_in_json, line) for line in text.split("\n")))


def _spelled_in_json(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def write_file(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, wholly or not at all; to standard output where it is "-"."""
    if str(path) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        whole.write(path, data)


def write_csv(path: Path, text: str) -> None:
    """Write a table, as `write_file` does; files begin with the mark by which spreadsheets know
    UTF-8, which programs in a pipe would take for a part of the first column's name.
    """
    write_file(path, text.encode("utf-8" if str(path) == "-" else "utf-8-sig"))


def warn(message: str) -> None:
    """One line on stderr."""
    say(f"warning: {plain(message)}", err=True)


def alarm(message: str) -> None:
    """One line on stderr that nobody should miss: red on a terminal."""
    click.secho(plain(message), fg="red", bold=True, err=True)


def report_skipped(skipped: Skipped, *, named: bool = True) -> None:
    """Say on stderr how many inputs were skipped, one line a reason, with an example of each.

    The example is left out unless ``named``.
    """
    for reason, count in sorted(skipped.counts.items()):
        example = f" (e.g. {plain(skipped.examples[reason][0])})" if named else ""
        say(f"skipped {count}: {plain(reason)}{example}", err=True)


def _told(every: float) -> Progress:
    """A `Progress` for logs: a line on stderr once in so many seconds of work."""
    began: dict[str, float] = {}
    last = time.monotonic()

    def tell(task: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        start = began.setdefault(task, now)
        if now - last < every:
            return
        last = now
        words = f"{task}: {done:,}" + (f" of {total:,}" if total else "")
        # The first word of a task comes when some of it is done: nobody knows in what time.
        rate = done / (now - start) if now > start else 0
        if rate > 0:
            words += f", {rate:.1f}/s"
        if total and rate > 0:
            words += f", {max(total - done, 0) / rate:.0f} s left"
        say(words, err=True)

    return tell


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A `Progress` that draws bars with rate and time left; elsewhere a line now and then."""
    if not sys.stderr.isatty():
        yield _told(_EVERY_S)
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
    """A table on stdout: fitted to a terminal, between words; for other programs plain lines.

    Of a terminal that is too narrow for all columns the last ones are left out, and named.
    Elsewhere a row is a line with tabs between its cells, below the names of the columns; where
    the first has none the title stands there, which tells one table from the next.
    """
    if not sys.stdout.isatty():
        for row in ([columns[0] or title or "", *columns[1:]], *rows):
            click.echo("\t".join(plain(cell) for cell in row))
        return
    from rich.console import Console

    console = Console()
    kept = _fitting(columns, rows, console.width)
    console.print(_table(columns[:kept], [row[:kept] for row in rows], title))
    if kept < len(columns):
        say(f"left out for want of room: {', '.join(columns[kept:])}", err=True)


def _fitting(columns: list[str], rows: list[list[str]], width: int) -> int:
    """How many columns fit beside each other without a word being broken; at least one."""
    needed = 0
    for place in range(len(columns)):
        # Two between columns.
        needed += _longest_word(columns, rows, place) + (2 if place else 0)
        if place and needed > width:
            return place
    return len(columns)


def _longest_word(columns: list[str], rows: list[list[str]], place: int) -> int:
    """How wide the longest word of a column is; a path may be broken all the same."""
    from rich.cells import cell_len

    words = [columns[place], *(word for row in rows for word in row[place].split())]
    return max(min(cell_len(word), _LONG_WORD) for word in words)


def _table(columns: list[str], rows: list[list[str]], title: str | None) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, column in enumerate(columns):
        longest = _longest_word(columns, rows, place)
        table.add_column(column, overflow="fold", min_width=longest)
    for row in rows:
        # As Text, so that square brackets in a title are not taken for rich's markup.
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table
