"""Static INT8 by optimum's ORTQuantizer: what is quantised is decided by a plan.

Weights are int8, one scale per output channel; activations are uint8. The drawing itself is the
first quantised tensor (scale 1, zero point 255): nothing is computed before the first convolution.
What stays in float still has its large weights stored in 8 bits.
"""

import logging
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from optimum.onnxruntime import ORTQuantizer
from optimum.onnxruntime.configuration import QuantizationConfig

from edgepatent_export.calibrate import Method, Ranges
from edgepatent_export.graph import INPUT, consumers, weights_of
from edgepatent_runtime.errors import ExportError

# Operators with fused INT8 kernels in onnxruntime. Everything else (sigmoid, softmax,
# layer normalisation, products of activations) only gains Quantize/Dequantize pairs.
FUSED = ("Conv", "Gemm", "Add", "Clip", "Relu")
# Float weights of at least so many values are stored in 8 bits.
LARGE = 4096


@dataclass(frozen=True)
class Plan:
    """What is quantised, and how.

    ``operators`` have their activations quantised, except nodes named in ``keep_float``, which
    maps each to the reason. ``equalise`` and ``correct_bias`` are what `repair` does before.
    """

    operators: tuple[str, ...] = FUSED
    keep_float: dict[str, str] = field(default_factory=dict)
    method: Method = "minmax"
    per_channel: bool = True
    signed_activations: bool = False
    equalise: bool = False
    correct_bias: bool = False


def quantised_tensors(graph: onnx.ModelProto, operators: tuple[str, ...]) -> list[str]:
    """The activations whose ranges are needed to quantise ``operators``."""
    constant = {value.name for value in graph.graph.initializer}
    names = {
        name: None
        for node in graph.graph.node
        if node.op_type in operators
        for name in (*node.input, *node.output)
        if name and name not in constant and name != INPUT
    }
    return list(names)


def quantise(graph: onnx.ModelProto, ranges: Ranges, plan: Plan) -> onnx.ModelProto:
    """The INT8 graph of the FP32 ``graph``. Raises `ExportError` where it cannot be quantised."""
    known = {node.name for node in graph.graph.node}
    for name in plan.keep_float:
        if name not in known:
            raise ExportError(f"the graph has no node {name} to keep in float")
    image = _image(graph)
    ranges = {**ranges, **({image: (-255.0, 0.0)} if image else {})}
    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    activations = QuantType.QInt8 if plan.signed_activations else QuantType.QUInt8
    config = QuantizationConfig(
        is_static=True,
        format=QuantFormat.QDQ,
        activations_dtype=activations,
        activations_symmetric=plan.signed_activations,
        weights_dtype=QuantType.QInt8,
        weights_symmetric=True,
        per_channel=plan.per_channel,
        operators_to_quantize=list(plan.operators),
        nodes_to_exclude=sorted(plan.keep_float),
    )
    logging.getLogger("optimum").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="edgepatent-") as name:
        source = Path(name) / "float.onnx"
        onnx.save(graph, source)
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
            raise ExportError(f"onnxruntime cannot quantise this graph: {error}") from error
        finally:
            logging.disable(logging.NOTSET)
        quantised = onnx.load(Path(name) / "float_int8.onnx")
    feed_image(quantised)
    store_in_8_bits(quantised)
    _drop_unused(quantised)
    quantised.producer_name, quantised.producer_version = "edgepatent", ""
    onnx.checker.check_model(quantised)
    return quantised


def _image(graph: onnx.ModelProto) -> str | None:
    """The tensor (pixel − 255) that feeds the first convolution, if the graph begins so."""
    users = consumers(graph)
    chain = [users[INPUT][0]]
    while chain[-1].op_type != "Sub" and len(users.get(chain[-1].output[0], [])) == 1:
        chain.append(users[chain[-1].output[0]][0])
        if len(chain) > 2:
            return None
    following = users.get(chain[-1].output[0], [])
    if [n.op_type for n in chain] == ["Cast", "Sub"] and [n.op_type for n in following] == ["Conv"]:
        return str(chain[-1].output[0])
    return None


def feed_image(graph: onnx.ModelProto) -> None:
    """Let the drawing be the quantised tensor that the first convolution reads, in place.

    Cast → Sub 255 → QuantizeLinear(scale 1, zero point 255) gives back the very bytes that came
    in: all three go. Left as it is where the first convolution stays in float or reads int8.
    """
    image = _image_of_quantised(graph)
    if image is None:
        return
    cast, sub, quantize = image
    for node in graph.graph.node:
        for place, name in enumerate(node.input):
            if name == quantize.output[0]:
                node.input[place] = INPUT
    for node in (cast, sub, quantize):
        graph.graph.node.remove(node)


def _image_of_quantised(
    graph: onnx.ModelProto,
) -> tuple[onnx.NodeProto, onnx.NodeProto, onnx.NodeProto] | None:
    users, values = consumers(graph), weights_of(graph)
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


def store_in_8_bits(graph: onnx.ModelProto) -> None:
    """Store large float weights as int8 with one scale per channel, in place.

    Cast and Mul make them float again; onnxruntime folds both when it loads the model, so that
    nothing is computed at inference (a DequantizeLinear would run every time).
    """
    for value in list(graph.graph.initializer):
        weight = numpy_helper.to_array(value)
        if weight.dtype != np.float32 or weight.ndim < 2 or weight.size < LARGE:
            continue
        codes, scale = round_weights(weight, output_axis(graph, value.name, weight.ndim))
        graph.graph.initializer.remove(value)
        graph.graph.initializer.extend(
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
        graph.graph.node.insert(0, scaled)
        graph.graph.node.insert(0, cast)


def round_weights(
    weight: npt.NDArray[np.float32], axis: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """int8 codes and the scale of each channel along ``axis`` (its largest value is ±127)."""
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scale = (np.abs(weight).max(axis=others, keepdims=True) / 127).astype(np.float32)
    scale[scale == 0] = 1
    return np.rint(weight / scale).astype(np.int8), scale


def output_axis(graph: onnx.ModelProto, name: str, rank: int) -> int:
    """The axis of a weight that counts its output channels."""
    user = next((node for node in graph.graph.node if name in node.input), None)
    if user is None or user.op_type == "Conv":
        return 0
    if user.op_type == "Gemm":
        transposed = any(a.name == "transB" and a.i for a in user.attribute)
        return 0 if transposed else 1
    return rank - 1


def _drop_unused(graph: onnx.ModelProto) -> None:
    used = {name for node in graph.graph.node for name in node.input}
    used |= {output.name for output in graph.graph.output}
    for value in [value for value in graph.graph.initializer if value.name not in used]:
        graph.graph.initializer.remove(value)
