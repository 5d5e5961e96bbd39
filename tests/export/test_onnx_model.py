import numpy as np
import onnx
import pytest
import torch
from tiny_networks import tiny_model

from edgepatent_export.onnx_model import (
    INPUT,
    IR_VERSION,
    OUTPUT,
    compare,
    consumers,
    fold_axes,
    to_onnx,
    turned,
    weights_of,
)
from edgepatent_export.order import principal_axes
from edgepatent_runtime.encoder import Drawings, open_session
from edgepatent_runtime.errors import ExportError
from edgepatent_train.model import DrawingEncoder, UnitParts

SIZE = 64


def run(proto: onnx.ModelProto, drawings: Drawings) -> np.ndarray:
    return open_session(proto.SerializeToString()).run([OUTPUT], {INPUT: drawings})[0]


def axes(dimensions: int) -> np.ndarray:
    random = np.random.default_rng(0).normal(size=(dimensions, dimensions))
    return np.linalg.qr(random)[0].astype(np.float32)


def test_model_gives_what_the_network_gives_for_any_batch(
    model: DrawingEncoder, proto: onnx.ModelProto, drawings: Drawings
) -> None:
    for count in (1, 2, 7):
        with torch.no_grad():
            expected = model(torch.from_numpy(drawings[:count])).numpy()
        got = run(proto, drawings[:count])
        np.testing.assert_allclose(got, expected, atol=2e-5)
        np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)


def test_taps_are_exported(drawings: Drawings) -> None:
    tapped = tiny_model(drawings, taps=("blocks.0", "blocks.2"))
    proto = to_onnx(tapped, SIZE)
    with torch.no_grad():
        expected = tapped(torch.from_numpy(drawings)).numpy()
    np.testing.assert_allclose(run(proto, drawings), expected, atol=2e-5)


def test_a_drawing_at_several_sizes_is_one_pass_in_the_model(drawings: Drawings) -> None:
    model = tiny_model(drawings, taps=("blocks.0",), pyramid=(32,))
    proto = to_onnx(model, SIZE)
    for count in (1, 5):
        with torch.no_grad():
            expected = model(torch.from_numpy(drawings[:count])).numpy()
        np.testing.assert_allclose(run(proto, drawings[:count]), expected, atol=2e-5)
    once = to_onnx(tiny_model(drawings, taps=("blocks.0",)), SIZE)
    convolutions = [
        [node.name for node in each.graph.node if node.op_type == "Conv"] for each in (proto, once)
    ]
    assert convolutions[0] == convolutions[1]
    # the input's scale went into the weights here too
    assert "Mul" not in {
        node.op_type for node in proto.graph.node if set(node.output) & set(first_input(proto))
    }


def first_input(proto: onnx.ModelProto) -> list[str]:
    return [next(node for node in proto.graph.node if node.op_type == "Conv").input[0]]


