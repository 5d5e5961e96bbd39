"""``edgepatent data scan``: what sources hold."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgepatent import console
from edgepatent.console import print_json, progress_bar
from edgepatent.options import json_option, sources_argument

if TYPE_CHECKING:
    from edgepatent_runtime.record import Record, Skipped
    from edgepatent_runtime.sources.survey import LabelCount, Survey

# All of Locarno fits; a taxonomy with thousands of subclasses would bury the rest.
_MOST_ROWS = 300


@click.command()
@sources_argument
@json_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.jsonl",
    help="Write the usable drawings down, one JSON object a line, as a folder source reads them.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Believe names and metadata, open no drawing: fast, but counts damaged and blank ones "
    "as usable.",
)
def command(sources: tuple[str, ...], as_json: bool, out: Path | None, quick: bool) -> None:
    """Tell what sources hold: drawings, patents, classes, and what cannot be used.

    Every drawing is decoded, on all cores, so that the counts are of what can be used; --quick
    believes names and metadata instead. A patent counts when at least one of its drawings can be
    used. Exit status 1 where no drawing at all can be used.
    """
    from edgepatent_runtime.errors import InputError
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources import open_source
    from edgepatent_runtime.sources.survey import Survey, usable

    survey, skipped = Survey(), Skipped()
    opened = [open_source(spec) for spec in sources]
    with progress_bar() as progress:
        records: Iterable[Record] = (
            record for source in opened for record in source.records(skipped)
        )
        if not quick:
            records = usable(records, skipped)
        if out is not None:
            records = _written(records, out)
        for record in records:
            survey.add(record)
            if survey.drawings % 32 == 0:
                progress("reading drawings", survey.drawings, None)
    if as_json:
        print_json(survey.document(skipped))
    else:
        _print(survey, skipped, quick)
    if not survey.drawings:
        raise InputError(f"no drawing of {', '.join(sources)} can be used")


def _written(records: "Iterable[Record]", out: Path) -> "Iterator[Record]":
    """Write each record as it goes by; the file appears when all are written."""
    import msgspec

    from edgepatent_runtime import whole
    from edgepatent_runtime.sources.metadata import row

    with whole.replacing(out) as file:
        for record in records:
            file.write(msgspec.json.encode(row(record, out.parent)) + b"\n")
            yield record


def _print(survey: "Survey", skipped: "Skipped", quick: bool) -> None:
    """The counts as tables."""
    from rich.console import Console

    screen = Console()
    views = survey.views
    opened = ", not opened" if quick else ""
    console.say(
        f"{survey.drawings:,} drawings{opened}, {survey.patents:,} patents, "
        f"{len(survey.classes)} classes, {len(survey.subclasses):,} subclasses, "
        f"{survey.unknown_locarno:,} drawings without a known Locarno code"
    )
    if survey.classes:
        screen.print(_classes(survey.classes, survey.subclasses))
    if views:
        screen.print(_views(views))
    if len(skipped):
        screen.print(_skipped(skipped))


def _classes(classes: "list[LabelCount]", subclasses: "list[LabelCount]") -> object:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Classes and subclasses", title_justify="left")
    table.add_column("code", no_wrap=True)
    table.add_column("name")
    table.add_column("patents", justify="right")
    table.add_column("drawings", justify="right")
    is_long = len(subclasses) > _MOST_ROWS
    rows = classes if is_long else sorted([*classes, *subclasses], key=lambda row: row["label"])
    for row in rows:
        style = "bold" if row in classes else ""
        table.add_row(
            escape(console.plain(row["label"])), row["name"] or "",
            f"{row['patents']:,}", f"{row['drawings']:,}",
            style=style,
        )  # fmt: skip
    if is_long:
        table.caption = f"and {len(subclasses):,} subclasses: --json lists them"
    return table


def _views(views: list[int]) -> object:
    """How many patents have how many drawings, in ranges that double."""
    from rich.table import Table

    table = Table(title="Views per patent", title_justify="left")
    table.add_column("views", justify="right")
    table.add_column("patents", justify="right")
    low = 1
    while low <= views[-1]:
        high = low if low < 4 else 2 * low - 1
        count = sum(low <= number <= high for number in views)
        if count:
            table.add_row(str(low) if low == high else f"{low} to {high}", f"{count:,}")
        low = high + 1
    return table


def _skipped(skipped: "Skipped") -> object:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"Skipped: {len(skipped):,}", title_justify="left")
    table.add_column("reason")
    table.add_column("count", justify="right")
    table.add_column("for example", overflow="fold")
    for reason, count in sorted(skipped.counts.items()):
        example = console.plain(skipped.examples[reason][0])
        table.add_row(escape(console.plain(reason)), f"{count:,}", escape(example))
    return table
