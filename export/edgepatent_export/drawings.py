"""Which drawings a model is calibrated on, and which it is judged by: never the same patents."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from edgepatent_export.certify import Exam
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.errors import ExportError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_train.data import DrawingSet, drawing_set, read_records
from edgepatent_train.licences import licences
from edgepatent_train.split import held_out

CALIBRATION = 320
EXAM = 4000  # drawings of --data or --evaluate at most; scoring takes quadratic time
HOLDOUT = 0.3
HELD_OUT = " (held-out patents)"
"""What the source of an exam ends with, where only those patents of it were taken."""
# Fixed, and of other seeds than anybody would train on.
SYNTHETIC_EXAM = "synthetic:designs=500,views=4,seed=20260101"
SYNTHETIC_CALIBRATION = "synthetic:designs=160,views=2,seed=20260102"


@dataclass(frozen=True)
class Material:
    """Drawings to calibrate on [N, 1, S, S], where they come from and under what terms, and the
    exam (if any)."""

    calibration: Drawings
    sources: list[str]
    exam: Exam | None
    licences: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """SHA-256 of the calibration drawings."""
        return hashlib.sha256(np.ascontiguousarray(self.calibration).tobytes()).hexdigest()


def gather(
    data: Sequence[str],
    evaluate: Sequence[str],
    size: int,
    *,
    unseen: set[str],
    with_exam: bool,
    skipped: Skipped,
    progress: Progress,
) -> Material:
    """Read what export needs at ``size`` pixels.

    Without ``evaluate`` the exam is 2,000 synthetic drawings and those patents of ``data`` that
    training held out (``unseen``), or a share of them where it held out none. Without ``data``
    synthetic drawings calibrate. Raises `ExportError` where nothing is left to calibrate on.
    """
    specs = list(data) or [SYNTHETIC_CALIBRATION]
    records = read_records(specs, skipped, progress)
    exam_records: list[Record] = []
    exam_sources: list[str] = []
    if with_exam and evaluate:
        exam_records = read_records(evaluate, skipped, progress)
        exam_sources = [named(spec) for spec in evaluate]
    elif with_exam:
        exam_records = read_records([SYNTHETIC_EXAM], skipped, progress)
        exam_sources = [SYNTHETIC_EXAM]
        if data:
            kept = unseen & {r.patent_id for r in records} or held_out(records, HOLDOUT, 0)
            exam_records += thin([r for r in records if r.patent_id in kept], EXAM)
            exam_sources += [named(spec) + HELD_OUT for spec in data]
    judged = {r.patent_id for r in exam_records}
    usable = [r for r in records if r.patent_id not in judged]
    if not usable:
        raise ExportError(
            "every patent of --data is also in --evaluate: calibrate on other drawings, or leave "
            "out --evaluate"
        )
    calibration = drawing_set(thin(usable, CALIBRATION), size, skipped, progress)
    exam = None
    if exam_records:
        chosen = drawing_set(thin(exam_records, EXAM), size, skipped, progress)
        exam = Exam(pixels_of(chosen), chosen.records, exam_sources)
    terms = {named(spec): found for spec, found in licences(specs).items()}
    return Material(pixels_of(calibration), [named(spec) for spec in specs], exam, terms)


def thin(records: Sequence[Record], most: int) -> list[Record]:
    """At most ``most`` records, from as many patents as there are: round after round."""
    if len(records) <= most:
        return list(records)
    places: dict[str, int] = {}
    turn = []
    for record in records:
        places[record.patent_id] = places.get(record.patent_id, -1) + 1
        turn.append(places[record.patent_id])
    chosen = sorted(np.argsort(turn, kind="stable")[:most].tolist())
    return [records[i] for i in chosen]


def pixels_of(drawings: DrawingSet) -> Drawings:
    """All drawings of a set, as a model takes them: [N, 1, S, S]."""
    return drawings.pixels(np.arange(len(drawings)))[:, None]


def named(source: str) -> str:
    """A source, or NAME=SOURCE of a mixture, without the folders of the machine it lay on: bundles
    travel."""
    mixed = re.match(r"[\w-]+=", source)
    if mixed:
        return mixed[0] + named(source[mixed.end() :])
    scheme, colon, rest = source.partition(":")
    if scheme == "synthetic":
        return source
    if scheme == "meshes" and colon:
        folder, comma, settings = rest.partition(",")
        return f"meshes:{Path(folder).name}{comma}{settings}"
    return Path(source).name or source
