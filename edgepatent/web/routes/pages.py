"""The page itself: one shell for all its rooms, and the files that belong to it."""

from functools import cache
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from edgepatent.web.desk import Desk
from edgepatent.web.operations import json, refused
from edgepatent.web.security import is_loopback
from edgepatent_runtime.errors import EdgepatentError
from edgepatent_runtime.search.asking import tells_kin
from edgepatent_runtime.templates import template

# What the first paint needs; the rest is fetched when it is opened.
MODULES = ("dom.js", "address.js", "api.js", "intake.js")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def routes(desk: Desk, api: dict[str, object]) -> list[BaseRoute]:
    """The routes of the rooms, of static files, and of the description of the API."""

    async def page(request: Request) -> Response:
        held, kin = await _shown(desk)
        own = request.client is not None and is_loopback(request.client.host)
        html = template("edgepatent.web", "page.html.j2").render(
            modules=MODULES,
            own=own,
            kin=kin,
            holdings=held,
            room="search" if request.url.path == "/" else "other",
        )
        return HTMLResponse(html)

    async def described(request: Request) -> Response:
        return json(api)

    async def static(request: Request) -> Response:
        known = _static().get(request.path_params["name"])
        if known is None:
            raise HTTPException(404, "there is no such file")
        return Response(known[0], media_type=known[1], headers={"cache-control": "no-cache"})

    return [
        Route("/", page),
        Route("/matters", page),
        Route("/matters/{matter}", page),
        Route("/indexes", page),
        Route("/api", described),
        Route("/static/{name}", static),
    ]


async def not_found(request: Request, error: Exception) -> Response:
    """The answer to an address that leads nowhere."""
    if isinstance(error, HTTPException):
        return refused(error.detail, error.status_code)
    return refused("there is nothing here", 404)


async def _shown(desk: Desk) -> tuple[str, bool]:
    """A line on what is indexed, and whether its model tells kin from twins.

    Where the indexes cannot be asked, the line says so: the page stands even then.
    """
    try:
        return await desk.ask(lambda: (_holdings(desk), tells_kin(desk.index.bundle.info)))
    except EdgepatentError as error:
        return str(error), False


def _holdings(desk: Desk) -> str:
    drawings = patents = 0
    for one in desk.index.stores:
        with one.moment() as moment:
            held = moment.counts()
        drawings, patents = drawings + held[0], patents + held[1]
    if not drawings:
        return "Nothing is indexed yet: open Indexes and add a folder of drawings."
    count = len(desk.index.stores)
    where = "your index" if count == 1 else f"{count} indexes"
    return f"{drawings:,} drawings of {patents:,} designs in {where}."


@cache
def _static() -> dict[str, tuple[bytes, str]]:
    """The files of the page with their types, by name: nothing else can be asked for."""
    folder = files("edgepatent.web").joinpath("static")
    found = {}
    for one in folder.iterdir():
        kind = _TYPES.get("." + one.name.rpartition(".")[2])
        if kind is not None:
            found[one.name] = (one.read_bytes(), kind)
    return found
