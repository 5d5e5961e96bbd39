"""Shards made by many machines at once: what `shards.embed` makes, byte for byte.

The driver hands out numbers of shards and nothing else. A worker holds one encoder, and makes a
shard where it belongs or, where that is no folder, on its machine's own disk and puts it there.
Whatever dies in the middle, a worker, a machine, the driver, leaves nothing that anybody would take
for a shard, and the same shard is made again from its beginning.
"""

import os
import shutil
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import msgspec

from edgepatent_cluster import engine, scratch
from edgepatent_cluster.storage import Place
from edgepatent_runtime import golden, shards
from edgepatent_runtime.bundle import INFO, SIGNATURE, Bundle
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.encoder import CPU, CUDA, Encoder
from edgepatent_runtime.errors import (
    BundleError,
    ClusterError,
    CollectionError,
    EdgepatentError,
    InputError,
    LockedError,
    SpaceMismatchError,
)
from edgepatent_runtime.progress import Progress, silent
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.shards import MOST, Shard
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.sources.source import Source

TRIES = 4
"""So often a shard is handed out: what kills whoever makes it shall not go on for ever."""

_TOLD_S, _CLOSING_S, _LOCKED_S = 1.0, 10.0, 60.0


class Encoding(msgspec.Struct, frozen=True):
    """What encodes in each worker: see `Encoder`, ``gpus`` is what it takes of those of Ray.

    A part of one is shared with other workers. Ray only counts: what computes is the provider.
    """

    provider: str = CPU
    precision: str | None = None
    gpus: float = 0.0


ON_CPU = Encoding()


def on_gpu(gpus: float = 1.0) -> Encoding:
    """Encoding by CUDA: the model in floats, since its 8 bits are made for processors."""
    return Encoding(CUDA, "fp32", gpus)


class Task(msgspec.Struct, frozen=True):
    """What a worker has to know of all shards; relative paths begin at ``folder``."""

    sources: tuple[str, ...]
    folder: str
    of: int
    out: str
    model: dict[str, bytes]
    threads: int
    version: str
    encoding: Encoding


class Made(msgspec.Struct):
    """What became of shards: how many are ``done``, and how many of these ``were_there``.

    ``listed`` is what the sources left out, the same for each shard, ``unusable`` what could not be
    decoded; ``failures`` is how often a shard had to be made again.
    """

    done: int = 0
    were_there: int = 0
    added: Added = Added()
    listed: Skipped = msgspec.field(default_factory=Skipped)
    unusable: Skipped = msgspec.field(default_factory=Skipped)
    failures: int = 0

    @property
    def skipped(self) -> Skipped:
        """All that was left out."""
        both = Skipped()
        both.merge(self.listed)
        both.merge(self.unusable)
        return both

    def count(self, one: "Made") -> None:
        """Add a shard that was made."""
        self.done += 1
        self.added += one.added
        self.listed = one.listed
        self.unusable.merge(one.unusable)


class _Listed(msgspec.Struct):
    """A source whose own account of what it left out is kept apart."""

    spec: str
    root: str
    sheets: bool
    source: Source
    skipped: Skipped

    def records(self, skipped: Skipped) -> Iterator[Record]:
        return self.source.records(self.skipped)


class Worker:
    """Makes shards of one task, one after the other, with one encoder."""

    def __init__(self, task: Task) -> None:
        # Nothing here may fail: of what a constructor raises Ray keeps no more than the text.
        self._task = task
        self._bench: _Bench | None = None

    def make(self, number: int) -> Made:
        """Make a shard and put it where it belongs. Raises what `shards.embed` does."""
        if self._bench is None:
            self._bench = _Bench(self._task)
        return self._bench.make(Shard(number, self._task.of))

    def close(self) -> None:
        """Leave nothing behind."""
        if self._bench is not None:
            self._bench.close()


