"""Static INT8 by optimum's ORTQuantizer: what is quantised is decided by a plan.

Weights are int8, one scale per output channel; activations are uint8. The drawing itself is the
first quantised tensor (scale 1, zero point 255): nothing is computed before the first convolution.
What stays in float still has its large weights stored in 8 bits.
"""

import logging
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from optimum.onnxruntime import ORTQuantizer

from edgepatent_export.calibrate import Method, Ranges
from edgepatent_export.layers import ACTIVATIONS, groups_of, only_user
from edgepatent_export.onnx_model import INPUT, consumers, weights_of
from edgepatent_export.target import Target, preset
from edgepatent_runtime.errors import ExportError

# Operators that a plan may quantise. Everything else (sigmoid, softmax, layer normalisation,
# products of activations) has no fused INT8 kernel and only gains Quantize/Dequantize pairs.
OPERATORS = ("Conv", "Gemm", "MatMul", "Add", *ACTIVATIONS)
# Float weights of at least so many values are stored in 8 bits.
LARGE = 4096


@dataclass(frozen=True)
class Plan:
    """What is quantised, and how.

    ``nodes`` are computed in INT8 (with the activations that follow them); ``kept_float`` maps
    those that could have been to the reason why they are not. ``equalised``, ``bias_corrected``
    and ``finetuned`` tell what was done to the FP32 model before.
    """

    nodes: frozenset[str]
    kept_float: dict[str, str] = field(default_factory=dict)
    method: Method = "percentile"
    target: Target = "portable"
    per_channel: bool = True
    equalised: bool = False
    bias_corrected: bool = False
    finetuned: bool = False

    def without(self, nodes: Iterable[str], why: str) -> "Plan":
        """The same plan with ``nodes`` left in float."""
        left = self.nodes & set(nodes)
        return replace(
            self,
            nodes=self.nodes - left,
            kept_float={**self.kept_float, **dict.fromkeys(sorted(left), why)},
        )


def everything(proto: onnx.ModelProto, target: Target = "portable") -> Plan:
    """The plan that quantises every layer of every group."""
    groups = groups_of(proto)
    nodes = frozenset(name for names in groups.values() for name in names)
    return Plan(nodes, target=target)


def quantised_tensors(proto: onnx.ModelProto) -> list[str]:
    """The activations whose ranges some plan may need."""
    constant = set(weights_of(proto))
    nodes = _with_activations(proto, everything(proto).nodes)
    names = {
        name: None
        for node in proto.graph.node
        if node.name in nodes
        for name in (*node.input, *node.output)
        if name and name not in constant and name != INPUT
    }
    return list(names)


def quantise(proto: onnx.ModelProto, ranges: Ranges, plan: Plan) -> onnx.ModelProto:
    """The INT8 model of the FP32 ``proto``; with an empty plan only its weights are 8 bits.

    Raises `ExportError` for a plan that names what the model does not have or cannot quantise.
    """
    known = {node.name: node.op_type for node in proto.graph.node}
    for name in sorted(plan.nodes):
        if known.get(name) not in OPERATORS:
            what = f"a {known[name]}" if name in known else "not in the model"
            raise ExportError(f"{name} cannot be quantised: it is {what}")
    if plan.nodes:
        quantised = _static(proto, ranges, plan)
        feed_image(quantised)
        give_floats(quantised, proto, _with_activations(proto, plan.nodes))
    else:
        quantised = onnx.ModelProto()
        quantised.CopyFrom(proto)
    store_in_8_bits(quantised)
    _drop_unused(quantised)
    quantised.producer_name, quantised.producer_version = "edgepatent", ""
    onnx.checker.check_model(quantised)
    return quantised


def _static(proto: onnx.ModelProto, ranges: Ranges, plan: Plan) -> onnx.ModelProto:
    """What optimum's ORTQuantizer makes of ``proto``."""
    image = _image(proto)
    ranges = {**ranges, **({image: (-255.0, 0.0)} if image else {})}
    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    nodes = _with_activations(proto, plan.nodes)
    proto = typed(proto)
    config = preset(plan.target, OPERATORS, sorted(nodes), per_channel=plan.per_channel)
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as name:
        source = Path(name) / "float.onnx"
        onnx.save(proto, source)
        # A missing transformers configuration is the normal case here: it only warns.
        logging.disable(logging.WARNING)
        try:
            ORTQuantizer(source).quantize(
                config,
                name,
                file_suffix="int8",
                calibration_tensors_range=TensorsData(CalibrationMethod.MinMax, data),
            )
        except (ValueError, KeyError, RuntimeError, TypeError) as error:
            raise ExportError(f"onnxruntime cannot quantise this model: {error}") from error
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(Path(name) / "float_int8.onnx")


def _with_activations(proto: onnx.ModelProto, nodes: frozenset[str]) -> frozenset[str]:
    """``nodes`` and every ReLU or clipped ReLU that one of them feeds: they fuse with it."""
    made = {name for node in proto.graph.node if node.name in nodes for name in node.output}
    return nodes | {
        node.name
        for node in proto.graph.node
        if node.op_type in ACTIVATIONS and node.input[0] in made
    }


