"""The application: every route behind the gate."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from edgepatent.web.desk import Desk
from edgepatent.web.operations import description
from edgepatent.web.routes import designs, images, indexes, matters, pages, searching
from edgepatent.web.security import Door, Gate

OPERATIONS = [
    *images.OPERATIONS,
    *searching.OPERATIONS,
    *designs.OPERATIONS,
    *matters.OPERATIONS,
    *indexes.OPERATIONS,
]


def create_app(desk: Desk, door: Door, log: Callable[[str], None] | None = None) -> ASGIApp:
    """The page over ``desk``, for those whom ``door`` lets in. ``log`` takes what went wrong."""
    inside = Starlette(
        routes=[
            *(operation.route(desk) for operation in OPERATIONS),
            *pages.routes(desk, description(OPERATIONS)),
        ],
        exception_handlers={HTTPException: pages.not_found},
    )
    return Gate(inside, door, log)
