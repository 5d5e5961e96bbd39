"""What a person asks."""

from collections.abc import Sequence
from typing import Literal, TypedDict

import msgspec

from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import Filters, listed
from edgepatent_runtime.search.searchable import PLANS

Crop = tuple[int, int, int, int]

Photo = Literal["auto", "product", "paper", "no"]
PHOTOS: tuple[Photo, ...] = ("auto", "product", "paper", "no")

MOST_WEIGHT = 100


class Query(msgspec.Struct, frozen=True):
    """One query image: a file or, by a name, an image that is given beside the request.

    "-" names standard input. ``page`` counts from 1 in a PDF or TIFF; None is every page that is a
    drawing. ``crop`` is the part that is meant: x, y, width, height in pixels of the page.
    ``figure`` is the figure of the sheet that is meant, by the number that its caption names.
    ``weight`` is what it counts beside other views of the design.

    Raises `InputError` for a page or a crop that cannot be.
    """

    path: str
    page: int | None = None
    crop: Crop | None = None
    figure: str | None = None
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.page is not None and self.page < 1:
            raise InputError(f"pages count from 1: there is no page {self.page} of {self.path}")
        if self.crop is not None and (len(self.crop) != 4 or min(self.crop[2:]) < 1):
            raise InputError(f"crop takes x, y, width and height in pixels, got {self.crop}")
        if not 0 < self.weight <= MOST_WEIGHT:
            raise InputError(
                f"a weight is more than 0, at most {MOST_WEIGHT}; {self.path} has {self.weight:g}"
            )
        if self.figure is not None and self.crop is not None:
            raise InputError("name a figure of the sheet or a crop, not both")

    def __str__(self) -> str:
        text = "standard input" if self.path == "-" else self.path
        if self.page is not None:
            text += f"#page={self.page}"
        if self.crop:
            text += "#xywh={},{},{},{}".format(*self.crop)
        if self.figure:
            text += f"#figure={self.figure}"
        return text


LISTS = (
    "locarno", "not_locarno", "patents", "not_patents", "applicants", "not_applicants", "uspc",
    "countries", "families", "not_families",
)  # fmt: skip
"""The fields of a `Request` that are lists, and filters."""


class Options(TypedDict, total=False):
    """The fields of a `Request` as keywords of `Index.search`, without its query images."""

    like: str | None
    unlike: tuple[Query, ...]
    text: str | None
    fuse: bool
    top: int
    by: Literal["patent", "drawing"]
    plan: str
    kin: float | None
    any_rotation: bool
    anyway: bool
    whole: bool
    photo: Photo
    not_itself: bool
    min_confidence: float | None
    locarno: Sequence[str]
    not_locarno: Sequence[str]
    since: str | None
    before: str | None
    patents: Sequence[str]
    not_patents: Sequence[str]
    applicants: Sequence[str]
    not_applicants: Sequence[str]
    uspc: Sequence[str]
    countries: Sequence[str]
    families: Sequence[str]
    not_families: Sequence[str]
    added: int | str | None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the result of a search in given indexes.

    The views ``queries`` of one design, or those of the indexed patent ``like``, or ``text``
    alone. ``text`` beside images filters, or is fused with their ranking (``fuse``). A hit is a
    patent with its drawings or, ``by`` "drawing", one drawing. ``any_rotation`` tries each image
    in all four quarter turns; ``anyway`` does not ask whether it looks like a drawing. A sheet that
    shows several figures is searched with these beside it, unless ``whole``. What is taken for a
    photograph of a product is searched as it is and by its contours; ``photo`` says what images
    are: such ("product"), at most photographs of a drawing ("paper"), or no photographs ("no").
    ``not_itself`` leaves the query images' own files out, where they are indexed. ``kin`` from 0
    (the same design) to 1 (other designs of its kind) weighs what a model tells of either, where it
    tells them apart; None leaves it as the model was made.
    What looks like the images ``unlike`` moves down. Hits that are less likely the same design than
    ``min_confidence`` are left out.
    ``locarno`` to ``added`` as in `Filters`, in any usual spelling.

    Raises `InputError` for values that cannot be: a date that is none, a plain string in place of
    a list, ``top`` below 1, ``kin`` outside of 0 to 1.
    """

    queries: tuple[Query, ...] = ()
    like: str | None = None
    unlike: tuple[Query, ...] = ()
    text: str | None = None
    fuse: bool = False
    top: int = 10
    by: Literal["patent", "drawing"] = "patent"
    plan: str = "auto"
    kin: float | None = None
    any_rotation: bool = False
    anyway: bool = False
    whole: bool = False
    photo: Photo = "auto"
    not_itself: bool = False
    min_confidence: float | None = None
    locarno: Sequence[str] = ()
    not_locarno: Sequence[str] = ()
    since: str | None = None
    before: str | None = None
    patents: Sequence[str] = ()
    not_patents: Sequence[str] = ()
    applicants: Sequence[str] = ()
    not_applicants: Sequence[str] = ()
    uspc: Sequence[str] = ()
    countries: Sequence[str] = ()
    families: Sequence[str] = ()
    not_families: Sequence[str] = ()
    added: int | str | None = None

    def __post_init__(self) -> None:
        if self.top < 1:
            raise InputError(f"top must be at least 1, got {self.top}")
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise InputError(f"min_confidence lies between 0 and 1, got {self.min_confidence}")
        if self.by not in ("patent", "drawing"):
            raise InputError(f"by is 'patent' or 'drawing', not {self.by!r}")
        if self.photo not in PHOTOS:
            raise InputError(f"photo is one of {', '.join(PHOTOS)}, not {self.photo!r}")
        if self.plan not in PLANS:
            raise InputError(f"there is no plan {self.plan!r}: use one of {', '.join(PLANS)}")
        if self.kin is not None and not 0 <= self.kin <= 1:
            raise InputError(f"kin goes from 0 (the same design) to 1 (its kind), got {self.kin}")
        for name in LISTS:
            msgspec.structs.force_setattr(self, name, listed(name, getattr(self, name)))
        self.filters()

    def filters(self) -> Filters:
        """The filters in their canonical spelling, ``text`` among them where it filters."""
        images = bool(self.queries) or self.like is not None
        return Filters.read(
            locarno=self.locarno,
            not_locarno=self.not_locarno,
            since=self.since,
            before=self.before,
            patents=self.patents,
            not_patents=self.not_patents,
            text=self.text if images and not self.fuse else None,
            applicants=self.applicants,
            not_applicants=self.not_applicants,
            uspc=self.uspc,
            countries=self.countries,
            families=self.families,
            not_families=self.not_families,
            added=self.added,
        )

    def contradiction(self) -> str | None:
        """What in this request does not go together, in words; None where all does.

        Options are named as on the command line.
        """
        images = bool(self.queries) or self.like is not None
        if self.queries and self.like is not None:
            return "name images or --like, not both"
        if not images and not self.text:
            return "name an image to search with, or use --like or --text"
        if self.min_confidence is not None and not images:
            return "--min-confidence goes with images, not with words alone"
        if self.fuse and not (self.text and images):
            return "--fuse needs --text and an image (or --like)"
        if self.unlike and not images:
            return "--unlike goes with images, not with words alone"
        if self.unlike and (self.by == "drawing" or self.any_rotation):
            return "--unlike goes neither with --by drawing nor with --any-rotation"
        if self.by == "drawing" and (self.fuse or not images):
            return "--by drawing goes with images, not with a ranking by words"
        if self.kin is not None and not images:
            return "--kin goes with images, not with a ranking by words"
        return None
