"""A bundle's session: normalised drawings in, unit-length embeddings out."""

import os

# onnxruntime's Linux wheels since 1.29 send usage events unless this is set BEFORE the import;
# switching telemetry off afterwards comes too late (a device id is written, a host resolved).
# Assigned, not defaulted: whatever the environment says, confidential designs stay here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import numpy.typing as npt
import onnxruntime

from edgepatent_runtime.bundle import MODEL, Bundle
from edgepatent_runtime.errors import BundleError, InputError

Drawings = npt.NDArray[np.uint8]
Embeddings = npt.NDArray[np.float32]


def open_session(model: bytes, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """An onnxruntime session on the CPU, with the settings that every model of ours needs.

    Raises what onnxruntime raises for a model that it cannot run.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would take the cores from the graph search and from other callers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Processors with AVX2 but without VNNI add pairs of uint8 × int8 products in 16 bits, which
    # overflow: the same file gave a cosine of .69 there. With this, onnxruntime takes its exact
    # (slower) kernels on those processors and changes nothing on others.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Encoder:
    """Encodes normalised drawings with the model of a bundle.

    Safe to share between threads. ``threads`` is how many cores one call may use; several
    callers at once are best served with 1.

    Raises `BundleError` where the model file is damaged or onnxruntime cannot run it.
    """

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        self.bundle = bundle
        model = bundle.read(MODEL)
        try:
            self._session = open_session(model, threads=threads)
        except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no base class
            raise BundleError(
                f"{bundle.folder}: onnxruntime cannot load its model: {error}"
            ) from error
        self._input = self._session.get_inputs()[0].name

    def encode(self, drawings: Drawings, *, batch: int = 16) -> Embeddings:
        """Embed drawings [N, S, S] or [N, 1, S, S] as uint8 → [N, D] float32 of unit length.

        S is the bundle's ``size``; paper is 255, ink 0. Raises `InputError` for other shapes.
        """
        size = self.bundle.info.size
        if drawings.ndim == 3:
            drawings = drawings[:, None]
        if drawings.dtype != np.uint8 or drawings.shape[1:] != (1, size, size):
            raise InputError(
                f"the model takes uint8 drawings [N,1,{size},{size}], "
                f"got {drawings.dtype} {list(drawings.shape)}"
            )
        out = np.empty((len(drawings), self.bundle.info.dimensions), np.float32)
        for start in range(0, len(drawings), batch):
            part = drawings[start : start + batch]
            out[start : start + len(part)] = self._session.run(
                ["embedding"], {self._input: np.ascontiguousarray(part)}
            )[0]
        return out
