"""Synthetic designs written to a folder, with the metadata that a folder source reads."""

import csv
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from pathlib import Path

import cv2

from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record
from edgepatent_runtime.synthetic.page import render

COLUMNS = ("file_name", "patent_id", "locarno", "figure", "view", "title", "date")


def write(
    records: Iterator[Record], out: Path, *, workers: int = 1, progress: Progress = silent
) -> int:
    """Draw the records of a synthetic source into ``out``; returns how many drawings there are.

    ``out/PATENT/FIGURE.png`` each, and ``out/metadata.csv``, which is written last: a folder
    that has it is whole. Designs are spread over ``workers`` processes.
    """
    out.mkdir(parents=True, exist_ok=True)
    designs = [(out, list(views)) for _, views in groupby(records, lambda r: r.patent_id)]
    total = sum(len(views) for _, views in designs)
    done = 0
    # Spawned, not forked: OpenCV's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        for count in pool.map(_write_design, designs, chunksize=8):
            done += count
            progress("drawing", done, total)
    with (out / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for _, views in designs:
            table.writerows(
                (file_name(r), r.patent_id, r.locarno, r.figure, r.view, r.title, r.date)
                for r in views
            )
    return total


def file_name(record: Record) -> str:
    """Where a drawing lies below the folder."""
    return f"{record.patent_id}/{(record.figure or '0').replace(', ', '-')}.png"


def _write_design(task: tuple[Path, list[Record]]) -> int:
    out, views = task
    cv2.setNumThreads(1)
    for record in views:
        path = out / file_name(record)
        path.parent.mkdir(exist_ok=True)
        ok, data = cv2.imencode(".png", render(record.image.path))
        assert ok
        path.write_bytes(data.tobytes())
    return len(views)
