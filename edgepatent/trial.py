"""Every way in which this machine can run a model, timed; and which of them is best."""

import os
from collections.abc import Callable, Iterator
from time import perf_counter

import msgspec
import numpy as np
import numpy.typing as npt

from edgepatent_runtime import encoder
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.device import Setting
from edgepatent_runtime.encoder import Encoder, Kernels

CLOSE = 0.99
"""So close to the golden embeddings (least cosine) a format must be to be taken: the same space."""

BATCHES = (1, 4, 8, 16)
# More threads, and larger batches, have to earn their place: a tenth at least.
_WORTH = 1.1

Tell = Callable[[str], None]


class Row(msgspec.Struct, frozen=True):
    """One way: ``ms`` a drawing (median, the whole batch over its size), ``megabytes`` of the file.

    ``cosine`` is the least one between the golden drawings' embeddings and those they must have.
    """

    format: str
    kernels: Kernels
    megabytes: float
    threads: int
    batch: int
    ms: float
    cosine: float

    @property
    def a_second(self) -> float:
        """Drawings a second."""
        return 1000 / self.ms if self.ms else 0.0


def ways(bundle: Bundle) -> Iterator[tuple[str, Kernels]]:
    """Precisions of a bundle and kernels: those that search would use, and the others in 8 bits."""
    for precision in bundle.models:
        yield precision, "right"
        if precision == "int8":
            yield precision, "fast" if encoder.saturates() else "exact"


def threads_to_try() -> list[int]:
    """1, 2, 4 … and all."""
    cores = os.cpu_count() or 1
    return sorted({1, 2, 4, 8, 16, cores} & set(range(1, cores + 1)))


def run(bundle: Bundle, runs: int, tell: Tell = lambda line: None) -> list[Row]:
    """Time every format alone on one core, then those that may be taken on more and in batches."""
    rows = []
    for precision, kernels in ways(bundle):
        tell(f"{precision}, {kernels} kernels")
        for threads in threads_to_try():
            model = Encoder(bundle, threads=threads, precision=precision, kernels=kernels)
            cosine = _cosine(model)
            size = (bundle.folder / bundle.models[precision]).stat().st_size / 1e6
            rows += [
                Row(
                    precision,
                    kernels,
                    size,
                    threads,
                    batch,
                    _median_ms(model, batch, runs),
                    cosine,
                )
                for batch in (BATCHES if kernels == "right" else BATCHES[:1])
            ]
            if kernels != "right":
                # Only shown beside the others: more of it says nothing new.
                break
    return rows


def recommended(rows: list[Row]) -> Setting:
    """The format and threads that answer soonest, and those that add most drawings a second.

    Of one format: a machine mixes none. Only what computes as the golden drawings say is taken;
    where nothing does, the first format, which `doctor` refuses then.
    """
    able = [row for row in rows if row.kernels == "right" and row.cosine >= CLOSE]
    able = able or [row for row in rows if row.kernels == "right"][:1]
    single = [row for row in able if row.batch == 1]
    quickest = min(single, key=lambda row: row.ms)
    chosen = min(
        (row for row in single if row.format == quickest.format and row.ms <= _WORTH * quickest.ms),
        key=lambda row: row.threads,
    )
    own = [row for row in able if row.format == chosen.format]
    least = min(row.ms for row in own)
    adding = min(
        (row for row in own if row.ms <= _WORTH * least), key=lambda row: (row.threads, row.batch)
    )
    return Setting(chosen.format, chosen.threads, adding.threads, adding.batch)


def _cosine(model: Encoder) -> float:
    drawings, expected = model.bundle.golden
    return float(np.sum(model.encode(drawings) * expected, axis=1).min())


def _median_ms(model: Encoder, batch: int, runs: int) -> float:
    """Milliseconds a drawing, after a warm-up."""
    golden = model.bundle.golden[0]
    drawings: npt.NDArray[np.uint8] = np.resize(golden, (batch, *golden.shape[1:]))
    model.encode(drawings, batch=batch)
    times = []
    for _ in range(max(5, runs // batch)):
        start = perf_counter()
        model.encode(drawings, batch=batch)
        times.append((perf_counter() - start) * 1000 / batch)
    return float(np.median(times))
