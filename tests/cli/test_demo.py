"""``edgepatent demo`` in a process of its own, with the starter and without torch."""

import re
import subprocess
import sys

import pytest


def test_the_demo_finds_what_it_should(process, tmp_path):
    done = process("demo", "--out", tmp_path / "demo")
    assert "$ edgepatent index add" in done.stdout
    counts = re.search(r"Of (\d+) designs, (\d+) came first .* has not seen, (\d+)", done.stdout)
    assert counts, done.stdout[-2000:]
    designs, unseen, by_hand = map(int, counts.groups())
    assert designs == 40
    assert unseen >= 36
    assert by_hand >= 15
    assert (tmp_path / "demo" / "report.html").stat().st_size > 50_000


def test_a_folder_with_other_files_is_left_alone(edgepatent, tmp_path):
    (tmp_path / "precious.txt").write_text("keep me")
    done = edgepatent("demo", "--out", tmp_path, status=1)
    assert "holds other files" in done.stderr
    assert (tmp_path / "precious.txt").read_text() == "keep me"


@pytest.mark.slow
def test_the_trained_demo_ends_better_than_it_began(tmp_path):
    command = [sys.executable, "-m", "edgepatent", "demo", "--train", "--out", tmp_path / "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    learned = re.search(r"Training took patent mAP .* from ([\d.]+) to ([\d.]+):", done.stdout)
    assert learned, done.stdout[-2000:]
    first, kept = map(float, learned.groups())
    assert kept > first + 0.05
    # Drawing by drawing, on designs that neither has seen: an interval that leaves 0 out.
    assert re.search(r"bundle\s+0\.\d+\s+\+[\d.]+ \(\+", done.stdout)
    assert "ended below where it began" not in done.stderr
    for page in ("run/report.html", "compared.html", "report.html"):
        assert (tmp_path / "demo" / page).is_file()
