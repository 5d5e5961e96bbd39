"""Every command of the guide for the Raspberry Pi, on an emulated arm64 Debian: function only.

Wants root, the Debian registry once, and ``apt-get install qemu-user-static debootstrap``. The
Debian is unpacked, not installed: what would need a running system (apt-get, systemctl, a boot) is
a stand-in there that only writes down what it was asked, and the test looks at that. The other
machine of the guide is this one, with stand-ins that lead scp, rsync and ssh to the emulated one.
onnxruntime stays below 1.28: later ones crash under qemu 7.2.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from stored import draw, draw_patents

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = REPOSITORY / "docs" / "raspberry-pi.md"
KEPT = Path(os.environ.get("EDGEPATENT_ARM64", REPOSITORY / "build" / "arm64"))
BINFMT = Path("/proc/sys/fs/binfmt_misc")
QEMU = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")

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


@pytest.fixture(scope="module")
def debian() -> Path:
    """An unpacked Debian 12 for arm64 whose programs run here."""
    for program in ("debootstrap", "qemu-aarch64-static", "dpkg-deb"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}: apt-get install qemu-user-static debootstrap")
    if os.geteuid() != 0:
        pytest.skip("only root can change into another root")
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=False)
    if not (BINFMT / "qemu-aarch64").exists():
        try:
            (BINFMT / "register").write_text(QEMU.read_text())
        except OSError as error:
            pytest.skip(f"the kernel takes no emulator ({error.strerror})")
    root = KEPT / "root"
    if not (root / "usr/bin/python3.11").exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["debootstrap", "--arch=arm64", "--foreign", "--variant=minbase",
             "--include=python3,python3-venv", "bookworm", root],
            check=True, timeout=1800,
        )  # fmt: skip
        for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    home = root / "home/pi"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (root / "media/stick").mkdir(parents=True, exist_ok=True)
    (root / "etc/passwd").write_text("root:x:0:0::/home/pi:/bin/sh\n")
    (root / "etc/fstab").write_text("")
    shutil.rmtree(root / "media/stick/june", ignore_errors=True)
    if not (root / "dev/null").exists():
        subprocess.run(["mknod", "-m", "666", root / "dev/null", "c", "1", "3"], check=True)
    if not (root / "dev/urandom").exists():
        subprocess.run(["mknod", "-m", "666", root / "dev/urandom", "c", "1", "9"], check=True)
    stand_in(root / "usr/local/bin", "sudo", 'exec "$@"')
    for name in STAND_INS:
        stand_in(root / "usr/local/bin", name, f'echo "{name} $*" >> /home/pi/asked')
    return root


def stand_in(folder: Path, name: str, does: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\nset -eu\n{does}\n")
    (folder / name).chmod(0o755)


ENTER = """env -i HOME=/home/pi USER=pi LANG=C.UTF-8 OMP_NUM_THREADS=1 \\
  PATH=/usr/local/bin:/home/pi/.local/bin:/usr/bin:/bin:/usr/sbin:/sbin \\
  chroot {root} /bin/sh -c "cd && $1" """


def other_machine(folder: Path, root: Path) -> dict[str, str]:
    """The environment of this machine as the guide's other one: pi is the emulated one."""
    here, home = folder / "bin", root / "home/pi"
    offline = f"{sys.executable} {REPOSITORY}/.ci/offline.py dist/offline --machine aarch64"
    stand_in(here, "make", f'[ "$1" = offline ] && exec {offline} --python 3.11')
    copied = f'eval "to=\\${{$#}}"; mkdir -p "{home}/${{to#pi:}}"'
    stand_in(here, "scp", f'{copied}; exec cp -r "$2" "{home}/${{to#pi:}}"')
    stand_in(here, "rsync", f'{copied}; exec cp -a "$2/." "{home}/${{to#pi:}}"')
    stand_in(here, "ssh", "shift\n" + ENTER.format(root=root))
    stand_in(here, "edgepatent", f'exec {sys.executable} -m edgepatent "$@"')
    constraint = folder / "constraint.txt"
    constraint.write_text("onnxruntime<1.28\n")
    return {
        **os.environ,
        "PATH": f"{here}:{os.environ['PATH']}",
        "PIP_CONSTRAINT": str(constraint),
        "HOME": str(folder / "home"),
    }


def test_every_command_of_the_guide(debian: Path, tmp_path: Path) -> None:
    home = debian / "home/pi"
    environment = other_machine(tmp_path, debian)
    if (KEPT / "offline").is_dir():  # made before: downloads are not what is tested
        shutil.copytree(KEPT / "offline", tmp_path / "dist/offline")
        stand_in(tmp_path / "bin", "make", '[ "$1" = offline ]')
    draw_patents(tmp_path / "drawings", 3, 2)
    draw(home / "sketch.png", 100)
    place = ""
    told: dict[str, str] = {}
    for line in commands():
        if any(word in line for word in LEFT_OUT):
            print(f"left out: {line}")
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
        started = time.monotonic()
        if line.startswith(OTHER_MACHINE):
            typed = line.replace("/media/stick", f"{debian}/media/stick")
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
            enter = ENTER.format(root=debian)
            done = subprocess.run(
                ["sh", "-c", enter, "sh", place + line], capture_output=True, text=True, check=False
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
    assert "LABEL=edgepatent /home/pi/edgepatent ext4" in (debian / "etc/fstab").read_text()
    asked = (home / "asked").read_text().splitlines()
    assert asked.count("systemctl --user daemon-reload") == 2
    assert {one.split()[0] for one in asked} == set(STAND_INS)
