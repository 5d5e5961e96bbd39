"""What sources hold, counted as the records stream by."""

from collections import Counter
from collections.abc import Iterable, Iterator
from statistics import median
from typing import TypedDict

from edgepatent_runtime import locarno
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources.loading import load_all

# Enough to see whether there is ink; the drawing itself is thrown away.
_SIZE = 64


class LabelCount(TypedDict):
    """How much a class or subclass holds."""

    label: str
    name: str | None
    patents: int
    drawings: int


class Survey:
    """Counts of the records that were added: memory grows with patents, not with drawings.

    A patent counts under the labels of its first drawing.
    """

    def __init__(self) -> None:
        self.drawings = 0
        self.unknown_locarno = 0
        self._views: Counter[str] = Counter()
        self._classes: dict[str, list[int]] = {}
        self._subclasses: dict[str, list[int]] = {}

    def add(self, record: Record) -> None:
        """Count one drawing."""
        self.drawings += 1
        self._views[record.patent_id] += 1
        if record.locarno is None or not locarno.is_known(record.locarno):
            self.unknown_locarno += 1
        for table, label in ((self._classes, record.klass), (self._subclasses, record.subclass)):
            if label is not None:
                counts = table.setdefault(label, [0, 0])
                counts[0] += self._views[record.patent_id] == 1
                counts[1] += 1

    @property
    def patents(self) -> int:
        """How many patents have at least one drawing."""
        return len(self._views)

    @property
    def views(self) -> list[int]:
        """The number of drawings of each patent, in rising order."""
        return sorted(self._views.values())

    @property
    def classes(self) -> list[LabelCount]:
        """Classes in order."""
        return _counts(self._classes)

    @property
    def subclasses(self) -> list[LabelCount]:
        """Subclasses in order."""
        return _counts(self._subclasses)

    def document(self, skipped: Skipped) -> dict[str, object]:
        """All counts as they are printed by ``data scan --json``."""
        views = self.views
        return {
            "drawings": self.drawings,
            "patents": self.patents,
            "classes": len(self._classes),
            "subclasses": len(self._subclasses),
            "unknown_locarno": self.unknown_locarno,
            "views_per_patent": round(self.drawings / len(views), 2) if views else 0.0,
            "views": {
                "min": views[0] if views else 0,
                "median": median(views) if views else 0,
                "max": views[-1] if views else 0,
            },
            "by_class": self.classes,
            "by_subclass": self.subclasses,
            "skipped": dict(sorted(skipped.counts.items())),
        }


def usable(
    records: Iterable[Record], skipped: Skipped, *, workers: int | None = None
) -> Iterator[Record]:
    """The records whose drawings can be decoded; the others are counted by reason."""
    for record, drawing in load_all(records, _SIZE, workers=workers):
        if isinstance(drawing, DrawingError):
            skipped.add(drawing.reason, drawing.detail or record.image)
        else:
            yield record


def _counts(table: dict[str, list[int]]) -> list[LabelCount]:
    return [
        {"label": label, "name": locarno.name(label), "patents": patents, "drawings": drawings}
        for label, (patents, drawings) in sorted(table.items())
    ]
