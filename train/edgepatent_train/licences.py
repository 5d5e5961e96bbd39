"""Under what terms the drawings of a source are, as far as the source says."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from edgepatent_runtime.patent_id import canonical
from edgepatent_runtime.sources.archive import SUFFIXES as ARCHIVES
from edgepatent_runtime.sources.deeppatent2 import looks_like_deeppatent2
from edgepatent_runtime.sources.folder import METADATA
from edgepatent_runtime.sources.grants import looks_like_grants

DRAWN = "drawn by edgepatent, Apache-2.0"
PUBLIC = "patent drawings published by the USPTO, US public record"
UNSTATED = "not stated"
_COLUMNS = ("licence", "license")


def licences(specs: Iterable[str]) -> dict[str, dict[str, int]]:
    """By source: each licence that it names, and how many of its files (or meshes) are under it.

    A source of a mixture may be given as NAME=SPEC. A folder's metadata may say so in a column
    ``licence``; design grants are public record; the rest is `UNSTATED`. Looks at descriptions
    only, never at a drawing.
    """
    return {
        spec: dict(Counter(_terms(re.sub(r"^[\w-]+=", "", spec))).most_common())
        for spec in dict.fromkeys(specs)
    }


def _terms(spec: str) -> Iterator[str]:
    scheme, colon, rest = spec.partition(":")
    if scheme == "synthetic" and colon:
        yield DRAWN
        return
    folder = Path(rest.split(",")[0] if scheme in ("meshes", "deeppatent2") and colon else spec)
    file = next((folder / name for name in METADATA if (folder / name).is_file()), None)
    if file is not None:
        for row in _rows(file):
            stated = next((row[name] for name in _COLUMNS if row.get(name)), "")
            public = canonical(row.get("patent_id") or "").startswith("USD")
            yield stated or (PUBLIC if public else UNSTATED)
    elif folder.suffix.lower() in ARCHIVES or (folder.is_dir() and looks_like_grants(folder)):
        yield PUBLIC
    elif folder.is_dir() and looks_like_deeppatent2(folder):
        yield f"DeepPatent2, MIT; {PUBLIC}"
    else:
        yield UNSTATED


def _rows(file: Path) -> Iterator[dict[str, str]]:
    """The rows of a metadata file; nothing of one that cannot be read (its source says so)."""
    try:
        if file.suffix == ".csv":
            with file.open(encoding="utf-8-sig", newline="") as text:
                yield from csv.DictReader(text)
        else:
            with file.open("rb") as lines:
                for line in lines:
                    yield {k: str(v) for k, v in msgspec.json.decode(line, type=dict).items()}
    except (OSError, UnicodeDecodeError, csv.Error, msgspec.DecodeError):
        return