class _Bench:
    """What a worker works with: an encoder, the place, and a folder on its machine's own disk.

    Raises `ClusterError` on a machine with another version, `InputError` on one that has not the
    same folders or cannot encode as it is asked to, `BundleError` where it would encode otherwise
    than the machine that exported the model.
    """

    def __init__(self, task: Task) -> None:
        if task.version != engine.our_version():
            raise ClusterError(
                f"{socket.gethostname()} has edgepatent {engine.our_version()}, not "
                f"{task.version}: install the same on all machines"
            )
        try:
            os.chdir(task.folder)
        except OSError as error:
            raise InputError(
                f"{socket.gethostname()} has no folder {task.folder}: sources must lie under the "
                "same path on all machines"
            ) from error
        self._task = task
        self._place = Place(task.out)
        self._stack = ExitStack()
        self._scratch = self._stack.enter_context(scratch.folder("edgepatent-shards-"))
        model = self._scratch / "model"
        model.mkdir()
        for name, data in task.model.items():
            (model / name).write_bytes(data)
        how = task.encoding
        try:
            self._encoder = Encoder(
                Bundle(model), threads=task.threads, precision=how.precision, provider=how.provider
            )
            # Before the first row: nobody could tell afterwards which shards are amiss.
            golden.require(self._encoder)
        except (BundleError, InputError) as error:
            self.close()
            raise type(error)(f"{socket.gethostname()}: {error}") from error

    def make(self, shard: Shard) -> Made:
        made = Made()
        out = self._place.local or self._scratch / "shards"
        opened = [open_source(spec) for spec in self._task.sources]
        sources = [
            _Listed(one.spec, one.root, getattr(one, "sheets", False), one, made.listed)
            for one in opened
        ]
        give_up = time.monotonic() + _LOCKED_S
        while True:
            try:
                added = shards.embed(
                    sources,
                    shard,
                    out,
                    self._encoder.bundle,
                    encoder=self._encoder,
                    # What was begun and not ended would be gone on with, in other batches.
                    anew=True,
                    threads=self._task.threads,
                    skipped=made.unusable,
                )
                break
            except LockedError:
                # Whoever was at it for a driver that died is ended by Ray soon.
                if time.monotonic() > give_up:
                    raise
                time.sleep(1)
        made.added = added or Added()
        if self._place.local is None:
            self._place.put(out / shard.name, shard)
            shutil.rmtree(out)
        return made

    def close(self) -> None:
        self._stack.close()


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
    lost `TRIES` times or nobody has room; what is whole by then stays, and the same call goes on.
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
            _Driver(ray, task, todo, made, progress).run()
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


class _Driver:
    """Hands numbers to workers until none is left."""

    def __init__(
        self, ray: Any, task: Task, todo: deque[int], made: Made, progress: Progress
    ) -> None:
        self._ray = ray
        self._todo = todo
        self._made = made
        self._progress = progress
        self._of = task.of
        self._threads, self._gpus = task.threads, task.encoding.gpus
        self._task = ray.put(task)
        # No restarts by Ray: it would hand out a shard as often as that kills who makes it.
        self._actor = ray.remote(
            num_cpus=task.threads, num_gpus=task.encoding.gpus, max_restarts=0
        )(Worker)
        self._failed: Counter[int] = Counter()
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, int]] = {}

    def run(self) -> None:
        due = len(self._todo)
        for _ in range(min(due, self._room())):
            self._hire()
        try:
            while self._todo or self._running:
                while self._idle and self._todo:
                    worker, number = self._idle.pop(), self._todo.popleft()
                    self._running[worker.make.remote(number)] = (worker, number)
                for one in self._ray.wait(list(self._running), timeout=_TOLD_S)[0]:
                    self._take(one)
                self._progress("making shards", self._made.done - self._made.were_there, due)
        finally:
            with suppress(self._ray.exceptions.RayError):
                self._ray.get([one.close.remote() for one in self._idle], timeout=_CLOSING_S)

    def _room(self) -> int:
        """How many workers find room. Raises `ClusterError` where none does."""
        there = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        # Node by node: a worker finds no room in what two have left.
        room = sum(
            min(
                int(one.get("CPU", 0) // self._threads),
                int(one.get("GPU", 0) / self._gpus) if self._gpus else MOST,
            )
            for one in there
        )
        if not room:
            cores, gpus = (max([int(one.get(of, 0)) for one in there], default=0)
                           for of in ("CPU", "GPU"))  # fmt: skip
            raise ClusterError(
                f"no machine of the cluster has room for a worker of {self._threads} cores and "
                f"{self._gpus:g} GPUs (the most are {cores} and {gpus}): lower --threads or "
                "--gpus-per-worker"
            )
        return room

    def _hire(self) -> None:
        self._idle.append(self._actor.remote(self._task))

    def _take(self, one: Any) -> None:
        """What became of a shard that was handed out."""
        worker, number = self._running.pop(one)
        errors = self._ray.exceptions
        try:
            self._made.count(self._ray.get(one))
        except errors.RayTaskError as error:
            cause = error.cause
            machine = isinstance(cause, CollectionError | ClusterError | OSError)
            if isinstance(cause, EdgepatentError) and not machine:
                raise cause from None
            self._again(number, cause or error)
            # Its disk may be full, or its version another one: others go on as long as there are.
            if self._running or self._idle:
                self._ray.kill(worker)
            else:
                self._idle.append(worker)
        except errors.RayError as error:
            if getattr(error, "actor_init_failed", False):
                said = str(error).strip().splitlines()[-1]
                raise ClusterError(
                    f"a machine of the cluster cannot begin ({said:.200}): install edgepatent[ray] "
                    f"{engine.our_version()} on all of them"
                ) from error
            self._again(number, error)
            self._hire()
        else:
            self._idle.append(worker)

    def _again(self, number: int, error: BaseException) -> None:
        """Put a number back that somebody failed at."""
        self._made.failures += 1
        self._failed[number] += 1
        if self._failed[number] == TRIES:
            raise ClusterError(
                f"shard {Shard(number, self._of)} failed {TRIES} times, at last so: "
                f"{engine.line(error)}. What is whole stays: when this is mended, run the same "
                "command again"
            ) from error
        self._todo.append(number)
