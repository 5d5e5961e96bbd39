"""What ``classify`` prints: suggestions and the drawings that speak for them."""

import os
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent.report.document import drawing_name
from edgepatent.searching import Searcher, View
from edgepatent_runtime import locarno
from edgepatent_runtime.classify import Classifier

# Drawings shown for each suggestion.
EVIDENCE = 3


class EvidenceEntry(msgspec.Struct, frozen=True):
    """A drawing that speaks for a suggestion."""

    patent_id: str
    title: str | None
    path: str
    figure: str | None
    score: float


class SuggestionEntry(msgspec.Struct, frozen=True):
    """A subclass; ``name`` is null for the label of a source's own taxonomy."""

    locarno: str
    name: str | None
    confidence: float
    drawings: list[EvidenceEntry]


class ClassEntry(msgspec.Struct, frozen=True):
    """A whole Locarno class: the sum over its suggested subclasses."""

    locarno: str
    name: str | None
    confidence: float


class CalibrationEntry(msgspec.Struct, frozen=True):
    """How the confidence was calibrated: see `edgepatent_runtime.classify.Calibration`."""

    patents: int
    accuracy: float
    ece: float
    temperature: float
    prior: float


class ClassifyDocument(msgspec.Struct, frozen=True):
    """The JSON of ``classify``. Several indexes are joined as in $PATH."""

    query: list[str]
    space: str
    index: str
    suggestions: list[SuggestionEntry]
    classes: list[ClassEntry]
    calibration: CalibrationEntry


def classified(
    searcher: Searcher, views: Sequence[View], embeddings: npt.NDArray[np.float32], top: int
) -> ClassifyDocument:
    """Classify the views of one design. Raises `CollectionError` where nothing has a label."""
    classifier = Classifier(searcher.collections, views=len(views))
    exclude = [bytes.fromhex(view.sha256) for view in views]
    suggestions = classifier.suggest(embeddings, exclude)
    entries = []
    for suggestion in suggestions[:top]:
        drawings = [
            EvidenceEntry(
                hit.patent_id,
                hit.title,
                drawing_name(hit),
                hit.drawings[0].figure,
                round(hit.drawings[0].score, 6),
            )
            for hit in suggestion.evidence[:EVIDENCE]
        ]
        confidence = round(suggestion.confidence, 4)
        entries.append(
            SuggestionEntry(suggestion.subclass, _name(suggestion.subclass), confidence, drawings)
        )
    classes: dict[str, float] = {}
    for suggestion in suggestions:
        klass = suggestion.evidence[0].klass
        if klass is not None:
            classes[klass] = classes.get(klass, 0.0) + suggestion.confidence
    fitted = classifier.calibration
    return ClassifyDocument(
        query=[view.name for view in views],
        space=searcher.bundle.info.space,
        index=os.pathsep.join(str(collection.folder) for collection in searcher.collections),
        suggestions=entries,
        classes=[
            ClassEntry(klass, _name(klass), round(confidence, 4))
            for klass, confidence in sorted(classes.items(), key=lambda item: -item[1])[:top]
        ],
        calibration=CalibrationEntry(
            fitted.patents,
            round(fitted.accuracy, 4),
            round(fitted.ece, 4),
            round(fitted.temperature, 5),
            fitted.prior,
        ),
    )


def table(document: ClassifyDocument) -> tuple[list[str], list[list[str]]]:
    """Columns and rows for people."""
    rows = [
        [
            f"{entry.confidence:.0%}",
            f"{entry.locarno} {entry.name or ''}".strip(),
            ", ".join(f"{d.patent_id} ({d.score:.2f})" for d in entry.drawings),
        ]
        for entry in document.suggestions
    ]
    return ["confidence", "Locarno subclass", "because of"], rows


def _name(code: str) -> str | None:
    return locarno.name(code) if locarno.parse(code) else None