def test_what_can_be_folded_is_folded(proto: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in proto.graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds[:3] == ["Cast", "Sub", "Conv"]  # the input's scale went into the weights
    assert all(len(node.input) == 3 for node in proto.graph.node if node.op_type == "Conv")


def test_model_can_be_read_by_old_runtimes_and_by_people(proto: onnx.ModelProto) -> None:
    assert proto.ir_version == IR_VERSION
    assert [opset.domain for opset in proto.opset_import] == [""]
    names = [node.name for node in proto.graph.node]
    assert len(set(names)) == len(names)
    assert "backbone.conv_stem" in names
    assert "head" in names
    assert not proto.graph.value_info


def test_paper_beyond_the_border_changes_nothing(model: DrawingEncoder, drawings: Drawings) -> None:
    """White paper is zero: a wider sheet feeds the first convolution what its padding was."""
    narrow = torch.from_numpy(drawings[:4])
    wide = torch.nn.functional.pad(narrow, (8, 8, 8, 8), value=255)
    first = next(m for m in model.backbone.modules() if isinstance(m, torch.nn.Conv2d))
    with torch.no_grad():
        inner = first((narrow.float() - 255) / 255)
        outer = first((wide.float() - 255) / 255)
    edge = 8 // first.stride[0]
    torch.testing.assert_close(outer[:, :, edge:-edge, edge:-edge], inner)


def test_axes_change_no_inner_product(
    model: DrawingEncoder, proto: onnx.ModelProto, drawings: Drawings
) -> None:
    matrix = axes(32)
    ordered = run(to_onnx(model, SIZE, matrix), drawings)
    plain = run(proto, drawings)
    np.testing.assert_allclose(ordered @ ordered.T, plain @ plain.T, atol=1e-5)
    np.testing.assert_allclose(ordered, plain @ matrix.T, atol=1e-5)


def test_export_leaves_the_model_alone(model: DrawingEncoder) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    to_onnx(model, SIZE, axes(32))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_fold_axes_turns_the_bias_too() -> None:
    head = torch.nn.Linear(5, 4)
    x = torch.randn(3, 5)
    matrix = axes(4)
    expected = head(x).detach() @ torch.from_numpy(matrix).T
    fold_axes(head, matrix)
    torch.testing.assert_close(head(x).detach(), expected)


def test_a_model_that_differs_is_refused(model: DrawingEncoder, proto: onnx.ModelProto) -> None:
    edited = onnx.ModelProto()
    edited.CopyFrom(proto)
    conv = next(node for node in edited.graph.node if node.name == "backbone.conv_stem")
    value = next(v for v in edited.graph.initializer if v.name == conv.input[1])
    value.CopyFrom(onnx.numpy_helper.from_array(-weights_of(edited)[value.name], value.name))
    with pytest.raises(ExportError, match="differs from the network"):
        compare(edited, model, SIZE)


def test_an_untraceable_network_is_named(model: DrawingEncoder) -> None:
    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if float(x.sum()) > 0 else -x

    import copy

    odd = copy.deepcopy(model)
    odd.pool = torch.nn.Sequential(odd.pool or torch.nn.Identity(), Odd())
    with pytest.raises(ExportError, match="torch cannot export"):
        to_onnx(odd, SIZE)


def test_consumers_finds_every_reader(proto: onnx.ModelProto) -> None:
    users = consumers(proto)
    for node in proto.graph.node:
        for name in node.input:
            assert node in users[name]


def test_attention_becomes_one_operator_and_gives_the_same(drawings: Drawings) -> None:
    network = tiny_model(drawings, backbone="test_vit", pool="avg")
    proto = to_onnx(network, SIZE)
    kinds = [node.op_type for node in proto.graph.node]
    assert kinds.count("MultiHeadAttention") == len(network.backbone.blocks)
    assert "Softmax" not in kinds
    with torch.no_grad():
        expected = network(torch.from_numpy(drawings[:5])).numpy()
    np.testing.assert_allclose(run(proto, drawings[:5]), expected, atol=2e-5)


def test_mobilevit_is_rewritten_and_gives_the_same(drawings: Drawings) -> None:
    # At 96 pixels the maps of its last stage are 3 × 3: no whole patches.
    network = tiny_model(drawings, backbone="mobilevit_xxs")
    proto = to_onnx(network, 96)  # raises unless it gives what the network gives
    kinds = [node.op_type for node in proto.graph.node]
    assert kinds.count("Resize") == 2
    assert kinds.count("MultiHeadAttention") == 9
    assert "MatMul" not in kinds


def test_an_embedding_in_parts_keeps_them_apart_when_its_dimensions_are_ordered(
    drawings: Drawings,
) -> None:
    """Inner products stay those of the network, and each part still has its weight."""
    tapped = tiny_model(drawings)
    tapped.unit = UnitParts(32, 12, 0.3)
    with torch.no_grad():
        expected = tapped(torch.from_numpy(drawings)).numpy()
    kin = tapped.unit.kin.numpy()
    order = principal_axes(expected, kin)
    np.testing.assert_allclose(order @ order.T, np.eye(32), atol=1e-5)
    own = turned(order, kin)
    assert own.sum() == 12
    got = run(to_onnx(tapped, SIZE, order), drawings)
    np.testing.assert_allclose(got @ got.T, expected @ expected.T, atol=1e-4)
    np.testing.assert_allclose(np.square(got[:, own > 0]).sum(1), 0.3, atol=1e-4)
    np.testing.assert_allclose(np.square(got[:, own == 0]).sum(1), 0.7, atol=1e-4)
    energy = np.square(got).mean(0)
    assert (np.diff(energy) <= 1e-5).all()  # the leading dimensions carry most
