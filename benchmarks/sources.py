"""What the sources give: counts over real folders, memory over a huge year, a week read in place.

1. ``data scan`` over each part of the real data, beside what a plain listing of the files says.
2. A weekly archive of 200 grants, made of the real ones four times over under other numbers:
   scanned and indexed straight from the TAR of ZIPs, beside the same grants as folders.
3. A year of DeepPatent2 made up in its exact shape, of 30,000 and of 300,000 records: memory must
   not grow with the records (the figure files are hard links to a few small drawings).

    python benchmarks/sources.py [--shared ../shared] [--write]
"""

import argparse
import csv
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw

TABLE = Path(__file__).with_suffix(".md")
RECORDS = (30_000, 300_000)
COPIES = 4
WEEK = "20210105"


class Done(NamedTuple):
    """A finished command: its JSON, its seconds, the most memory one of its processes had."""

    document: dict[str, Any]
    seconds: float
    megabytes: float


INTRODUCTION = """# Sources: counts, memory, archives

Made by `python benchmarks/sources.py --write` on a shared 2-core x86-64 machine that was busy with
other work: times are for scale only; counts are exact. Peak memory is the resident size of the
largest process."""
REAL = "Every drawing is decoded."
WEEKLY = "The 50 real grants, four times over under other numbers. Nothing is unpacked."
YEAR = (
    "Made up in its exact shape: a figure a record, eight figures a patent, a folder for each "
    "patent. `--quick` finds every image; without it every one is decoded as well."
)

# Run in a small process between, because a child begins with the memory of its parent on record.
_MEASURE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([done.returncode, done.stdout.decode(), seconds, peak]))
"""


def edgepatent(*arguments: object) -> Done:
    command = [sys.executable, "-m", "edgepatent", *map(str, arguments)]
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, *command], stdout=subprocess.PIPE, check=True
    )
    status, output, seconds, megabytes = json.loads(measured.stdout)
    if status and not output:  # a scan that finds nothing to use still says what it found
        raise SystemExit(f"failed: {' '.join(command)}")
    return Done(json.loads(output) if output.startswith("{") else {}, seconds, megabytes)


# --- 1. real folders ---


def listed(folder: Path) -> str:
    """What a listing says, without any of our code."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.name[0] != "."]
    names = [file.name for file in files]
    if (folder / "metadata.csv").exists():
        with (folder / "metadata.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        patents = {row.get("patent_id") or row.get("object") for row in rows}
        return f"{len(rows):,} rows, {len(patents):,} patents"
    tiffs = [name for name in names if name.endswith(".TIF")]
    if tiffs:
        front = sum(name.endswith("-D00000.TIF") for name in tiffs)
        folders = len({file.parent for file in files if file.suffix == ".XML"})
        return f"{len(tiffs)} TIFF, {front} of them D00000, {folders} folders with XML"
    suffixes = sorted({Path(name).suffix for name in names})
    counts = (f"{sum(name.endswith(suffix) for name in names)} {suffix}" for suffix in suffixes)
    return ", ".join(counts)


def real_folders(shared: Path) -> Iterator[str]:
    yield "| part | the files | drawings | patents | classes | subclasses | skipped | s |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in (
        "uspto-grants", "uspto-sheets", "uspto-pdf", "deeppatent2-sheets", "formats", "icons",
    ):  # fmt: skip
        folder = shared / "data" / name
        done = edgepatent("data", "scan", folder, "--json")
        found = done.document
        skipped = ", ".join(f"{count} {reason}" for reason, count in found["skipped"].items())
        yield (
            f"| {name} | {listed(folder)} | {found['drawings']:,} | {found['patents']:,} | "
            f"{found['classes']} | {found['subclasses']} | {skipped or 'none'} | "
            f"{done.seconds:.1f} |"
        )


# --- 2. a week ---


def write_week(grants: Path, week: Path, folders: Path) -> int:
    """The real grants, each `COPIES` times under other numbers, packed and as folders."""
    count = 0
    folders.mkdir(parents=True)
    with tarfile.open(week, "w") as tar:
        for copy in range(COPIES):
            for grant in sorted(path for path in grants.iterdir() if path.is_dir()):
                old = grant.name[3:10]
                new = f"{int(old) + 10_000 * copy:07}"
                name = grant.name.replace(old, new)
                place = folders / name
                place.mkdir(parents=True)
                packed = io.BytesIO()
                with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                    for file in sorted(grant.iterdir()):
                        data = file.read_bytes()
                        if file.suffix == ".XML":
                            data = re.sub(old.encode(), new.encode(), data)
                        archive.writestr(f"{name}/{file.name.replace(old, new)}", data)
                        (place / file.name.replace(old, new)).write_bytes(data)
                member = tarfile.TarInfo(f"I{WEEK}/DESIGN/{name}.ZIP")
                member.size = packed.tell()
                packed.seek(0)
                tar.addfile(member, packed)
                count += 1
    return count


