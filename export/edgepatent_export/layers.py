"""The layers of a model that could be quantised, in groups that behave alike."""

from typing import Literal

import onnx

from edgepatent_export.onnx_model import consumers, weights_of

Group = Literal[
    "dense convolutions",
    "pointwise convolutions",
    "depthwise convolutions",
    "squeeze-excite gates",
    "linear layers",
    "sums",
]
ACTIVATIONS = ("Relu", "Clip")


def groups_of(proto: onnx.ModelProto) -> dict[Group, list[str]]:
    """The nodes with weights, and the sums of feature maps, by group. Empty groups are left out.

    Products of two activations (attention), softmax, normalisations and smooth activations are in
    none: they have no fused INT8 kernel and stay in float.
    """
    constant = set(weights_of(proto))
    pooled = _after_pooling(proto)
    convolved: set[str] = set()
    found: dict[Group, list[str]] = {}
    for node in proto.graph.node:
        group = _group(node, constant, pooled, convolved)
        if group is not None and group not in ("linear layers", "squeeze-excite gates"):
            convolved.update(node.output)
        if group is not None:
            found.setdefault(group, []).append(node.name)
    return found


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _group(
    node: onnx.NodeProto, constant: set[str], pooled: set[str], convolved: set[str]
) -> Group | None:
    if node.op_type == "Conv":
        if node.input[0] in pooled:
            return "squeeze-excite gates"
        if attribute(node, "group", 1) > 1:
            return "depthwise convolutions"
        kernel = next((list(a.ints) for a in node.attribute if a.name == "kernel_shape"), [])
        return "pointwise convolutions" if set(kernel) == {1} else "dense convolutions"
    if node.op_type == "Gemm" or (node.op_type == "MatMul" and constant & set(node.input)):
        return "linear layers"
    if node.op_type == "Add" and convolved & set(node.input):
        return "sums"
    return None


def _after_pooling(proto: onnx.ModelProto) -> set[str]:
    """Tensors that hold one value a channel: pooled maps, and what is computed of them alone."""
    constant = set(weights_of(proto))
    pooled: set[str] = set()
    for node in proto.graph.node:
        inputs = [name for name in node.input if name and name not in constant]
        if node.op_type in ("ReduceMean", "GlobalAveragePool") or (
            inputs and all(name in pooled for name in inputs)
        ):
            pooled.update(node.output)
    return pooled


def only_user(
    users: dict[str, list[onnx.NodeProto]], name: str, *kinds: str
) -> onnx.NodeProto | None:
    """The node that reads ``name``, if there is exactly one and it is of one of ``kinds``."""
    found = users.get(name, [])
    return found[0] if len(found) == 1 and found[0].op_type in kinds else None


def conv_pairs(
    proto: onnx.ModelProto,
) -> list[tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto]]:
    """(convolution, ReLU or clipped ReLU, convolution) where nobody else reads in between."""
    users = consumers(proto)
    pairs = []
    for first in proto.graph.node:
        if first.op_type != "Conv":
            continue
        activation = only_user(users, first.output[0], *ACTIVATIONS)
        second = activation and only_user(users, activation.output[0], "Conv")
        if (
            activation is not None
            and second is not None
            and second.input[0] == activation.output[0]
        ):
            pairs.append((first, activation, second))
    return pairs
