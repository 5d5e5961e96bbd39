"""The search for an INT8 model that earns its certificate."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx

from edgepatent_export.calibrate import Method, observe
from edgepatent_export.certify import Certificate, embed
from edgepatent_export.quantize import Plan, quantise, quantised_tensors
from edgepatent_export.target import Target
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.progress import Progress, silent

# Those that a first look compares. Entropy takes minutes and has never won (see docs/export.md).
TRIED: tuple[Method, ...] = ("percentile", "mse")
# Drawings by which candidates are compared; ranges are learned from the others.
TRIAL = 48


@dataclass(frozen=True)
class Found:
    """An INT8 model, the plan that made it, what was tried to get there, and its certificate."""

    model: bytes
    plan: Plan
    repairs: list[str]
    certificate: Certificate


def find_int8(
    graph: onnx.ModelProto,
    calibration: Drawings,
    judge: Callable[[bytes], Certificate],
    *,
    target: Target,
    progress: Progress = silent,
    notify: Callable[[str], None] = lambda line: None,
) -> Found:
    """Quantise ``graph`` the plain way, and repair it while ``judge`` refuses it."""
    trial, learned = split_trial(calibration)
    expected = embed(graph.SerializeToString(), trial)
    plan = Plan()
    statistics = observe(
        graph, quantised_tensors(graph, plan.operators), learned, progress=progress
    )
    candidates = []
    for method in TRIED:
        tried = replace(plan, method=method)
        model = quantise(graph, statistics.ranges(method), tried).SerializeToString()
        cosine = float((expected * embed(model, trial)).sum(1).mean())
        notify(f"{method} ranges: cosine {cosine:.4f}")
        candidates.append((cosine, tried, model))
    _, plan, model = max(candidates, key=lambda candidate: candidate[0])
    return Found(model, plan, [], judge(model))


def split_trial(calibration: Drawings) -> tuple[Drawings, Drawings]:
    """(trial, learned): every k-th drawing, `TRIAL` of them at most, and the others."""
    every = max(4, len(calibration) // TRIAL)
    chosen = np.arange(len(calibration)) % every == 0
    return calibration[chosen], calibration[~chosen]