def a_week(shared: Path, folder: Path) -> Iterator[str]:
    week, folders = folder / f"I{WEEK}.tar", folder / "folders"
    grants = write_week(shared / "data/uspto-grants", week, folders)
    yield f"{grants} grants, {week.stat().st_size / 1e6:.0f} MB as one TAR of ZIP files."
    yield ""
    yield "| command | from | drawings | patents | skipped | s | peak memory |"
    yield "|---|---|---|---|---|---|---|"
    before = set(folder.iterdir())
    for label, source in (("the archive", week), ("folders", folders)):
        done = edgepatent("data", "scan", source, "--json")
        found = done.document
        yield (
            f"| `data scan` | {label} | {found['drawings']:,} | {found['patents']} | "
            f"{sum(found['skipped'].values())} | {done.seconds:.1f} | {done.megabytes:.0f} MB |"
        )
    assert set(folder.iterdir()) == before, "something was unpacked"
    index = folder / "index"
    done = edgepatent("index", "add", week, "--index", index)
    found = edgepatent("index", "info", "--index", index, "--json").document
    yield (
        f"| `index add` (starter) | the archive | {found['drawings']:,} | {found['patents']} | | "
        f"{done.seconds:.1f} | {done.megabytes:.0f} MB |"
    )


# --- 3. a year of DeepPatent2 ---


def write_year(folder: Path, records: int) -> None:
    """``records`` figures of patents with eight each, described as the dataset does."""
    drawings = folder / "drawings"
    drawings.mkdir(parents=True)
    for number in range(records // 30_000 + 1):  # a file system allows some 65,000 links a file
        image = Image.new("L", (64, 64), 255)
        ImageDraw.Draw(image).ellipse((8, 8 + number, 50, 40), outline=0, width=2)
        image.save(drawings / f"{number}.png")
    year = folder / "2015"
    year.mkdir()
    with (year / "design2015.json").open("w") as file:
        file.write("[")
        for number in range(records):
            patent = f"USD{700_000 + number // 8:07}-20150106"
            image_name = f"{patent}-D{number % 8 + 1:05}_1.png"
            place = year / "segmented" / patent
            if number % 8 == 0:
                place.mkdir(parents=True)
            os.link(drawings / f"{number // 30_000}.png", place / image_name)
            description = {
                "id": str(number),
                "patentID": patent,
                "patentdate": "20150106",
                "figid": number % 8 + 1,
                "caption": f"FIG. {number % 8 + 1} is a perspective view of a chair;",
                "object": "chair",
                "aspect": "perspective view",
                "figure_file": f"{patent}-D{number % 8 + 1:05}.png",
                "subfigure_file": image_name,
                "object_title": "Chair",
                "x_figure": "10",
                "y_figure": 20,
                "w_figure": 300.0,
                "h_figure": None,
                "classification_locarno": ("0601", "2613", None)[number // 8 % 3],
                "classification_national": "D6360",
            }
            file.write(("," if number else "") + json.dumps(description))
        file.write("]")


def huge_year(folder: Path) -> Iterator[str]:
    yield "| records | JSON | command | drawings | patents | s | records/s | peak memory |"
    yield "|---|---|---|---|---|---|---|---|"
    few, many = RECORDS
    write_year(folder / "few", few)
    yield year_row(folder / "few/2015", few)
    yield year_row(folder / "few/2015", few, "--quick")
    write_year(folder / "many", many)
    yield year_row(folder / "many/2015", many, "--quick")


def year_row(year: Path, records: int, *options: str) -> str:
    done = edgepatent("data", "scan", year, "--json", *options)
    found = done.document
    assert found["drawings"] == records, found
    size = (year / "design2015.json").stat().st_size / 1e6
    return (
        f"| {records:,} | {size:.0f} MB | `{' '.join(['data scan', *options])}` | "
        f"{found['drawings']:,} | {found['patents']:,} | {done.seconds:.1f} | "
        f"{records / done.seconds:,.0f} | {done.megabytes:.0f} MB |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    arguments = parser.parse_args()
    lines = INTRODUCTION.splitlines()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for title, words, rows in (
            ("`data scan` over real folders", REAL, real_folders(arguments.shared)),
            ("A weekly archive, read in place", WEEKLY, a_week(arguments.shared, folder / "w")),
            ("A year of DeepPatent2", YEAR, huge_year(folder / "y")),
        ):
            lines += ["", f"## {title}", "", words, ""]
            for row in rows:
                print(row, file=sys.stderr)
                lines.append(row)
                if arguments.write:  # what is there stays there if the rest takes too long
                    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not arguments.write:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
