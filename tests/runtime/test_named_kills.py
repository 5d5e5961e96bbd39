"""kill -9 at every write, sync, rename and commit of a writer: named points, not random times."""

import re
import subprocess
import sys
from pathlib import Path

import kill_worker
import pytest
from bundles import write_tiny_bundle

from edgepatent_runtime import faults
from edgepatent_runtime.bundle import Bundle

ROOT = Path(__file__).resolve().parents[2]

# Those of reports are tried in test_whole.
OF_COLLECTIONS = {point for point in faults.POINTS if not point.startswith("whole.")}


def kill(bundle: Bundle, folder: Path, how: str, *steps: str) -> list[str]:
    """Kill at named points; "step point" for each kill that cost nothing."""
    other = write_tiny_bundle(folder / "other", seed=1)
    command = [sys.executable, kill_worker.__file__, folder, bundle.folder, other.folder]
    command += [how, *steps]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_kill_at_any_named_point_costs_nothing(tiny_bundle: Bundle, tmp_path: Path) -> None:
    killed = kill(tiny_bundle, tmp_path, "once")
    assert {line.rpartition(" ")[2] for line in killed} >= OF_COLLECTIONS


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_update_killed_anywhere_leaves_the_old_or_the_new(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    steps = ("update", "update model", "rollback")
    assert len(kill(tiny_bundle, tmp_path, "always", *steps)) >= 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_kills_at_named_points_cost_nothing(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    assert len(kill(tiny_bundle, tmp_path, "always")) >= 200


def test_the_points_in_the_code_are_those_that_are_listed() -> None:
    named = set()
    for package in ("edgepatent", "runtime"):
        for file in (ROOT / package).rglob("*.py"):
            named.update(re.findall(r'faults\.point\("([a-z.]+)"\)', file.read_text("utf-8")))
    assert named == set(faults.POINTS)
