"""``report.html`` of a run: one file that needs no script and fetches nothing."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edgepatent_runtime.templates import template
from edgepatent_train.checkpoint import write_atomic


class Table(msgspec.Struct, frozen=True):
    """Cells as text; all columns but the first are numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


class Section(msgspec.Struct, frozen=True):
    """A picture (PNG), what it shows and how to read it, and its numbers."""

    title: str
    text: str
    name: str
    png: bytes
    tables: Sequence[Table] = ()

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Page:
    """``alarm`` is what nobody should miss, empty where all is well."""

    title: str
    facts: Sequence[tuple[str, str]]
    alarm: str
    summary: str
    sections: Sequence[Section]


def write_page(file: Path, page: Page) -> None:
    """Write ``page`` to ``file``, wholly or not at all. Raises `OSError`."""
    rendered = template("edgepatent_train.report", "run.html.j2").render(page=page)
    write_atomic(file, rendered.encode())
