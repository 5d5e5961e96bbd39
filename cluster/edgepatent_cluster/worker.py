"""Who makes shards: a process with one encoder, on any machine of a cluster."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import msgspec

from edgepatent_cluster import engine, scratch
from edgepatent_cluster.storage import Place
from edgepatent_cluster.task import Made, Task
from edgepatent_runtime import golden, shards
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import BundleError, ClusterError, InputError, LockedError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.shards import Shard
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.sources.source import Source

_LOCKED_S = 60.0


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


class _Listed(msgspec.Struct):
    """A source whose own account of what it left out is kept apart."""

    spec: str
    root: str
    sheets: bool
    source: Source
    skipped: Skipped

    def records(self, skipped: Skipped) -> Iterator[Record]:
        return self.source.records(self.skipped)
