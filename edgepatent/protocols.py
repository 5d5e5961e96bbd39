"""Ways of scoring that others have published, so that numbers can be set beside theirs.

Each protocol chooses its queries and its gallery from what the user has, scores them as its authors
did, and writes down what somebody else needs to get the same number.
"""

import hashlib
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from edgepatent import __version__
from edgepatent.encoding import Embeddings, Model, encode_records, encode_unseen
from edgepatent_runtime import metrics
from edgepatent_runtime.errors import InputError, SourceError
from edgepatent_runtime.gallery import score_split
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import ImageRef, Record, Skipped

Name = Literal["leave-one-out", "deeppatent", "deeppatent2-2019"]
NAMES: tuple[Name, ...] = ("leave-one-out", "deeppatent", "deeppatent2-2019")
QUERIES, DATABASE = "test_query_patent.txt", "test_db_patent.txt"
YEAR, DESIGNS, SEED, DEPTH = "2019", 3000, 42, 200

PUBLISHED: dict[str, list[str]] = {
    "deeppatent": [
        "PatentNet, ResNet-50 (Kucer et al. 2022): mAP .376, database of 38,000 drawings",
        "EfficientNet-B0 with ArcFace (Wang & Zhang 2023): mAP .712",
        "Swin-V2-B (Higuchi & Yanai 2023): mAP .856",
    ],
    "deeppatent2-2019": [
        "MetaCLIP 2 ViT-H (ClipDesignSearch): same design R@1 .737, mAP .307; same Locarno P@10 "
        ".449, mAP .102, gallery of 24,181",
        "the same fine-tuned: R@1 .805, mAP .416; P@10 .545, mAP .162",
    ],
}


class Figure(msgspec.Struct, frozen=True):
    """A score between 0 and 1 with its 95 % interval over patents, and how many queries count."""

    value: float
    low: float
    high: float
    queries: int


class ProtocolScores(msgspec.Struct, frozen=True):
    """What ``evaluate --protocol --json`` prints. A query is searched among ``gallery`` drawings;
    ``repeat`` says all that is needed to get the same numbers, ``published`` those of others."""

    protocol: str
    queries: int
    gallery: int
    figures: dict[str, Figure]
    seen: int | None
    repeat: dict[str, Any]
    published: list[str]


def repeat(
    model: Model, name: str, specs: Sequence[str], records: Iterable[Record]
) -> dict[str, Any]:
    """What somebody else needs to repeat an evaluation of ``records``, in this order."""
    digest = hashlib.sha256()
    count = 0
    for record in records:
        image = record.image
        where = f"{Path(image.path).name}\t{image.member}\t{image.page}\t{image.box}"
        digest.update(f"{where}\t{record.patent_id}\t{record.subclass}\t{record.klass}\n".encode())
        count += 1
    return {
        "protocol": name,
        "sources": list(specs),
        "drawings": count,
        "drawings_sha256": digest.hexdigest(),
        "space": model.space,
        "size": model.size,
        "dimensions": model.dimensions,
        "edgepatent": __version__,
    }


def deeppatent(
    model: Model, specs: Sequence[str], split: Path | None, skipped: Skipped, progress: Progress
) -> ProtocolScores:
    """DeepPatent (Kucer et al. 2022): the queries and the database of its split files.

    ``specs`` is the folder that their paths start from. Each line is "PATH LABEL"; what shares the
    query's label is relevant. Front-page copies (D00000) count: they stand in the published lists.
    Raises `SourceError` for lists that cannot be read or drawings that are not there.
    """
    if len(specs) != 1:
        raise InputError(
            "deeppatent takes one --data: the folder that its lists of files start from"
        )
    root = Path(specs[0])
    folder = split or next((f for f in (root, root / "data") if (f / QUERIES).is_file()), root)
    asked, offered = (_listed(folder / name, root) for name in (QUERIES, DATABASE))
    encoded = [encode_unseen(part, model, skipped, progress) for part in (asked, offered)]
    (queries, query_vectors, query_seen), (gallery, vectors, gallery_seen) = encoded
    labels = [[record.patent_id for record in part] for part in (queries, gallery)]
    found = score_split(query_vectors, vectors, *labels)
    told = repeat(model, "deeppatent", specs, [*queries, *gallery])
    told |= {"lists": {n: _sha256(folder / n) for n in (QUERIES, DATABASE)},
             "listed": {"queries": len(asked), "gallery": len(offered)}}  # fmt: skip
    return ProtocolScores(
        "deeppatent",
        len(queries),
        len(gallery),
        _figures(labels[0], found, {"map": "mAP", "recall_1": "rank-1", "recall_5": "rank-5"}),
        None if model.seen is None else int(query_seen.sum() + gallery_seen.sum()),
        told,
        PUBLISHED["deeppatent"],
    )


