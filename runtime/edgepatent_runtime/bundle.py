"""A model as a device receives it: a folder whose every file is accounted for."""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from edgepatent_runtime import names
from edgepatent_runtime.errors import BundleError
from edgepatent_runtime.names import Name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edgepatent_runtime.seen import Seen
    from edgepatent_runtime.wording import Wording

FORMAT = 1
INFO = Name("bundle.json")
MODEL = Name("model.onnx")
FLOATS = Name("model-fp32.onnx")
"""The same model in 32-bit floats, in a bundle that was exported with both."""
GOLDEN = Name("golden.npz")
CARD = Name("MODEL_CARD.md")
SEEN = Name("seen.npz")
WORDS = Name("words.npz")
SIGNATURE = Name("bundle.json.sig")
STARTERS = ("starter", "starter-small")
"""The bundles that come with the runtime, by the names that stand for them."""

MOST_PIXELS = 4096
MOST_DIMENSIONS = 65_536
MOST_BYTES = 1 << 30
"""No file of a bundle is larger, and `golden` does not grow beyond a quarter of it."""

_INFO_BYTES = 16 << 20
_SIGNATURE_BYTES = 4096
_FILES = 64

_Words = Annotated[str, msgspec.Meta(max_length=4096)]
_Digest = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Part(msgspec.Struct, frozen=True):
    """A part of an embedding, of length √``weight``: which of its dimensions, from 0."""

    dimensions: Annotated[list[int], msgspec.Meta(max_length=MOST_DIMENSIONS)]
    weight: Annotated[float, msgspec.Meta(ge=0, le=1)]


class BundleInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """What ``bundle.json`` says.

    ``space`` is the digest of the FP32 weights and the axes: bundles of one run share it,
    and embeddings may be compared only within it. ``files`` maps each file's name to its SHA-256.
    ``certificate`` is what export measured (see `edgepatent_export.certify`), None for a bundle
    made without ``--int8``. ``also`` names the files of other precisions of the same model, by
    precision, where their embeddings lie in the same space. ``parts`` tells kin from twin where
    the embedding is of two parts: an inner product is the sum of those of the parts, weighed.
    """

    format: Annotated[int, msgspec.Meta(ge=1)]
    name: _Words
    space: Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,200}\Z")]
    size: Annotated[int, msgspec.Meta(ge=1, le=MOST_PIXELS)]
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=MOST_DIMENSIONS)]
    precision: _Words
    target: _Words
    backbone: _Words
    created: _Words
    versions: dict[str, _Words]
    files: Annotated[dict[str, _Digest], msgspec.Meta(max_length=_FILES)]
    parts: dict[str, Part] = {}
    also: Annotated[dict[str, str], msgspec.Meta(max_length=4)] = {}
    training: dict[str, Any] = {}
    certificate: dict[str, Any] | None = None

    @property
    def kin(self) -> list[int]:
        """The dimensions that tell the kind of a design: all, where there are no parts."""
        part = self.parts.get("kin")
        return list(range(self.dimensions)) if part is None else part.dimensions


class _Format(msgspec.Struct):
    """What is read of any bundle, also of one whose other fields mean something else."""

    format: int


