"""The query images that were sent: in memory, as long as there is room, and nowhere else."""

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass

from edgepatent.web.bodies import IMAGE_BYTES
from edgepatent.web.reading import Described
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search.request import Crop

# The largest image and some drawings.
ROOM = IMAGE_BYTES + (16 << 20)
DIGITS = 32
_REFERENCE = re.compile(
    rf"([0-9a-f]{{{DIGITS}}})(?::([1-9][0-9]{{0,3}})(?::{','.join(['([0-9]{1,6})'] * 4)})?)?",
    re.ASCII,
)


@dataclass(frozen=True)
class Image:
    """A file as it was sent; ``id`` is the start of its SHA-256, so that the same is the same."""

    id: str
    name: str
    data: bytes
    described: Described


@dataclass(frozen=True)
class Reference:
    """A part of an image as an address names it: ``ID``, ``ID:2`` or ``ID:2:x,y,w,h``.

    ``ID`` alone is every page that is a drawing.
    """

    id: str
    page: int | None = None
    crop: Crop | None = None

    def __str__(self) -> str:
        if self.crop:
            return f"{self.id}:{self.page or 1}:{','.join(map(str, self.crop))}"
        return self.id if self.page is None else f"{self.id}:{self.page}"

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Read a reference. Raises `InputError` for anything else."""
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise InputError("the address names no image: drop it again")
        key, page, *box = found.groups()
        crop = None if box[0] is None else (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
        return cls(key, int(page) if page else None, crop)


class Images:
    """Images by id; the one that was not used for longest goes first. Safe from all threads."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._kept: OrderedDict[str, Image] = OrderedDict()
        self._guard = threading.Lock()

    def keep(self, data: bytes, name: str, described: Described) -> Image:
        """Keep an image, and give its id."""
        image = Image(hashlib.sha256(data).hexdigest()[:DIGITS], name, data, described)
        with self._guard:
            self._kept.pop(image.id, None)
            self._kept[image.id] = image
            while sum(len(one.data) for one in self._kept.values()) > self._room:
                if len(self._kept) == 1:
                    break
                self._kept.popitem(last=False)
        return image

    def get(self, key: str) -> Image | None:
        """The image, None where it is gone."""
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)
