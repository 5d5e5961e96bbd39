"""``edgepatent data figures``: take sheets apart, and show how."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgepatent import console
from edgepatent.options import json_option

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgepatent_runtime.progress import Progress
    from edgepatent_runtime.record import Record, Skipped

# Pixels of a sheet on a contact sheet, sheets in a row, sheets on one.
_CELL, _COLUMNS, _SHEETS = 420, 4, 24


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SHEET...")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder to write; it is created where absent.",
)
@json_option
def command(sources: tuple[str, ...], out: Path, as_json: bool) -> None:
    """Take sheets apart: each figure into a PNG file, captions read.

    SHEET is an image, a PDF, or any other source of sheets. Into DIR come the figures
    (NAME-fig-3A.png, white where captions stood), figures.json with every box in pixels of its
    page, and contact sheets (sheets-001.png) with the boxes drawn in, to look at.
    """
    import msgspec

    from edgepatent_runtime import whole
    from edgepatent_runtime.errors import InputError
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources import open_source

    if out.is_dir() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: name a new folder, or empty it first")
    out.mkdir(parents=True, exist_ok=True)
    skipped = Skipped()
    records = [record for spec in sources for record in open_source(spec).records(skipped)]
    with console.progress_bar() as progress:
        entries = _take_apart(records, out, skipped, progress)
    if not entries:
        console.report_skipped(skipped)
        raise InputError("no sheet could be read")
    document = msgspec.json.format(msgspec.json.encode(entries), indent=2)
    whole.write(out / "figures.json", document)
    console.report_skipped(skipped)
    if as_json:
        console.print_json(entries)
        return
    count = sum(len(entry["figures"]) for entry in entries)
    console.say(f"{count} figures of {len(entries)} sheets in {out}: look at sheets-001.png")


def _take_apart(
    records: "list[Record]", out: Path, skipped: "Skipped", progress: "Progress"
) -> list[dict[str, Any]]:
    """Write the figures and contact sheets of all pages: what figures.json says of each."""
    import msgspec

    from edgepatent.report.boxes import boxed, contact_sheet
    from edgepatent_runtime.drawing import crop
    from edgepatent_runtime.errors import DrawingError
    from edgepatent_runtime.figures import read_sheet, without_captions
    from edgepatent_runtime.sources import read_page

    entries: list[dict[str, Any]] = []
    pictures: list[npt.NDArray[np.uint8]] = []
    names: set[str] = set()

    def finish() -> None:
        if pictures:
            number = -(-len(entries) // _SHEETS)
            _write(out / f"sheets-{number:03d}.png", contact_sheet(pictures, _COLUMNS))
            pictures.clear()

    for done, record in enumerate(records, start=1):
        ref = record.image
        try:
            page = crop(read_page(ref), ref.box)
        except DrawingError as error:
            skipped.add(error.reason, ref)
            continue
        sheet = read_sheet(page)
        name = _name(record, names)
        clean = without_captions(page, sheet)
        files = []
        for index, figure in enumerate(sheet.figures, start=1):
            label = f"fig-{figure.number}" if figure.number else f"figure-{index}"
            file = _unused(f"{name}-{label}", names) + ".png"
            _write(out / file, crop(clean, figure.box))
            files.append(file)
        entry = msgspec.to_builtins(sheet)
        for figure, file in zip(entry["figures"], files, strict=True):
            figure["file"] = file
        entries.append({"sheet": str(ref), "size": list(page.shape[::-1]), **entry})
        pictures.append(boxed(page, sheet, name, _CELL))
        if len(pictures) == _SHEETS:
            finish()
        progress("taking sheets apart", done, len(records))
    finish()
    return entries


def _name(record: "Record", names: set[str]) -> str:
    ref = record.image
    name = Path(ref.member[-1] if ref.member else ref.path).stem
    if len(name) < 4:
        # In a folder a patent, sheets are just numbered.
        name = f"{record.patent_id}-{name}".replace("/", "-")
    return _unused(f"{name}-page-{ref.page + 1}" if ref.page else name, names)


def _unused(name: str, names: set[str]) -> str:
    free, number = name, 2
    while free in names:
        free, number = f"{name}-{number}", number + 1
    names.add(free)
    return free


def _write(path: Path, picture: "npt.NDArray[np.uint8]") -> None:
    import cv2

    from edgepatent_runtime import whole

    whole.write(path, cv2.imencode(".png", picture)[1].tobytes())
