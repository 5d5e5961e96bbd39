"""A query image is read once: its digest is of what was decoded."""

import hashlib
from pathlib import Path

import hostile
import pytest

from edgepatent_runtime.drawing import files
from edgepatent_runtime.errors import DrawingError
from edgepatent_runtime.search import sheets
from edgepatent_runtime.search.request import Query


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = tmp_path / "query"
    data = hostile.saved(hostile.figure((300, 200)), kind)
    path.write_bytes(data)
    opened = files._open

    def once(source: Path | str | bytes) -> object:
        file = opened(source)
        if isinstance(source, Path):
            path.unlink()
        return file

    monkeypatch.setattr(files, "_open", once)
    (view,) = sheets.read(Query(str(path)), 64, {})
    assert view.sha256 == hashlib.sha256(data).hexdigest()
    assert view.page.shape == (200, 300)


def test_what_cannot_be_read_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "query.png"
    with pytest.raises(DrawingError, match=r"^file not found: \S+query\.png$"):
        sheets.read(Query(str(path)), 64, {})
    path.write_bytes(b"")
    with pytest.raises(DrawingError, match=r"^empty file: \S+query\.png$"):
        sheets.read(Query(str(path)), 64, {})
    path.write_bytes(b"no picture")
    with pytest.raises(DrawingError, match=r"^not an image: \S+query\.png \(read are PNG"):
        sheets.read(Query(str(path)), 64, {})