def digest(data: bytes) -> str:
    """SHA-256 of ``data`` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class Bundle:
    """An opened bundle folder. Files are checked against their digests as they are read.

    Raises `BundleError` where ``folder`` holds no bundle, one of a newer format, or one whose
    description cannot be read, makes no sense, or lists anything but files in the folder itself.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        raw = self.description()
        try:
            newer = msgspec.json.decode(raw, type=_Format).format
            if newer > FORMAT:
                raise BundleError(
                    f"{self.folder} has bundle format {newer}, this version reads up to "
                    f"{FORMAT}: upgrade edgepatent"
                )
            self.info = msgspec.json.decode(raw, type=BundleInfo)
            self.files = {Name(name): sha256 for name, sha256 in self.info.files.items()}
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{self.folder / INFO} is damaged: {error}") from error
        if not set(self.info.also.values()) <= set(self.files):
            raise BundleError(f"{self.folder / INFO} is damaged: it names a model that it lacks")
        if INFO in self.files or SIGNATURE in self.files:
            raise BundleError(f"{self.folder / INFO} is damaged: it lists itself")

    @classmethod
    def starter(cls, name: str = STARTERS[0]) -> "Bundle":
        """The bundle that comes with the runtime; ``name`` is one of `STARTERS`."""
        # Some installers link every file of a package: its model is where the links lead.
        return cls((Path(__file__).parent / name / INFO).resolve().parent)

    def description(self) -> bytes:
        """``bundle.json`` as it lies there. Raises `BundleError` where it cannot be read."""
        try:
            return names.read(self.folder, INFO, _INFO_BYTES)
        except OSError as error:
            raise BundleError(
                f"{self.folder} is not a model bundle ({INFO} cannot be read: {error.strerror}); "
                "make one with: edgepatent export RUN --out BUNDLE"
            ) from error

    @classmethod
    def named(cls, model: Path | str) -> "Bundle":
        """The bundle in a folder, or for a name of `STARTERS` the one that comes with it."""
        return cls.starter(str(model)) if model in STARTERS else cls(model)

    def signature(self) -> bytes | None:
        """``bundle.json.sig``, if there is one: see `signature`. Raises `BundleError`."""
        try:
            return names.read(self.folder, SIGNATURE, _SIGNATURE_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BundleError(
                f"{self.folder / SIGNATURE} cannot be read ({error.strerror})"
            ) from error

    def read(self, name: str) -> bytes:
        """The bytes of one file, checked. Raises `BundleError` if they are not as exported."""
        listed = next((one for one in self.files if one == name), None)
        if listed is None:
            raise BundleError(f"{self.folder} lists no file {name}: export the run again")
        try:
            data = names.read(self.folder, listed, MOST_BYTES)
        except OSError as error:
            raise BundleError(
                f"{self.folder / listed} cannot be read ({error.strerror}): copy the bundle again"
            ) from error
        if digest(data) != self.files[listed]:
            raise BundleError(
                f"{self.folder / listed} is damaged (its SHA-256 is not the one in {INFO}): "
                "copy the bundle again"
            )
        return data

    @property
    def models(self) -> dict[str, str]:
        """The files of the model by precision, the one that is meant by default first."""
        return {self.info.precision: MODEL, **self.info.also}

    def verify(self) -> None:
        """Check every listed file. Raises `BundleError` for the first one missing or changed."""
        for name in self.files:
            self.read(name)

    @property
    def seen(self) -> "Seen | None":
        """Hashes of the drawings that the model was trained on; None where it brings none.

        Raises `BundleError` where they are damaged.
        """
        if SEEN not in self.files:
            return None
        from edgepatent_runtime.errors import InputError
        from edgepatent_runtime.seen import Seen

        try:
            return Seen.from_bytes(self.read(SEEN))
        except InputError as error:
            raise BundleError(f"{self.folder / SEEN}: {error}: copy the bundle again") from error

    @cached_property
    def wording(self) -> "Wording | None":
        """What places words among the drawings; None where the model brings nothing of the kind.

        Raises `BundleError` where it is damaged.
        """
        if WORDS not in self.files:
            return None
        from edgepatent_runtime.errors import InputError
        from edgepatent_runtime.wording import Wording

        kin = self.info.kin
        try:
            if not all(0 <= place < self.info.dimensions for place in kin):
                raise InputError("its kin part lies outside of the embedding")
            return Wording.from_bytes(self.read(WORDS), len(kin))
        except InputError as error:
            raise BundleError(f"{self.folder / WORDS}: {error}: copy the bundle again") from error

    @cached_property
    def golden(self) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]":
        """Synthetic drawings [N, 1, S, S] uint8 and the embeddings [N, D] that they must give.

        Raises `BundleError` where the file holds anything else.
        """
        import io
        import zipfile

        import numpy as np

        from edgepatent_runtime.arrays import DAMAGE

        data = self.read(GOLDEN)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                # Before numpy unpacks them: zeros compress a thousandfold.
                if sum(member.file_size for member in packed.infolist()) > MOST_BYTES // 4:
                    raise ValueError("its arrays are too large")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                drawings, embeddings = arrays["drawings"], arrays["embeddings"]
            size, dimensions = self.info.size, self.info.dimensions
            if drawings.dtype != np.uint8 or drawings.shape[1:] != (1, size, size):
                raise ValueError(f"its drawings are not uint8 [N, 1, {size}, {size}]")
            if embeddings.dtype != np.float32 or embeddings.shape != (len(drawings), dimensions):
                raise ValueError(f"its embeddings are not float32 [N, {dimensions}]")
            if not len(drawings) or not np.isfinite(embeddings).all():
                raise ValueError("it holds no embeddings that could be compared with")
        except DAMAGE as error:
            raise BundleError(
                f"{self.folder / GOLDEN} holds no golden drawings ({error}): copy the bundle again"
            ) from error
        return drawings, embeddings


def write_info(folder: Path, info: BundleInfo) -> None:
    """Write ``bundle.json`` into ``folder``, with the digest of every other file there."""
    unlisted = (INFO, SIGNATURE)
    files = {
        p.name: digest(p.read_bytes()) for p in sorted(folder.iterdir()) if p.name not in unlisted
    }
    info = msgspec.structs.replace(info, files=files)
    (folder / INFO).write_bytes(msgspec.json.format(msgspec.json.encode(info), indent=2) + b"\n")
