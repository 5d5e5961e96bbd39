"""What sources hold, counted as the records stream by."""

from collections import Counter
from collections.abc import Iterable

from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import load

# Enough to see whether there is ink; the drawing itself is thrown away.
_SIZE = 64


class Survey:
    """Counts of the records that were added: memory grows with patents, not with drawings."""

    def __init__(self) -> None:
        self.drawings = 0
        self.unknown_locarno = 0
        self.views: Counter[str] = Counter()
        self.drawings_by_class: Counter[str] = Counter()
        self.drawings_by_subclass: Counter[str] = Counter()

    def add(self, record: Record) -> None:
        """Count one drawing."""
        self.drawings += 1
        self.views[record.patent_id] += 1
        if record.klass is None:
            self.unknown_locarno += 1
        else:
            self.drawings_by_class[record.klass] += 1
        if record.subclass is not None:
            self.drawings_by_subclass[record.subclass] += 1


def usable(records: Iterable[Record], skipped: Skipped) -> Iterable[Record]:
    """The records whose drawings can be read; the others are counted by reason."""
    for record in records:
        try:
            load(record.image, _SIZE)
        except DrawingError as error:
            skipped.add(error.reason, record.image)
        else:
            yield record
