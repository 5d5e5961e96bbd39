"""Ranges of activations, from drawings fed in parts so that memory stays flat.

onnxruntime's own percentile and entropy calibrators keep every activation of every drawing until
the end (onnxruntime #10503); here a batch is turned into histograms and forgotten. One pass over
the drawings serves all four methods.
"""

import contextlib
import hashlib
import io
from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization.calibrate import HistogramCollector

from edgepatent_export.onnx_model import INPUT
from edgepatent_runtime.encoder import Drawings, open_session
from edgepatent_runtime.errors import ExportError
from edgepatent_runtime.progress import Progress, silent

Method = Literal["minmax", "percentile", "entropy", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)
Ranges = dict[str, tuple[float, float]]
PerChannel = dict[str, npt.NDArray[np.float32]]

FEWEST = 16  # below this a range is what a few drawings happen to show: refused
RECOMMENDED = 200
FAINT = 224  # grey that small pictures of thin lines still reach
BATCH = 8
BINS = 2048
# Of one tensor and batch so many values enter its histogram (the extremes always do): enough for
# the 99.99th percentile over a few hundred drawings, at a tenth of the time of all of them.
SAMPLE = 1 << 15
PERCENTILE = 99.99
SHRINK = np.linspace(0.4, 1.0, 61)


def check_drawings(drawings: Drawings) -> None:
    """Raise `ExportError` for drawings [N, 1, S, S] that no range can be learned from."""
    inked = drawings[(drawings < FAINT).any(axis=(1, 2, 3))]
    different = {hashlib.sha256(drawing.tobytes()).digest() for drawing in inked}
    if len(different) < FEWEST:
        blank = len(drawings) - len(inked)
        raise ExportError(
            f"{len(drawings)} drawings to calibrate on, of which {blank} are blank and "
            f"{len(different)} different: INT8 needs at least {FEWEST} different drawings "
            f"({RECOMMENDED} or more are better); give more with --data"
        )


class Statistics:
    """What the drawings showed of some tensors of a model.

    ``means`` and ``peaks`` hold the mean and the largest magnitude of every channel [C] (axis 1 of
    feature maps, else the last axis).
    """

    def __init__(self, collector: Any, means: PerChannel, peaks: PerChannel) -> None:
        self._collector = collector
        self.means = means
        self.peaks = peaks

    def ranges(self, method: Method) -> Ranges:
        """The range [low, high] of each tensor; it always holds 0, so that 0 is exact."""
        histograms = self._collector.histogram_dict
        if method == "minmax":
            found = {name: (float(h[2]), float(h[3])) for name, h in histograms.items()}
        elif method == "mse":
            found = {name: _least_error(h) for name, h in histograms.items()}
        else:
            compute = {
                "percentile": self._collector.compute_percentile,
                "entropy": self._collector.compute_entropy,
            }[method]
            with contextlib.redirect_stdout(io.StringIO()):  # it prints its findings
                found = {name: (float(r[0]), float(r[1])) for name, r in compute().items()}
        return {name: (min(low, 0.0), max(high, 0.0)) for name, (low, high) in found.items()}


def observe(
    proto: onnx.ModelProto,
    tensors: Sequence[str],
    drawings: Drawings,
    *,
    threads: int = 1,
    progress: Progress = silent,
) -> Statistics:
    """Run ``drawings`` [N, 1, S, S] through ``proto`` and gather statistics of ``tensors``."""
    session = open_session(expose(proto, tensors).SerializeToString(), threads=threads)
    collector = HistogramCollector("percentile", False, BINS, 128, PERCENTILE, "same")
    sums: dict[str, npt.NDArray[np.float64]] = {}
    peaks: PerChannel = {}
    for start in range(0, len(drawings), BATCH):
        part = np.ascontiguousarray(drawings[start : start + BATCH])
        values = dict(zip(tensors, session.run(list(tensors), {INPUT: part}), strict=True))
        collector.collect_value({name: _sample(value) for name, value in values.items()})
        for name, value in values.items():
            axes = (0, 2, 3) if value.ndim == 4 else tuple(range(value.ndim - 1))
            mean = value.mean(axis=axes, dtype=np.float64) * len(part)
            sums[name] = sums[name] + mean if name in sums else mean
            peak = np.abs(value).max(axis=axes)
            peaks[name] = np.maximum(peaks[name], peak) if name in peaks else peak
        progress("calibrating", start + len(part), len(drawings))
    means = {name: (total / len(drawings)).astype(np.float32) for name, total in sums.items()}
    return Statistics(collector, means, peaks)


def expose(proto: onnx.ModelProto, tensors: Sequence[str]) -> onnx.ModelProto:
    """A copy of ``proto`` that also gives ``tensors`` as outputs."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    given = {output.name for output in copy.graph.output}
    for name in tensors:
        if name not in given:
            copy.graph.output.append(onnx.ValueInfoProto(name=name))
    return copy


def _sample(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Every k-th value, at most `SAMPLE` of them, and both extremes."""
    flat = values.ravel()
    extremes = np.array([flat.min(), flat.max()], np.float32)
    return np.concatenate([flat[:: -(-flat.size // SAMPLE)], extremes])


def _least_error(histogram: Any) -> tuple[float, float]:
    """The range, shrunk towards 0 as a whole, whose rounding to 256 levels errs least.

    The error is the mean squared one over the histogram: rounding inside, clipping outside.
    """
    counts, edges, low, high = histogram[:4]
    centres = (edges[:-1] + edges[1:]) / 2
    best, least = (float(low), float(high)), np.inf
    for shrink in SHRINK:
        bottom, top = min(float(low), 0.0) * shrink, max(float(high), 0.0) * shrink
        step = max((top - bottom) / 255, 1e-12)
        clipped = np.clip(centres, bottom, top)
        error = float(counts @ (np.rint(clipped / step) * step - centres) ** 2)
        if error < least:
            best, least = (bottom, top), error
    return best
