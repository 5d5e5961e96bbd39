"""Shards made by many machines at once: what `shards.embed` makes, byte for byte.

The driver hands out numbers of shards and nothing else. A worker holds one encoder, and makes a
shard where it belongs or, where that is no folder, on its machine's own disk and puts it there.
Whatever dies in the middle, a worker, a machine, the driver, leaves nothing that anybody would take
for a shard, and the same shard is made again from its beginning.
"""

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from edgepatent_cluster import engine
from edgepatent_cluster.driver import Driver
from edgepatent_cluster.storage import Place
from edgepatent_cluster.task import ON_CPU, Encoding, Made, Task
from edgepatent_runtime.bundle import INFO, SIGNATURE, Bundle
from edgepatent_runtime.errors import BundleError, InputError, SpaceMismatchError
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.shards import MOST, Shard
from edgepatent_runtime.sources import open_source


def embed(
    sources: Sequence[str],
    out: str,
    of: int,
    model: Bundle,
    *,
    address: str | None = None,
    threads: int = 1,
    encoding: Encoding = ON_CPU,
    progress: Progress = silent,
) -> Made:
    """Make all ``of`` shards of ``sources`` at ``out`` that are not there yet.

    ``address`` is that of a Ray cluster, None for this machine's cores; each worker takes
    ``threads`` cores and what ``encoding`` says of GPUs, and there are as many as find room. A
    shard that is lost with its worker is made by another.

    Raises `InputError` where ``out`` holds shards of another number, or a machine has not what
    shall encode, `SpaceMismatchError` where they are of another model, `BundleError` where the
    model has not the precision or a machine encodes otherwise, `ClusterError` where a shard was
    lost `driver.TRIES` times or nobody has room; what is whole by then stays, and the same call
    goes on.
    """
    if not 1 <= of <= MOST:
        raise InputError(f"{of} is no number of shards: give 1 to {MOST}")
    for spec in sources:
        open_source(spec)
    if encoding.precision is not None and encoding.precision not in model.models:
        raise BundleError(
            f"{model.folder} has no {encoding.precision} model, which GPUs run: export the run "
            "again with --both"
        )
    place = Place(out)
    there = {shard.number for shard in _require_ours(place, of, model)}
    made = Made(done=len(there), were_there=len(there))
    todo = deque(number for number in range(1, of + 1) if number not in there)
    if todo:
        files = {str(name): model.read(name) for name in model.files} | {INFO: model.description()}
        if (signature := model.signature()) is not None:
            files[SIGNATURE] = signature
        where = str(place.local or place.uri)
        here = str(Path.cwd())
        version = engine.our_version()
        task = Task(tuple(sources), here, of, where, files, threads, version, encoding)
        with engine.joined(address) as ray:
            Driver(ray, task, todo, made, progress).run()
    return made


def _require_ours(place: Place, of: int, model: Bundle) -> list[Shard]:
    """The shards that are there. Raises unless they are of this number and model."""
    there = place.shards()
    if there and there[0].of != of:
        raise InputError(
            f"{place.uri} holds shards of {there[0].of}, not of {of}: go on with that number, or "
            "write to another place with --out"
        )
    if there and place.space(there[0]) != model.info.space:
        raise SpaceMismatchError(
            f"{place.uri} was made with another model: use that one, or write to another place"
        )
    return there
