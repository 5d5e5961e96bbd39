"""The real command takes sheets apart."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.lettering import Lettering, lettered


def write_sheet(path: Path) -> None:
    """Two boxes with captions; the second has a letter."""
    page = np.full((1600, 1200), 255, np.uint8)
    for top, text in ((100, "FIG. 1"), (850, "FIG. 2A")):
        page[top : top + 500, 200:1000] = 0
        page[top + 5 : top + 495, 205:995] = 255
        letters = lettered(text, Lettering(height=46), Draw(1))
        page[top + 560 : top + 560 + letters.shape[0], 500 : 500 + letters.shape[1]] = letters
    Image.fromarray(page).save(path)


def test_figures_are_written_with_what_was_found(
    edgepatent: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    write_sheet(tmp_path / "sheet.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    out = tmp_path / "out"
    done = edgepatent(
        "data", "figures", tmp_path / "sheet.png", tmp_path / "broken.png", "--out", out, "--json"
    )
    (entry,) = json.loads(done.stdout)
    assert [figure["number"] for figure in entry["figures"]] == ["1", "2A"]
    assert json.loads((out / "figures.json").read_text()) == [entry]
    for figure in entry["figures"]:
        crop = np.asarray(Image.open(out / figure["file"]))
        assert crop.shape == (figure["box"][3], figure["box"][2])
        assert abs(crop.shape[1] - 800) <= 4
        assert abs(crop.shape[0] - 500) <= 4
    contact = np.asarray(Image.open(out / "sheets-001.png"))
    # The boxes are coloured.
    assert (contact.max(axis=2) - contact.min(axis=2)).max() > 100


def test_a_folder_in_use_and_nothing_to_read_are_refused(
    edgepatent: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    write_sheet(tmp_path / "sheet.png")
    done = edgepatent("data", "figures", tmp_path / "sheet.png", "--out", tmp_path, status=1)
    assert "is not empty" in done.stderr
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = edgepatent(
        "data", "figures", tmp_path / "broken.png", "--out", tmp_path / "new", status=1
    )
    assert "no sheet could be read" in done.stderr
