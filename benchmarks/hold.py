"""Foreign indexes and bundles, each tried in full: what becomes of them and of what lies outside.

    python benchmarks/hold.py        prints a table, class by class

The cases are those of tests/runtime/test_foreign_*.py. "outside" counts cases after which something
outside the index was written or removed, "traceback" those in which anything but one line came.
"""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "runtime"))

import test_foreign_bundle as bundles
import test_foreign_collection as collections
from bundles import write_tiny_bundle
from stored import records_of_designs, views_of_designs

from edgepatent_runtime.bundle import GOLDEN, MODEL, Bundle, digest
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import EdgepatentError

KEPT = "kept"


def judge(act: Callable[[], object], outside: Path) -> str:
    """How a case ended, and whether what lies outside is as it was."""
    before = contents(outside)
    try:
        act()
        end = "used"
    except EdgepatentError as error:
        end = "traceback" if "\n" in str(error) else "one line"
    except Exception:  # noqa: BLE001 - a traceback is what is counted
        end = "traceback"
    return "outside" if contents(outside) != before else end


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of ``folder`` that is in no index."""
    files = (p for p in folder.rglob("*") if p.is_file())
    inside = {str(p.relative_to(folder)): p for p in files}
    return {name: p.read_bytes() for name, p in inside.items() if "index" not in Path(name).parts}


def catalogs(work: Path, bundle: Bundle) -> Counter[str]:
    """Catalogs edited by hand, read and written in every way."""
    made = work / "made"
    with Collection.create(made, bundle) as collection:
        collection.add_embeddings(records_of_designs(8, 3), views_of_designs(8, 3, 64))
        collection.writer.put_thumbnails(list(range(24)), [b"png"] * 24)
    ends: Counter[str] = Counter()
    for statement in collections.CATALOGS.values():
        place = Path(tempfile.mkdtemp(dir=work))
        shutil.copytree(made, place / "index")
        (place / "outside").mkdir()
        (place / "outside" / "keep").write_text(KEPT)
        (place / "outside" / "bundle.json").write_text(KEPT)
        collections.execute(place / "index", statement)
        ends[judge(lambda: collections.use(place / "index", bundle), place / "outside")] += 1  # noqa: B023
    return ends


def paths(work: Path) -> Counter[str]:
    """Bundles that list files elsewhere, taken into an index."""
    ends: Counter[str] = Counter()
    for listed in ("../../x", "../../../x", "a/../../../x"):
        place = Path(tempfile.mkdtemp(dir=work))
        bundle = write_tiny_bundle(place / "theirs" / "deep" / "er" / "bundle")
        (bundle.folder / "a").mkdir()
        target = bundle.folder / listed
        target.parent.mkdir(parents=True, exist_ok=True)
        data = b"theirs"
        target.write_bytes(data)
        bundles.edit(bundle.folder, lambda i: i["files"].update({listed: digest(data)}))  # noqa: B023
        mine = place / "mine" / "deep" / "index"
        mine.parent.mkdir(parents=True)
        (place / "mine" / "x").write_text(KEPT)
        (mine.parent / "x").write_text(KEPT)

        def act() -> None:
            Collection.create(mine, Bundle(bundle.folder)).close()  # noqa: B023

        ends[judge(act, place / "mine")] += 1
    return ends


def descriptions(work: Path) -> Counter[str]:
    """Descriptions edited by hand, golden arrays and models replaced."""
    ends: Counter[str] = Counter()
    outside = work / "nothing"
    outside.mkdir()
    for change in bundles.EDITS.values():
        bundle = write_tiny_bundle(Path(tempfile.mkdtemp(dir=work)) / "bundle")
        bundles.edit(bundle.folder, change)

        def act() -> None:
            opened = Bundle(bundle.folder)  # noqa: B023
            size = opened.info.size
            Encoder(opened).encode(np.zeros((1, 1, size, size), np.uint8))

        ends[judge(act, outside)] += 1
    for data in bundles.GOLDENS.values():
        bundle = write_tiny_bundle(Path(tempfile.mkdtemp(dir=work)) / "bundle")
        bundles.put(bundle.folder, GOLDEN, data())
        ends[judge(lambda: Bundle(bundle.folder).golden, outside)] += 1  # noqa: B023
    return ends


def models(work: Path) -> Counter[str]:
    """Models that ask for more than arithmetic, opened for encoding."""
    ends: Counter[str] = Counter()
    outside = work / "none"
    outside.mkdir()
    for make, _ in bundles.REFUSED.values():
        bundle = write_tiny_bundle(Path(tempfile.mkdtemp(dir=work)) / "bundle")
        bundles.put(bundle.folder, MODEL, make().SerializeToString())
        ends[judge(lambda: Encoder(Bundle(bundle.folder)), outside)] += 1  # noqa: B023
    return ends


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        bundle = write_tiny_bundle(work / "bundle")
        columns = ("used", "one line", "traceback", "outside")
        print("| class | cases |", " | ".join(columns), "|")
        print("|---" * (len(columns) + 2) + "|")
        for name, tried in (
            ("bundles that list files elsewhere", lambda: paths(work)),
            ("models that ask for more", lambda: models(work)),
            ("catalogs edited by hand", lambda: catalogs(work, bundle)),
            ("descriptions and golden arrays", lambda: descriptions(work)),
        ):
            ends = tried()
            counts = " | ".join(str(ends[column]) for column in columns)
            print(f"| {name} | {ends.total()} | {counts} |", flush=True)


if __name__ == "__main__":
    main()
