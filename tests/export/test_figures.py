"""What the pictures of an export are drawn from, beside what the parts of it measure alone."""

from dataclasses import replace

import msgspec
import numpy as np
import onnx
import pytest

from edgepatent_export import charts
from edgepatent_export.calibrate import observe
from edgepatent_export.certify import Exam, certify, embed
from edgepatent_export.figures import Int8Figures, _ranges, measure
from edgepatent_export.profile import time_by_operator
from edgepatent_export.quantize import everything, quantise, quantised_tensors
from edgepatent_export.repair import LAYER_TRIAL, Found, split_trial
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.record import ImageRef, Record


@pytest.fixture(scope="module")
def found(proto: onnx.ModelProto, drawings: Drawings) -> Found:
    """The plain INT8 model, everything quantised."""
    records = [Record(ImageRef(str(i)), f"P{i // 2}") for i in range(12)]
    exam = Exam(drawings[:12], records, ["synthetic"])
    fp32 = proto.SerializeToString()
    statistics, plan = observe(proto, quantised_tensors(proto), drawings[:24]), everything(proto)
    model = quantise(proto, statistics.ranges(plan.method), plan).SerializeToString()
    certificate = certify(
        fp32, model, exam, max_drop=1.0, fp32_embeddings=embed(fp32, exam.drawings)
    )
    return Found(model, plan, [], certificate, proto, statistics)


@pytest.fixture(scope="module")
def figures(proto: onnx.ModelProto, found: Found, drawings: Drawings) -> Int8Figures:
    return measure("mine", proto.SerializeToString(), found, drawings)


def test_a_layer_costs_what_it_costs_alone(
    figures: Int8Figures, found: Found, proto: onnx.ModelProto, drawings: Drawings
) -> None:
    assert set(figures.layers) == set(found.plan.nodes)
    losses = list(figures.layers.values())
    assert losses == sorted(losses, reverse=True)
    worst = next(iter(figures.layers))
    alone = found.plan.without(found.plan.nodes - {worst}, "")
    ranges = found.statistics.ranges(found.plan.method)
    trial = split_trial(drawings)[0][:LAYER_TRIAL]
    one = embed(quantise(found.proto, ranges, alone).SerializeToString(), trial)
    expected = embed(proto.SerializeToString(), trial)
    cosine = np.mean([a @ b for a, b in zip(one, expected, strict=True)])
    assert figures.layers[worst] == pytest.approx(1 - cosine, abs=1e-6)


def test_ranges_lie_within_what_was_seen_and_hold_zero(figures: Int8Figures) -> None:
    assert figures.ranges
    for each in figures.ranges.values():
        assert each.least <= each.low <= 0 <= each.high <= each.most


def test_time_is_told_by_the_operators_that_the_models_have(
    figures: Int8Figures, proto: onnx.ModelProto
) -> None:
    assert figures.milliseconds["FP32"].keys() & {node.op_type for node in proto.graph.node}
    assert any(kind.startswith("QLinear") for kind in figures.milliseconds["INT8"])
    for part in figures.milliseconds.values():
        assert all(value >= 0 for value in part.values())
        assert list(part.values()) == sorted(part.values(), reverse=True)


def test_a_run_of_the_profiler_is_one_run(proto: onnx.ModelProto, drawings: Drawings) -> None:
    once, often = (
        time_by_operator(proto.SerializeToString(), drawings[:1], runs=runs) for runs in (1, 4)
    )
    assert once.keys() == often.keys()


def test_every_chart_is_a_picture(figures: Int8Figures) -> None:
    for png in (
        charts.drops(figures.levels, 0.005),
        charts.layers(figures.layers),
        charts.ranges(figures.ranges),
        charts.milliseconds(figures.milliseconds),
    ):
        assert png.startswith(b"\x89PNG")


def test_ranges_that_were_searched_for_can_be_written_too(found: Found) -> None:
    searched = replace(found, plan=replace(found.plan, method="mse"))
    assert msgspec.json.decode(msgspec.json.encode(_ranges(searched)))
