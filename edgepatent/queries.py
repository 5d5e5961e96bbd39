"""Query images that are kept beside what asks with them, so that the folder can be moved."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from edgepatent_runtime import names, whole
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search.request import Query, Request

FOLDER = "queries"
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")


class KeptQueries:
    """The query images of a matter or of watches: ``queries`` in its ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, data: bytes, name: str = "") -> Path:
        """Keep an image, once, named by its content; where it lies. ``name`` lends its suffix."""
        suffix = Path(name).suffix
        digest = hashlib.sha256(data).hexdigest()
        known = suffix if _SUFFIX.fullmatch(suffix) else ""
        path = self.folder / FOLDER / (digest[:32] + known)
        if not path.is_file():
            whole.write(path, data)
        return path

    def keep_all(self, request: Request, given: Mapping[str, bytes]) -> Request:
        """The same request, of images that are kept; ``given`` are those that are no files.

        Raises `OSError` where an image cannot be read.
        """

        def kept(path: str) -> str:
            if path in given:
                return str(self.keep(given[path]))
            return str(self.keep(Path(path).read_bytes(), path))

        return self._with_paths(request, kept)

    def find(self, digest: str) -> Path | None:
        """The image whose SHA-256 starts with the 32 digits ``digest``; None: not kept."""
        if not re.fullmatch("[0-9a-f]{32}", digest):
            return None
        found = sorted((self.folder / FOLDER).glob(f"{digest}*"))
        return next((path for path in found if not path.is_symlink()), None)

    def relative(self, request: Request) -> Request:
        """The request as it is written: kept images are named relative to the folder."""
        folder = self.folder.absolute()

        def shorter(path: str) -> str:
            full = Path(path).absolute()
            return str(full.relative_to(folder)) if full.is_relative_to(folder) else path

        return self._with_paths(request, shorter)

    def absolute(self, request: Request) -> Request:
        """The reverse of `relative`. Raises `InputError` for an image that is not kept here.

        A folder may come by mail: what it names elsewhere is not looked at.
        """
        folder = self.folder.absolute() / FOLDER

        def inside(path: str) -> str:
            place, _, name = path.rpartition("/")
            try:
                image = folder / names.Name(name)
            except ValueError:
                image = folder
            if place != FOLDER or image == folder or image.is_symlink():
                raise InputError(
                    f"{self.folder} names a query image that it does not keep ({path!r}): search "
                    "with it again"
                )
            return str(image)

        return self._with_paths(request, inside)

    @staticmethod
    def _with_paths(request: Request, change: Callable[[str], str]) -> Request:
        queries: tuple[Query, ...] = tuple(
            msgspec.structs.replace(one, path=change(one.path)) for one in request.queries
        )
        return msgspec.structs.replace(request, queries=queries)
