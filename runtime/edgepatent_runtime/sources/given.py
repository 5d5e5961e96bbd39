"""What a program hands over to be indexed, as a source: a path, a source, or records."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from edgepatent_runtime import patent_id
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.sources.source import Source


class _Named(msgspec.Struct):
    """Records that somebody passed in, as a source."""

    given: Iterable[Record]
    spec: str = "records"
    root: str = ""

    def records(self, skipped: Skipped) -> Iterator[Record]:
        for record in self.given:
            if not isinstance(record, Record):
                raise InputError(
                    f"add takes paths, sources or iterables of records, got {record!r} in one"
                )
            number = patent_id.canonical(record.patent_id)
            yield (
                record
                if number == record.patent_id
                else msgspec.structs.replace(record, patent_id=number)
            )


def opened(what: Path | str | Source | Iterable[Record]) -> Source:
    """``what`` as a source. Raises `InputError` for what is none, `SourceError` as it opens."""
    if isinstance(what, Path | str):
        return open_source(str(what))
    if not isinstance(what, Iterable):
        if hasattr(what, "records") and hasattr(what, "root"):
            return what
        raise InputError(f"add takes paths, sources or iterables of records, got {what!r:.80}")
    return _Named(what)
