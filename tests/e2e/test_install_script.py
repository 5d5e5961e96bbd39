"""``install.sh``: what it refuses, and (with a package index) a whole life of an installation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "install.sh"
UNITS = ROOT / "recipes" / "systemd"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the script is for Debian")


def call(script: Path, home: Path, *arguments: str, path: str = "") -> tuple[int, str, str]:
    """Run the script for a user who lives in ``home``: its exit code, stdout, stderr."""
    done = subprocess.run(
        ["sh", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(home), "PATH": f"{path}{os.environ['PATH']}", "PYTHON": sys.executable},
    )
    return done.returncode, done.stdout, done.stderr


def instead(folder: Path, program: str, says: str) -> str:
    """A ``PATH`` prefix in which ``program`` only prints ``says``."""
    folder.mkdir(exist_ok=True)
    (folder / program).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / program).chmod(0o755)
    return f"{folder}:"


def test_what_cannot_be_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    home, alone = tmp_path / "home", tmp_path / "alone"
    home.mkdir()
    alone.mkdir()
    shutil.copy(SCRIPT, alone)
    shutil.copytree(alone, torn := tmp_path / "torn")
    (torn / "wheels").mkdir()
    (torn / "wheels" / "one.whl").write_bytes(b"cut")
    (torn / "wheels" / "SHA256SUMS").write_text(f"{'0' * 64}  one.whl\n")
    path = instead(tmp_path / "bin", "uname", "armv7l")
    bits = instead(tmp_path / "bits", "getconf", "32")
    for script, arguments, before, said in (
        (SCRIPT, ["--sideways"], "", "what is --sideways?"),
        (SCRIPT, ["--to"], "", "--to needs a folder"),
        (SCRIPT, ["--uninstall"], "", "nothing is installed"),
        (SCRIPT, ["--back"], "", "nothing to go back to"),
        (SCRIPT, [], path, "no build for armv7l: a 64-bit system is needed"),
        (SCRIPT, [], bits, "a 32-bit one on a 64-bit processor"),
        (alone / "install.sh", [], "", "neither a folder wheels nor a checkout"),
        (torn / "install.sh", [], "", "copy the folder again"),
    ):
        code, _, error = call(script, home, *arguments, path=before)
        assert code == 1
        assert said in error.splitlines()[-1]
    assert not list(home.rglob("*edgepatent*"))


def test_the_help_says_what_the_script_takes(tmp_path: Path) -> None:
    code, out, _ = call(SCRIPT, tmp_path, "--help")
    assert code == 0
    assert set(re.findall(r"--\w+", out)) == {"--to", "--bin", "--back", "--uninstall"}


def test_the_units_name_what_the_script_installs() -> None:
    for unit in UNITS.glob("*.service"):
        started = re.findall(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)
        assert set(started) == {"%h/.local/bin/edgepatent"}
        goes_on = "Type=oneshot" not in unit.read_text()
        assert goes_on or unit.with_suffix(".timer").is_file()


@pytest.mark.install
@pytest.mark.timeout(1200)
def test_install_update_back_and_uninstall(tmp_path: Path) -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine = os.uname().machine
    subprocess.run(
        [sys.executable, ROOT / ".ci/offline.py", tmp_path / "packed", "--machine", machine,
         "--python", python],
        check=True,
    )  # fmt: skip
    script, home = tmp_path / "packed" / "install.sh", tmp_path / "home"
    program = home / ".local/bin/edgepatent"
    assert call(script, home)[0] == 0
    first = program.resolve()
    (home / ".local/share/edgepatent/index").mkdir(parents=True)
    assert call(script, home)[0] == 0
    assert program.resolve() != first
    assert call(script, home, "--back")[0] == 0
    assert program.resolve() == first
    subprocess.run([program, "demo", "--help"], check=True, capture_output=True)
    assert call(script, home, "--uninstall")[0] == 0
    assert not program.is_symlink()
    assert (home / ".local/share/edgepatent/index").is_dir()