def _listed(file: Path, root: Path) -> list[Record]:
    """The drawings of one of DeepPatent's lists, their label as the patent."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{file} cannot be read: deeppatent needs its lists {QUERIES} and {DATABASE} (--split)"
        ) from error
    records = []
    for number, line in enumerate(lines, 1):
        path, _, label = line.strip().rpartition(" ")
        if line.strip() and not (path and label.isdecimal()):
            raise SourceError(f'{file}, line {number} is not of the form "PATH LABEL"')
        if path:
            if ".." in Path(path).parts or Path(path).is_absolute():
                raise SourceError(f"{file}, line {number} leads out of {root}")
            records.append(Record(ImageRef(str(root / path)), label))
    there = sum(Path(record.image.path).is_file() for record in records)
    if not there:
        raise SourceError(f"none of the {len(records)} drawings of {file} lies in {root}")
    return records


def deeppatent2_2019(
    model: Model,
    specs: Sequence[str],
    records: Iterable[Record],
    skipped: Skipped,
    progress: Progress,
) -> ProtocolScores:
    """The evaluation of ClipDesignSearch on DeepPatent2: 3,000 designs of 2019, all their drawings.

    Designs in the order in which they first occur are shuffled by Python's `random.Random(42)`, the
    first 3,000 kept. Every drawing is a query against all others, the first 200 hits count; at
    Locarno level drawings of the query's own design are relevant too. Raises `InputError` where
    nothing is of 2019.
    """
    of_year = [r for r in records if (r.date or "").startswith(YEAR)]
    if not of_year:
        raise InputError("no drawing is dated 2019: give the year 2019 of DeepPatent2")
    chosen = _sampled(of_year)
    kept, vectors, seen = encode_unseen(chosen, model, skipped, progress)
    patents = [record.patent_id for record in kept]
    codes = [record.locarno for record in kept]
    own = range(len(kept))
    design = score_split(vectors, vectors, patents, patents, own=own, depth=DEPTH)
    kind = score_split(vectors, vectors, codes, codes, own=own, depth=DEPTH)
    figures = _figures(
        patents, design, {"recall_1": "same design R@1", "recall_5": "same design R@5",
                          "recall_10": "same design R@10", "map": "same design mAP@200"}
    )  # fmt: skip
    figures |= _figures(
        patents, kind, {"precision_10": "same Locarno P@10", "map": "same Locarno mAP@200"}
    )
    told = repeat(model, "deeppatent2-2019", specs, kept)
    designs = len({r.patent_id for r in of_year})
    told |= {"year": YEAR, "designs_of_year": designs, "designs": len(set(patents)),
             "seed": SEED, "depth": DEPTH}  # fmt: skip
    return ProtocolScores(
        "deeppatent2-2019",
        len(kept),
        len(kept) - 1,
        figures,
        None if model.seen is None else int(seen.sum()),
        told,
        PUBLISHED["deeppatent2-2019"],
    )


def _sampled(records: Sequence[Record]) -> list[Record]:
    """All drawings of `DESIGNS` designs, design by design in shuffled order."""
    by: dict[str, list[Record]] = {}
    for record in records:
        by.setdefault(record.patent_id, []).append(record)
    order = list(by)
    random.Random(SEED).shuffle(order)
    return [record for patent in order[:DESIGNS] for record in by[patent]]


def _figures(
    patents: Sequence[str], found: dict[str, "np.typing.NDArray[np.float64]"], names: dict[str, str]
) -> dict[str, Figure]:
    numbers = {patent: n for n, patent in enumerate(dict.fromkeys(patents))}
    patent = np.array([numbers[each] for each in patents], np.int64)
    figures = {}
    for measure, title in names.items():
        values = found[measure]
        counted = ~np.isnan(values)
        if counted.any():
            low, high = metrics.interval(patent[counted], values[counted])
            figures[title] = Figure(float(values[counted].mean()), low, high, int(counted.sum()))
    return figures


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def vectors_of(
    records: Iterable[Record], model: Model, patents: set[str], skipped: Skipped, progress: Progress
) -> Embeddings:
    """Embeddings [M, D] of distractors in a random order (seed 0), none of one of ``patents``."""
    others = [record for record in records if record.patent_id not in patents]
    kept, vectors = encode_records(others, model, skipped, progress)
    order: Embeddings = vectors[np.random.default_rng(0).permutation(len(kept))]
    return order
