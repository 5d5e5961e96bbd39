"""Two repairs made on the FP32 model before it is quantised: equalisation and bias correction.

Both are from Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019, with what calibration drawings show in place of what BatchNorm would suggest.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgepatent_export.calibrate import Statistics
from edgepatent_export.layers import attribute, conv_pairs
from edgepatent_export.quantize import output_axis, round_weights

Floats = npt.NDArray[np.float32]
# Scaled by more than this a weight's row would be ruled by one channel.
MOST = 8.0
# A clipped ReLU is only passed by what stays this far below its bound on all drawings.
BELOW_BOUND = 0.95


def equalise(proto: onnx.ModelProto, statistics: Statistics) -> onnx.ModelProto:
    """Give the channels between two convolutions ranges alike; the function stays the same.

    ReLU lets a positive factor through (section 4.1): channel i is divided by s_i before and
    multiplied after. Weights have a scale per output channel, so what counts is the range of the
    activation, which has only one scale: before a depthwise convolution s_i is the channel's
    range itself (the factor costs nothing there), before others the root of range over weight.
    Channels that reach the bound of a clipped ReLU are left alone.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    values = {value.name: value for value in copy.graph.initializer}
    for first, activation, second in conv_pairs(copy):
        peaks = statistics.peaks.get(activation.output[0])
        if peaks is None or len(first.input) < 3:
            continue
        weight1, bias1 = (numpy_helper.to_array(values[n]) for n in first.input[1:3])
        weight2 = numpy_helper.to_array(values[second.input[1]])
        depthwise = attribute(second, "group", 1) == len(peaks)
        if not depthwise and attribute(second, "group", 1) != 1:
            continue
        factor = _factors(peaks, weight2, depthwise, _bound(activation, values))
        shaped = factor.reshape(-1, 1, 1, 1)
        along = shaped if depthwise else factor.reshape(1, -1, 1, 1)
        for name, scaled in (
            (first.input[1], weight1 / shaped),
            (first.input[2], bias1 / factor),
            (second.input[1], weight2 * along),
        ):
            values[name].CopyFrom(numpy_helper.from_array(scaled.astype(np.float32), name))
    return copy


def correct_bias(
    proto: onnx.ModelProto, statistics: Statistics, largest: int = 127
) -> onnx.ModelProto:
    """Take the mean error of rounded weights out of each bias (section 4.2).

    Rounding W to W + ε shifts output o by Σ ε[o, i]·E[x_i] on average; E[x] [C] is what the
    calibration drawings showed. ``largest`` is that of the weight codes. Of convolutions the
    border, where some taps see padding, is ignored. Linear layers need it most: what they read is
    far from zero on average, and a head that whitens takes small differences between large values
    (on a MobileViT-XXS 8-bit weights alone cost a cosine of .031, corrected .005).
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    values = {value.name: value for value in copy.graph.initializer}
    for node in copy.graph.node:
        means = statistics.means.get(node.input[0])
        if node.op_type not in ("Conv", "Gemm") or means is None or len(node.input) < 3:
            continue
        weight, bias = (numpy_helper.to_array(values[n]) for n in node.input[1:3])
        axis = output_axis(copy, node.input[1], weight.ndim)
        codes, scale = round_weights(weight, axis, largest)
        error = np.moveaxis(codes * scale - weight, axis, 0)
        error = error.reshape(*error.shape[:2], -1).sum(2)
        grouped = means.reshape(attribute(node, "group", 1), -1)
        seen = np.repeat(grouped, len(error) // len(grouped), axis=0)
        corrected = (bias - (error * seen).sum(1)).astype(np.float32)
        values[node.input[2]].CopyFrom(numpy_helper.from_array(corrected, node.input[2]))
    return copy


def _bound(activation: onnx.NodeProto, values: dict[str, onnx.TensorProto]) -> float:
    """Where an activation clips: ∞ for ReLU."""
    if activation.op_type == "Relu" or len(activation.input) < 3:
        return float("inf")
    return float(numpy_helper.to_array(values[activation.input[2]]).item())


def _factors(peaks: Floats, weight2: Floats, depthwise: bool, bound: float) -> Floats:
    """s_i > 0 for every channel between two convolutions."""
    peaks = np.maximum(peaks, 1e-6)
    wanted = peaks / np.median(peaks)
    if not depthwise:
        rows = np.maximum(np.abs(weight2).max(axis=(0, 2, 3)), 1e-6)
        wanted = np.sqrt(wanted / (rows / np.median(rows)))
    factor = np.clip(wanted, 1 / MOST, MOST)
    # Divided by the factor a channel must still pass below the bound, or it would be cut.
    factor = np.maximum(factor, peaks / (BELOW_BOUND * bound))
    factor[peaks >= BELOW_BOUND * bound] = 1.0
    found: Floats = factor.astype(np.float32)
    return found
