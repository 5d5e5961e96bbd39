"""Matters: what people choose to keep, and the papers that come of it."""

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from edgepatent import matter
from edgepatent.matter import Matter, Rating
from edgepatent.report import filing
from edgepatent.report import matter as papers
from edgepatent.report.asked import in_words
from edgepatent.report.spreadsheet import to_csv
from edgepatent.web import parameters
from edgepatent.web.desk import Desk
from edgepatent.web.images import DIGITS, Reference
from edgepatent.web.operations import Operation
from edgepatent.web.routes.searching import asked
from edgepatent_runtime import patent_id
from edgepatent_runtime.errors import InputError

# The report is one file that works without this server: its style is in it, its pictures too.
REPORT_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_NOTE_LENGTH = 4000


class MatterEntry(msgspec.Struct, frozen=True):
    """A matter in the list of all."""

    name: str
    title: str
    created: str
    searches: int
    decisions: int


class MattersEntry(msgspec.Struct, frozen=True):
    """All matters, and the folder that they lie in."""

    folder: str
    matters: list[MatterEntry]


class NewMatter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A matter to begin."""

    name: str


class SearchEntry(msgspec.Struct, frozen=True):
    """A search that was kept; ``asked`` says it in words, ``address`` asks it again."""

    name: str
    created: str
    asked: str
    hits: int
    address: str


class KeptMatter(msgspec.Struct, frozen=True):
    """All that a matter holds."""

    name: str
    title: str
    created: str
    searches: list[SearchEntry]
    decisions: list[matter.Decision]


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of what is decided about a design; what is left out stays."""

    rating: Rating | msgspec.UnsetType | None = msgspec.UNSET
    note: str | msgspec.UnsetType = msgspec.UNSET
    shortlisted: bool | msgspec.UnsetType = msgspec.UNSET


async def matters(desk: Desk, request: Request) -> MattersEntry:
    """All matters."""

    def work() -> list[MatterEntry]:
        found = []
        for name in matter.all_below(desk.matters):
            one = Matter(desk.matters / name)
            info = one.info
            decided = len(one.decisions())
            found.append(MatterEntry(name, info.title, info.created, len(one.searches()), decided))
        return found

    return MattersEntry(str(desk.matters), await desk.ask(work))


async def begin(desk: Desk, request: Request) -> MatterEntry:
    """Begin a matter."""
    wanted = await desk.bodies.json(request, NewMatter)

    def work() -> MatterEntry:
        made = Matter.create(matter.named(desk.matters, wanted.name))
        return MatterEntry(wanted.name, made.info.title, made.info.created, 0, 0)

    return await desk.ask(work)


async def show(desk: Desk, request: Request) -> KeptMatter:
    """What a matter holds."""
    name = request.path_params["matter"]

    def work() -> KeptMatter:
        kept = desk.matter(name)
        searches = [_search(kept, name, one) for one in reversed(kept.searches())]
        decisions = list(kept.decisions().values())
        return KeptMatter(name, kept.info.title, kept.info.created, searches, decisions)

    return await desk.ask(work)


def _search(kept: Matter, case: str, name: str) -> SearchEntry:
    filed = kept.search(name)
    images = {
        query.path: Reference(query.path.rpartition("/")[2][:DIGITS])
        for query in filed.request.queries
    }
    words = in_words(filed.request)
    address = parameters.address(filed.request, images, case)
    return SearchEntry(name, filed.created, words, len(filed.hits), address)


async def decide(desk: Desk, request: Request) -> matter.Decision:
    """Rate a design, note something, or put it on the shortlist."""
    change = await desk.bodies.json(request, Change)
    if change.note is not msgspec.UNSET and len(change.note) > _NOTE_LENGTH:
        raise InputError(f"a note has at most {_NOTE_LENGTH} characters")
    case, number = request.path_params["matter"], request.path_params["patent_id"]

    def work() -> matter.Decision:
        if number not in desk.index:
            raise InputError(f"{number} is not indexed")
        return desk.matter(case).decide(
            patent_id.canonical(number),
            rating=change.rating,
            note=change.note,
            shortlisted=change.shortlisted,
        )

    return await desk.ask(work)


async def keep(desk: Desk, request: Request) -> SearchEntry:
    """Search again, and keep query, filters and hits."""
    case = request.path_params["matter"]

    def work() -> SearchEntry:
        kept = desk.matter(case)
        index, question, views = asked(desk, request.query_params)
        found = index.search(question, given=views)
        queries = []
        for query in question.queries:
            image = desk.image(Reference.parse(query.path).id, case)
            path = str(kept.keep_query(image.data, image.name))
            queries.append(msgspec.structs.replace(query, path=path))
        question = msgspec.structs.replace(question, queries=tuple(queries))
        filed = filing.file(msgspec.structs.replace(found, request=question), index)
        name = kept.keep_search(filed)
        return _search(kept, case, name)

    return await desk.ask(work)


async def record(desk: Desk, request: Request) -> Response:
    """The record of a search, as ``edgepatent replay`` takes it."""
    given = request.path_params

    def work() -> bytes:
        kept = desk.matter(given["matter"])
        if given["search"] not in kept.searches():
            raise HTTPException(404, "there is no such search in this matter")
        return filing.encode(kept.search(given["search"]))

    return Response(await desk.ask(work), media_type="application/json")


async def table(desk: Desk, request: Request) -> Response:
    """The designs that something was decided about, for a spreadsheet."""
    case = request.path_params["matter"]
    text = await desk.ask(
        lambda: to_csv(papers.designs_for_spreadsheets(desk.matter(case), desk.index))
    )
    return Response(text.encode("utf-8-sig"), media_type="text/csv; charset=utf-8")


async def report(desk: Desk, request: Request) -> Response:
    """The report to print."""
    from edgepatent.report import page

    case = request.path_params["matter"]
    html = await desk.ask(lambda: page.render(papers.page_content(desk.matter(case), desk.index)))
    return HTMLResponse(html, headers={"content-security-policy": REPORT_POLICY})


_MATTER = "/api/matters/{matter}"
OPERATIONS = [
    Operation("GET", "/api/matters", matters, "All matters", MattersEntry),
    Operation("POST", "/api/matters", begin, "Begin a matter", MatterEntry, body=NewMatter),
    Operation("GET", _MATTER, show, "What a matter holds", KeptMatter),
    Operation(
        "PUT",
        f"{_MATTER}/decisions/{{patent_id:path}}",
        decide,
        "Rate a design, note something, or put it on the shortlist",
        matter.Decision,
        body=Change,
    ),
    Operation(
        "POST",
        f"{_MATTER}/searches",
        keep,
        "Search, and keep query, filters and hits",
        SearchEntry,
        query=parameters.QUERY,
    ),
    Operation(
        "GET",
        f"{_MATTER}/searches/{{search}}.json",
        record,
        "The record of a search, as edgepatent replay takes it",
        "application/json",
    ),
    Operation("GET", f"{_MATTER}/designs.csv", table, "The designs as a table", "text/csv"),
    Operation("GET", "/matters/{matter}/report", report, "The report to print", "text/html"),
]
