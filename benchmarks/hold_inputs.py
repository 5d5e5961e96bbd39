"""Inputs that nobody should have to read: does a run over them store what is whole beside them?

    python benchmarks/hold_inputs.py [--mutations 200] [--seed 1] [--source CHECKOUT]

Every case is a folder with honest drawings and something hostile, looked at by ``edgepatent data
scan`` in a process with 4 GB of address space and four minutes. It is held when the command ends by
itself with status 0, has found all honest drawings, and has counted what it left out. ``--source``
tries an older checkout with the same cases.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import hostile
from grant_files import grant_files, grant_name, write_folder, zip_of

ROOT = Path(__file__).resolve().parent.parent
HONEST = 3
MEMORY = 4 << 30
SECONDS = 240
# Held for the sake of the test that is called slow: it takes a minute of processor time.
LEFT_OUT = ("forms.pdf",)

Case = tuple[str, str, Callable[[Path], None]]


def honest(folder: Path) -> None:
    """A few drawings that must come through."""
    folder.mkdir(parents=True)
    for number in range(HONEST):
        picture = hostile.figure((200 + 10 * number, 160))
        (folder / f"honest {number}.png").write_bytes(hostile.saved(picture, "PNG"))


def cases(mutations: int, seed: int) -> Iterator[Case]:
    """Class, name, and what it adds to a folder of honest drawings."""
    for name, build in hostile.BUILDERS.items():
        if name not in LEFT_OUT:
            kind = "PDF that asks for much" if name.endswith(".pdf") else "pictures"
            yield kind, name, lambda folder, n=name, b=build: (folder / n).write_bytes(b())
    yield "files that are none", "link to itself", lambda f: (f / "a.png").symlink_to(f / "a.png")
    yield "files that are none", "dead link", lambda f: (f / "a.png").symlink_to(f / "nowhere")
    yield "files that are none", "FIFO", lambda f: os.mkfifo(f / "a.png")
    yield "files that are none", "socket", _socket
    yield "files that are none", "device", lambda f: (f / "a.png").symlink_to("/dev/zero")
    yield "files that are none", "folder", lambda f: (f / "a.png").mkdir()
    for name in (b"x" * 251 + b".png", b"caf\xe9.png", "\x1b[2J\u202e.png".encode()):
        yield "names", repr(name[:8]), lambda f, n=name: _named(f, n)
    for name, data in METADATA.items():
        yield "metadata.csv", name, lambda f, d=data: _described(f, d)
    seeds = (
        ("png", hostile.saved(hostile.figure(), "PNG")),
        ("jpg", hostile.saved(hostile.figure(), "JPEG")),
        ("tif", hostile.saved(hostile.figure().convert("1"), "TIFF", compression="group4")),
        ("tiff", hostile.group3()),
        ("gif", hostile.saved(hostile.figure(), "GIF")),
        ("webp", hostile.saved(hostile.figure(), "WEBP")),
    )
    for suffix, whole in seeds:
        yield (
            f"mutated files, {mutations} in each case",
            suffix,
            lambda f, s=suffix, w=whole: _mutated(f, s, hostile.mutations(w, mutations, seed)),
        )


def grants() -> Iterator[Case]:
    """The same for folders of grants: the hostile one lies beside an honest one."""
    for name, xml in {
        "encoding nobody knows": hostile.xml_of_encoding("x-nobody"),
        "encoding that is no text": hostile.xml_of_encoding("base64"),
        "entities of entities": hostile.xml_laughing(),
        "200,000 levels": hostile.xml_nested(200_000),
        "nothing": b"",
    }.items():
        files = grant_files(907300, xml=xml)
        yield "grants", name, lambda f, x=files: write_folder(f / grant_name(907300), x) and None
    for name, members in {
        "name that leads out": {"../../x.xml": b"", "/etc/x.xml": b""},
        "no members": {},
    }.items():
        packed = zip_of(members)
        yield "archives", name, lambda f, d=packed: _archive(f, d)
    for name, members in {
        "one name 10,000 times": ["a.xml"] * 10_000,
        "300,000 members": [f"{number}.xml" for number in range(300_000)],
    }.items():
        yield "archives", name, lambda f, m=members: _members(f, m)
    bomb = hostile.zip_bomb(f"{grant_name(907300)}.XML", 300 << 20)
    yield "archives", "300 MB of zeros", lambda f: _archive(f, bomb)
    yield "archives", "noise", lambda f: _archive(f, b"PK\3\4" + os.urandom(500))


METADATA = {
    "NUL": b"file_name,patent_id\nhonest 0.png,\0\nhonest 1.png,A\nhonest 2.png,A\n",
    "a field of 200,000 letters": b"file_name,patent_id\n%s\n" % (b"x" * 200_000)
    + b"".join(b"honest %d.png,A\n" % n for n in range(HONEST)),
    "Latin-1": b"file_name,title\n"
    + b"".join(b"honest %d.png,caf\xe9\n" % n for n in range(HONEST)),
    "year 9999": b"file_name,date\n"
    + b"".join(b"honest %d.png,9999-99-99\n" % n for n in range(HONEST)),
}


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(folder / "a.png"))


def _named(folder: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"text")


def _described(folder: Path, data: bytes) -> None:
    (folder / "metadata.csv").write_bytes(data)
    (folder / "unlisted.png").write_bytes(b"text")


def _mutated(folder: Path, suffix: str, files: Iterator[bytes]) -> None:
    for number, data in enumerate(files):
        (folder / f"{number}.{suffix}").write_bytes(data)


def _archive(folder: Path, data: bytes) -> None:
    (folder / f"{grant_name(907300)}.ZIP").write_bytes(data)


def _members(folder: Path, names: list[str]) -> None:
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(folder / f"{grant_name(907300)}.ZIP", "w") as packed,
    ):
        for name in names:
            packed.writestr(name, b"")


def verdict(folder: Path, source: Path, drawings: int) -> str:
    """held, or what happened instead."""
    paths = [str(source), *(str(source / name) for name in ("runtime", "synthetic"))]
    begin = "from edgepatent.__main__ import main; main()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"if __name__ == '__main__': {begin}", "data", "scan",
             str(folder), "--json"],
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "hangs"
    if b"Traceback" in done.stderr:
        return "traceback"
    if done.returncode:
        return "stops the run" if done.returncode > 0 else "kills the process"
    document = json.loads(done.stdout)
    if document["drawings"] < drawings:
        return "loses honest drawings"
    # Lines of libraries between ours, or on an empty standard error.
    return "held" if not done.stderr else "libraries talk"


def main() -> None:
    """Try all cases and print a line a class."""
    options = argparse.ArgumentParser()
    options.add_argument("--mutations", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--source", type=Path, default=ROOT)
    chosen = options.parse_args()
    table: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as work:
        for number, (kind, name, add) in enumerate([*cases(chosen.mutations, chosen.seed)]):
            folder = Path(work, str(number))
            honest(folder)
            add(folder)
            _tell(table, kind, name, verdict(folder, chosen.source, HONEST))
        for number, (kind, name, add) in enumerate(grants()):
            folder = Path(work, f"grants {number}")
            write_folder(folder / grant_name(907299), grant_files(907299))
            add(folder)
            _tell(table, kind, name, verdict(folder, chosen.source, 2))
    for kind, ends in table.items():
        print(f"| {kind} | {len(ends)} | {ends.count('held')} |")


def _tell(table: dict[str, list[str]], kind: str, name: str, end: str) -> None:
    table.setdefault(kind, []).append(end)
    if end != "held":
        print(f"{kind}, {name}: {end}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
