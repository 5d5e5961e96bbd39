"""The runtime by itself: without the graph, without the packages that are built on it."""

import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageOps
from stored import draw_patents

from edgepatent_runtime.bundle import Bundle

SCRIPT = """
import sys

gone = {"hnswlib", "edgepatent", "edgepatent_synthetic", "edgepatent_train", "edgepatent_export",
        "click", "rich", "jinja2", "platformdirs", "torch", "pypdfium2"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in gone:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())

import edgepatent_runtime as ep

with ep.Index.create("index", model=sys.argv[1]) as index:
    index.add("drawings")
for resident in (False, True):
    with ep.Index.open("index", resident=resident) as index:
        for plan in ("auto", "exact", "scan", "graph"):
            found = index.search("query.png", top=1, plan=plan, anyway=True)
            print(found.answer.plan, found[0].patent_id)
"""


def test_it_indexes_and_searches_by_scan(tmp_path: Path, tiny_bundle: Bundle) -> None:
    draw_patents(tmp_path / "drawings", 5)
    with Image.open(tmp_path / "drawings" / "P0003" / "view1.png") as page:
        ImageOps.expand(page, 30, 255).save(tmp_path / "query.png")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tiny_bundle.folder)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    once = ["exact P0003", "exact P0003", "scan P0003", "scan P0003"]
    assert done.stdout.splitlines() == once + once
