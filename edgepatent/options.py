"""Options and arguments that several verbs share, and the resolving of what they name."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import platformdirs

if TYPE_CHECKING:
    from edgepatent_runtime.bundle import Bundle
    from edgepatent_runtime.search.request import Crop, Request

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else."
)
sources_argument = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
model_option = click.option(
    "--model",
    default="starter",
    show_default=True,
    metavar="MODEL",
    help="A bundle, a run (needs the train extra), or the word starter.",
)


def default_index() -> Path:
    """The index in the user's data folder."""
    return Path(platformdirs.user_data_dir("edgepatent", appauthor=False)) / "index"


class _Folder(click.Path):
    """The folder of an index; an address is refused, instead of taken for a strange path."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """A path."""
        if isinstance(value, str) and "://" in value:
            self.fail("this goes with folders only, not with addresses", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


index_option = click.option(
    "--index",
    envvar="EDGEPATENT_INDEX",
    type=_Folder(),
    default=default_index,
    show_default="the user's data folder",
    metavar="DIR",
    help="The folder of the index; $EDGEPATENT_INDEX names another default.",
)


class _IndexName(click.ParamType[Path | str]):
    """The folder of an index or, with "://" in it, its address."""

    name = "index"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """A path, or an address as it was written."""
        if isinstance(value, str) and "://" in value:
            return value
        return _Folder().convert(value, param, ctx)

    def split_envvar_value(self, rv: str) -> list[str]:
        """Several folders, as in $PATH; an address stands alone, for it holds colons."""
        return [rv] if "://" in rv else rv.split(os.pathsep)


store_option = click.option(
    "--index",
    envvar="EDGEPATENT_INDEX",
    type=_IndexName(),
    default=default_index,
    show_default="the user's data folder",
    metavar="DIR|URL",
    help="The folder of the index, or postgresql://…; $EDGEPATENT_INDEX names another default.",
)
stores_option = click.option(
    "--index",
    "indexes",
    envvar="EDGEPATENT_INDEX",
    type=_IndexName(),
    multiple=True,
    default=lambda: [default_index()],
    show_default="the user's data folder",
    metavar="DIR|URL",
    help="The folder of an index, or postgresql://…; repeat it to search several of one model at "
    "once. $EDGEPATENT_INDEX names another default.",
)

scored_option = click.option(
    "--data",
    "specs",
    multiple=True,
    required=True,
    metavar="SOURCE",
    help="Drawings to score on; repeat it to score several sources together.",
)

indexes_option = click.option(
    "--index",
    "indexes",
    envvar="EDGEPATENT_INDEX",
    type=_Folder(),
    multiple=True,
    default=lambda: [default_index()],
    show_default="the user's data folder",
    metavar="DIR",
    help="The folder of an index; repeat it to search several of one model at once. "
    "$EDGEPATENT_INDEX names another default.",
)


def default_matters() -> Path:
    """The folder of matters in the user's data folder."""
    return Path(platformdirs.user_data_dir("edgepatent", appauthor=False)) / "matters"


def default_watches() -> Path:
    """The folder of watches in the user's data folder."""
    return Path(platformdirs.user_data_dir("edgepatent", appauthor=False)) / "watches"


matters_option = click.option(
    "--matters",
    envvar="EDGEPATENT_MATTERS",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_matters,
    show_default="the user's data folder",
    metavar="DIR",
    help="Where matters are kept; $EDGEPATENT_MATTERS names another default.",
)
watches_option = click.option(
    "--watches",
    envvar="EDGEPATENT_WATCHES",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_watches,
    show_default="the user's data folder",
    metavar="DIR",
    help="Where watches are kept; $EDGEPATENT_WATCHES names another default.",
)


def _matter(ctx: click.Context, parameter: click.Parameter, value: str | None) -> Path | None:
    """The folder that DIR|NAME means: a path where it has a separator or is a matter, else one
    of the user's matters.
    """
    if value is None:
        return None
    from edgepatent import matter

    if os.sep in value or value in (".", "..") or matter.exists(Path(value)):
        return Path(value)
    return matter.named(Path(os.environ.get("EDGEPATENT_MATTERS") or default_matters()), value)


matter_option = click.option(
    "--matter",
    callback=_matter,
    metavar="DIR|NAME",
    help="Keep query, filters and hits in this matter, and leave out what it rates noise.",
)
matter_argument = click.argument("matter", callback=_matter, metavar="DIR|NAME")


matter_indexes_option = click.option(
    "--index",
    "indexes",
    type=_Folder(),
    multiple=True,
    metavar="DIR",
    help="Where the designs are looked up; may be repeated. [default: where they were found]",
)
csv_option = click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write a row a design as CSV; - is standard output, with nothing else on it.",
)
xlsx_option = click.option(
    "--xlsx",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write a row a design as a workbook, with pictures. Needs the xlsx extra.",
)


# More than any machine has cores: each takes memory, whether there is work for it or not.
MOST_THREADS = 256
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, MOST_THREADS),
    default=1,
    show_default=True,
    metavar="N",
    help="Cores that the model may use.",
)
all_threads_option = click.option(
    "--threads",
    type=click.IntRange(0, MOST_THREADS),
    default=0,
    show_default="all",
    metavar="N",
    help="Cores that the model and the graph may use.",
)

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
        'either, "a b" for a phrase); without IMG, search by the words alone.',
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
        "--since", metavar="DATE", help="Only patents of this date (YYYY-MM-DD) or later."
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
        "--not-itself", is_flag=True, help="Leave the image's own file out, where it is indexed."
    ),
)
_REQUEST_FIELDS = (
    "top", "text", "fuse", "locarno", "not_locarno", "since", "before", "patents", "not_patents",
    "applicants", "not_applicants", "uspc", "countries", "families", "not_families", "added", "by",
    "plan", "kin", "any_rotation", "anyway", "whole", "not_itself", "min_confidence",
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


def is_run(model: str) -> bool:
    """Whether MODEL names the folder of a training run rather than a bundle."""
    from edgepatent_runtime.bundle import INFO

    folder = Path(model)
    return (folder / "recipe.toml").is_file() and not (folder / INFO).is_file()


def open_bundle(model: str) -> "Bundle":
    """The bundle that MODEL names. Raises `BundleError` where there is none."""
    from edgepatent_runtime.bundle import Bundle

    return Bundle.named(model)
