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


class Related(msgspec.Struct, frozen=True):
    """Another document that an application builds upon.

    ``kind`` is what the office calls it: "continuation", "division", "continuation-in-part",
    "reissue", "substitution", "provisional", "priority" (a foreign application) or "publication".
    ``application`` is its number with the office before it ("US29606243"), ``patent`` the canonical
    id of what was granted on it; at least one is known. ``date`` is when it was filed, ISO.
    """

    kind: str
    application: str | None = None
    patent: str | None = None
    date: str | None = None


class Bibliography(msgspec.Struct, frozen=True):
    """What stands on the front page of a patent besides title, date and Locarno code.

    Names as the office prints them, people as "First Last". ``country`` is the code (WIPO ST.3) of
    the first owner's address, ``uspc`` are US design classes (`uspc.parse`), the main one first.
    ``application`` is the number of its own application ("US29680800"), ``filed`` its ISO date.
    """

    applicants: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    inventors: tuple[str, ...] = ()
    country: str | None = None
    uspc: tuple[str, ...] = ()
    application: str | None = None
    filed: str | None = None
    related: tuple[Related, ...] = ()

    def __bool__(self) -> bool:
        return self != NO_BIBLIOGRAPHY

    @property
    def owners(self) -> tuple[str, ...]:
        """Who applied for it or owns it; the inventors where nobody else is named."""
        return tuple(dict.fromkeys((*self.assignees, *self.applicants))) or self.inventors

    def completed(self, other: "Bibliography") -> "Bibliography":
        """The same, with what ``other`` knows besides."""
        missing = {
            name: getattr(other, name)
            for name in self.__struct_fields__
            if getattr(self, name) in ((), None)
        }
        return msgspec.structs.replace(self, **missing)


NO_BIBLIOGRAPHY = Bibliography()


class Record(msgspec.Struct, frozen=True):
    """One drawing of one patent, as a source describes it. Only ``image`` is always known.

    ``patent_id`` is canonical (`patent_id.canonical`), ``locarno`` too ("06-01", or "06" where
    only the class is known). ``klass`` and ``subclass`` are the labels that training, evaluation
    and filters use: those of the Locarno code, unless a source brings a taxonomy of its own; None
    means unknown, and nothing is similar to an unknown label. ``date`` (of grant) is ISO,
    YYYY-MM-DD.
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
    bibliography: Bibliography = NO_BIBLIOGRAPHY


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
