"""A model as a device receives it: a folder whose every file is accounted for."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgepatent_runtime.errors import BundleError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FORMAT = 1
INFO = "bundle.json"
MODEL = "model.onnx"
GOLDEN = "golden.npz"
CARD = "MODEL_CARD.md"


class BundleInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What ``bundle.json`` says.

    ``space`` is the digest of the FP32 weights and the rotation: bundles of one run share it,
    and embeddings may be compared only within it. ``files`` maps each file's name to its SHA-256.
    ``certificate`` is what export measured (see `edgepatent_export.certify`), None for a bundle
    made without ``--int8``.
    """

    format: int
    name: str
    space: str
    size: int
    dimensions: int
    precision: str
    target: str
    backbone: str
    created: str
    versions: dict[str, str]
    files: dict[str, str]
    training: dict[str, Any] = {}
    certificate: dict[str, Any] | None = None


def digest(data: bytes) -> str:
    """SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class Bundle:
    """An opened bundle folder. Files are checked against their digests as they are read.

    Raises `BundleError` where ``folder`` holds no bundle, one of a newer format, or one whose
    description cannot be read.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            raw = (self.folder / INFO).read_bytes()
        except OSError as error:
            raise BundleError(
                f"{self.folder} is not a model bundle ({INFO} cannot be read); "
                "make one with: edgepatent export RUN --out BUNDLE"
            ) from error
        try:
            self.info = msgspec.json.decode(raw, type=BundleInfo)
        except msgspec.DecodeError as error:
            raise BundleError(f"{self.folder / INFO} is damaged: {error}") from error
        if self.info.format > FORMAT:
            raise BundleError(
                f"{self.folder} has bundle format {self.info.format}, this version reads up to "
                f"{FORMAT}: upgrade edgepatent"
            )

    @classmethod
    def starter(cls) -> "Bundle":
        """The bundle that comes with the runtime."""
        return cls(Path(__file__).parent / "starter")

    def read(self, name: str) -> bytes:
        """The bytes of one file, checked. Raises `BundleError` if they are not as exported."""
        expected = self.info.files.get(name)
        if expected is None:
            raise BundleError(f"{self.folder} lists no file {name}: export the run again")
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise BundleError(
                f"{self.folder / name} cannot be read: copy the bundle again"
            ) from error
        if digest(data) != expected:
            raise BundleError(
                f"{self.folder / name} is damaged (its SHA-256 is not the one in {INFO}): "
                "copy the bundle again"
            )
        return data

    def verify(self) -> None:
        """Check every listed file. Raises `BundleError` for the first one missing or changed."""
        for name in self.info.files:
            self.read(name)

    @cached_property
    def golden(self) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]":
        """Synthetic drawings [N, 1, S, S] uint8 and the embeddings [N, D] that they must give."""
        import io

        import numpy as np

        with np.load(io.BytesIO(self.read(GOLDEN)), allow_pickle=False) as arrays:
            return arrays["drawings"], arrays["embeddings"]


def write_info(folder: Path, info: BundleInfo) -> None:
    """Write ``bundle.json`` into ``folder``, with the digest of every other file there."""
    files = {p.name: digest(p.read_bytes()) for p in sorted(folder.iterdir()) if p.name != INFO}
    info = msgspec.structs.replace(info, files=files)
    (folder / INFO).write_bytes(msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n")
