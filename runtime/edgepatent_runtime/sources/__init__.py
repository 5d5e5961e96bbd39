"""Where drawings come from.

`open_source` turns what a user names into a `Source`; `load` and `read_page` get at the pixels of
any record's `ImageRef`, in any process.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.record import ImageRef
from edgepatent_runtime.sources import plugins
from edgepatent_runtime.sources.source import Source

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def open_source(spec: str) -> Source:
    """The source that ``spec`` names; nothing but its outside is looked at yet.

    A path is a grant, a folder of grants or a weekly archive of the USPTO, the folder of
    DeepPatent2, a PDF or image file, or else any folder of drawings. ``deeppatent2:DIR`` with
    ``,figures=sheets`` or ``,figures=segmented`` says it itself, and so does any other ``name:…``
    that an installed package brings (`source.Plugin`). Raises `SourceError` where there is nothing
    of the kind.
    """
    if spec.startswith("deeppatent2:"):
        from edgepatent_runtime.sources.deeppatent2 import open_deeppatent2

        return open_deeppatent2(spec)
    plugin = plugins.find(spec)
    if plugin is not None:
        return plugin.open_source(spec)
    path = Path(spec)
    try:
        if path.is_dir():
            return _open_folder(path, spec)
        if path.is_file():
            return _open_file(path, spec)
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise SourceError(f"{spec} cannot be read: {error}") from error
    if exists:
        raise SourceError(f"{spec} is neither a file nor a folder")
    raise SourceError(f"{spec} does not exist")


def read_page(ref: ImageRef) -> "npt.NDArray[np.uint8]":
    """The page that ``ref`` lies on, as grey uint8 [H, W], paper 255; its box is not cut out yet.

    Raises `DrawingError` where it cannot be used.
    """
    page = _generated(ref)
    if page is not None:
        return page
    from edgepatent_runtime import drawing

    return drawing.decode(_data(ref), page=ref.page)


def load(ref: ImageRef, size: int) -> "npt.NDArray[np.uint8]":
    """The normalised drawing of ``ref``: uint8 [S, S], paper 255, ink 0.

    A part of a page is cut out of it after captions were painted white. Raises `DrawingError`
    where it cannot be used.
    """
    from edgepatent_runtime import drawing

    page = _generated(ref)
    if page is None and ref.box is None:
        return drawing.read_drawing(_data(ref), size, page=ref.page)
    if page is None:
        page = drawing.decode(_data(ref), page=ref.page)
    if ref.box is not None:
        # Only here: finding captions takes OpenCV, which costs every search 50 ms.
        from edgepatent_runtime.figures import without_captions

        page = without_captions(page)
    return drawing.normalise(drawing.crop(page, ref.box), size)


def _generated(ref: ImageRef) -> "npt.NDArray[np.uint8] | None":
    """The page of a reference that a plug-in draws; None for that of a file."""
    try:
        plugin = plugins.find(ref.path)
        return None if plugin is None else plugin.read_page(ref.path)
    except SourceError as error:
        raise DrawingError("drawing that cannot be generated", str(error)) from error


def _data(ref: ImageRef) -> Path | bytes:
    path = Path(ref.path)
    if not ref.member:
        return path
    from edgepatent_runtime.sources import archive

    try:
        return archive.read(path, ref.member)
    except SourceError as error:
        raise DrawingError("damaged archive", str(error)) from error


def _open_folder(path: Path, spec: str) -> Source:
    from edgepatent_runtime.sources.deeppatent2 import DeepPatent2Source, looks_like_deeppatent2
    from edgepatent_runtime.sources.folder import METADATA, FolderSource
    from edgepatent_runtime.sources.grants import GrantSource, looks_like_grants

    if any((path / name).is_file() for name in METADATA):
        return FolderSource(path, spec)
    if looks_like_deeppatent2(path):
        return DeepPatent2Source(path, spec)
    if looks_like_grants(path):
        return GrantSource(path, spec)
    return FolderSource(path, spec)


def _open_file(path: Path, spec: str) -> Source:
    from edgepatent_runtime.sources import archive

    suffix = path.suffix.lower()
    if suffix in archive.SUFFIXES:
        from edgepatent_runtime.sources.grants import GrantSource

        return GrantSource(path, spec)
    if suffix in (".gz", ".tgz", ".bz2", ".xz"):
        raise SourceError(f"{spec} is compressed as a whole: gunzip it first (or unpack it)")
    if suffix == ".pdf":
        from edgepatent_runtime.sources.pdf import PdfSource

        return PdfSource(path, spec)
    from edgepatent_runtime.sources.folder import FolderSource

    return FolderSource(path, spec)
