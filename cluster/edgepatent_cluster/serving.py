"""A sharded index served by Ray Serve: a deployment for each shard, a front that asks them all.

A shard's replicas map its folder as it is. The front answers two things: calls of other programs of
ours (`calls`), and searches over HTTP with an image, in JSON. Nothing that was asked is logged.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec

from edgepatent_cluster import calls, engine
from edgepatent_cluster.remote import Remote
from edgepatent_cluster.router import Router
from edgepatent_cluster.shard import Shard
from edgepatent_cluster.storage import Place
from edgepatent_runtime import shards
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import ClusterError, EdgepatentError, InputError
from edgepatent_runtime.search.reader import Reader

ANSWER_S = 10.0
"""So long one replica has for an answer before another one is asked."""

PATIENCE_S = 120.0
"""So long a shard has: a replica that died is started again in less."""

MOST_BYTES = 64 << 20
"""No image that is sent is larger."""

_AT_ONCE = 64

Present = Callable[[Reader, list[tuple[str, str]], bytes], tuple[int, bytes]]
"""Takes a reader, the parameters of an address, an image; gives an HTTP status and JSON."""


class Holder:
    """A replica: one shard, from where it lies or from a copy in ``cache``."""

    def __init__(self, uri: str, shard: shards.Shard, cache: str) -> None:
        folder = Place(uri).get(shard, Path(cache))
        self._shard = Shard(Collection.open(folder, resident=True))

    def answer(self, data: bytes) -> bytes:
        """The answer to a call, both as they travel."""
        return self._shard.answer(data)


class Front:
    """What is asked over HTTP, and asks the shards."""

    def __init__(self, name: str, present: Present, holders: dict[str, Any]) -> None:
        import ray

        self._name = name
        self._present = present
        failures = (ray.exceptions.RayError, TimeoutError, ConnectionError)
        self._shards = [
            partial(ask, one, holder.answer.remote, failures) for one, holder in holders.items()
        ]

    async def __call__(self, request: Any) -> Any:
        """Answer a request of Starlette's."""
        from starlette.responses import Response

        status, kind, body = 404, "application/json", b'{"error":"There is no such page"}'
        what = request.url.path.rpartition("/")[2]
        if "sec-fetch-site" in request.headers or "origin" in request.headers:
            # A page of somebody else's, open in a browser of this machine, has no business here.
            status, body = 403, b'{"error":"Browsers are not answered: use edgepatent serve"}'
        elif request.method != "POST":
            pass
        elif int(request.headers.get("content-length") or MOST_BYTES + 1) > MOST_BYTES:
            status, body = 413, b'{"error":"Send an image of up to 64 MB, with its length"}'
        elif what == "calls":
            status, kind = 200, "application/msgpack"
            body = await self.answer(await request.body())
        elif what == "search":
            asked = request.query_params.multi_items()
            image = await request.body()
            status, body = await asyncio.to_thread(self._searched, asked, image)
        return Response(body, status, media_type=kind)

    async def answer(self, data: bytes) -> bytes:
        """The answer to a call, both as they travel."""
        return await asyncio.to_thread(self._called, data)

    # Beside the loop, all of these: they wait for the shards.

    def _called(self, data: bytes) -> bytes:
        try:
            return self._router.answer(data)
        except EdgepatentError as error:
            # The router itself could not be made: it asks every shard what it is.
            return calls.encode(calls.refusal(error))

    def _searched(self, asked: list[tuple[str, str]], image: bytes) -> tuple[int, bytes]:
        try:
            reader = self._reader
        except EdgepatentError as error:
            return 503, msgspec.json.encode({"error": str(error)})
        return self._present(reader, asked, image)

    @cached_property
    def _router(self) -> Router:
        return Router(self._shards)

    @cached_property
    def _reader(self) -> Reader:
        return Reader([Remote(self._name, self._router.answer)])


