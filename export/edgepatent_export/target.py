"""Where an INT8 model is to run: optimum's preset for the processor, or one for all."""

from collections.abc import Sequence
from typing import Literal, get_args

from optimum.onnxruntime.configuration import AutoQuantizationConfig, QuantizationConfig

Target = Literal["portable", "x86", "arm64"]
TARGETS: tuple[Target, ...] = get_args(Target)


def preset(
    target: Target, operators: Sequence[str], nodes: Sequence[str], *, per_channel: bool = True
) -> QuantizationConfig:
    """optimum's static configuration for ``target``, for ``nodes`` of the types ``operators``.

    All keep uint8 activations and int8 weights: the drawing enters as it is. ``portable`` uses
    all 8 bits of a weight; x86 processors without VNNI then need slow exact kernels to give the
    same answers (`edgepatent_runtime.encoder.saturates`). ``x86`` keeps weights to 7 bits, so that
    nothing overflows and the fast kernels serve every x86 processor. ``arm64`` is what optimum
    advises there.
    """
    options = {
        "is_static": True,
        "use_symmetric_activations": False,
        "use_symmetric_weights": True,
        "per_channel": per_channel,
        "operators_to_quantize": list(operators),
        "nodes_to_quantize": list(nodes),
    }
    config: QuantizationConfig
    if target == "arm64":
        config = AutoQuantizationConfig.arm64(**options)
    elif target == "x86":
        config = AutoQuantizationConfig.avx512(reduce_range=True, **options)
    else:
        config = AutoQuantizationConfig.avx512_vnni(**options)
    return config


def largest_code(target: Target) -> int:
    """The magnitude of the largest weight code for ``target``."""
    return 64 if target == "x86" else 127
