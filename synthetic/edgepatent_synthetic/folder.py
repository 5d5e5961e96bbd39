"""Synthetic designs written to a folder, with the metadata that a folder source reads."""

import csv
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import cv2

from edgepatent_runtime import drawing
from edgepatent_runtime.errors import EdgepatentError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record
from edgepatent_runtime.workers.pool import each
from edgepatent_runtime.workers.worker import WorkerError
from edgepatent_synthetic.contact import contact_sheet
from edgepatent_synthetic.page import render

METADATA = "metadata.csv"
COLUMNS = ("file_name", "patent_id", "locarno", "figure", "view", "title", "date")
_ON_A_SHEET = 48


def write(
    records: Sequence[Record], out: Path, *, workers: int = 1, progress: Progress = silent
) -> int:
    """Draw the records of a synthetic source into ``out``; returns how many drawings there are.

    ``out/PATENT/FIGURE.png`` each, and ``out/metadata.csv``, which is written last: a folder
    that has it is whole. Designs are spread over ``workers`` processes.
    """
    out.mkdir(parents=True, exist_ok=True)
    designs = [(out, list(views)) for _, views in groupby(records, lambda r: r.patent_id)]
    done = 0
    for _, count in each(_write_design, designs, workers):
        if isinstance(count, WorkerError):
            raise EdgepatentError(f"a process that draws ended: {count.reason} {count.detail}")
        done += count
        progress("drawing", done, len(records))
    with (out / METADATA).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        table.writerows(
            (file_name(r), r.patent_id, r.locarno, r.figure, r.view, r.title, r.date)
            for r in records
        )
    return done


def write_contact_sheets(records: Sequence[Record], drawn: Path, out: Path) -> int:
    """Contact sheets of the drawings that `write` put into ``drawn``, 48 on each; how many.

    They go to another folder, or they would be taken for drawings themselves.
    """
    out.mkdir(parents=True, exist_ok=True)
    starts = range(0, len(records), _ON_A_SHEET)
    for number, start in enumerate(starts, 1):
        paths = [drawn / file_name(r) for r in records[start : start + _ON_A_SHEET]]
        sheet = contact_sheet([drawing.decode(path) for path in paths])
        _, data = cv2.imencode(".png", sheet)
        (out / f"contact-{number:03d}.png").write_bytes(data.tobytes())
    return len(starts)


def file_name(record: Record) -> str:
    """Where a drawing lies below the folder."""
    name = record.figure or record.view or "0"
    return f"{record.patent_id}/{name.replace(', ', '-').replace(' ', '-')}.png"


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
