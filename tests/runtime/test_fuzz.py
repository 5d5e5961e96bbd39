"""Mutated files of every format: an error or a complete picture, never a crash or a hang.

The work is done by ``benchmarks/decoding.py``, in a process of its own with a memory limit.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "decoding.py"


def verdicts(files: int, seed: int) -> dict[str, Counter[str]]:
    command = [sys.executable, str(SCRIPT), "fuzz", "--files", str(files), "--seed", str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {kind: Counter(counts) for kind, counts in json.loads(done.stdout).items()}


def check(files: int, seed: int) -> None:
    found = verdicts(files, seed)
    assert sum(counts.total() for counts in found.values()) == files
    for kind, counts in found.items():
        # The first file of each kind is whole.
        assert counts["picture"] >= 1, kind
        assert sum(counts.values()) == counts["picture"] + sum(
            count for verdict, count in counts.items() if verdict.startswith("refused: ")
        ), (kind, counts)
        # The mutations do hurt.
        assert any(verdict.startswith("refused: ") for verdict in counts), kind


@pytest.mark.timeout(120)
def test_several_hundred_files() -> None:
    pytest.importorskip("pypdfium2")
    check(540, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_files() -> None:
    pytest.importorskip("pypdfium2")
    check(10_000, seed=1)
