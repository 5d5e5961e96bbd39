"""How right and how honest `edgepatent classify` is, on patents held out.

    python benchmarks/classify.py [--shared ../shared] [--model starter] [--out FILE]

Three sets: real sheets (uspto-grants and uspto-sheets together), icons with their own taxonomy,
synthetic designs. Each is cut into five folds by patent; the drawings of four are indexed, every
drawing of the fifth is classified by itself. Reported are how often the first suggestion is right,
beside always naming the commonest subclass of a patent, and the expected calibration error (ten
bins) with its 95 % interval over patents, and what a perfectly calibrated classifier of the same
confidences would show by chance in as many cases.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from edgepatent.encoding import encode_records, open_model, read_records
from edgepatent.options import open_bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.search.kinds import Classifier, expected_calibration_error, measure

FOLDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--model", default="starter")
    parser.add_argument("--out", type=Path, help="write the table here as well")
    arguments = parser.parse_args()
    data = arguments.shared / "data"
    lines = [
        "# Locarno suggestions on patents held out",
        "",
        f"`python benchmarks/classify.py --model {arguments.model}`: five folds by patent, single",
        "drawings as queries, confidence calibrated on the other four folds.",
        "",
        "| set | patents | subclasses | cases | commonest | right first, over patents | over cases "
        "| mean confidence | ECE | 95 % | ECE by chance |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, specs, limit in (
        ("real sheets", [str(data / "uspto-grants"), str(data / "uspto-sheets")], None),
        ("icons, own taxonomy", [str(data / "icons")], 3000),
        ("synthetic", ["synthetic:designs=600,seed=21,views=4"], None),
    ):
        lines.append(row(name, specs, arguments.model, limit))
        print(lines[-1], flush=True)
    table = "\n".join(lines) + "\n"
    print(table)
    if arguments.out:
        arguments.out.write_text(table)


def row(name: str, specs: list[str], model: str, limit: int | None) -> str:
    """One line of the table."""
    skipped = Skipped()
    records = [r for r in read_records(specs, skipped) if r.subclass is not None]
    if limit is not None:
        records = records[:limit]
    records, embeddings = encode_records(records, open_model(model), skipped, silent)
    patents = sorted({r.patent_id for r in records})
    random = np.random.default_rng(0)
    fold_of = dict(zip(patents, random.permutation(len(patents)) % FOLDS, strict=True))
    sure, right, owners = [], [], []
    for fold in range(FOLDS):
        held = np.array([fold_of[r.patent_id] == fold for r in records])
        with tempfile.TemporaryDirectory() as folder:
            collection = Collection.create(Path(folder) / "index", open_bundle(model))
            with collection:
                kept = [record for record, out in zip(records, held, strict=True) if not out]
                collection.add_embeddings(kept, embeddings[~held])
                classifier = Classifier([collection], measure([collection], 1))
                for place in np.flatnonzero(held):
                    best = classifier.suggest(embeddings[place : place + 1])[0]
                    sure.append(best.confidence)
                    right.append(best.subclass == records[place].subclass)
                    owners.append(records[place].patent_id)
    confidence, correct = np.array(sure), np.array(right)
    each: dict[str, list[bool]] = {}
    for owner, hit in zip(owners, right, strict=True):
        each.setdefault(owner, []).append(hit)
    per_patent = np.mean([np.mean(hits) for hits in each.values()])
    low, high = interval(confidence, correct, owners)
    chance = np.mean(
        [
            expected_calibration_error(confidence, random.random(len(confidence)) < confidence)
            for _ in range(200)
        ]
    )
    return (
        f"| {name} | {len(patents)} | {len({r.subclass for r in records})} | {len(correct)} "
        f"| {commonest(records):.1%} | {per_patent:.1%} | {correct.mean():.1%} "
        f"| {confidence.mean():.1%} "
        f"| {expected_calibration_error(confidence, correct):.3f} | {low:.3f} to {high:.3f} "
        f"| {chance:.3f} |"
    )


def commonest(records: list[Record]) -> float:
    """The share of patents that the commonest subclass has."""
    names = list({record.patent_id: record.subclass for record in records}.values())
    return max(names.count(name) for name in set(names)) / len(names)


def interval(confidence: np.ndarray, correct: np.ndarray, owners: list[str]) -> tuple[float, float]:
    """95 % of the calibration error when whole patents are drawn again."""
    random = np.random.default_rng(1)
    names, owner = np.unique(owners, return_inverse=True)
    places = [np.flatnonzero(owner == number) for number in range(len(names))]
    errors = []
    for _ in range(500):
        drawn = np.concatenate([places[i] for i in random.integers(len(names), size=len(names))])
        errors.append(expected_calibration_error(confidence[drawn], correct[drawn]))
    low, high = np.percentile(errors, (2.5, 97.5))
    return float(low), float(high)


if __name__ == "__main__":
    main()
