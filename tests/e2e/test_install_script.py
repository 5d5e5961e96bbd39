"""``install.sh``: what it refuses, and (with a package index) a whole life of an installation."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "install.sh"
UNITS = ROOT / "recipes" / "systemd"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the script is for Debian")


def call(
    script: Path, home: Path, *arguments: str, path: str = "", **environment: str
) -> tuple[int, str, str]:
    """Run the script for a user who lives in ``home``: its exit code, stdout, stderr."""
    path = f"{path}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=home.parent,
        env={"HOME": str(home), "PATH": path, "PYTHON": sys.executable, **environment},
    )
    return done.returncode, done.stdout, done.stderr


def pack(folder: Path, version: str, doctor: str = "") -> Path:
    """An offline folder with a program of a few lines, whose doctor does ``doctor``; its script."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    shutil.copy(SCRIPT, folder)
    program = (
        "import os, sys\n"
        "def main():\n"
        f"    if sys.argv[1] == 'doctor': {doctor or 'return'}\n"
        f"    else: print('edgepatent, version {version}')\n"
    )
    files = {"edgepatent_runtime": "", "edgepatent_synthetic": "", "edgepatent": program}
    sums = []
    for name, code in files.items():
        wheel = wheels / f"{name}-{version}-py3-none-any.whl"
        information = f"{name}-{version}.dist-info"
        metadata = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n" + "".join(
            f"Provides-Extra: {extra}\n" for extra in ("pdf", "web", "sign")
        )
        with zipfile.ZipFile(wheel, "w") as file:
            file.writestr(f"{name}.py", code)
            file.writestr(f"{information}/METADATA", metadata.format(name, version))
            file.writestr(
                f"{information}/WHEEL",
                "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            if code:
                file.writestr(
                    f"{information}/entry_points.txt",
                    "[console_scripts]\nedgepatent = edgepatent:main\n",
                )
            file.writestr(f"{information}/RECORD", "")
        sums.append(f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n")
    (wheels / "SHA256SUMS").write_text("".join(sums))
    return folder / "install.sh"


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


def test_a_folder_that_was_copied_by_half_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for number, spoil in enumerate(
        (
            lambda wheels: (wheels / "SHA256SUMS").unlink(),
            lambda wheels: (wheels / "SHA256SUMS").write_text(""),
            lambda wheels: next(wheels.glob("edgepatent-*.whl")).unlink(),
            lambda wheels: os.truncate(next(wheels.glob("edgepatent-*.whl")), 100),
        )
    ):
        script = pack(tmp_path / f"packed{number}", "1.0")
        spoil(script.parent / "wheels")
        code, _, error = call(script, home)
        assert code == 1
        assert "copy the folder again" in error.splitlines()[-1]
    assert not list(home.rglob("bin/*"))


def test_places_that_cannot_be_are_one_line(tmp_path: Path) -> None:
    script = pack(tmp_path / "packed", "1.0")
    home, file = tmp_path / "home", tmp_path / "file"
    home.mkdir()
    file.write_text("")
    theirs = home / ".local/bin/edgepatent"
    assert "name folders that you may write to" in call(script, file)[2].splitlines()[-1]
    assert call(script, home, HOME="")[2].startswith("install.sh: HOME is not set")
    bare = tmp_path / "python-without-venv"
    bare.write_text(f'#!/bin/sh\ncase $2 in *venv*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n')
    bare.chmod(0o755)
    code, _, error = call(script, home, PYTHON=str(bare))
    assert code == 1
    assert "sudo apt-get install python3-venv" in error.splitlines()[-1]
    theirs.parent.mkdir(parents=True)
    theirs.write_text("of somebody else")
    code, _, error = call(script, home)
    assert code == 1
    assert "is another program" in error
    assert theirs.read_text() == "of somebody else"
    theirs.unlink()
    place = home / ".local/share/edgepatent-program"
    place.mkdir(parents=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "just now" in call(script, home)[2]
    assert [path.name for path in place.iterdir()] == ["lock"]


def test_what_fails_on_the_way_leaves_what_was_there(tmp_path: Path) -> None:
    home = tmp_path / "a home"
    home.mkdir()
    places = ["--to", "a place/program", "--bin", "a place/bin"]
    program = tmp_path / "a place/bin/edgepatent"

    def version() -> str:
        return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()

    # What pip and Python were told elsewhere is not for this.
    misled = {"PIP_TARGET": str(tmp_path / "elsewhere"), "PYTHONHOME": "/nowhere"}
    code, _, error = call(pack(tmp_path / "an offline", "1.0"), home, *places, **misled)
    assert (code, version()) == (0, "edgepatent, version 1.0"), error
    sick = pack(tmp_path / "sick", "2.0", "sys.exit('ill')")
    assert call(sick, home, *places)[0] == 1
    assert version() == "edgepatent, version 1.0"
    # Not to the one that failed.
    assert "nothing to go back to" in call(sick, home, *places, "--back")[2]
    killed = pack(tmp_path / "killed", "3.0", "os.kill(os.getppid(), 9)")
    assert call(killed, home, *places)[0] == -9
    assert version() == "edgepatent, version 1.0"
    assert "nothing to go back to" in call(killed, home, *places, "--back")[2]
    # Ctrl-C is not heard by what was started in the background, as these tests may be.
    interrupted = pack(tmp_path / "interrupted", "4.0", "os.kill(os.getppid(), 15)")
    assert call(interrupted, home, *places)[0] == 130
    assert version() == "edgepatent, version 1.0"
    assert not (tmp_path / "a place/program/b").exists()
    assert call(sick, home, *places, "--uninstall")[0] == 0
    assert not (tmp_path / "a place/program").exists()


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
