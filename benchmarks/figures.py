"""How well sheets are taken apart: figures counted, boxed, named, and how long it takes.

    python benchmarks/figures.py --shared ../shared --out benchmarks/figures.md

``benchmarks/figures/boxes.csv`` tells what is on each sheet: its figures' numbers and boxes, read
and checked by eye. A figure is right where a found box overlaps it with an IoU of .9, its number
where that box carries it.
"""

import argparse
import csv
import time
import tracemalloc
from collections import defaultdict
from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from edgepatent_runtime import drawing
from edgepatent_runtime.figures import Box, Sheet, read_sheet

Page = npt.NDArray[np.uint8]

TRUTH = Path(__file__).parent / "figures" / "boxes.csv"
FOLDERS = ("uspto-sheets", "deeppatent2-sheets", "uspto-grants")
IOU = 0.9


class Truth(msgspec.Struct, frozen=True):
    """A figure of a sheet: its box in page pixels, "" for a number that is not there."""

    number: str
    box: Box


class Score(msgspec.Struct, frozen=True):
    """One sheet: was the count right, and of its figures how many boxes and numbers were."""

    count: bool
    figures: int
    boxes: int
    captions: int
    numbers: int
    milliseconds: float


def read_truth(path: Path) -> dict[str, list[Truth]]:
    """The figures of each sheet, by its path below the shared data."""
    sheets: dict[str, list[Truth]] = defaultdict(list)
    with path.open(newline="") as rows:
        for row in csv.DictReader(rows):
            box = tuple(int(row[side]) for side in ("x", "y", "width", "height"))
            assert len(box) == 4
            sheets[row["sheet"]].append(Truth(row["number"], box))
    return sheets


def overlap(one: Box, two: Box) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    wide = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    high = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    shared = max(0, wide) * max(0, high)
    return shared / (one[2] * one[3] + two[2] * two[3] - shared)


def score(found: Sheet, truth: list[Truth], milliseconds: float) -> Score:
    """Compare what was found on a sheet with what is there."""
    boxes = numbers = 0
    for wanted in truth:
        best = max(found.figures, key=lambda figure: overlap(figure.box, wanted.box), default=None)
        if best is None:
            continue
        fits = overlap(best.box, wanted.box)
        boxes += fits >= IOU
        numbers += fits > 0.5 and wanted.number != "" and best.number == wanted.number
    return Score(
        len(found.figures) == len(truth),
        len(truth),
        boxes,
        sum(wanted.number != "" for wanted in truth),
        numbers,
        milliseconds,
    )


def measure(shared: Path, truth: dict[str, list[Truth]]) -> dict[str, list[Score]]:
    """The scores of all sheets, by folder."""
    scores: dict[str, list[Score]] = {folder: [] for folder in FOLDERS}
    cv2.setNumThreads(1)
    for sheet, figures in truth.items():
        page = drawing.decode(shared / "data" / sheet)
        spent = []
        for _ in range(3):
            # Time of this processor: other people's work does not count.
            start = time.process_time()
            found = read_sheet(page)
            spent.append(time.process_time() - start)
        scores[sheet.split("/")[0]].append(score(found, figures, 1000 * min(spent)))
    return scores


def table(scores: dict[str, list[Score]]) -> str:
    """The scores as a table."""
    lines = [
        "| sheets | | count right | IoU ≥ .9 | number right | ms: median | 95 % |",
        "|---|---|---|---|---|---|---|",
    ]
    every = [one for part in scores.values() for one in part]
    for name, part in (*scores.items(), ("all", every)):
        spent = np.array([one.milliseconds for one in part])
        figures = sum(one.figures for one in part)
        captions = sum(one.captions for one in part)
        lines.append(
            f"| {name} | {len(part)} sheets, {figures} figures "
            f"| {100 * sum(one.count for one in part) / len(part):.1f} % "
            f"| {100 * sum(one.boxes for one in part) / figures:.1f} % "
            f"| {100 * sum(one.numbers for one in part) / captions:.1f} % "
            f"| {np.median(spent):.0f} | {np.percentile(spent, 95):.0f} |"
        )
    return "\n".join(lines)


def bad_pages(sheet: Page) -> dict[str, Page]:
    """What is no sheet, and what is too much of one: pages uint8 [H, W]."""
    draw = np.random.default_rng(0)
    blank = np.full((3300, 2550), 255, np.uint8)
    text, crowd = Image.fromarray(blank), Image.fromarray(blank)
    for y in range(200, 3100, 60):
        line = "THE ORNAMENTAL DESIGN FOR A BOTTLE AS SHOWN AND DESCRIBED"
        ImageDraw.Draw(text).text((150, y), line, 0, ImageFont.load_default(40))
    for number in range(400):
        x, y = 40 + number % 12 * 205, 30 + number // 12 * 95
        pen = ImageDraw.Draw(crowd)
        pen.ellipse((x + 20, y, x + 70, y + 36), outline=0, width=3)
        pen.text((x, y + 46), f"FIG. {number + 1}", 0, ImageFont.load_default(32))
    waves = np.sin(np.linspace(0, 20, 3300))[:, None] * np.cos(np.linspace(0, 31, 2550))[None]
    light = 127 + 90 * waves + draw.normal(0, 20, waves.shape)
    return {
        "blank": blank,
        "a page of text": np.asarray(text),
        "a photograph": light.clip(0, 255).astype(np.uint8),
        "noise": np.where(draw.random(blank.shape) < 0.08, 0, 255).astype(np.uint8),
        "400 figures": np.asarray(crowd),
        "50 megapixels": np.asarray(cv2.resize(sheet, (6200, 8060)), np.uint8),
    }


def bounds(sheet: Page) -> str:
    """Milliseconds and megabytes that bad pages take, as a table."""
    lines = ["| page | figures | ms | MB beside the page |", "|---|---|---|---|"]
    for name, page in bad_pages(sheet).items():
        start = time.process_time()
        found = len(read_sheet(page).figures)
        spent = time.process_time() - start
        tracemalloc.start()
        read_sheet(page)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        lines.append(f"| {name} | {found} | {1000 * spent:.0f} | {peak / 1e6:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    wanted = parser.parse_args()
    truth = read_truth(TRUTH)
    sheet = drawing.decode(wanted.shared / "data" / next(iter(truth)))
    text = f"{table(measure(wanted.shared, truth))}\n\n{bounds(sheet)}"
    wanted.out.write_text(f"{text}\n", "utf-8")
    print(text)


if __name__ == "__main__":
    main()
