"""The real command draws a folder that every other verb reads."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from edgepatent_runtime.record import Skipped
from edgepatent_runtime.sources import open_source
from edgepatent_synthetic import render


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgepatent", "data", "synthesize", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ},
        check=False,
    )


def test_a_folder_of_designs_is_a_source(tmp_path: Path) -> None:
    out = tmp_path / "designs"
    done = run("--out", out, "--designs", 5, "--views", 3, "--seed", 4)
    assert done.returncode == 0, done.stderr
    assert "15 drawings of 5 designs" in done.stdout
    skipped = Skipped()
    written = list(open_source(str(out)).records(skipped))
    drawn = list(open_source("synthetic:designs=5,views=3,seed=4").records(Skipped()))
    assert not len(skipped)
    for there, here in zip(written, drawn, strict=True):
        for field in (
            "patent_id",
            "locarno",
            "klass",
            "subclass",
            "figure",
            "view",
            "title",
            "date",
        ):
            assert getattr(there, field) == getattr(here, field), field
        page = cv2.imread(there.image.path, cv2.IMREAD_GRAYSCALE)
        assert np.array_equal(np.asarray(page), render(here.image.path))


def test_sheets_and_contact_sheets(tmp_path: Path) -> None:
    out = tmp_path / "designs"
    done = run("--out", out, "--designs", 12, "--views", 4, "--figures", 3, "--sheets")
    assert done.returncode == 0, done.stderr
    contact = sorted((tmp_path / "designs-sheets").iterdir())
    assert len(contact) == 1
    picture = np.asarray(cv2.imread(str(contact[0]), cv2.IMREAD_GRAYSCALE))
    assert min(picture.shape) > 500
    assert (picture < 200).mean() > 0.002


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    done = run("--out", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is not empty" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_a_mesh_folder_without_meshes_is_one_line(tmp_path: Path) -> None:
    done = run("--out", tmp_path / "out", "--meshes", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "metadata.csv").exists()


def test_photographs_alone_are_drawn_and_nothing_at_all_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "designs"
    done = run("--out", out, "--designs", 1, "--views", 0)
    assert done.returncode == 1
    assert "nothing to draw" in done.stderr
    assert not out.exists()
    done = run("--out", out, "--designs", 1, "--views", 0, "--photographs", 1)
    assert done.returncode == 0, done.stderr
    assert "1 drawing" in done.stdout