def typed(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that says what operators of onnxruntime's own give: floats.

    ONNX cannot infer it, and its quantiser leaves in float whatever reads a tensor of unknown type.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    for node in proto.graph.node:
        if node.domain == "com.microsoft":
            for name in node.output:
                value = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
                copy.graph.value_info.append(value)
    return copy


def give_floats(proto: onnx.ModelProto, source: onnx.ModelProto, nodes: frozenset[str]) -> None:
    """Let linear layers give floats where none of the quantised ``nodes`` reads them, in place.

    A QuantizeLinear and a DequantizeLinear between them only cost time and accuracy: onnxruntime's
    QGemm gives either. (Its convolution does not.) Where a ReLU follows in ``source``, the model
    before, they stay: what they clip is all that is left of it.
    """
    users = consumers(proto)
    clipped = {node.input[0] for node in source.graph.node if node.op_type in ACTIVATIONS}
    linear = {
        node.name
        for node in source.graph.node
        if node.op_type in ("Gemm", "MatMul") and node.output[0] not in clipped
    }
    made = {name: node for node in proto.graph.node for name in node.output}
    for quantize in list(proto.graph.node):
        layer = made.get(quantize.input[0])
        if quantize.op_type != "QuantizeLinear" or layer is None or layer.name not in linear:
            continue
        dequantize = only_user(users, quantize.output[0], "DequantizeLinear")
        if dequantize is None:
            continue
        readers = users.get(dequantize.output[0], [])
        if not readers or any(reader.name in nodes for reader in readers):
            continue
        for reader in readers:
            for place, name in enumerate(reader.input):
                if name == dequantize.output[0]:
                    reader.input[place] = quantize.input[0]
        proto.graph.node.remove(quantize)
        proto.graph.node.remove(dequantize)


def _image(proto: onnx.ModelProto) -> str | None:
    """The tensor (pixel − 255) that feeds the first convolution, if the model begins so."""
    users = consumers(proto)
    chain = [users[INPUT][0]]
    while chain[-1].op_type != "Sub" and len(users.get(chain[-1].output[0], [])) == 1:
        chain.append(users[chain[-1].output[0]][0])
        if len(chain) > 2:
            return None
    following = users.get(chain[-1].output[0], [])
    if [n.op_type for n in chain] == ["Cast", "Sub"] and [n.op_type for n in following] == ["Conv"]:
        return str(chain[-1].output[0])
    return None


def feed_image(proto: onnx.ModelProto) -> None:
    """Let the drawing be the quantised tensor that the first convolution reads, in place.

    Cast → Sub 255 → QuantizeLinear(scale 1, zero point 255) gives back the very bytes that came
    in: all three go. Left as it is where the first convolution stays in float or reads int8.
    """
    image = _image_of_quantised(proto)
    if image is None:
        return
    cast, sub, quantize = image
    for node in proto.graph.node:
        for place, name in enumerate(node.input):
            if name == quantize.output[0]:
                node.input[place] = INPUT
    for node in (cast, sub, quantize):
        proto.graph.node.remove(node)


def _image_of_quantised(
    proto: onnx.ModelProto,
) -> tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto] | None:
    users, values = consumers(proto), weights_of(proto)
    cast = users[INPUT][0]
    sub = users.get(cast.output[0], [None])[0]
    if cast.op_type != "Cast" or sub is None or sub.op_type != "Sub":
        return None
    following = users.get(sub.output[0], [])
    if len(following) != 1 or following[0].op_type != "QuantizeLinear":
        return None
    quantize = following[0]
    scale, zero = values[quantize.input[1]], values[quantize.input[2]]
    if scale.size != 1 or scale.item() != 1.0 or zero.dtype != np.uint8 or zero.item() != 255:
        return None
    return cast, sub, quantize


def store_in_8_bits(proto: onnx.ModelProto) -> None:
    """Store large float weights as int8 with one scale per channel, in place.

    Cast and Mul make them float again; onnxruntime folds both when it loads the model, so that
    nothing is computed at inference (a DequantizeLinear would run every time).
    """
    for value in list(proto.graph.initializer):
        weight = numpy_helper.to_array(value)
        if weight.dtype != np.float32 or weight.ndim < 2 or weight.size < LARGE:
            continue
        codes, scale = round_weights(weight, output_axis(proto, value.name, weight.ndim))
        proto.graph.initializer.remove(value)
        proto.graph.initializer.extend(
            [
                numpy_helper.from_array(codes, f"{value.name}.int8"),
                numpy_helper.from_array(scale, f"{value.name}.scale"),
            ]
        )
        cast = helper.make_node(
            "Cast", [f"{value.name}.int8"], [f"{value.name}.cast"], to=onnx.TensorProto.FLOAT
        )
        scaled = helper.make_node("Mul", [cast.output[0], f"{value.name}.scale"], [value.name])
        cast.name, scaled.name = f"{value.name}.Cast", f"{value.name}.Mul"
        proto.graph.node.insert(0, scaled)
        proto.graph.node.insert(0, cast)


def round_weights(
    weight: npt.NDArray[np.float32], axis: int, largest: int = 127
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """int8 codes and the scale of each channel along ``axis`` (its peak is ±``largest``)."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = (np.abs(weight).max(axis=others, keepdims=True) / largest).astype(np.float32)
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale


def output_axis(proto: onnx.ModelProto, name: str, rank: int) -> int:
    """The axis of a weight that counts its output channels."""
    user = next((node for node in proto.graph.node if name in node.input), None)
    if user is None or user.op_type == "Conv":
        return 0
    if user.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in user.attribute)
        return 0 if transposed else 1
    return rank - 1


def _drop_unused(proto: onnx.ModelProto) -> None:
    used = {name for node in proto.graph.node for name in node.input}
    used |= {output.name for output in proto.graph.output}
    for value in [value for value in proto.graph.initializer if value.name not in used]:
        proto.graph.initializer.remove(value)
