import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgepatent_export.calibrate import Statistics, observe
from edgepatent_export.certify import embed
from edgepatent_export.equalise import correct_bias, equalise
from edgepatent_export.layers import conv_pairs
from edgepatent_export.onnx_model import weights_of
from edgepatent_export.quantize import quantised_tensors, round_weights
from edgepatent_runtime.encoder import Drawings


@pytest.fixture(scope="module")
def statistics(proto: onnx.ModelProto, drawings: Drawings) -> Statistics:
    return observe(proto, quantised_tensors(proto), drawings)


def test_equalisation_changes_weights_and_no_answer(
    proto: onnx.ModelProto, statistics: Statistics, drawings: Drawings
) -> None:
    equalised = equalise(proto, statistics)
    before, after = weights_of(proto), weights_of(equalised)
    assert any((before[name] != after[name]).any() for name in before)
    a, b = (embed(g.SerializeToString(), drawings) for g in (proto, equalised))
    np.testing.assert_allclose(a, b, atol=2e-4)


def test_channels_before_depthwise_convolutions_get_one_range(
    proto: onnx.ModelProto, statistics: Statistics, drawings: Drawings
) -> None:
    equalised = equalise(proto, statistics)
    after = observe(equalised, quantised_tensors(equalised), drawings)
    for _, activation, second in conv_pairs(proto):
        if second.name.endswith("conv_dw"):
            name = activation.output[0]
            live = statistics.peaks[name] > np.median(statistics.peaks[name]) / 7
            spread = [
                s.peaks[name][live].max() / s.peaks[name][live].min() for s in (statistics, after)
            ]
            assert spread[1] < spread[0]


@pytest.mark.parametrize("layer", ["backbone.conv_head", "head"])
def test_corrected_biases_keep_the_mean_of_rounded_weights(
    layer: str, proto: onnx.ModelProto, statistics: Statistics, drawings: Drawings
) -> None:
    """Oracle: with weights rounded, the mean of each channel is nearer to FP32's if corrected."""

    def rounded(source: onnx.ModelProto) -> onnx.ModelProto:
        copy = onnx.ModelProto()
        copy.CopyFrom(source)
        name = next(n for n in copy.graph.node if n.name == layer).input[1]
        value = next(v for v in copy.graph.initializer if v.name == name)
        codes, scale = round_weights(numpy_helper.to_array(value), 0, 7)  # coarse: 4 bits
        value.CopyFrom(numpy_helper.from_array((codes * scale).astype(np.float32), name))
        return copy

    def only_layer(source: onnx.ModelProto) -> onnx.ModelProto:
        corrected = weights_of(correct_bias(source, statistics, 7))
        node = next(n for n in source.graph.node if n.name == layer)
        copy = onnx.ModelProto()
        copy.CopyFrom(source)
        value = next(v for v in copy.graph.initializer if v.name == node.input[2])
        value.CopyFrom(numpy_helper.from_array(corrected[node.input[2]], node.input[2]))
        return copy

    output = next(n for n in proto.graph.node if n.name == layer).output[0]
    exact = statistics.means[output]
    plain = observe(rounded(proto), [output], drawings).means[output]
    fixed = observe(rounded(only_layer(proto)), [output], drawings).means[output]
    assert np.abs(fixed - exact).mean() < 0.2 * np.abs(plain - exact).mean()
