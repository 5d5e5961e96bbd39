"""A bundle's session: normalised drawings in, unit-length embeddings out."""

import os
from base64 import b85decode
from functools import cache
from pathlib import Path
from typing import Literal

# onnxruntime's Linux wheels since 1.29 send usage events unless this is set BEFORE the import;
# switching telemetry off afterwards comes too late (a device id is written, a host resolved).
# Assigned, not defaulted: whatever the environment says, confidential designs stay here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import numpy.typing as npt
import onnxruntime

from edgepatent_runtime import device, onnx_rules, prepared
from edgepatent_runtime.bundle import MODEL, Bundle
from edgepatent_runtime.errors import BundleError, InputError

Drawings = npt.NDArray[np.uint8]
Embeddings = npt.NDArray[np.float32]

BATCH = 1
"""So many drawings are encoded at once: each takes some 20 MB meanwhile, and more are no faster."""

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
"""What computes, as onnxruntime names it."""

# As many as are brought at once where drawings are indexed. Never measured: there was no GPU.
_GPU_BATCH = 64

Kernels = Literal["right", "fast", "exact"]
"""Which kernels multiply in 8 bits: those that give right answers here, or either kind."""


# y = MatMulInteger(x uint8 [4, 16], w int8 [16, 16]) as an ONNX model; a test builds it anew.
_PROBE = (
    b"2nae{3K$9jcnSe`5&?N44NYNmO?7NZZggd5WpWY$a9R@z0eBJ)3JeGW5(o+c2m}fO2oPEm3ITT#4hjqi0}==d0tgTa"
    b"0tgUd6AA%&5)KLs2nG@e3IYfO3IYfaLIer`5Df"
)


def open_session(
    model: bytes,
    *,
    threads: int = 1,
    overflows: bool = True,
    kernels: Kernels = "right",
    keep: Path | None = None,
    provider: str = CPU,
) -> onnxruntime.InferenceSession:
    """An onnxruntime session, with the settings that every model of ours needs.

    It computes on the CPU, or what it can by ``provider`` (`require_provider`). ``overflows`` is
    False for a model whose weights are small enough for every kernel; ``kernels`` other than the
    right ones are for measuring; ``keep`` is where the optimised graph is written.
    Raises what onnxruntime raises for a model that it cannot run, `InputError` where ``provider``
    does not start.
    """
    options = _options(threads)
    if keep is not None:
        options.optimized_model_filepath = str(keep)
        # Mapped by whoever reads it: 4 MB less, and a third of the time, than parsed.
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", prepared.WEIGHTS
        )
    if kernels == "exact" or (kernels == "right" and overflows and saturates()):
        # Exact kernels, slower. Without them one INT8 file gave a cosine of .69 to its own
        # answers on another processor. Not for all: where nothing saturates they only cost
        # time (13 ms became 30 on a processor with VNNI).
        options.add_session_config_entry("session.x64quantprecision", "1")
    providers = list(dict.fromkeys([provider, CPU]))
    session = onnxruntime.InferenceSession(model, options, providers=providers)
    if session.get_providers()[0] != provider:
        # It says so in a warning, and computes on the CPU.
        raise InputError(
            f"{provider} of onnxruntime {onnxruntime.__version__} does not start here: see that "
            "the GPU, its driver and the libraries that this version wants are there"
        )
    return session


def require_provider(provider: str) -> None:
    """Raise `InputError` unless onnxruntime was built with ``provider``."""
    found = onnxruntime.get_available_providers()
    if provider not in found:
        raise InputError(
            f"onnxruntime {onnxruntime.__version__} has no {provider} here, only "
            f"{', '.join(found)}: for CUDA, pip uninstall onnxruntime and pip install "
            "onnxruntime-gpu"
        )


def open_kept(
    model: bytes,
    digest: str,
    *,
    threads: int = 1,
    overflows: bool = True,
    kernels: Kernels = "right",
    ours: bool = False,
) -> onnxruntime.InferenceSession:
    """The session of `open_session`, from the graph that an earlier one kept, where there is one.

    ``digest`` is the SHA-256 of ``model``; one that is ``ours``, part of the program, is not looked
    through. Raises `ValueError` for one that breaks `onnx_rules`, and what onnxruntime raises for
    one that it cannot run.
    """
    kept = prepared.Kept(digest, onnxruntime.__version__, str(overflows), kernels)
    graph = kept.find()
    if graph is not None:
        options = _options(threads)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            return onnxruntime.InferenceSession(str(graph), options, providers=[CPU])
        except Exception:  # noqa: BLE001 -- whatever is wrong with it, the model is at hand
            prepared.remove(graph)
    if not ours:
        onnx_rules.require(model)
    return kept.make(
        lambda keep: open_session(
            model, threads=threads, overflows=overflows, kernels=kernels, keep=keep
        )
    )


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # It would reserve all that a run needs once more, as one piece: 12 MB for a drawing, 120 for
    # sixteen, and nothing gained in time.
    options.enable_mem_pattern = False
    # Never its own format, which `onnx_rules` cannot read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Spinning threads would take the cores from the graph search and from other callers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


