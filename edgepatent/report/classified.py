"""What ``classify`` prints: suggestions and the drawings that speak for them."""

import os

import msgspec

from edgepatent.report.document import drawing_name
from edgepatent_runtime import locarno
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.reader import Classification

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
    """How the confidence was calibrated: see `edgepatent_runtime.search.kinds.Calibration`."""

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


def classified(result: Classification, index: Index, top: int) -> ClassifyDocument:
    """The ``top`` suggestions for a design, with what speaks for them."""
    suggestions = result.suggestions
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
    fitted = result.calibration
    return ClassifyDocument(
        query=[view.name for view in result.views],
        space=index.bundle.info.space,
        index=os.pathsep.join(store.name for store in index.stores),
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
