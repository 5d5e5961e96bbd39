"""FP32 beside INT8 as plain numbers: what the pictures of an export are drawn from."""

from collections.abc import Mapping

import msgspec
import onnx

from edgepatent_export.calibrate import Ranges
from edgepatent_export.certify import Certificate
from edgepatent_export.profile import time_by_operator
from edgepatent_export.repair import LAYER_TRIAL, Found, split_trial
from edgepatent_export.sensitivity import layer_losses
from edgepatent_runtime.encoder import Drawings, Embeddings
from edgepatent_runtime.progress import Progress, silent


class Drop(msgspec.Struct, frozen=True):
    """mAP at one level, and FP32 − INT8 with its 95 % interval."""

    fp32: float
    int8: float
    drop: float
    low: float
    high: float


class Range(msgspec.Struct, frozen=True):
    """What a tensor is clipped to, and the extremes that calibration saw."""

    low: float
    high: float
    least: float
    most: float


class Int8Figures(msgspec.Struct, frozen=True):
    """All figures of an export.

    ``layers``: 1 − cosine to FP32 with that layer alone in INT8, worst first. ``milliseconds``
    of one drawing by kind of operator, for "FP32" and "INT8".
    """

    bundle: str
    accepted: bool
    max_drop: float
    levels: dict[str, Drop]
    layers: dict[str, float]
    ranges: dict[str, Range]
    milliseconds: dict[str, dict[str, float]]


def measure(
    bundle: str, fp32: bytes, found: Found, calibration: Drawings, progress: Progress = silent
) -> Int8Figures:
    """What there is to see of ``found``, the INT8 model of ``fp32``; takes a quantisation a layer.

    ``calibration`` [N, 1, S, S] are the drawings that ``found`` was made with.
    """
    layers: Mapping[str, float] = {}
    if found.plan.nodes:
        from edgepatent_export.certify import embed

        trial = split_trial(calibration)[0][:LAYER_TRIAL]
        expected: Embeddings = embed(fp32, trial)
        ranges = found.statistics.ranges(found.plan.method)
        layers = layer_losses(found.proto, ranges, found.plan, trial, expected, progress)
    return Int8Figures(
        bundle=bundle,
        accepted=found.certificate.accepted,
        max_drop=found.certificate.max_drop,
        levels=_levels(found.certificate),
        layers=dict(layers),
        ranges=_ranges(found),
        milliseconds={
            "FP32": time_by_operator(fp32, calibration[:1]),
            "INT8": time_by_operator(found.model, calibration[:1]),
        },
    )


def _levels(certificate: Certificate) -> dict[str, Drop]:
    return {
        level: Drop(
            fp32.map,
            certificate.int8.levels[level].map,
            certificate.drop[level],
            *certificate.drop_interval[level],
        )
        for level, fp32 in certificate.fp32.levels.items()
    }


def _ranges(found: Found) -> dict[str, Range]:
    """Of the tensors that some layer of the plan gives, in the order of the network."""
    if not found.plan.nodes:
        return {}
    chosen: Ranges = found.statistics.ranges(found.plan.method)
    extremes: Ranges = found.statistics.ranges("minmax")
    made = {
        out: node.name for node in _planned(found.proto, found.plan.nodes) for out in node.output
    }
    return {
        # Ranges that were searched for are numpy's numbers, which JSON does not know.
        name: Range(*map(float, (*chosen[tensor], *extremes[tensor])))
        for tensor, name in made.items()
        if tensor in chosen
    }


def _planned(proto: onnx.ModelProto, nodes: frozenset[str]) -> list[onnx.NodeProto]:
    return [node for node in proto.graph.node if node.name in nodes]
