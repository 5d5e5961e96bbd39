"""Update packs of strangers, each given to ``edgepatent update apply``: what becomes of the index?

    python benchmarks/hold_packs.py [--mutations 100] [--seed 1] [--only CLASS]

A pack with rows and one that brings another model are changed: their files mutated, as they are and
with digests that fit again (whoever makes packs can make those); every value of their descriptions
replaced; links, pipes and devices in place of their files; catalogs edited by hand. A case is
"refused" when the command ends with status 1 and one line, and the index is as it was: the same
files, the same in every byte or (refused as late as the rows are copied: bytes past the committed
ones) sound and the same in all that a search reads. It is "applied" when it ends with status 0 and
the index is sound and reads as after the honest pack. Anything else is told. All run in one process
with 4 GB of address space; its peak is the last line. ``--only`` takes a class by part of its name.
"""

import argparse
import io
import os
import resource
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from bundles import write_tiny_bundle
from foreign_catalogs import CATALOGS, execute
from hostile import mutations
from stored import records_of_designs, views_of_designs

from edgepatent.cli import run
from edgepatent_runtime.bundle import INFO, digest
from edgepatent_runtime.collection import Collection, check
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.update.making import make
from edgepatent_runtime.update.pack import DESCRIPTION

MEMORY = 4 << 30
BUNDLE = "bundle-000001"
LOCK = "writer.lock"

# What stands for a value that somebody wrote wrongly, or to harm.
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 2**64, 1e308, 0.5, "", "x", "0" * 64, "A" * 100_000,
    "../../keep", "/etc/passwd", "a\nb", "\x1b[2J", "a\0b", [], ["x"] * 1000, {}, {"size": 1},
    [[[[]]]], {"../keep": {"size": 1, "sha256": "0" * 64}},
)  # fmt: skip

# What stands in place of a file.
STAND_INS: dict[str, Callable[[Path, Path], object]] = {
    "nothing": lambda at, away: None,
    "a folder": lambda at, away: at.mkdir(),
    "a pipe": lambda at, away: os.mkfifo(at),
    "a link to it": lambda at, away: at.symlink_to(away),
    "a link to itself": lambda at, away: at.symlink_to(at),
    "/dev/zero": lambda at, away: at.symlink_to("/dev/zero"),
    "nothing in it": lambda at, away: at.touch(),
}

Case = tuple[str, str, Callable[[Path], object]]


