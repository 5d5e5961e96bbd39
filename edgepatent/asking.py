"""The options that make up a question: images, filters, and how hits are shown."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from edgepatent_runtime.search.request import Crop, Request

_REQUEST_OPTIONS = (
    click.option(
        "--top",
        type=click.IntRange(min=1),
        default=10,
        show_default=True,
        metavar="N",
        help="How many hits to show.",
    ),
    click.option(
        "--text",
        metavar="WORDS",
        help="Only patents with all these words in title or figure descriptions (a OR b for "
        'either, "a b" for a phrase); without IMG, search by the words alone, and for designs '
        "without a title, or all where nothing holds the words, by what they look like.",
    ),
    click.option(
        "--fuse",
        is_flag=True,
        help="Let --text rank beside the images (reciprocal rank fusion) instead of filtering.",
    ),
    click.option(
        "--locarno",
        multiple=True,
        metavar="CODE",
        help="Only this Locarno subclass (06-01) or class (06); may be repeated.",
    ),
    click.option(
        "--not-locarno", multiple=True, metavar="CODE", help="Without this subclass or class."
    ),
    click.option(
        "--since",
        metavar="DATE",
        help="Only patents of this date (YYYY-MM-DD, or a year) or later.",
    ),
    click.option(
        "--before", metavar="DATE", help="Only patents older than this date: the priority date."
    ),
    click.option(
        "--applicant",
        "applicants",
        multiple=True,
        metavar="NAME",
        help="Only designs of this applicant or owner: words of its name; may be repeated.",
    ),
    click.option(
        "--not-applicant", "not_applicants", multiple=True, metavar="NAME", help="Without its own."
    ),
    click.option(
        "--uspc",
        multiple=True,
        metavar="CODE",
        help="Only this US design class (D6-334, or D6 for all of it); may be repeated.",
    ),
    click.option(
        "--country",
        "countries",
        multiple=True,
        metavar="CC",
        help="Only owners in this country (two letters); may be repeated.",
    ),
    click.option(
        "--family",
        "families",
        multiple=True,
        metavar="ID",
        help="Only the family of this patent: continuations, divisions, same priority.",
    ),
    click.option(
        "--not-family", "not_families", multiple=True, metavar="ID", help="Without its family."
    ),
    click.option(
        "--added",
        metavar="GENERATION|DATE",
        help="Only designs that came into the index after this generation (edgepatent index info), "
        "or on this date or later.",
    ),
    click.option(
        "--patent",
        "patents",
        multiple=True,
        metavar="ID",
        help="Only this patent; may be repeated.",
    ),
    click.option("--not-patent", "not_patents", multiple=True, metavar="ID", help="Without it."),
    click.option(
        "--by",
        type=click.Choice(["patent", "drawing"]),
        default="patent",
        show_default=True,
        help="What a hit is: a patent with all its views, or one drawing.",
    ),
    click.option(
        "--plan",
        type=click.Choice(["auto", "exact", "scan", "graph"]),
        default="auto",
        show_default=True,
        help="How candidates are found; auto is exact up to 20,000 drawings.",
    ),
    click.option(
        "--kin",
        type=click.FloatRange(0, 1),
        metavar="0..1",
        help="From the same design (0) to other designs of its kind (1), with a model that tells "
        "them apart, as the starter does. [default: as the model was made]",
    ),
    click.option(
        "--any-rotation",
        is_flag=True,
        help="Try the image in all four quarter turns, keep the best.",
    ),
    click.option(
        "--min-confidence",
        type=click.FloatRange(0, 1),
        metavar="P",
        help="Leave out hits that are less likely the same design than this, 0 to 1. Without it, "
        "those that are no close match are folded away where people read, and kept elsewhere.",
    ),
    click.option(
        "--anyway", is_flag=True, help="Do not ask whether the image looks like a drawing."
    ),
    click.option(
        "--whole",
        is_flag=True,
        help="Search with a sheet as it is, without its figures as views beside it.",
    ),
    click.option(
        "--photo",
        type=click.Choice(["auto", "product", "paper", "no"]),
        default="auto",
        show_default=True,
        help="What the image is: a photograph of a product (searched as it is and by its "
        "contours), at most one of a drawing on paper, or no photograph.",
    ),
    click.option(
        "--not-itself", is_flag=True, help="Leave the image's own file out, where it is indexed."
    ),
)
_REQUEST_FIELDS = (
    "top", "text", "fuse", "locarno", "not_locarno", "since", "before", "patents", "not_patents",
    "applicants", "not_applicants", "uspc", "countries", "families", "not_families", "added", "by",
    "plan", "kin", "any_rotation", "anyway", "whole", "photo", "not_itself", "min_confidence",
)  # fmt: skip


def _crop(ctx: click.Context, parameter: click.Parameter, value: str | None) -> "Crop | None":
    if value is None:
        return None
    try:
        x, y, width, height = (int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter("write four whole numbers: x,y,width,height") from None
    if width < 1 or height < 1:
        raise click.BadParameter("width and height must be at least 1")
    return x, y, width, height


_QUESTION_OPTIONS = (
    click.argument("images", nargs=-1, metavar="[IMG]..."),
    click.option("--like", metavar="PATENT_ID", help="Search with all views of an indexed patent."),
    click.option(
        "--weight",
        "weighed",
        nargs=2,
        type=(float, str),
        multiple=True,
        metavar="W IMG",
        help="A further view that counts W times as much as the others.",
    ),
    click.option(
        "--unlike",
        multiple=True,
        metavar="IMG",
        help="Move down what looks like this image; may be repeated.",
    ),
    *_REQUEST_OPTIONS,
    click.option(
        "--figure",
        metavar="NUMBER",
        help="Search with this figure of a sheet alone, by its caption: 2, 3A.",
    ),
    click.option(
        "--crop",
        metavar="X,Y,W,H",
        callback=_crop,
        help="Use this part of the image only; pixels from the top left corner.",
    ),
    click.option(
        "--page",
        type=click.IntRange(min=1),
        default=None,
        show_default="every page that is a drawing",
        metavar="N",
        help="The page of a PDF or TIFF.",
    ),
)


def request_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a search without its images, handed on as one argument ``request``."""

    @wraps(command)
    def call(**arguments: Any) -> Any:
        from edgepatent_runtime.search.request import Request

        fields = {name: arguments.pop(name) for name in _REQUEST_FIELDS}
        return command(request=Request(**fields), **arguments)

    for option in reversed(_REQUEST_OPTIONS):
        call = option(call)
    return call


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a search and its images, handed on as one argument ``request``."""

    @wraps(command)
    def call(**arguments: Any) -> Any:
        import msgspec

        from edgepatent_runtime.search.request import Query, Request

        fields = {name: arguments.pop(name) for name in (*_REQUEST_FIELDS, "like")}
        part = [arguments.pop(name) for name in ("page", "crop", "figure")]
        queries = tuple(Query(image, *part) for image in arguments.pop("images"))
        weighed = arguments.pop("weighed")
        queries += tuple(
            msgspec.structs.replace(Query(image, *part), weight=weight) for weight, image in weighed
        )
        fields["unlike"] = tuple(Query(image) for image in arguments.pop("unlike"))
        request = Request(queries=queries, **fields)
        if problem := request.contradiction():
            raise click.UsageError(problem)
        return command(request=request, **arguments)

    for option in reversed(_QUESTION_OPTIONS):
        call = option(call)
    return call


def from_stdin(request: "Request") -> dict[str, bytes]:
    """What standard input brings, by its name among the queries; nothing where it is not asked."""
    if any(query.path == "-" for query in request.queries):
        return {"-": sys.stdin.buffer.read()}
    return {}
