"""A search over HTTP by who sends the image with the question: what a cluster's front answers."""

from starlette.datastructures import QueryParams

from edgepatent.web import parameters
from edgepatent.web.operations import json, refused, status_of
from edgepatent.web.routes.searching import page_answer
from edgepatent_runtime.errors import EdgepatentError, InputError
from edgepatent_runtime.search.reader import Reader
from edgepatent_runtime.search.request import Query

IMAGE = "image"
# An image comes with the question, and there is one index, without matters.
PARAMETERS = {
    name: what
    for name, what in parameters.QUERY.items()
    if name not in ("image", "index", "matter")
}


def present(reader: Reader, asked: list[tuple[str, str]], image: bytes) -> tuple[int, bytes]:
    """The status and the JSON for the parameters of the page's search, with an image or none."""
    unknown = {name for name, _ in asked} - set(PARAMETERS)
    try:
        if unknown:
            raise InputError(f"there is no parameter {min(unknown)!r}")
        queries = (Query(IMAGE),) if image else ()
        question = parameters.search(QueryParams(asked), queries, frozenset())
        found = reader.search(question, given={IMAGE: image})
    except EdgepatentError as error:
        answer = refused(str(error), status_of(error))
    else:
        answer = json(page_answer(found, [], lambda _: 0))
    return answer.status_code, bytes(answer.body)
