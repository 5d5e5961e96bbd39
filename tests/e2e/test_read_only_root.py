"""A root that nothing is written to: the recipe of the guide, in name spaces of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bundles import write_tiny_bundle
from PIL import Image, ImageDraw

from edgepatent_runtime.index import Index

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("unshare") is None, reason="needs Linux and unshare"
)

# The root twice: below, as it is, and above it a tmpfs that takes what is written. The index lies
# on a mount of its own that cannot be written at all.
SCRIPT = """
set -eu
mount -t tmpfs tmpfs "$SCRATCH"
mkdir "$SCRATCH/up" "$SCRATCH/work" "$SCRATCH/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$SCRATCH/up,workdir=$SCRATCH/work" "$SCRATCH/root"
mount --rbind /proc "$SCRATCH/root/proc"
mount --rbind /dev "$SCRATCH/root/dev"
mkdir -p "$SCRATCH/root$HERE"
mount --bind "$HERE" "$SCRATCH/root$HERE"
mount -o remount,bind,ro "$SCRATCH/root$HERE"
echo mounted
exec chroot "$SCRATCH/root" /bin/sh -c "cd / && $COMMANDS"
"""


def test_a_search_over_an_overlay_leaves_the_card_as_it_is(tmp_path: Path) -> None:
    here = tmp_path / "card"
    sheets = here / "drawings" / "D1"
    sheets.mkdir(parents=True)
    page = Image.new("L", (120, 120), 255)
    ImageDraw.Draw(page).rectangle((20, 30, 90, 100), outline=0, width=3)
    page.save(sheets / "one.png")
    bundle = write_tiny_bundle(tmp_path / "bundle")
    with Index.create(here / "index", bundle) as index:
        index.add(here / "drawings", threads=1)
    home = tmp_path / "home"
    before = {path: path.stat().st_mtime_ns for path in here.rglob("*")}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    search = f"{sys.executable} -m edgepatent search {sheets / 'one.png'} --index {here / 'index'}"
    answers = f"{sys.executable} -m edgepatent batch {sheets} --index {here / 'index'} --out {home}"
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    done = subprocess.run(
        ["unshare", "--mount", *mapped, "sh", "-c", SCRIPT],
        capture_output=True, text=True, check=False,
        env={**environment, "SCRATCH": str(scratch), "HERE": str(here),
             "COMMANDS": f"{search} && {answers}"},
    )  # fmt: skip
    if "mounted" not in done.stdout:
        pytest.skip(f"no overlay can be mounted here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    assert "D1" in done.stdout
    # What was written went into memory: the card, the index and the home of the real root are as
    # they were.
    assert {path: path.stat().st_mtime_ns for path in here.rglob("*")} == before
    assert not home.exists()
