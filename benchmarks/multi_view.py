"""How several query views of one design should be combined: the rule in use, and others.

    python benchmarks/multi_view.py --data ../shared/data/uspto-grants \\
        --distractors ../shared/data/uspto-sheets --out benchmarks/multi_view.md

Of each patent with at least V + 2 drawings V drawn at random are the query, its others lie in the
gallery with all drawings of all other patents and of the distractors. Fifty draws. A patent's
score is, for query views i and its gallery drawings j with cosines s_ij:

- mean of best: mean over i of max over j (MaxSim, ColBERT section 3.3; the rule of `query`)
- best of all: max over i and j
- mean of all: mean over i and j
- mean query: the views' embeddings added and renormalised, then max over j
- reciprocal ranks: sum over i of 1 / (60 + rank of the patent by view i alone)
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgepatent.encoding import encode_records, open_model, read_records
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Skipped

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
DRAWS = 50


def by_patent(scores: Floats, patents: Ints, count: int, how: str) -> Floats:
    """Scores [V, P] of patents from scores [V, N] of drawings; patents without any get -9."""
    out = np.full((len(scores), count), -9 if how == "max" else 0, np.float32)
    for row, line in zip(out, scores, strict=True):
        if how == "max":
            np.maximum.at(row, patents, line)
        else:
            np.add.at(row, patents, line)
            row /= np.maximum(np.bincount(patents, minlength=count), 1)
    return out


def mean_of_best(queries: Floats, gallery: Floats, patents: Ints, count: int) -> Floats:
    return by_patent(queries @ gallery.T, patents, count, "max").mean(axis=0)


def best_of_all(queries: Floats, gallery: Floats, patents: Ints, count: int) -> Floats:
    return by_patent(queries @ gallery.T, patents, count, "max").max(axis=0)


def mean_of_all(queries: Floats, gallery: Floats, patents: Ints, count: int) -> Floats:
    return by_patent(queries @ gallery.T, patents, count, "mean").mean(axis=0)


def mean_query(queries: Floats, gallery: Floats, patents: Ints, count: int) -> Floats:
    query = queries.sum(axis=0, keepdims=True)
    query /= np.linalg.norm(query)
    return by_patent(query @ gallery.T, patents, count, "max")[0]


def reciprocal_ranks(queries: Floats, gallery: Floats, patents: Ints, count: int) -> Floats:
    scores = by_patent(queries @ gallery.T, patents, count, "max")
    ranks = (-scores).argsort(axis=1).argsort(axis=1) + 1
    return np.asarray((1 / (60 + ranks)).sum(axis=0), np.float32)


RULES: dict[str, Callable[[Floats, Floats, Ints, int], Floats]] = {
    "mean of best": mean_of_best,
    "best of all": best_of_all,
    "mean of all": mean_of_all,
    "mean query": mean_query,
    "reciprocal ranks": reciprocal_ranks,
}


def measure(
    embeddings: Floats, patents: Ints, asked: Ints, views: int, rng: np.random.Generator
) -> dict[str, tuple[float, float, float, float]]:
    """For each rule: recall@1 and MRR, and the standard error over patents of the difference in
    MRR to the first rule."""
    count = int(patents.max()) + 1
    ranks: dict[str, list[list[int]]] = {name: [] for name in RULES}
    for patent in asked.tolist():
        own = np.flatnonzero(patents == patent)
        if len(own) < views + 2:
            continue
        for name in RULES:
            ranks[name].append([])
        for _ in range(DRAWS):
            chosen = rng.choice(own, views, replace=False)
            kept = np.setdiff1d(np.arange(len(patents)), chosen)
            for name, rule in RULES.items():
                scores = rule(embeddings[chosen], embeddings[kept], patents[kept], count)
                ranks[name][-1].append(int((scores > scores[patent]).sum()) + 1)
    table = {}
    first = np.array([[1 / r for r in line] for line in ranks["mean of best"]]).mean(axis=1)
    for name, lines in ranks.items():
        mrr = np.array([[1 / r for r in line] for line in lines]).mean(axis=1)
        hits = np.array([[r == 1 for r in line] for line in lines]).mean(axis=1)
        difference = mrr - first
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        table[name] = (float(hits.mean()), float(mrr.mean()), float(difference.mean()), error)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", nargs="+", required=True, help="sources whose patents are asked")
    parser.add_argument("--distractors", nargs="*", default=[])
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    model = open_model(chosen.model)
    parts = [
        encode_records(read_records(specs, Skipped()), model, Skipped(), silent)
        for specs in (chosen.data, chosen.distractors)
        if specs
    ]
    embeddings = np.concatenate([part for _, part in parts])
    ids = [record.patent_id for records, _ in parts for record in records]
    _, patents = np.unique(ids, return_inverse=True)
    asked = np.unique(patents[: len(parts[0][0])])
    lines = ["# Several views of one design\n", __doc__ or ""]
    lines.append(
        f"{len(embeddings)} drawings of {len(np.unique(patents))} patents, {chosen.model}; "
        "difference of the MRR to the rule in use with its standard error over patents.\n"
    )
    for views in (2, 3, 4):
        table = measure(embeddings, patents, asked, views, np.random.default_rng(views))
        lines.append(f"{views} query views\n")
        lines.append("| rule | recall@1 | MRR | difference |\n| --- | --- | --- | --- |")
        for name, (hits, mrr, difference, error) in table.items():
            lines.append(f"| {name} | {hits:.3f} | {mrr:.3f} | {difference:+.3f} ± {error:.3f} |")
        lines.append("")
    report = "\n".join(lines)
    print(report)
    if chosen.out:
        chosen.out.write_text(report)


if __name__ == "__main__":
    main()
