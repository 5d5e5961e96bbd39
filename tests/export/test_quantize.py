from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tiny_networks import SIZE, tiny_model

from edgepatent_export.calibrate import Ranges, observe
from edgepatent_export.certify import embed
from edgepatent_export.layers import groups_of
from edgepatent_export.onnx_model import INPUT, consumers, to_onnx, weights_of
from edgepatent_export.quantize import (
    Plan,
    everything,
    output_axis,
    quantise,
    quantised_tensors,
    round_weights,
)
from edgepatent_runtime.encoder import Drawings
from edgepatent_runtime.errors import ExportError


@pytest.fixture(scope="module")
def ranges(proto: onnx.ModelProto, drawings: Drawings) -> Ranges:
    return observe(proto, quantised_tensors(proto), drawings).ranges("percentile")


@pytest.fixture(scope="module")
def int8(proto: onnx.ModelProto, ranges: Ranges) -> onnx.ModelProto:
    return quantise(proto, ranges, everything(proto))


def fused(model: onnx.ModelProto, folder: Path) -> list[str]:
    """The operators that onnxruntime makes of a model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return [node.op_type for node in onnx.load(folder / "optimised.onnx").graph.node]


def cosines(proto: onnx.ModelProto, other: onnx.ModelProto, drawings: Drawings) -> np.ndarray:
    a, b = (embed(g.SerializeToString(), drawings) for g in (proto, other))
    return (a * b).sum(1)


def test_int8_is_close_to_fp32(
    proto: onnx.ModelProto, int8: onnx.ModelProto, drawings: Drawings
) -> None:
    assert cosines(proto, int8, drawings).mean() > 0.97


def test_int8_takes_any_batch(int8: onnx.ModelProto, drawings: Drawings) -> None:
    model = int8.SerializeToString()
    together = embed(model, drawings[:7])
    alone = np.concatenate([embed(model, drawings[i : i + 1]) for i in range(7)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_drawing_itself_is_the_first_quantised_tensor(int8: onnx.ModelProto) -> None:
    readers = [node for node in int8.graph.node if INPUT in node.input]
    assert [node.op_type for node in readers] == ["DequantizeLinear"]
    values = weights_of(int8)
    assert values[readers[0].input[1]].item() == 1.0
    assert values[readers[0].input[2]].item() == 255
    assert values[readers[0].input[2]].dtype == np.uint8


def test_onnxruntime_fuses_every_convolution(int8: onnx.ModelProto, tmp_path: Path) -> None:
    kinds = fused(int8, tmp_path)
    assert "Conv" not in kinds
    assert "Clip" not in kinds[: kinds.index("DequantizeLinear")]
    before = kinds[: kinds.index("QLinearConv")]
    assert set(before) <= {"Transpose"}  # nothing is computed before the first convolution


def test_weights_are_int8_with_a_scale_per_channel(int8: onnx.ModelProto) -> None:
    values = weights_of(int8)
    large = [v for v in values.values() if v.size >= 4096]
    assert large
    assert all(v.dtype == np.int8 for v in large)


def test_seven_bits_for_any_x86(proto: onnx.ModelProto, ranges: Ranges, drawings: Drawings) -> None:
    small = quantise(proto, ranges, everything(proto, "x86"))
    codes = [v for v in weights_of(small).values() if v.dtype == np.int8 and v.ndim > 1]
    assert max(int(np.abs(v.astype(int)).max()) for v in codes) <= 64
    assert cosines(proto, small, drawings).mean() > 0.9


def test_nodes_left_in_float_stay_exact(
    proto: onnx.ModelProto, ranges: Ranges, int8: onnx.ModelProto, drawings: Drawings
) -> None:
    plan = everything(proto).without(["head"], "to see")
    assert plan.kept_float == {"head": "to see"}
    kept = quantise(proto, ranges, plan)
    assert "Gemm" in [node.op_type for node in kept.graph.node]
    assert not any(n.op_type == "DequantizeLinear" and n.output[0] in head_inputs(kept, 1)
                   for n in kept.graph.node)  # fmt: skip
    assert cosines(proto, kept, drawings).mean() > 0.97


def head_inputs(proto: onnx.ModelProto, place: int) -> set[str]:
    return {node.input[place] for node in proto.graph.node if node.op_type == "Gemm"}


def test_an_empty_plan_stores_weights_in_8_bits_and_computes_in_float(
    proto: onnx.ModelProto, drawings: Drawings
) -> None:
    small = quantise(proto, {}, Plan(frozenset()))
    assert "QuantizeLinear" not in [node.op_type for node in small.graph.node]
    assert len(small.SerializeToString()) < len(proto.SerializeToString()) / 2.5
    assert cosines(proto, small, drawings).min() > 0.99


def test_input_model_is_left_alone(proto: onnx.ModelProto, ranges: Ranges) -> None:
    before = proto.SerializeToString()
    quantise(proto, ranges, everything(proto))
    quantise(proto, {}, Plan(frozenset()))
    assert proto.SerializeToString() == before


@pytest.mark.parametrize(
    ("name", "what"), [("nothing.here", "not in the model"), ("Div_", "a Div")]
)
def test_what_cannot_be_quantised_is_named(
    name: str, what: str, proto: onnx.ModelProto, ranges: Ranges
) -> None:
    node = next((n.name for n in proto.graph.node if n.name.startswith(name)), name)
    with pytest.raises(ExportError, match=what):
        quantise(proto, ranges, Plan(frozenset([node])))


def test_round_weights_errs_by_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(6, 3, 3, 3)).astype(np.float32)
    weight[2] = 0
    for largest in (127, 64):
        codes, scale = round_weights(weight, 0, largest)
        assert codes.dtype == np.int8
        assert np.abs(codes.astype(int)).max() == largest
        assert (np.abs(codes * scale - weight) <= scale / 2 + 1e-7).all()


def test_output_axis_follows_the_operator(proto: onnx.ModelProto) -> None:
    head = next(node for node in proto.graph.node if node.name == "head")
    weights = weights_of(proto)
    axis = output_axis(proto, head.input[1], 2)
    assert weights[head.input[1]].shape[axis] == 32


def test_linear_layers_give_floats_where_floats_are_read(int8: onnx.ModelProto) -> None:
    users = consumers(int8)
    for node in int8.graph.node:
        if node.op_type == "Gemm":
            readers = {reader.op_type for reader in users[node.output[0]]}
            assert "QuantizeLinear" not in readers


def test_every_linear_layer_of_a_transformer_computes_in_int8(
    drawings: Drawings, tmp_path: Path
) -> None:
    network = tiny_model(drawings, backbone="mobilevit_xxs", activation="relu")
    proto = to_onnx(network, SIZE)
    ranges = observe(proto, quantised_tensors(proto), drawings).ranges("percentile")
    plan = Plan(frozenset(groups_of(proto)["linear layers"]))
    int8 = quantise(proto, ranges, plan)
    kinds = fused(int8, tmp_path)
    linear = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    assert kinds.count("QGemm") == len(linear)
    assert not {"Gemm", "MatMul", "MatMulNBits"} & set(kinds)
    assert cosines(proto, int8, drawings).mean() > 0.97
    # Where the layer after a ReLU stays in float, the ReLU must not get lost.
    first = [name for name in plan.nodes if "fc1" in name]
    alone = quantise(proto, ranges, Plan(frozenset(first)))
    assert cosines(proto, alone, drawings).mean() > 0.97
