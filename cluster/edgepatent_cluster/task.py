"""What a driver and its workers tell each other of shards to be made."""

import msgspec

from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.encoder import CPU, CUDA
from edgepatent_runtime.record import Skipped


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
