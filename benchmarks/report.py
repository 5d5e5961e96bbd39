"""What the page of a search costs beside the search: CPU seconds of whole processes.

    python benchmarks/report.py [--grants ../shared/data/uspto-grants] [--rounds 7]

Indexes real grants and searches with one sheet of each of some, ten hits each, without and with
`--html` in turn. The table gives medians over all of them: user and system time of the process,
from start to end, on one core.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def cpu(*arguments: object) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "edgepatent", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grants", type=Path, default=Path("../shared/data/uspto-grants"))
    parser.add_argument("--rounds", type=int, default=7)
    settings = parser.parse_args()
    sheets = sorted(settings.grants.glob("*/*-D00001.TIF"))
    chosen = sheets[:: max(1, len(sheets) // settings.rounds)][: settings.rounds]
    with tempfile.TemporaryDirectory() as name:
        index, page = Path(name, "index"), Path(name, "page.html")
        cpu("index", "add", settings.grants, "--index", index)
        bare, shown, sizes, pictures = [], [], [], []
        for sheet in chosen:
            bare.append(cpu("search", sheet, "--index", index))
            shown.append(cpu("search", sheet, "--index", index, "--html", page))
            sizes.append(page.stat().st_size / 1e6)
            pictures.append(page.read_text().count("data:image/png"))
    print("| search, CPU s | with --html, CPU s | pictures | page MB |\n|---|---|---|---|")
    row = [statistics.median(values) for values in (bare, shown, pictures, sizes)]
    print(f"| {row[0]:.2f} | {row[1]:.2f} | {row[2]:.0f} | {row[3]:.2f} |")


if __name__ == "__main__":
    main()
