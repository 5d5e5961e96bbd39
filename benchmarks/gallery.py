"""What a gallery's size does to a score: mAP and R@1 of the starter among more and more drawings.

    python benchmarks/gallery.py --shared ../shared --work work/gallery --most 6000 \\
        --out benchmarks/gallery.md

Every drawing of a set is a query; its patent's other drawings have to be found among all others of
the set and N distractors, drawings of other things. These come in one random order, so that every
gallery holds the smaller ones. Of a source of more than --most drawings every second, third … is
taken. Vectors are kept in --work: an interrupted run goes on.
"""

import argparse
from pathlib import Path

import numpy as np

from edgepatent.commands.evaluate import SIZES
from edgepatent.encoding import (
    Embeddings,
    Model,
    encode_records,
    encode_unseen,
    open_model,
    read_records,
)
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.gallery import GalleryPoint, gallery_curve
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Skipped

QUERIES = {
    "synthetic designs": ["synthetic:designs=150,seed=20261129,views=4,captions=0"],
    "2007, variants of one applicant": ["{shared}/data/uspto-2007"],
    "sheets and grants": ["{shared}/data/uspto-sheets", "{shared}/data/uspto-grants"],
}
DISTRACTORS = {
    "US designs of 2007": "{shared}/data/uspto-2007",
    "sheets": "{shared}/data/uspto-sheets",
    "grants": "{shared}/data/uspto-grants",
    "synthetic designs": "synthetic:designs=150,seed=20261129,views=4,captions=0",
    "icons of products": "{shared}/data/kin-icons",
    "icons": "{shared}/data/icons",
}
ASKED = {
    name for name, spec in DISTRACTORS.items() if any(spec in specs for specs in QUERIES.values())
}
PART = 2000  # records encoded between two savings


def vectors(
    model: Model, spec: str, work: Path, name: str, most: int
) -> tuple[list[str], Embeddings, int]:
    """Patents and embeddings [N, D] of a source, and how many of its drawings were seen.

    Of more than ``most`` records every second, third … is taken. Kept in parts in ``work``, for
    the space of the model.
    """
    records = list(read_records([spec], Skipped()))
    every = -(-len(records) // most)
    records = records[::every]
    patents: list[str] = []
    parts: list[Embeddings] = []
    seen = 0
    folder = work / f"{name.replace(' ', '-')}-{every}-{(model.space or 'run')[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(records), PART):
        file = folder / f"{start}.npz"
        if not file.exists():
            some = records[start : start + PART]
            if name in ASKED:
                kept, found, known = encode_unseen(some, model, Skipped(), silent)
            else:  # whether distractors were seen does not matter, and takes reading them again
                kept, found = encode_records(some, model, Skipped(), silent)
                known = np.zeros(0, np.bool_)
            part = file.with_suffix(".part.npz")
            np.savez(part, patents=np.array([r.patent_id for r in kept]), vectors=found,
                     seen=known.sum())  # fmt: skip
            part.replace(file)
            print(f"{name}: {start + len(kept)} of {len(records)}", flush=True)
        with np.load(file) as arrays:
            patents += arrays["patents"].tolist()
            parts.append(arrays["vectors"])
            seen += int(arrays["seen"])
    return patents, np.concatenate(parts), seen


def table(points: list[GalleryPoint]) -> list[str]:
    lines = ["| gallery | distractors | mAP | R@1 |", "|---|---|---|---|"]
    for point in points:
        low, high = point.map_interval
        first, last = point.recall_1_interval
        cells = (
            f"{point.gallery:,}",
            f"{point.distractors:,}",
            f"{point.map:.3f} [{low:.3f}, {high:.3f}]",
            f"{point.recall_1:.3f} [{first:.3f}, {last:.3f}]",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--most", type=int, default=1_000_000, help="drawings of one source")
    arguments = parser.parse_args()
    model = open_model(arguments.model)
    encoded = {
        name: vectors(
            model, spec.format(shared=arguments.shared), arguments.work, name, arguments.most
        )
        for name, spec in DISTRACTORS.items()
    }
    lines = ["# The size of a gallery", "", *__doc__.strip().splitlines(), ""]
    made = Bundle.named(arguments.model).info.created[:10]
    lines += [f"Model: {arguments.model}, space {(model.space or '')[:12]}, made {made}.", ""]
    names = {spec: name for name, spec in DISTRACTORS.items()}
    for title, specs in QUERIES.items():
        own = [names[spec] for spec in specs]
        patents = [patent for name in own for patent in encoded[name][0]]
        queries = np.concatenate([encoded[name][1] for name in own])
        others = [name for name in DISTRACTORS if name not in own]
        rows = np.concatenate([encoded[name][1] for name in others])
        owners = np.array([p for name in others for p in encoded[name][0]])
        rows = rows[~np.isin(owners, patents)]
        rows = rows[np.random.default_rng(0).permutation(len(rows))]
        sizes = [size for size in SIZES if size < len(rows)] + [len(rows)]
        seen = sum(encoded[name][2] for name in own)
        known = "does not say which drawings it was trained on" if model.seen is None else (
            f"was trained on {seen} of them"
        )  # fmt: skip
        lines += [
            f"## {title}",
            "",
            f"{len(queries):,} drawings of {len(set(patents)):,} patents; the model {known}.",
            f"Distractors: {', '.join(others)}.",
            "",
            *table(gallery_curve(queries, patents, rows, sizes)),
            "",
        ]
    arguments.out.write_text("\n".join(lines).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()
