"""``edgepatent data deeppatent2``: join and unpack what was downloaded."""

import shutil
from pathlib import Path

import click

from edgepatent import console
from edgepatent.console import progress_bar, report_skipped


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--figures",
    type=click.Choice(["both", "segmented", "sheets"]),
    default="both",
    show_default=True,
    help="Unpack the figures cut out of the sheets, the whole sheets, or both.",
)
def command(folder: Path, figures: str) -> None:
    """Join and unpack the parts of the DeepPatent2 dataset.

    The parts 2007.aa, 2007.ab, … in DIR, or in folders of it, are unpacked into a folder for each
    year in DIR; nothing is written elsewhere. Free space is checked first. The parts are kept.
    Stopped, it goes on where it was when it is called again.
    """
    from typing import cast

    from edgepatent_runtime.errors import InputError, SourceError
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources.deeppatent2_unpack import (
        KEEP_FREE,
        Contents,
        find_years,
        space_needed,
        unpack,
    )

    contents = cast(Contents, figures)
    years = find_years(folder)
    needed = sum(space_needed(folder, year, contents) for year in years)
    free = shutil.disk_usage(folder).free
    if needed and free < needed + KEEP_FREE:
        raise InputError(
            f"{folder} needs about {needed / 1e9:.1f} GB more and its disk has {free / 1e9:.1f} GB "
            "free: make room, or unpack less (--figures segmented)"
        )
    skipped, failures = Skipped(), []
    with progress_bar() as progress:
        for year in years:
            try:
                done = unpack(folder, year, contents, skipped, progress)
            except SourceError as error:  # the other years may be whole
                failures.append(str(error))
            else:
                console.say(
                    f"{year.name}: {done.written:,} images unpacked, {done.present:,} were there"
                )
    report_skipped(skipped)
    if failures:
        raise SourceError("; ".join(failures))
    console.say(f"look at it with: edgepatent data scan {folder}")
