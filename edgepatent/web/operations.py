"""The API as a table: its routes and its description (OpenAPI) come from the same rows."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edgepatent import __version__
from edgepatent_runtime.errors import ClusterError, CollectionError, EdgepatentError

if TYPE_CHECKING:
    from edgepatent.web.desk import Desk

Endpoint = Callable[["Desk", Request], Awaitable[Any]]
PNG = "image/png"


@dataclass(frozen=True)
class Operation:
    """One thing that a client can ask for.

    ``returns`` is a type that msgspec encodes, or the media type of what comes instead of JSON;
    ``body`` likewise for what is sent; ``query`` says what each parameter means.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    returns: Any
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def route(self, desk: "Desk") -> Route:
        """The route that serves it from ``desk``."""

        async def serve(request: Request) -> Response:
            try:
                unknown = set(request.query_params) - set(self.query)
                if unknown:
                    return refused(f"there is no parameter {min(unknown)!r}", 422)
                answer = await self.endpoint(desk, request)
            except HTTPException as error:
                return refused(error.detail, error.status_code)
            except EdgepatentError as error:
                return refused(str(error), status_of(error))
            return answer if isinstance(answer, Response) else json(answer)

        return Route(self.path, serve, methods=[self.method])


class Refusal(msgspec.Struct, frozen=True):
    """Why a request failed: one line that says what to do."""

    error: str


def json(value: Any, status: int = 200) -> Response:
    """A JSON document; numbers that are none become null."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def refused(error: str, status: int) -> Response:
    """The answer to a request that failed."""
    # As it is: it may begin with the name of a file.
    return json(Refusal(error), status)


def status_of(error: EdgepatentError) -> int:
    """The HTTP status that says whose business an error is."""
    if isinstance(error, ClusterError):
        return 503
    return 409 if isinstance(error, CollectionError) else 422


def png(data: bytes) -> Response:
    """A picture."""
    return Response(data, media_type=PNG)


def description(operations: Sequence[Operation]) -> dict[str, Any]:
    """The API in the words of OpenAPI 3.1."""
    types = [one for op in operations for one in (op.returns, op.body) if _is_type(one)]
    schemas, components = msgspec.json.schema_components(
        [*types, Refusal], ref_template="#/components/schemas/{name}"
    )
    known = dict(zip([*map(id, types), id(Refusal)], schemas, strict=True))

    def content(kind: Any) -> dict[str, Any]:
        if _is_type(kind):
            return {"application/json": {"schema": known[id(kind)]}}
        return {kind: {"schema": {"type": "string", "format": "binary"}}}

    paths: dict[str, dict[str, Any]] = {}
    for op in operations:
        names = [part[1:-1] for part in op.path.replace(".", "/").split("/") if part[:1] == "{"]
        places = [
            {"name": name.partition(":")[0], "in": "path", "required": True, "schema": _TEXT}
            for name in names
        ]
        asked = [
            {"name": name, "in": "query", "description": meaning, "schema": _TEXT}
            for name, meaning in op.query.items()
        ]
        entry: dict[str, Any] = {
            "summary": op.summary,
            "parameters": places + asked,
            "responses": {
                "200": {"description": "done", "content": content(op.returns)},
                "4XX": {"description": "refused", "content": content(Refusal)},
            },
        }
        if op.body is not None:
            entry["requestBody"] = {"required": True, "content": content(op.body)}
        paths.setdefault(op.path, {})[op.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edgepatent",
            "version": __version__,
            "description": "Find patent drawings by image. Send the token of the printed address "
            "as a bearer token.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_TEXT = {"type": "string"}


def _is_type(kind: Any) -> bool:
    return kind is not None and not isinstance(kind, str)