def ask(
    name: str,
    send: Callable[[bytes], Any],
    failures: tuple[type[Exception], ...],
    data: bytes,
    answer_s: float = ANSWER_S,
    patience_s: float = PATIENCE_S,
) -> Callable[[], bytes]:
    """Send a call to shard ``name``; what comes back waits for the answer.

    A replica that dies, or does not answer in time, costs time: another one is asked, or the same
    once it is back. Waiting raises `ClusterError` where nobody answers.
    """
    end = time.monotonic() + patience_s
    first = send(data)

    def wait() -> bytes:
        response, pause = first, 0.05
        while True:
            try:
                answer: bytes = response.result(timeout_s=answer_s)
                return answer
            except failures as error:
                if time.monotonic() + pause > end:
                    raise ClusterError(
                        f"{name} does not answer ({engine.line(error)}): see that its machine is "
                        "up and reached from the others, then ask again"
                    ) from error
                time.sleep(pause)
                pause = min(2 * pause, 2.0)
                response = send(data)

    return wait


@contextmanager
def served(
    uri: str,
    name: str,
    present: Present,
    *,
    replicas: int = 1,
    host: str = "127.0.0.1",
    port: int = 8000,
    cache: Path,
    address: str | None = None,
) -> Iterator[str]:
    """The address under which the shards at ``uri`` are served until the block ends.

    Raises `InputError` where shards are missing, `SpaceMismatchError` where they are of several
    models, `ClusterError` where they cannot be served, or not at this host and port.
    """
    place = Place(uri)
    there = whole(place)
    where = str(place.local or place.uri)
    with engine.joined(address) as ray:
        serve = importlib.import_module("ray.serve")
        logging.getLogger("ray.serve").setLevel(logging.ERROR)

        quiet = {"log_level": "ERROR", "enable_access_log": False}
        try:
            serve.start(
                http_options={"host": host, "port": port, "location": "HeadOnly"},
                logging_config=quiet,
            )
            _require_address(host, port)
            holder = serve.deployment(
                num_replicas=replicas,
                # A replica takes memory, and a core only while it is asked.
                ray_actor_options={"num_cpus": 0},
                max_ongoing_requests=_AT_ONCE,
                logging_config=quiet,
            )(Holder)
            front = serve.deployment(
                ray_actor_options={"num_cpus": 0},
                max_ongoing_requests=_AT_ONCE,
                logging_config=quiet,
            )(Front)
            holders = {
                one.name: holder.options(name=one.name).bind(where, one, str(cache))
                for one in there
            }
            shown = f"ray://{f'[{host}]' if ':' in host else host}:{port}/{name}"
            bound = front.bind(shown, present, holders)
            asked = serve.run(bound, name=name, route_prefix=f"/{name}")
        except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
            said = _reason(serve, name) or engine.line(error)
            raise ClusterError(f"{uri} cannot be served ({said})") from error
        try:
            # Shards that do not go together are found now, not by who asks first.
            Remote(shown, lambda data: asked.answer.remote(data).result())
            yield shown
        finally:
            serve.delete(name)
            if address is None:
                serve.shutdown()


def _require_address(host: str, port: int) -> None:
    """Raise `ClusterError` where the cluster serves elsewhere: who starts Serve says where.

    Serve goes on at its own address then, and whoever serves at another one does not learn that.
    """
    context = importlib.import_module("ray.serve.context")
    known = context._get_global_client().http_config
    if (known.host, known.port) != (host, port):
        raise ClusterError(
            f"this cluster serves at {known.host}:{known.port} already, and at no second address: "
            f"use --host {known.host} --port {known.port}, or end what it serves (serve shutdown)"
        )


def _reason(serve: Any, name: str) -> str:
    """What the last line says of the first deployment that did not start."""
    application = serve.status().applications.get(name)
    for one in application.deployments.values() if application else ():
        lines = [line.strip() for line in one.message.splitlines() if line.strip()]
        if lines:
            return f"{lines[-1]:.300}"
    return ""


def whole(place: Place) -> list[shards.Shard]:
    """All shards of ``place``. Raises `InputError` where there is none, or one is missing."""
    there = place.shards()
    if not there:
        raise InputError(
            f"there are no shards in {place.uri}: edgepatent cluster embed, or index split, "
            "makes them"
        )
    of = there[0].of
    missing = sorted(set(range(1, of + 1)) - {one.number for one in there})
    if missing:
        raise InputError(
            f"{place.uri} lacks shard {shards.Shard(missing[0], of)} and {len(missing) - 1} more: "
            "make them first, with the command that made the others"
        )
    return there
