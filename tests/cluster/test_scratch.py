"""Folders to work in: gone with their process, or cleared away by the next one."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgepatent_cluster import scratch

PREFIX = "edgepatent-ray-"
_HOLDS_ONE = f"""
import sys
from edgepatent_cluster import scratch
with scratch.folder({PREFIX!r}) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_left_is_cleared_away_and_what_a_living_one_has_stays(
    temporary: Path,
) -> None:
    others = [temporary / "edgepatent-other", temporary / f"{PREFIX}file"]
    others[0].mkdir()
    others[1].touch()
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS_ONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        (left / "session").mkdir()
        with scratch.folder(PREFIX) as mine:
            assert left.exists()
            assert stat.S_IMODE(mine.stat().st_mode) == 0o700
            process.kill()
            process.wait()
            with scratch.folder(PREFIX) as third:
                assert not left.exists()
                assert mine.exists()
                assert third != mine
    assert sorted(temporary.iterdir()) == sorted(others)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make what belongs to others")
def test_folders_of_others_and_links_stay(temporary: Path) -> None:
    theirs, target = temporary / f"{PREFIX}theirs", temporary / "target"
    for one in (theirs, target):
        one.mkdir()
        (one / "kept").touch()
    os.chown(theirs, 65534, 65534)
    (temporary / f"{PREFIX}link").symlink_to(target)
    with scratch.folder(PREFIX):
        pass
    assert [path.name for path in (*theirs.iterdir(), *target.iterdir())] == ["kept", "kept"]
