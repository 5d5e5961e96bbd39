"""Debian packages of edgepatent, from the wheels of `offline.py`.

    python .ci/deb.py OFFLINE OUT [--machine aarch64 --machine x86_64] [--python 3.11 --python 3.13]

Each lays an environment down in ``/opt/edgepatent``, with the wheels as pip would, without running
anything of them, and the command in ``/usr/bin``: built on any machine, installed by ``apt install
./FILE.deb``. One package is for one machine and one Python, which it depends on: Debian 12 has
3.11, Debian 13 has 3.13. Nothing is compiled, started or downloaded when it is installed, nothing
is left when it is removed. Byte code comes along, for nobody can write it there later; it takes an
interpreter of that version here, of any machine: by default, packages are made for those that are.
"""

import argparse
import email
import gzip
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
PYTHONS = ("3.11", "3.13")
PREFIX = Path("opt/edgepatent")
EXTRAS = "pdf,web,sign"

CONTROL = """\
Package: edgepatent
Version: {version}
Architecture: {architecture}
Maintainer: edgepatent maintainers <maintainers@edgepatent.invalid>
Depends: python3 (>= {python}), python3 (<< {next}), libc6 (>= 2.28), libstdc++6
Section: graphics
Priority: optional
Installed-Size: {size}
Description: offline patent drawing search by image
 Finds patent drawings that look like an image, on this machine alone: no
 network, no account. Everything it stands on lies in /opt/edgepatent; no
 Python package of the system is touched.
"""

# Isolated: neither the user's packages nor PYTHONPATH come between. A process that it starts is of
# the same environment.
COMMAND = """\
#!/opt/edgepatent/bin/python3 -I
from edgepatent.__main__ import main

main()
"""


def main() -> None:
    """The command line: see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("offline", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--machine", action="append", choices=ARCHITECTURES)
    parser.add_argument("--python", action="append")
    asked = parser.parse_args()
    pythons = asked.python or [python for python in PYTHONS if interpreter(python)]
    if missing := [python for python in pythons if not interpreter(python)]:
        sys.exit(f"no python{missing[0]} on PATH, which has to compile the package's byte code")
    for machine in asked.machine or ARCHITECTURES:
        for python in pythons:
            with tempfile.TemporaryDirectory() as temporary:
                tree = Path(temporary)
                tree.chmod(0o755)
                version = lay_down(asked.offline / "wheels", tree, machine, python)
                package = build(tree, asked.out, version, machine, python)
            print(f"{package}: {package.stat().st_size / 1e6:.0f} MB", flush=True)


def interpreter(python: str) -> str | None:
    """An interpreter of that version which runs here."""
    for found in (sys.executable, shutil.which(f"python{python}")):
        asked = "import sys; print('%d.%d' % sys.version_info[:2])"
        if found:
            told = subprocess.run([found, "-c", asked], capture_output=True, text=True, check=False)
            if told.stdout.strip() == python:
                return found
    return None


def lay_down(wheels: Path, tree: Path, machine: str, python: str) -> str:
    """Put what the package holds below ``tree``; the version of edgepatent."""
    target = tree / PREFIX / "lib" / f"python{python}" / "site-packages"
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(17, 37)]
    ours = next(wheels.glob("edgepatent-*.whl"))
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install",
         "--no-index", "--find-links", wheels, "--only-binary=:all:", "--no-compile",
         "--implementation", "cp", "--python-version", python,
         *platforms, f"--platform=manylinux2014_{machine}",
         "--target", target, f"{ours}[{EXTRAS}]"],
        check=True,
    )  # fmt: skip
    # Their commands are not ours to bring.
    shutil.rmtree(target / "bin", ignore_errors=True)
    subprocess.run(
        [str(interpreter(python)), "-m", "compileall", "-q", "-s", tree, "-p", "/",
         "--invalidation-mode", "unchecked-hash", target],
        check=True,
    )  # fmt: skip
    write(tree / PREFIX / "pyvenv.cfg", b"home = /usr/bin\ninclude-system-site-packages = false\n")
    (tree / PREFIX / "bin").mkdir()
    (tree / PREFIX / "bin/python3").symlink_to(f"/usr/bin/python{python}")
    write(tree / "usr/bin/edgepatent", COMMAND.encode(), 0o755)
    documents = tree / "usr/share/doc/edgepatent"
    write(documents / "copyright", copyright_of(target))
    changes = (ROOT / "CHANGELOG.md").read_bytes()
    write(documents / "changelog.gz", gzip.compress(changes, 9, mtime=0))
    for unit in sorted((ROOT / "recipes/systemd").iterdir()):
        said = unit.read_text().replace("%h/.local/bin/edgepatent", "/usr/bin/edgepatent")
        write(tree / "usr/lib/systemd/user" / unit.name, said.encode())
    with zipfile.ZipFile(ours) as wheel:
        name = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        return str(email.message_from_bytes(wheel.read(name))["Version"])


def copyright_of(target: Path) -> bytes:
    """Our licence, and where those of what comes along lie."""
    others = sorted(path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info"))
    listed = "\n".join(f" {name}" for name in others)
    return (
        "edgepatent is licensed under the Apache License, Version 2.0; its text lies in\n"
        "/usr/share/common-licenses/Apache-2.0. Copyright: the edgepatent maintainers.\n\n"
        "With it come, each with its licence in NAME.dist-info below /opt/edgepatent/lib:\n\n"
        f"{listed}\n"
    ).encode()


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """A file of the package, and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def build(tree: Path, out: Path, version: str, machine: str, python: str) -> Path:
    """Write the package."""
    major, minor = map(int, python.split("."))
    paths = [path for path in tree.rglob("*") if not path.is_symlink()]
    files = sorted(path for path in paths if path.is_file())
    for path in paths:
        executable = path.is_dir() or path == tree / "usr/bin/edgepatent"
        path.chmod(0o755 if executable else 0o644)
    sums = "".join(
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
    )
    control = CONTROL.format(
        version=f"{version}-1~py{major}{minor}",
        architecture=ARCHITECTURES[machine],
        python=python,
        next=f"{major}.{minor + 1}",
        size=sum(path.stat().st_size for path in files) // 1024,
    )
    write(tree / "DEBIAN/control", control.encode())
    write(tree / "DEBIAN/md5sums", sums.encode())
    out.mkdir(parents=True, exist_ok=True)
    package = out / f"edgepatent_{version}-1~py{major}{minor}_{ARCHITECTURES[machine]}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, package],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return package


if __name__ == "__main__":
    main()
