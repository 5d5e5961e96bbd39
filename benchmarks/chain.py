"""The whole chain on real grants: index all but one drawing of each patent, search with the rest.

Every step is the real command in a process of its own. The protocol: of each grant with at least
three drawings (front-page copies aside) the middle one is left out of the index and becomes a
query; counted is how often its own patent comes first. Three models, one protocol, one run: frozen
ImageNet features (tf_efficientnet_lite0, 224 px, average pooling, plain cosine), the starter, and
a model trained for a few epochs on other drawings and exported with ``--int8``. ``--anyway``, since
a drawing shaded all over may be taken for a photograph, and retrieval is what is counted here.

    python benchmarks/chain.py [--shared ../shared] [--write]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from edgepatent_runtime.drawing import read_drawing

EDGEPATENT = [sys.executable, "-m", "edgepatent"]
TABLE = Path(__file__).with_suffix(".md")


def edgepatent(*arguments: str | Path) -> str:
    """Run one real command; its stdout. Its stderr is shown, a failure ends the benchmark."""
    command = [*EDGEPATENT, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def split(grants: Path, gallery: Path) -> dict[str, Path]:
    """Copy ``grants`` to ``gallery`` without one drawing a patent; the left-out ones by patent."""
    queries = {}
    for folder in sorted(path for path in grants.iterdir() if path.is_dir()):
        target = gallery / folder.name
        target.mkdir(parents=True)
        drawings = sorted(folder.glob("*.TIF"))
        figures = [path for path in drawings if "-D00000" not in path.name]
        left_out = figures[len(figures) // 2] if len(figures) >= 3 else None
        if left_out:
            queries[folder.name.split("-")[0]] = left_out
        for path in folder.iterdir():
            if path != left_out:
                (target / path.name).symlink_to(path)
    return queries


def searched(gallery: Path, queries: dict[str, Path], index: Path, model: str | Path) -> int:
    """How many queries find their own patent first, through ``index add`` and ``search``."""
    edgepatent("index", "add", gallery, "--index", index, "--model", model)
    right = 0
    for patent, drawing in queries.items():
        search = ("search", drawing, "--index", index, "--json", "--anyway")
        answer = json.loads(edgepatent(*search))
        right += answer["hits"][0]["patent_id"] == patent
    return right


def frozen(gallery: Path, queries: dict[str, Path], weights: Path) -> int:
    """The same count for frozen ImageNet features, in float32, by exact cosine."""
    import timm
    import torch
    from safetensors.torch import load_file

    backbone = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0).eval()
    backbone.load_state_dict(load_file(weights))
    mean = torch.tensor(backbone.default_cfg["mean"]).view(1, 3, 1, 1)
    deviation = torch.tensor(backbone.default_cfg["std"]).view(1, 3, 1, 1)

    def embed(paths: list[Path]) -> np.ndarray:
        rows = []
        for path in paths:
            drawing = torch.from_numpy(read_drawing(path, 224)).float() / 255
            with torch.inference_mode():
                rows.append(backbone((drawing.expand(1, 3, 224, 224) - mean) / deviation)[0])
        embeddings = torch.stack(rows).numpy()
        return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)

    drawings = [p for p in sorted(gallery.glob("*/*.TIF")) if "-D00000" not in p.name]
    patents = [path.parent.name.split("-")[0] for path in drawings]
    nearest = (embed(list(queries.values())) @ embed(drawings).T).argmax(axis=1)
    return sum(patents[row] == patent for row, patent in zip(nearest, queries, strict=True))


def main() -> None:
    """Run the three models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name}")
    options = parser.parse_args()
    data, weights = (options.shared / part for part in ("data", "weights"))
    lite0 = next(weights.glob("tf_efficientnet_lite0*"))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        queries = split(data.resolve() / "uspto-grants", work / "gallery")

        def measure(name: str, right: int, start: float) -> None:
            rows.append(f"| {name} | {right} of {len(queries)} | {time.monotonic() - start:.0f} |")
            print(rows[-1], flush=True)

        start = time.monotonic()
        measure("frozen lite0, 224 px", frozen(work / "gallery", queries, lite0), start)
        start = time.monotonic()
        measure("starter", searched(work / "gallery", queries, work / "a", "starter"), start)
        start = time.monotonic()
        edgepatent(
            "train", "--data", data / "uspto-sheets",
            "--data", "synthetic:designs=80,views=4,seed=1",
            "--recipe", "tf_efficientnet_lite0", "--weights", lite0,
            "--epochs", str(options.epochs), "--out", work / "run",
        )  # fmt: skip
        edgepatent(
            "export", work / "run", "--int8", "--data", data / "uspto-sheets",
            "--out", work / "bundle",
        )  # fmt: skip
        right = searched(work / "gallery", queries, work / "b", work / "bundle")
        measure(f"trained {options.epochs} epochs on other drawings, INT8", right, start)
    if options.write:
        title = (
            "# The whole chain on real grants\n\nRight patent first, one drawing of each of "
            f"{len(queries)} US design grants searched among the others (`benchmarks/chain.py`; "
            "seconds include every step).\n\n"
        )
        head = "| model | right patent first | seconds |\n|---|---|---|\n"
        TABLE.write_text(title + head + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
