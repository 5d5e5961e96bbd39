"""An arm64 Debian that runs here, emulated: function only, never speed.

Wants root, the Debian registry once for each release, and debootstrap. The Debian is unpacked, not
installed, which takes a minute instead of a quarter of an hour: its package manager knows what is
there, but no package was ever configured. It is kept in ``build/arm64`` or ``$EDGEPATENT_ARM64``,
and never changed: all that a test writes lies in a folder of the test.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
KEPT = Path(os.environ.get("EDGEPATENT_ARM64", REPOSITORY / "build" / "arm64"))
EMULATOR = os.environ.get("EDGEPATENT_QEMU", "qemu-aarch64-static")
PROCESSOR = "cortex-a76"
"""A Raspberry Pi 5's: the emulator's own "max" has SVE, and multiplies wrongly by it."""
BINFMT = Path("/proc/sys/fs/binfmt_misc")
# The head of a 64-bit ELF file for machine 183, whatever its system, program or library.
ENTRY = (
    ":edgepatent-arm64:M:0:"
    r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:"
    r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:{emulator}:F"
)
RELEASES = {"bookworm": "3.11", "trixie": "3.13"}
"""Which Python each has."""


@dataclass(frozen=True)
class Debian:
    """One release, unpacked in ``root``, with ``scratch`` for what is written."""

    release: str
    root: Path
    scratch: Path

    @property
    def python(self) -> str:
        """The version of its Python."""
        return RELEASES[self.release]

    @property
    def written(self) -> Path:
        """Its root as far as it was written by commands, or is by a test between two of them."""
        return self.scratch / "up"

    @property
    def shell(self) -> list[str]:
        """What runs a line, to be put behind it, as somebody types it there."""
        path = "/usr/local/bin:/home/pi/.local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        return [
            str(REPOSITORY / ".ci" / "over.sh"), str(self.root), str(self.scratch),
            "/usr/bin/env", "-i", f"PATH={path}", "HOME=/home/pi", "USER=pi", "LANG=C.UTF-8",
            "OMP_NUM_THREADS=1", f"QEMU_CPU={PROCESSOR}", "/bin/sh", "-c",
        ]  # fmt: skip

    @property
    def dist(self) -> Path:
        """A folder that is kept, for what is packed for it and depends on the emulator."""
        return KEPT / f"dist-{self.release}-qemu{emulator_version()[0]}"

    @property
    def packing(self) -> list[str]:
        """The command that packs ``offline`` there, with the wheels of this checkout."""
        script = str(REPOSITORY / ".ci" / "offline.py")
        # onnxruntime 1.28 and later crash under qemu 7.2, and run under qemu 10.
        limits = self.dist / "limits.txt"
        limits.parent.mkdir(parents=True, exist_ok=True)
        limits.write_text("onnxruntime<1.28\n" if emulator_version() < (10,) else "")
        return [
            "env", f"PIP_CONSTRAINT={limits}", sys.executable, script, str(self.dist / "offline"),
            "--machine", "aarch64", "--python", self.python,
        ]  # fmt: skip

    def tells(self) -> str:
        """Release, Python, onnxruntime and emulator, as cells of a table."""
        wheel = max((self.dist / "offline/wheels").glob("onnxruntime-*.whl"))
        emulator = ".".join(map(str, emulator_version()))
        return f"{self.release} | {self.python} | {wheel.name.split('-')[1]} | qemu {emulator}"


def emulator_version() -> tuple[int, ...]:
    """Of the emulator. Skips the test where there is none."""
    if shutil.which(EMULATOR) is None:
        pytest.skip(f"no {EMULATOR}: apt-get install qemu-user-static")
    told = subprocess.run([EMULATOR, "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in told.stdout.split()[2].split("."))


@contextmanager
def emulating() -> Iterator[None]:
    """Programs for arm64 run here. Skips the test where they cannot."""
    emulator_version()
    if os.geteuid() != 0:
        pytest.skip("only root can change into another root")
    if not (BINFMT / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT], check=False)
    entry = BINFMT / "edgepatent-arm64"
    try:
        if entry.exists():
            entry.write_text("-1")
        # The one that was registered last is asked first.
        (BINFMT / "register").write_text(ENTRY.format(emulator=shutil.which(EMULATOR)))
    except OSError as error:
        pytest.skip(f"the kernel takes no emulator ({error.strerror})")
    try:
        yield
    finally:
        entry.write_text("-1")


def unpacked(release: str) -> Path:
    """The root of a release, from what is kept."""
    root = KEPT / release
    if root.exists():
        return root
    if shutil.which("debootstrap") is None:
        pytest.skip("no debootstrap: apt-get install debootstrap")
    part = KEPT / f"{release}.part"
    shutil.rmtree(part, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["debootstrap", "--arch=arm64", "--foreign", "--variant=minbase",
         "--include=python3,python3-venv", release, part],
        check=True, timeout=1800,
    )  # fmt: skip
    status = ""
    for package in sorted((part / "var/cache/apt/archives").glob("*.deb")):
        files = _said("dpkg-deb", "-X", package, part)
        about = _said("dpkg-deb", "-f", package).strip()
        status += f"{about}\nStatus: install ok installed\n\n"
        name = about.splitlines()[0].removeprefix("Package: ")
        if "\nMulti-Arch: same" in about:
            name += ":arm64"
        listed = [line.removeprefix(".").rstrip("/") or "/." for line in files.splitlines()]
        (part / f"var/lib/dpkg/info/{name}.list").write_text("\n".join([*listed, ""]))
        package.unlink()
    (part / "var/lib/dpkg/status").write_text(status)
    # debootstrap leads it to the one outside.
    if (part / "proc").is_symlink():
        (part / "proc").unlink()
        (part / "proc").mkdir()
    # Never put together here; the pip of Debian 13 reads them even without a network.
    certificates = sorted((part / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    together = "".join(one.read_text() for one in certificates)
    (part / "etc/ssl/certs/ca-certificates.crt").write_text(together)
    (part / "etc/passwd").write_text("root:x:0:0::/home/pi:/bin/sh\n")
    (part / "etc/fstab").write_text("")
    part.rename(root)
    return root


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
