"""``edgepatent data synthesize``: draw synthetic designs into a folder."""

import os
from pathlib import Path

import click

from edgepatent import console


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder to write; it is created where absent.",
)
@click.option(
    "--designs", default=100, show_default=True, type=click.IntRange(1), help="How many designs."
)
@click.option(
    "--views", default=6, show_default=True, type=click.IntRange(0, 24), help="Drawings of each."
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Changes the designs, never the families they belong to.",
)
@click.option(
    "--meshes",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Vary the meshes of this folder (npz and metadata.csv) instead of the built-in families.",
)
@click.option(
    "--figures",
    default=1,
    show_default=True,
    type=click.IntRange(1, 3),
    help="Figures that a sheet holds at most.",
)
@click.option(
    "--photographs",
    default=0,
    show_default=True,
    type=click.IntRange(0, 24),
    help="Photographs of each, beside its drawings: lit, coloured, before a background.",
)
@click.option(
    "--sheets", is_flag=True, help="Write contact sheets to look at, into DIR-sheets beside DIR."
)
def command(
    out: Path,
    designs: int,
    views: int,
    seed: int,
    meshes: Path | None,
    figures: int,
    photographs: int,
    sheets: bool,
) -> None:
    """Draw synthetic designs into a folder.

    The folder can be used wherever a SOURCE is asked for: its metadata.csv gives each drawing's
    patent, Locarno code, figure, view, title and date. The same seed draws the same designs on any
    machine. Training reads "synthetic:designs=N,seed=N,views=N" without writing files.
    """
    from edgepatent_runtime.errors import InputError
    from edgepatent_runtime.record import Skipped
    from edgepatent_synthetic import folder
    from edgepatent_synthetic.source import SyntheticSource

    if not views and not photographs:
        raise InputError(
            "there is nothing to draw: ask for --views, for --photographs, or for both"
        )
    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: name a new folder, or empty it first")
    start = "synthetic:" if meshes is None else f"meshes:{meshes},"
    source = SyntheticSource(
        f"{start}designs={designs},views={views},seed={seed},figures={figures}"
        f",photographs={photographs}"
    )
    records = list(source.records(Skipped()))
    with console.progress_bar() as progress:
        count = folder.write(records, out, workers=os.cpu_count() or 1, progress=progress)
    console.say(f"{count} drawings of {designs} designs in {out}")
    if sheets:
        beside = out.with_name(f"{out.name}-sheets")
        written = folder.write_contact_sheets(records, out, beside)
        console.say(f"{written} contact sheets in {beside}")
