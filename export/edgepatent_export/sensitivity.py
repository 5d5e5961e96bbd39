"""What quantising a layer costs and what it gains, measured on this machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx

from edgepatent_export.calibrate import Ranges
from edgepatent_export.certify import embed, interleaved_times
from edgepatent_export.layers import Group, groups_of
from edgepatent_export.quantize import Plan, quantise
from edgepatent_runtime.encoder import Drawings, Embeddings
from edgepatent_runtime.progress import Progress, silent

ROUNDS = 25
# A group that is this much faster in float is left there: less is what measuring may be wrong by.
PAYS = 0.97


@dataclass(frozen=True)
class Gain:
    """Milliseconds a drawing with all of a plan quantised, and with one group left in float."""

    group: Group
    quantised_ms: float
    float_ms: float


def cosine(model: bytes, drawings: Drawings, expected: Embeddings) -> float:
    """Mean cosine between what ``model`` gives for ``drawings`` and ``expected`` [N, D]."""
    return float((embed(model, drawings) * expected).sum(1).mean())


def group_gains(
    proto: onnx.ModelProto, ranges: Ranges, plan: Plan, drawing: Drawings
) -> list[Gain]:
    """For each group of ``plan``: how long one drawing [1, 1, S, S] takes with and without it.

    All variants take turns; the least processor time of each counts: where twenty programs want two
    cores, no turn is left in peace, and the clock chose by chance.
    """
    groups = {g: names for g, names in groups_of(proto).items() if plan.nodes & set(names)}
    models = [quantise(proto, ranges, plan).SerializeToString()]
    models += [
        quantise(proto, ranges, plan.without(names, "")).SerializeToString()
        for names in groups.values()
    ]
    # The least time, not the median: on a busy machine a median says how often a turn was cut.
    times = interleaved_times(models, drawing, ROUNDS, time.thread_time)
    whole, *others = times.min(1).tolist()
    return [Gain(g, whole, without) for g, without in zip(groups, others, strict=True)]


def leave_what_does_not_pay(
    proto: onnx.ModelProto,
    ranges: Ranges,
    plan: Plan,
    drawing: Drawings,
    notify: Callable[[str], None] = lambda line: None,
) -> Plan:
    """``plan`` without the groups that are faster in float, the worst first, one at a time."""
    groups = groups_of(proto)
    while plan.nodes:
        gains = group_gains(proto, ranges, plan, drawing)
        worst = min(gains, key=lambda gain: gain.float_ms / gain.quantised_ms)
        if worst.float_ms > PAYS * worst.quantised_ms:
            break
        why = (
            f"{worst.group} are faster in float ({worst.float_ms:.1f} ms a drawing instead of "
            f"{worst.quantised_ms:.1f})"
        )
        notify(why)
        plan = plan.without(groups[worst.group], why)
    return plan


def layer_losses(
    proto: onnx.ModelProto,
    ranges: Ranges,
    plan: Plan,
    trial: Drawings,
    expected: Embeddings,
    progress: Progress = silent,
) -> dict[str, float]:
    """1 − cosine with only that layer quantised, for every layer of ``plan``, worst first."""
    losses = {}
    names = sorted(plan.nodes)
    for done, name in enumerate(names, 1):
        alone = plan.without(plan.nodes - {name}, "")
        losses[name] = 1 - cosine(
            quantise(proto, ranges, alone).SerializeToString(), trial, expected
        )
        progress("measuring layers", done, len(names))
    order = np.argsort([-loss for loss in losses.values()], kind="stable")
    return {names[i]: losses[names[i]] for i in order}
