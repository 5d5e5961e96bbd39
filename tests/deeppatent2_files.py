"""A small DeepPatent2 for tests: its shapes, its quirks, none of its data."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import open_source, read_page

# What each year's JSON is called inside its ZIP, and how the folders in its archives are named.
QUIRKS = {
    2007: ("design_2007.json", "Original", "segmentation/2007"),
    2012: ("design2012.json", "2012/original_images", "2012/segmented_images/a"),
    2019: ("design2019.json", "", "Segmented/part1"),
}


def png(seed: int) -> bytes:
    image = Image.new("L", (90, 110), 255)
    pen = ImageDraw.Draw(image)
    pen.ellipse((10 + seed % 17, 20, 80, 60 + seed % 31), outline=0, width=2)
    pen.line((5, 100, 85, 70 + seed % 23), fill=0, width=2)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def record(patent: int, year: int, sheet: int, segment: int, **changes: Any) -> dict[str, Any]:
    """One figure as the JSON of a year describes it."""
    name = f"USD{patent:07}-{year}0102"
    fields: dict[str, Any] = {
        "id": f"{patent}{sheet}{segment}",
        "patentID": name,
        "patentdate": f"{year}0102",
        "figid": sheet,
        "caption": f"FIG. {sheet} is a perspective view of a chair;",
        "object": "chair",
        "aspect": "perspective view",
        "figure_file": f"{name}-D{sheet:05}.png",
        "subfigure_file": f"{name}-D{sheet:05}_{segment}.png",
        "object_title": "Chair",
        "x_figure": 10,
        "y_figure": "20",
        "w_figure": 300.0,
        "h_figure": "400.0",
        "W_label": None,
        "classification_locarno": "0601",
        "classification_national": "D6360",
    }
    return {k: v for k, v in (fields | changes).items() if v != "ABSENT"}


def year_records(year: int, patents: int = 3, sheets: int = 2) -> list[dict[str, Any]]:
    """Two segments a sheet, one of them unmatched (``_9991``), as that dataset has them."""
    records = []
    for patent in range(patents):
        number = 10_000 * (year - 1950) + patent
        for sheet in range(1, sheets + 1):
            records.append(record(number, year, sheet, 1))
            records.append(
                record(
                    number, year, sheet, 9991, figid="ABSENT", caption=None, aspect="", object=""
                )
            )
    return records


def image_names(records: Iterable[dict[str, Any]]) -> tuple[set[str], set[str]]:
    """The sheets and the figures that records name."""
    return {r["figure_file"] for r in records}, {r["subfigure_file"] for r in records}


def write_unpacked(folder: Path, year: int, records: list[dict[str, Any]]) -> Path:
    """A year as somebody unpacked it by hand."""
    description, original, segmented = QUIRKS[year]
    sheets, figures = image_names(records)
    for names, place in ((sheets, original), (figures, segmented)):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / place / name).write_bytes(png(hash(name)))
    (folder / description).write_text(json.dumps(records))
    return folder


def tar_gz(names: Iterable[str], place: str, drawn: Callable[[str], bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name in sorted(names):
            data = drawn(name) if drawn else png(hash(name))
            member = tarfile.TarInfo(f"{place}/{name}" if place else name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def year_zip(
    year: int, records: list[dict[str, Any]], drawn: Callable[[str], bytes] | None = None
) -> bytes:
    """The whole ZIP of a year, before it is cut in parts; ``drawn`` gives the PNG of a name."""
    description, original, segmented = QUIRKS[year]
    sheets, figures = image_names(records)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{year}/{description}", json.dumps(records))
        archive.writestr(f"{year}/Original.tar.gz", tar_gz(sheets, original, drawn))
        archive.writestr(f"{year}/Segmented.tar.gz", tar_gz(figures, segmented, drawn))
    return out.getvalue()


def write_parts(folder: Path, year: int, data: bytes, parts: int = 3) -> None:
    """Cut ``data`` into 2019.aa, 2019.ab, …"""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(data) // parts)
    for number in range(parts):
        part = data[number * size : (number + 1) * size]
        (folder / f"{year}.a{chr(97 + number)}").write_bytes(part)


def write_designs(folder: Path, year: int, designs: int, views: int, seed: int) -> list[str]:
    """A year of synthetic designs as DeepPatent2 has them, in parts; the ids of its patents."""
    source = open_source(
        f"synthetic:designs={designs},views={views},seed={seed},size=160,captions=0"
    )
    pictures: dict[str, bytes] = {}
    records = []
    for number, drawing in enumerate(source.records(Skipped())):
        patent, sheet = 10_000 * (year - 1950) + number // views, number % views + 1
        entry = record(
            patent,
            year,
            sheet,
            1,
            classification_locarno=(drawing.locarno or "").replace("-", ""),
            object_title=drawing.title,
        )
        out = io.BytesIO()
        Image.fromarray(read_page(drawing.image)).save(out, "PNG")
        pictures[entry["figure_file"]] = pictures[entry["subfigure_file"]] = out.getvalue()
        records.append(entry)
    write_parts(folder, year, year_zip(year, records, pictures.__getitem__))
    return sorted({str(entry["patentID"]) for entry in records})
