import onnx

from edgepatent_export.layers import conv_pairs, groups_of


def test_layers_without_gates(proto: onnx.ModelProto) -> None:
    groups = groups_of(proto)
    assert "squeeze-excite gates" not in groups
    assert groups["linear layers"] == ["head"]
    assert "backbone.conv_stem" in groups["dense convolutions"]
    assert all(name.endswith("conv_dw") for name in groups["depthwise convolutions"])


def test_gates_are_told_from_pointwise_convolutions(gated: onnx.ModelProto) -> None:
    groups = groups_of(gated)
    assert groups["squeeze-excite gates"]
    assert all(".se." in name for name in groups["squeeze-excite gates"])
    assert not any(".se." in name for name in groups["pointwise convolutions"])


def test_every_node_is_in_one_group(gated: onnx.ModelProto) -> None:
    names = [name for group in groups_of(gated).values() for name in group]
    assert len(set(names)) == len(names)
    convolutions = {node.name for node in gated.graph.node if node.op_type == "Conv"}
    assert convolutions <= set(names)


def test_pairs_have_nothing_but_relu_between(
    proto: onnx.ModelProto, gated: onnx.ModelProto
) -> None:
    pairs = conv_pairs(proto)
    assert pairs
    for first, activation, second in pairs:
        assert activation.op_type in ("Relu", "Clip")
        assert activation.input[0] == first.output[0]
        assert second.input[0] == activation.output[0]
    assert conv_pairs(gated) == []
