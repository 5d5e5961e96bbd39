"""The search for an INT8 model that earns its certificate."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx

from edgepatent_export.calibrate import Method, Statistics, observe
from edgepatent_export.certify import Certificate, embed
from edgepatent_export.equalise import correct_bias, equalise
from edgepatent_export.quantize import Plan, everything, quantise, quantised_tensors
from edgepatent_export.sensitivity import cosine, layer_losses, leave_what_does_not_pay
from edgepatent_export.target import Target, largest_code
from edgepatent_runtime.encoder import Drawings, Embeddings
from edgepatent_runtime.progress import Progress, silent

# What a search compares. MinMax follows every outlier (a cosine of .973 for lite0, where these
# two give .998) and entropy takes minutes to give .82.
TRIED: tuple[Method, ...] = ("percentile", "mse")
# Drawings by which candidates are compared; ranges are learned from the others.
TRIAL = 48
# Of so many most sensitive layers, in turn, the search tries to leave in float.
SPARED = (2, 4, 8)
# Layers are measured one by one on so many drawings.
LAYER_TRIAL = 12
# INT8 this close to FP32 shares its space; below, repairs are tried even if scores hold.
CLOSE = 0.99


@dataclass(frozen=True)
class Found:
    """An INT8 model, the plan that made it, what was tried to get there, and its certificate.

    ``proto`` is the repaired FP32 model that was quantised, ``statistics`` what calibration showed
    of it.
    """

    model: bytes
    plan: Plan
    repairs: list[str]
    certificate: Certificate
    proto: onnx.ModelProto
    statistics: Statistics


@dataclass(frozen=True)
class _Candidate:
    proto: onnx.ModelProto  # in FP32, repaired
    statistics: Statistics
    plan: Plan
    model: bytes
    cosine: float


class Search:
    """Candidates for one FP32 model: ``learned`` gives the ranges, ``trial`` compares."""

    def __init__(
        self,
        proto: onnx.ModelProto,
        calibration: Drawings,
        *,
        progress: Progress = silent,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.proto = proto
        self.trial, self.learned = split_trial(calibration)
        self.expected: Embeddings = embed(proto.SerializeToString(), self.trial)
        self.progress, self.notify = progress, notify
        self.statistics = self._observe(proto)

    def _observe(self, proto: onnx.ModelProto) -> Statistics:
        return observe(proto, quantised_tensors(proto), self.learned, progress=self.progress)

    def best(self, proto: onnx.ModelProto, statistics: Statistics, plan: Plan) -> _Candidate:
        """The closest to FP32 of: each method of `TRIED`, with and without corrected biases."""
        found = []
        for corrected in (False, True):
            prepared = (
                correct_bias(proto, statistics, largest_code(plan.target)) if corrected else proto
            )
            for method in TRIED:
                tried = replace(plan, method=method, bias_corrected=corrected)
                model = quantise(prepared, statistics.ranges(method), tried).SerializeToString()
                near = cosine(model, self.trial, self.expected)
                what = f"{method} ranges" + (", biases corrected" if corrected else "")
                self.notify(f"{what}{', equalised' * plan.equalised}: cosine {near:.4f}")
                found.append(_Candidate(prepared, statistics, tried, model, near))
        return max(found, key=lambda candidate: candidate.cosine)

    def equalised(self, plan: Plan) -> _Candidate:
        """The best candidate with the channels between convolutions equalised."""
        proto = equalise(self.proto, self.statistics)
        return self.best(proto, self._observe(proto), replace(plan, equalised=True))

    def retrained(self, proto: onnx.ModelProto, plan: Plan) -> _Candidate:
        """The best candidate of the same network with other weights."""
        self.notify("fine-tuned for INT8")
        return self.best(proto, self._observe(proto), replace(plan, finetuned=True))

    def spared(self, candidate: _Candidate) -> list[_Candidate]:
        """``candidate`` with more and more of its most sensitive layers left in float."""
        ranges = candidate.statistics.ranges(candidate.plan.method)
        losses = layer_losses(
            candidate.proto,
            ranges,
            candidate.plan,
            self.trial[:LAYER_TRIAL],
            self.expected[:LAYER_TRIAL],
            self.progress,
        )
        found = []
        for count in SPARED:
            plan = candidate.plan
            for name, loss in list(losses.items())[:count]:
                plan = plan.without([name], f"alone it costs a cosine of {loss:.4f}")
            model = quantise(candidate.proto, ranges, plan).SerializeToString()
            near = cosine(model, self.trial, self.expected)
            self.notify(f"the {count} most sensitive layers in float: cosine {near:.4f}")
            found.append(replace(candidate, plan=plan, model=model, cosine=near))
        return found


def find_int8(
    proto: onnx.ModelProto,
    calibration: Drawings,
    judge: Callable[[bytes], Certificate],
    *,
    target: Target = "portable",
    retrain: Callable[[], onnx.ModelProto] | None = None,
    progress: Progress = silent,
    notify: Callable[[str], None] = lambda line: None,
) -> Found:
    """Quantise ``proto`` the plain way, and repair it while ``judge`` refuses its scores.

    In this order: leave in float what is slower quantised; choose ranges, with and without
    corrected biases; equalise; spare the most sensitive layers; quantise what ``retrain`` gives,
    the same network with weights that learned to bear rounding. The first accepted model that is
    close to FP32 wins, else the accepted one, else the one that loses least.
    """
    search = Search(proto, calibration, progress=progress, notify=notify)
    plan = leave_what_does_not_pay(
        proto,
        search.statistics.ranges(TRIED[0]),
        everything(proto, target),
        calibration[:1],
        notify,
    )
    if not plan.nodes:
        model = quantise(proto, {}, plan).SerializeToString()
        return Found(model, plan, ["weights only"], judge(model), proto, search.statistics)
    candidate = search.best(proto, search.statistics, plan)
    found = [_judged(candidate, judge)]
    if _good(found[-1]):
        return found[-1]
    equalised = search.equalised(plan)
    if equalised.cosine > candidate.cosine:
        candidate = equalised
        found.append(_judged(candidate, judge))
    if not any(f.certificate.accepted for f in found):
        for spared in search.spared(candidate):
            found.append(_judged(spared, judge))
            if found[-1].certificate.accepted:
                break
    if retrain is not None and not any(f.certificate.accepted for f in found):
        found.append(_judged(search.retrained(retrain(), plan), judge))
    return max(found, key=_merit)


def split_trial(calibration: Drawings) -> tuple[Drawings, Drawings]:
    """(trial, learned): every k-th drawing, `TRIAL` of them or a few more, and the others."""
    every = max(4, len(calibration) // TRIAL)
    chosen = np.arange(len(calibration)) % every == 0
    return calibration[chosen], calibration[~chosen]


def _judged(candidate: _Candidate, judge: Callable[[bytes], Certificate]) -> Found:
    plan = candidate.plan
    repairs = [
        name
        for name, done in (
            ("fine-tuned for INT8", plan.finetuned),
            ("channels equalised", plan.equalised),
            ("biases corrected", plan.bias_corrected),
            ("sensitive layers in float", any("alone" in why for why in plan.kept_float.values())),
        )
        if done
    ]
    return Found(
        candidate.model,
        plan,
        repairs,
        judge(candidate.model),
        candidate.proto,
        candidate.statistics,
    )


def _good(found: Found) -> bool:
    return found.certificate.accepted and found.certificate.cosine_min >= CLOSE


def _merit(found: Found) -> tuple[bool, float, float]:
    certificate = found.certificate
    worst = max(certificate.drop.values(), default=0.0)
    merit = certificate.cosine_mean if certificate.accepted else -worst
    return certificate.accepted, merit, certificate.speedup
