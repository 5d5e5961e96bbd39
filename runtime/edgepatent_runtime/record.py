"""What is known of one drawing, and what was left out on the way."""

from collections import Counter

import msgspec


class ImageRef(msgspec.Struct, frozen=True):
    """Where the pixels of one drawing lie.

    ``path`` is a file on this machine, or what a source that draws calls its page ("name:…").
    ``member`` leads through archives, outermost first; ``page`` counts from 0 in a TIFF or PDF;
    ``box`` is (x, y, width, height) in pixels of that page.
    """

    path: str
    member: tuple[str, ...] = ()
    page: int = 0
    box: tuple[int, int, int, int] | None = None

    def __str__(self) -> str:
        text = "!".join((self.path, *self.member))
        if self.page:
            text += f"#page={self.page + 1}"
        if self.box:
            text += "#xywh={},{},{},{}".format(*self.box)
        return text


class Record(msgspec.Struct, frozen=True):
    """One drawing of one patent, as a source describes it. Only ``image`` is always known.

    ``patent_id`` is canonical (`patent_id.canonical`), ``locarno`` too ("06-01", or "06" where
    only the class is known). ``klass`` and ``subclass`` are the labels that training, evaluation
    and filters use: those of the Locarno code, unless a source brings a taxonomy of its own; None
    means unknown, and nothing is similar to an unknown label. ``date`` is ISO (YYYY-MM-DD).
    """

    image: ImageRef
    patent_id: str
    locarno: str | None = None
    klass: str | None = None
    subclass: str | None = None
    figure: str | None = None
    view: str | None = None
    title: str | None = None
    date: str | None = None
    text: str | None = None


class Skipped:
    """Counts what was left out, by reason, and remembers the first few of each."""

    EXAMPLES = 3

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, reason: str, what: object, count: int = 1) -> None:
        """Count ``what`` (its str() is kept as an example) under ``reason``."""
        self.counts[reason] += count
        examples = self.examples.setdefault(reason, [])
        if len(examples) < self.EXAMPLES:
            examples.append(str(what))

    def merge(self, other: "Skipped") -> None:
        """Add all that ``other`` has counted."""
        self.counts.update(other.counts)
        for reason, examples in other.examples.items():
            mine = self.examples.setdefault(reason, [])
            mine.extend(examples[: self.EXAMPLES - len(mine)])

    def __len__(self) -> int:
        return self.counts.total()