@cache
def saturates() -> bool:
    """Whether this processor's fast kernels overflow on uint8 × int8.

    Those with AVX2 or AVX-512 but without VNNI add pairs of products in 16 bits: 2 · 255 · 127
    does not fit. Tried on one small product rather than read off a list of processors.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(b85decode(_PROBE), options, providers=[CPU])
    x, w = np.full((4, 16), 255, np.uint8), np.full((16, 16), 127, np.int8)
    product = session.run(None, {"x": x, "w": w})[0]
    return bool((product != 16 * 255 * 127).any())


class Encoder:
    """Encodes normalised drawings with the model of a bundle.

    Safe to share between threads. ``threads`` is how many cores one call may use; several
    callers at once are best served with 1. 0 is what was saved for one drawing at a time on this
    machine (see `device`), else 1; so is the ``precision`` where none is named, else the bundle's
    own. ``provider`` is what computes; for another one than the CPU name the precision: 8 bits are
    made for processors.

    Raises `BundleError` where the model file is damaged or onnxruntime cannot run it, or where the
    bundle has no model of that precision, `InputError` for a provider that is not there.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threads: int = 1,
        precision: str | None = None,
        kernels: Kernels = "right",
        provider: str = CPU,
    ) -> None:
        require_provider(provider)
        self.bundle = bundle
        saved = device.setting(bundle.info.files[MODEL])
        if saved is not None:
            threads = threads or saved.threads
            if precision is None and saved.precision in bundle.models:
                precision = saved.precision
        self.batch = BATCH if saved is None else saved.batch
        if provider != CPU:
            self.batch = _GPU_BATCH
        self.precision = precision or bundle.info.precision
        if self.precision not in bundle.models:
            raise BundleError(
                f"{bundle.folder} has no {self.precision} model: export the run again with --both"
            )
        name = bundle.models[self.precision]
        model = bundle.read(name)
        # Weights of 7 bits cannot overflow anywhere.
        overflows = bundle.info.target != "x86"
        try:
            if provider == CPU:
                self._session = open_kept(
                    model,
                    bundle.info.files[name],
                    threads=threads or 1,
                    overflows=overflows,
                    kernels=kernels,
                )
            else:
                # What is kept of a model is kept for the processor.
                onnx_rules.require(model)
                self._session = open_session(model, threads=threads or 1, provider=provider)
        except InputError:
            raise
        except ValueError as error:
            raise BundleError(f"{bundle.folder}: its model is refused: {error}") from error
        except Exception as error:
            raise BundleError(
                f"{bundle.folder}: onnxruntime cannot load its model: {error}"
            ) from error
        self._input = self._session.get_inputs()[0].name
        self._require_fit()

    def _require_fit(self) -> None:
        """Raise `BundleError` unless the model takes and gives what its description says."""
        info = self.bundle.info
        given, wanted = self._session.get_inputs(), [1, info.size, info.size]
        if len(given) != 1 or given[0].type != "tensor(uint8)" or given[0].shape[1:] != wanted:
            raise BundleError(
                f"{self.bundle.folder}: its model does not take uint8 drawings "
                f"[N,1,{info.size},{info.size}]: export the run again"
            )
        out = {output.name: output for output in self._session.get_outputs()}.get("embedding")
        # A dimension that only a run will tell has a name, or none.
        if (
            out is None
            or out.type != "tensor(float)"
            or len(out.shape) != 2
            or (isinstance(out.shape[1], int) and out.shape[1] != info.dimensions)
        ):
            raise BundleError(
                f"{self.bundle.folder}: its model does not give float32 embeddings "
                f"[N,{info.dimensions}]: export the run again"
            )

    def encode(self, drawings: Drawings, *, batch: int | None = None) -> Embeddings:
        """Embed drawings [N, S, S] or [N, 1, S, S] as uint8 → [N, D] float32 of unit length.

        ``batch`` of them at once: as many as was saved for this machine, else `BATCH`.

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
        batch = batch or self.batch
        for start in range(0, len(drawings), batch):
            part = drawings[start : start + batch]
            try:
                given = self._session.run(["embedding"], {self._input: np.ascontiguousarray(part)})[
                    0
                ]
            except Exception as error:
                raise BundleError(
                    f"{self.bundle.folder}: onnxruntime cannot run its model: {error}"
                ) from error
            if given.shape != (len(part), self.bundle.info.dimensions):
                raise BundleError(
                    f"{self.bundle.folder}: its model gave embeddings {list(given.shape)} "
                    f"for {len(part)} drawings: export the run again"
                )
            out[start : start + len(part)] = given
        if not np.isfinite(out).all():
            raise BundleError(f"{self.bundle.folder}: its model gave what is no number")
        return out
