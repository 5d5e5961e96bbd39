"""A machine with no folder for temporary files: only the index's own can be written to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import write_tiny_bundle
from PIL import Image, ImageDraw

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("unshare") is None, reason="needs Linux and unshare"
)

# The root again, where nothing can be written but what lies in one folder.
SCRIPT = """
set -eu
mount --rbind / "$ROOT"
for inside in "" /tmp /var/tmp /dev/shm "$HERE"; do
    if mountpoint -q "$ROOT$inside"; then mount -o remount,bind,ro "$ROOT$inside"; fi
done
mount --bind "$HERE" "$ROOT$HERE"
echo mounted
exec chroot "$ROOT" /bin/sh -c "cd / && $COMMANDS"
"""


def sealed(here: Path, *commands: str) -> subprocess.CompletedProcess[str]:
    """Commands of edgepatent, all of which must go well; skips where nothing can be mounted."""
    root = here.parent / "root"
    root.mkdir(exist_ok=True)
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    home = here / "home"
    lines = [f"{sys.executable} -m edgepatent {command}" for command in commands]
    done = subprocess.run(
        ["unshare", "--mount", *mapped, "sh", "-c", SCRIPT],
        capture_output=True, text=True, check=False,
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"),
             "ROOT": str(root), "HERE": str(here), "COMMANDS": " && ".join(lines)},
    )  # fmt: skip
    if "mounted" not in done.stdout:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()[-200:]}")
    return done


def test_an_index_is_made_changed_and_asked(tmp_path: Path) -> None:
    here = tmp_path / "here"
    for number in range(6):
        page = Image.new("L", (120, 120), 255)
        ImageDraw.Draw(page).rectangle((20, 30, 40 + 9 * number, 100), outline=0, width=3)
        folder = here / "drawings" / f"D{number}"
        folder.mkdir(parents=True)
        page.save(folder / f"one.{('png', 'tif')[number % 2]}")
    # As wide as starter: what a commit changes is then more than SQLite keeps in memory by itself.
    model = write_tiny_bundle(here / "bundle", dimensions=256).folder
    index, other, pack = here / "index", here / "other", here / "pack"
    done = sealed(
        here,
        f"index add {here}/drawings --index {index} --model {model}",
        f"index merge {index} --index {other}",
        f"index remove D3 --index {other}",
        f"index rebuild --index {other}",
        f"update pack --index {index} --from {other} --out {pack}",
        f"update apply {pack} --index {other}",
        f"update rollback --index {other}",
        f"index verify --index {other}",
        f"search {here}/drawings/D1/one.tif --index {other} --matter {here}/case --anyway",
        f"matter report {here}/case --html {here}/report.html",
        f"watch add D1 {here}/drawings/D1/one.tif --index {other}",
        "watch run",
    )
    assert done.returncode == 0, done.stderr
    assert "6 added" in done.stdout
    assert "5 drawings of 5 patents" in done.stdout
