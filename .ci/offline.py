"""All that a device needs to install edgepatent without a network, in one folder.

    python .ci/offline.py OUT [--machine aarch64 --machine x86_64] [--python 3.11 --python 3.13]

OUT gets ``install.sh``, the ``Containerfile``, the units of ``recipes/systemd``, and ``wheels``:
our distributions, what they stand on for each machine and Python (Debian 12 has 3.11, Debian 13
has 3.13), and the SHA-256 sums, which the script checks. What was downloaded before is kept.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = ("runtime", "synthetic", ".")
PYTHONS = ("3.11", "3.13")
MACHINES = ("aarch64", "x86_64")
# Debian 12 has glibc 2.36. pip takes each name as it stands, so every older one is said, too.
GLIBCS = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35")


def main() -> None:
    """The command line: see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--machine", action="append", choices=MACHINES)
    parser.add_argument("--python", action="append")
    asked = parser.parse_args()
    wheels = asked.out / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    for older in wheels.glob("edgepatent*.whl"):
        older.unlink()
    pip("wheel", "--no-deps", "--wheel-dir", wheels, *(ROOT / where for where in OURS))
    # By path, never by name: what an index has under our names is somebody else's.
    ours = [f"{wheel}[pdf,web,sign]" if wheel.name.startswith("edgepatent-") else wheel
            for wheel in wheels.glob("edgepatent*.whl")]  # fmt: skip
    for machine in asked.machine or MACHINES:
        for python in asked.python or PYTHONS:
            platforms = [f"--platform=manylinux_{glibc}_{machine}" for glibc in GLIBCS]
            platforms.append(f"--platform=manylinux2014_{machine}")
            pip(
                "download", "--dest", wheels, "--only-binary=:all:",
                "--python-version", python, *platforms, *ours,
            )  # fmt: skip
    for name in ("install.sh", "Containerfile"):
        shutil.copy2(ROOT / name, asked.out)
    shutil.copytree(ROOT / "recipes" / "systemd", asked.out / "systemd", dirs_exist_ok=True)
    sums = [
        f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n"
        for wheel in sorted(wheels.glob("*.whl"))
    ]
    (wheels / "SHA256SUMS").write_text("".join(sums))
    size = sum(wheel.stat().st_size for wheel in wheels.glob("*.whl")) / 1e6
    print(f"{asked.out}: install.sh and {len(sums)} wheels, {size:.0f} MB")


def pip(*arguments: object) -> None:
    """Run pip of this interpreter."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*command, *map(str, arguments)], check=True)


if __name__ == "__main__":
    main()
