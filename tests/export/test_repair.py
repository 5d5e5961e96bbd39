from collections.abc import Callable

import onnx
import pytest

from edgepatent_export import repair
from edgepatent_export.certify import Certificate, Latency, Side
from edgepatent_export.quantize import everything
from edgepatent_export.repair import find_int8, split_trial
from edgepatent_export.sensitivity import group_gains, layer_losses
from edgepatent_runtime.encoder import Drawings

Judge = Callable[[bytes], Certificate]


def verdict(drop: float, accepted: bool, cosine: float = 1.0) -> Certificate:
    side = Side({}, Latency(1.0, 1.0), 1)
    return Certificate(
        fp32=side,
        int8=side,
        drop={"patent": drop},
        drop_interval={"patent": (drop, drop)},
        neighbour_overlap_10=1.0,
        cosine_min=cosine,
        cosine_mean=cosine,
        speedup=2.0,
        accepted=accepted,
        max_drop=0.005,
        refused=[] if accepted else ["mAP drops"],
        evaluation={},
    )


@pytest.fixture
def int8_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is faster in float, whatever else this machine is doing."""
    monkeypatch.setattr("edgepatent_export.sensitivity.PAYS", 0)


@pytest.mark.usefixtures("int8_pays")
def test_first_accepted_model_is_taken(proto: onnx.ModelProto, drawings: Drawings) -> None:
    judged = []

    def judge(model: bytes) -> Certificate:
        judged.append(model)
        return verdict(0.0, accepted=True)

    found = find_int8(proto, drawings, judge)
    assert judged == [found.model]
    assert found.certificate.accepted
    assert found.plan.nodes


@pytest.mark.usefixtures("int8_pays")
def test_repairs_follow_while_it_is_refused(proto: onnx.ModelProto, drawings: Drawings) -> None:
    lines: list[str] = []
    drops = iter([0.05, 0.04, 0.03, 0.02, 0.01])
    found = find_int8(
        proto, drawings, lambda model: verdict(next(drops), accepted=False), notify=lines.append
    )
    assert not found.certificate.accepted
    assert found.certificate.drop["patent"] == min(0.05, found.certificate.drop["patent"])
    assert any("equalised" in line for line in lines)
    assert any("most sensitive layers in float" in line for line in lines)
    spared = [why for why in found.plan.kept_float.values() if why.startswith("alone")]
    assert len(spared) == max(repair.SPARED)  # the last one judged lost least


def test_what_is_faster_in_float_is_left_there(
    proto: onnx.ModelProto, drawings: Drawings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything declared faster in float, nothing but the weights is 8 bits."""
    monkeypatch.setattr("edgepatent_export.sensitivity.PAYS", 1e9)
    found = find_int8(proto, drawings, lambda model: verdict(0.0, accepted=True))
    assert not found.plan.nodes
    assert found.repairs == ["weights only"]
    assert all("faster in float" in why for why in found.plan.kept_float.values())
    assert len(found.model) < len(proto.SerializeToString()) / 2.5


def test_sensitive_layers_come_first(proto: onnx.ModelProto, drawings: Drawings) -> None:
    search = repair.Search(proto, drawings)
    ranges = search.statistics.ranges("percentile")
    stem = "backbone.conv_stem"
    plan = everything(proto)
    few = plan.without(plan.nodes - {stem, "head"}, "")
    names = [n.input[0] for n in proto.graph.node if n.name == "head"]
    spoilt = {**ranges, names[0]: (-1e-3, 1e-3)}  # clips all that the head reads
    losses = layer_losses(proto, spoilt, few, search.trial, search.expected)
    assert list(losses) == ["head", stem]
    assert losses["head"] > losses[stem] >= -1e-6


def test_every_group_is_timed(proto: onnx.ModelProto, drawings: Drawings) -> None:
    search = repair.Search(proto, drawings)
    gains = group_gains(
        proto, search.statistics.ranges("percentile"), everything(proto), drawings[:1]
    )
    assert {gain.group for gain in gains} == set(repair_groups(proto))
    assert all(gain.quantised_ms > 0 and gain.float_ms > 0 for gain in gains)


def repair_groups(proto: onnx.ModelProto) -> list[str]:
    from edgepatent_export.layers import groups_of

    return list(groups_of(proto))


def test_trial_drawings_are_not_learned_from(drawings: Drawings) -> None:
    trial, learned = split_trial(drawings)
    assert len(trial) + len(learned) == len(drawings)
    assert 10 <= len(trial) <= len(learned)
    seen = {drawing.tobytes() for drawing in learned}
    assert not any(drawing.tobytes() in seen for drawing in trial)
