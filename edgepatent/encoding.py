"""From what a person names (sources, MODEL) to records and their embeddings."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgepatent.options import is_run, open_bundle
from edgepatent_runtime import sources
from edgepatent_runtime.errors import DrawingError, InputError
from edgepatent_runtime.progress import Progress
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.seen import Seen
from edgepatent_runtime.sources.loading import load_all

Drawings = npt.NDArray[np.uint8]
Embeddings = npt.NDArray[np.float32]
BATCH = 16


class Model(NamedTuple):
    """Whatever MODEL names, reduced to what embedding needs.

    ``encode`` takes uint8 drawings [N, 1, S, S] and gives unit-length float32 [N, D]; ``space``
    is None for a run, which gets its space when it is exported; ``seen`` None where the model does
    not say what it was trained on.
    """

    encode: Callable[[Drawings], Embeddings]
    size: int
    dimensions: int
    space: str | None
    seen: Seen | None = None


def open_model(model: str, *, threads: int = 1) -> Model:
    """Open a bundle, the starter, or a run.

    Raises `BundleError` where there is none, `ModuleNotFoundError` for a run without torch.
    """
    if is_run(model):
        return _open_run(model)
    from edgepatent_runtime.encoder import Encoder

    bundle = open_bundle(model)
    encoder = Encoder(bundle, threads=threads)
    return Model(
        encoder.encode, bundle.info.size, bundle.info.dimensions, bundle.info.space, bundle.seen
    )


def _open_run(folder: str) -> Model:
    import torch

    from edgepatent_train.run import Run

    run = Run.open(folder)
    network = run.model().eval()

    def encode(drawings: Drawings) -> Embeddings:
        with torch.inference_mode():
            embeddings: Embeddings = network(torch.from_numpy(drawings)).float().numpy()
            return embeddings

    return Model(encode, run.recipe.model.size, run.recipe.model.dimensions, None, run.seen())


def read_records(specs: Iterable[str], skipped: Skipped) -> Iterator[Record]:
    """Stream the records of all sources. Raises `SourceError` for one that cannot be read."""
    for spec in specs:
        yield from sources.open_source(spec).records(skipped)


def encode_records(
    records: Iterable[Record], model: Model, skipped: Skipped, progress: Progress
) -> tuple[list[Record], Embeddings]:
    """Embed records: those whose drawing could be read, and their embeddings [N, D].

    A drawing that cannot be used is counted in ``skipped``. Raises `InputError` if none can.
    """
    kept: list[Record] = []
    parts: list[Embeddings] = []
    decoded = load_all(records, model.size)
    while batch := list(islice(decoded, BATCH)):
        drawings = []
        for record, drawing in batch:
            if isinstance(drawing, DrawingError):
                skipped.add(drawing.reason, record.image)
            else:
                kept.append(record)
                drawings.append(drawing)
        if drawings:
            parts.append(model.encode(np.stack(drawings)[:, None]))
        progress("encoding drawings", len(kept), None)
    if not kept:
        reasons = ", ".join(f"{count} {reason}" for reason, count in skipped.counts.items())
        raise InputError(f"no drawing can be used ({reasons or 'the source is empty'})")
    return kept, np.concatenate(parts)


def encode_unseen(
    records: Iterable[Record], model: Model, skipped: Skipped, progress: Progress
) -> tuple[list[Record], Embeddings, npt.NDArray[np.bool_]]:
    """What `encode_records` gives, and of each drawing whether the model was trained on it, as far
    as the model knows: bool [N].

    Where it has seen drawings at another size than its own, all are read once more at that size.
    """
    seen = model.seen or Seen({})
    flags: list[npt.NDArray[np.bool_]] = []

    def encode(drawings: Drawings) -> Embeddings:
        flags.append(seen.knows(drawings))
        return model.encode(drawings)

    kept, embeddings = encode_records(records, model._replace(encode=encode), skipped, progress)
    known = np.concatenate(flags)
    for size in set(seen.sizes) - {model.size}:
        for row, (_, drawing) in enumerate(load_all(kept, size)):
            if not isinstance(drawing, DrawingError):
                known[row] |= seen.knows(drawing[None])[0]
            progress("looking for drawings of the training", row + 1, len(kept))
    return kept, embeddings, known