def believed(pack: Path) -> None:
    """Let the digests of a pack fit what it holds now."""
    said = msgspec.json.decode((pack / DESCRIPTION).read_bytes())
    bundle = pack / BUNDLE
    if bundle.is_dir():
        info = msgspec.json.decode((bundle / INFO).read_bytes())
        info["files"] = {name: digest((bundle / name).read_bytes()) for name in info["files"]}
        (bundle / INFO).write_bytes(msgspec.json.encode(info))
        said["model"] = digest((bundle / INFO).read_bytes())
    files = {name: (pack / name).read_bytes() for name in said["files"]}
    said["files"] = {
        name: {"size": len(data), "sha256": digest(data)} for name, data in files.items()
    }
    (pack / DESCRIPTION).write_bytes(msgspec.json.encode(said))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A document with another value in one place."""
    if not path:
        return value
    copied = document.copy()
    copied[path[0]] = replaced(document[path[0]], path[1:], value)
    return copied


def cases(pack: Path, count: int, seed: int) -> Iterator[Case]:
    """Class, name, and what is done to a copy of ``pack``."""
    files = [path.relative_to(pack) for path in sorted(pack.rglob("*")) if path.is_file()]
    for place, name in enumerate(files):
        whole = (pack / name).read_bytes()
        for number, data in enumerate(mutations(whole, count, seed + place)):
            if data == whole:
                continue

            def hurt(copy: Path, name: Path = name, data: bytes = data) -> None:
                (copy / name).write_bytes(data)

            yield "mutated files", f"{name} {number}", hurt
            if str(name) == DESCRIPTION or name.name == INFO:
                continue

            def hurt_and_believed(copy: Path, name: Path = name, data: bytes = data) -> None:
                (copy / name).write_bytes(data)
                believed(copy)

            yield "mutated files, digests that fit", f"{name} {number}", hurt_and_believed
    said = msgspec.json.decode((pack / DESCRIPTION).read_bytes())
    for path in places(said):
        for number, value in enumerate(WRONG):
            document = replaced(said, path, value)
            if document != said:
                yield (
                    "values of the description",
                    f"{path} {number}",
                    lambda copy, d=document: (copy / DESCRIPTION).write_bytes(
                        msgspec.json.encode(d)
                    ),
                )
    for name, data in {
        "100,000 levels": b"[" * 100_000,
        "a million patents": msgspec.json.encode({**said, "removed": ["D000003"] * 1_000_000}),
        "a million files": msgspec.json.encode(
            {**said, "files": {f"{n}.rows": {"size": 1, "sha256": "0" * 64} for n in range(10**6)}}
        ),
        "65 MB": b" " * (65 << 20),
        "no UTF-8": b'{"format": "\xff"}',
    }.items():
        yield (
            "descriptions as a whole",
            name,
            lambda copy, d=data: (copy / DESCRIPTION).write_bytes(d),
        )
    for name in files:
        for kind, put in STAND_INS.items():

            def stand_in(copy: Path, name: Path = name, put: Any = put) -> None:
                away = copy.with_name(f"{copy.name}-away")
                (copy / name).rename(away)
                put(copy / name, away)

            yield "in place of a file", f"{name}: {kind}", stand_in
    for name, statement in CATALOGS.items():

        def edited(copy: Path, statement: str = statement) -> None:
            execute(copy, statement)
            believed(copy)

        yield "catalogs edited by hand, digests that fit", name, edited


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, but for the lock."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name != LOCK}


def facts(index: Path) -> Any:
    """What a search reads: every drawing with its row and its picture."""
    with Collection.open(index) as collection, collection.reading() as (known, taken):
        live = taken.live_rows()
        stored = known.stored(live.tolist())
        return collection.bundle.info.space, {
            stored[row].record: (
                taken.vectors.rows[row].tobytes(),
                collection.thumbnail(row, stored[row].record.image),
            )
            for row in live.tolist()
        }


class Trial:
    """An index, the pack that leads it on, and what is done to copies of them in ``work``."""

    def __init__(self, work: Path, old: Path, pack: Path) -> None:
        self.work, self.old, self.pack = work, old, pack
        self.index = work / "index"
        self._begin()
        ended = self._ends()
        assert ended[0] == 0, ended
        self.wanted = facts(self.index)
        self._begin()

    def _begin(self) -> None:
        shutil.rmtree(self.index, ignore_errors=True)
        shutil.copytree(self.old, self.index)
        self.before = contents(self.index)

    def _ends(self) -> tuple[int, str]:
        """The status of the command and what it said on stderr."""
        said = io.StringIO()
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            status = run(["update", "apply", str(self.work / "pack"), "--index", str(self.index)])
        return status, said.getvalue()

    def _as_it_was(self) -> bool:
        now = contents(self.index)
        if now == self.before:
            return True
        alike = now.keys() == self.before.keys() and not check.verify(self.index)
        alike = alike and facts(self.index) == facts(self.old)
        self._begin()
        return alike

    def verdict(self, change: Callable[[Path], object]) -> str:
        """What became of a pack that was changed."""
        for path in self.work.glob("pack*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(self.pack, self.work / "pack")
        change(self.work / "pack")
        try:
            status, said = self._ends()
        except Exception:  # noqa: BLE001 - a traceback is what is counted
            self._begin()
            return "traceback: " + traceback.format_exc().splitlines()[-1]
        if status == 0:
            problems, now = check.verify(self.index), facts(self.index)
            self._begin()
            if problems:
                return f"applied, and damaged: {problems[0]}"
            return "applied" if now == self.wanted else "applied, and it reads otherwise"
        # Only now: it puts the index back.
        same = self._as_it_was()
        if status == 1 and same:
            # What takes long tells how far it is, in lines before that one.
            *_, last = said.splitlines() or [""]
            told = last.startswith("edgepatent: ") and said.count("edgepatent: ") == 1
            return "refused" if told else f"said {said!r}"
        self._begin()
        return f"status {status}, the index {'as it was' if same else 'changed'}: {said}"


def honest(work: Path) -> list[tuple[str, Path, Path]]:
    """Packs and the indexes that they are made for."""
    records, embeddings = records_of_designs(20, 3), views_of_designs(20, 3, 64)
    old, new, other = (work / name for name in ("old", "new", "other"))
    with Collection.create(old, write_tiny_bundle(work / "bundle")) as collection:
        collection.add_embeddings(records[:45], embeddings[:45])
        collection.writer.put_thumbnails(list(range(45)), [b"picture"] * 45)
    shutil.copytree(old, new)
    with Collection.open(new, write=True) as collection:
        collection.add_embeddings(records[45:], embeddings[45:])
        collection.writer.put_thumbnails(list(range(45, 60)), [b"another"] * 15)
        collection.remove(Filters(patents=("D000003",)))
        collection.keep_calibration(b'{"none": true}')
    with Collection.create(other, write_tiny_bundle(work / "theirs", seed=1)) as collection:
        collection.add_embeddings(records[30:], embeddings[30:])
    make(new, old, work / "rows")
    make(other, old, work / "model")
    return [("rows", old, work / "rows"), ("another model", old, work / "model")]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--mutations", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", default="", help="classes with these words in their name")
    chosen = options.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    table: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for what, old, pack in honest(Path(folder)):
            work = Path(folder, f"trial {what}")
            work.mkdir()
            shutil.copytree(pack, work / "pack")
            trial = Trial(work, old, pack)
            for kind, name, change in cases(pack, chosen.mutations, chosen.seed):
                if chosen.only not in kind:
                    continue
                end = trial.verdict(change)
                known = end if end in ("refused", "applied") else "something else"
                table.setdefault(kind, Counter())[known] += 1
                if known == "something else":
                    print(f"{what}, {kind}, {name}: {end}", file=sys.stderr, flush=True)
    print("| class | packs | refused | applied | something else |\n|---|---|---|---|---|")
    for kind, ends in table.items():
        counts = (ends.total(), ends["refused"], ends["applied"], ends["something else"])
        print("|", " | ".join([kind, *map(str, counts)]), "|")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"\n{peak} MB at most")


if __name__ == "__main__":
    main()
