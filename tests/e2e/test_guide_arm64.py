"""Every command of the guide for the Raspberry Pi, on an emulated arm64 Debian: function only.

What would need a running system (apt-get, systemctl, a boot) is a stand-in there that only writes
down what it was asked, and the test looks at that. The other machine of the guide is this one, with
stand-ins that lead scp, rsync and ssh to the emulated one. The wheels are those of this checkout;
what they stand on is kept beside the emulated roots.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulated import RELEASES, REPOSITORY, Debian, emulating, unpacked
from stored import draw, draw_patents

GUIDE = REPOSITORY / "docs" / "raspberry-pi.md"

pytestmark = [pytest.mark.arm64, pytest.mark.timeout(7200)]

# What needs a running system or a compiler. Each writes down its name and arguments.
STAND_INS = ("apt-get", "systemctl", "loginctl", "raspi-config", "reboot")
# Compiling takes longer than everything else together, and a compiler besides.
LEFT_OUT = ("hnswlib",)
OTHER_MACHINE = ("make ", "scp ", "rsync ", "ssh ", "cp -r june ", "edgepatent index add ",
                 "edgepatent update pack ")  # fmt: skip


def commands() -> list[str]:
    """The lines of the guide that somebody types, in order."""
    found = re.findall(
        r"```console\n(.*?)```|^    (edgepatent [^\n]*)$", GUIDE.read_text(), re.S | re.M
    )
    lines = [line for block, alone in found for line in (block or alone).splitlines()]
    return [line.partition("          # or: ")[0] for line in lines if line]


@pytest.fixture(scope="module", params=RELEASES)
def debian(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Debian]:
    """A Debian whose programs run here, with stand-ins for what they cannot."""
    with emulating():
        scratch = tmp_path_factory.mktemp("scratch")
        found = Debian(request.param, unpacked(request.param), scratch)
        for folder in ("home/pi", "media/stick"):
            (found.written / folder).mkdir(parents=True)
        stand_in(found.written / "usr/local/bin", "sudo", 'exec "$@"')
        for name in STAND_INS:
            stand_in(found.written / "usr/local/bin", name, f'echo "{name} $*" >> /home/pi/asked')
        yield found


def stand_in(folder: Path, name: str, does: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\nset -eu\n{does}\n")
    (folder / name).chmod(0o755)


def other_machine(folder: Path, debian: Debian) -> dict[str, str]:
    """The environment of this machine as the guide's other one: pi is the emulated one."""
    here, home = folder / "bin", debian.written / "home/pi"
    stand_in(here, "make", f'[ "$1" = offline ] && exec {shlex.join(debian.packing)}')
    copied = f'eval "to=\\${{$#}}"; mkdir -p "{home}/${{to#pi:}}"'
    stand_in(here, "scp", f'{copied}; exec cp -r "$2" "{home}/${{to#pi:}}"')
    stand_in(here, "rsync", f'{copied}; exec cp -a "$2/." "{home}/${{to#pi:}}"')
    stand_in(here, "ssh", f'exec {shlex.join(debian.shell)} "cd && $2"')
    stand_in(here, "edgepatent", f'exec {sys.executable} -m edgepatent "$@"')
    return {
        **os.environ,
        "PATH": f"{here}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
    }


def test_every_command_of_the_guide(debian: Debian, tmp_path: Path) -> None:
    home = debian.written / "home/pi"
    environment = other_machine(tmp_path, debian)
    (tmp_path / "dist").symlink_to(debian.dist)
    draw_patents(tmp_path / "drawings", 3, 2)
    draw(home / "sketch.png", 100)
    place = ""
    left_out = 0
    told: dict[str, str] = {}
    for line in commands():
        if any(word in line for word in LEFT_OUT):
            print(f"left out: {line}")
            left_out += 1
            continue
        if line.startswith("edgepatent update pack"):
            # A month later.
            shutil.copytree(tmp_path / "prior-art", tmp_path / "prior-art-in-may")
            draw_patents(tmp_path / "drawings", 4, 2)
            add = ["edgepatent", "index", "add", "drawings", "--index", "prior-art"]
            subprocess.run(add, cwd=tmp_path, env=environment, check=True, capture_output=True)
        if line.startswith("edgepatent batch"):
            (home / "edgepatent/scans").mkdir(parents=True)
            draw(home / "edgepatent/scans/scan.png", 201)
            shutil.copytree(home / "prior-art", home / ".local/share/edgepatent/index")
        if line.startswith("edgepatent bench"):
            # Emulated, fifty of each take an hour; its figures mean nothing here anyway.
            line += " --runs 5"
        started = time.monotonic()
        if line.startswith(OTHER_MACHINE):
            typed = line.replace("/media/stick", f"{debian.written}/media/stick")
            done = subprocess.run(
                ["sh", "-c", typed], cwd=tmp_path, env=environment,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        else:
            # Whoever types changes folders in one line and stays there for the next ones.
            if line.startswith("cd "):
                place = f"{line} && "
                continue
            if not line.startswith(("python3 -m venv", "~/edgepatent-venv")):
                place = ""
            done = subprocess.run(
                [*debian.shell, f"cd && {place}{line}"], capture_output=True, text=True, check=False
            )
        print(f"{time.monotonic() - started:6.1f} s  {line}", flush=True)
        said = textwrap.shorten(done.stderr, 2000) + done.stdout[-2000:]
        assert done.returncode == 0, f"{line}\n{said}"
        told[line] = done.stdout
    assert "is installed" in told["offline/install.sh"]
    search = next(said for line, said in told.items() if line.startswith("ssh pi"))
    assert "P0001" in search.splitlines()[1]
    applied = next(said for line, said in told.items() if "update apply" in line)
    assert "8 drawings of 4 patents" in applied
    assert (home / "edgepatent/answers/scan.png.json").is_file()
    assert (home / ".config/systemd/user/edgepatent-kiosk.service").is_file()
    assert "LABEL=edgepatent /home/pi/edgepatent ext4" in (debian.written / "etc/fstab").read_text()
    asked = (home / "asked").read_text().splitlines()
    assert asked.count("systemctl --user daemon-reload") == 2
    assert {one.split()[0] for one in asked} == set(STAND_INS)
    typed = len(commands()) - left_out
    print(f"| {debian.tells()} | {typed} commands of the guide | passed |")


def test_the_debian_package(debian: Debian) -> None:
    if shutil.which(f"python{debian.python}") is None:
        pytest.skip(f"no python{debian.python} here, to compile the byte code of a package")
    subprocess.run(debian.packing, check=True)
    builds = [sys.executable, REPOSITORY / ".ci/deb.py", debian.dist / "offline", debian.dist]
    subprocess.run([*builds, "--machine", "aarch64", "--python", debian.python], check=True)
    [package] = debian.dist.glob("edgepatent_*_arm64.deb")
    subprocess.run([REPOSITORY / ".ci/try_deb.sh", package, debian.root], check=True)
    print(f"| {debian.tells()} | the Debian package | passed |")
