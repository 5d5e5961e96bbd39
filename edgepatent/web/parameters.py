"""The parameters of a search in an address, and back."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request as HttpRequest

from edgepatent.web.images import Reference
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search.request import PHOTOS, Photo, Query, Request

MOST_HITS = 500
MOST_VIEWS = 8
LARGEST = 2400

QUERY = {
    "image": "a query image, or a part of it, as POST /api/images names it; repeat it for views",
    "like": "an indexed patent to search with, in place of images",
    "text": "words in titles and figure descriptions",
    "fuse": "1: words rank beside the images instead of filtering",
    "top": f"how many hits, {MOST_HITS} at most",
    "by": "patent or drawing",
    "kin": "from 0 (the same design) to 1 (other designs of its kind)",
    "any_rotation": "1: try each image in four turns",
    "anyway": "1: do not ask whether it looks like a drawing",
    "whole": "1: a sheet as it is, without its figures as views beside it",
    "photo": "what the image is: auto, product, paper (at most a photograph of it), or no",
    "not_itself": "1: without the images' own files, where they are indexed",
    "locarno": "a Locarno class or subclass; may be repeated",
    "not_locarno": "without this class or subclass; may be repeated",
    "since": "from this date on (YYYY-MM-DD, or a year)",
    "before": "before this date",
    "patents": "only this patent; may be repeated",
    "not_patents": "without this patent; may be repeated",
    "applicants": "only with these words in the name of an applicant or owner; may be repeated",
    "countries": "only from this country; may be repeated",
    "uspc": "only of this US design class or subclass; may be repeated",
    "index": "only this index, by its place; may be repeated",
    "matter": "the matter whose images may be asked with, and whose noise is left out",
}


def references(parameters: QueryParams) -> list[Reference]:
    """The images that are asked with. Raises `InputError` for what names none."""
    found = [Reference.parse(text) for text in parameters.getlist("image")]
    if len(found) > MOST_VIEWS:
        raise InputError(f"at most {MOST_VIEWS} views of a design can be asked with")
    return found


def search(parameters: QueryParams, queries: tuple[Query, ...], hidden: frozenset[str]) -> Request:
    """The request that an address makes; ``hidden`` are designs that are left out as well.

    Raises `InputError`.
    """
    by = parameters.get("by") or "patent"
    if by not in ("patent", "drawing"):
        raise InputError(f"by is patent or drawing, not {by!r}")
    request = Request(
        queries=queries,
        like=parameters.get("like") or None,
        text=parameters.get("text") or None,
        fuse=flag(parameters, "fuse"),
        top=min(whole(parameters, "top", 20), MOST_HITS),
        by="drawing" if by == "drawing" else "patent",
        kin=_kin(parameters) if queries or parameters.get("like") else None,
        any_rotation=flag(parameters, "any_rotation"),
        anyway=flag(parameters, "anyway"),
        whole=flag(parameters, "whole"),
        photo=photo(parameters),
        not_itself=flag(parameters, "not_itself"),
        locarno=tuple(parameters.getlist("locarno")),
        not_locarno=tuple(parameters.getlist("not_locarno")),
        since=parameters.get("since") or None,
        before=parameters.get("before") or None,
        patents=tuple(parameters.getlist("patents")),
        not_patents=(*parameters.getlist("not_patents"), *sorted(hidden)),
        applicants=tuple(parameters.getlist("applicants")),
        countries=tuple(parameters.getlist("countries")),
        uspc=tuple(parameters.getlist("uspc")),
    )
    if not (request.queries or request.like or request.text):
        raise InputError("nothing to search for: send an image, or name a design or words")
    if request.queries and request.like:
        raise InputError("search with images or with a design, not with both")
    return request


def address(request: Request, images: Mapping[str, Reference], matter: str) -> str:
    """The address on the page that asks ``request`` again; ``images`` by the query's path."""
    pairs: list[tuple[str, str | None]] = []
    for query in request.queries:
        if query.path in images:
            known = images[query.path]
            pairs.append(("image", str(Reference(known.id, query.page, query.crop))))
    pairs += [(name, getattr(request, name)) for name in ("like", "text", "since", "before")]
    flags = ("fuse", "any_rotation", "anyway", "whole", "not_itself")
    pairs += [(name, "1") for name in flags if getattr(request, name)]
    if request.kin is not None:
        pairs.append(("kin", f"{request.kin:g}"))
    if request.photo != "auto":
        pairs.append(("photo", request.photo))
    if request.by != "patent":
        pairs.append(("by", request.by))
    lists = ("locarno", "applicants", "countries", "uspc")
    pairs += [(name, value) for name in lists for value in getattr(request, name)]
    asked = [(name, value) for name, value in pairs if value]
    return "/?" + urlencode([*asked, ("matter", matter)], safe=":,")


def _kin(parameters: QueryParams) -> float | None:
    """How much kin counts beside twins, 0 to 1. Raises `InputError` for anything else."""
    text = parameters.get("kin")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(f"kin is a number from 0 to 1, not {text[:20]!r}") from None


def whole(parameters: QueryParams, name: str, default: int, *, least: int = 1) -> int:
    """A whole number, ``least`` or more. Raises `InputError` for anything else."""
    text = parameters.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise InputError(f"{name} is a whole number from {least} on, not {text[:20]!r}")
    return int(text)


def side(request: HttpRequest) -> int:
    """How large a picture shall be, in pixels of its longest side. Raises `InputError`."""
    return min(whole(request.query_params, "side", 800), LARGEST)


def photo(parameters: QueryParams) -> Photo:
    """What images are taken for. Raises `InputError` for what is no such word."""
    named = parameters.get("photo") or "auto"
    for one in PHOTOS:
        if one == named:
            return one
    raise InputError(f"photo is one of {', '.join(PHOTOS)}, not {named[:20]!r}")


def flag(parameters: QueryParams, name: str) -> bool:
    """Whether a parameter is set."""
    return parameters.get(name, "0") in ("1", "true")
