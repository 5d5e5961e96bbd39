"""Where shards lie when they are whole: a folder, or whatever else fsspec knows, s3:// say."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from edgepatent_runtime.bundle import INFO
from edgepatent_runtime.collection import model
from edgepatent_runtime.collection.connection import NAME
from edgepatent_runtime.errors import ClusterError, InputError
from edgepatent_runtime.shards import Shard
from edgepatent_runtime.whole import new_folder


class Place:
    """A folder of shards at ``uri``; a path is one, too.

    A shard is there once it is whole: in a folder it gets its name then, elsewhere its catalog
    comes last.
    Raises `InputError` for what is no such place; every method raises `ClusterError` where it
    cannot be reached or written to.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/") or uri
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.uri)
        except ImportError as error:
            raise InputError(f"{uri} needs another package: {error}") from error
        except ValueError as error:
            raise InputError(f"{uri} is no place for shards: {error}") from error
        self.local = Path(self._root) if "file" in _protocols(self._files) else None

    def shards(self) -> list[Shard]:
        """The shards that are whole, by number. Raises `InputError` where they do not belong
        together.
        """
        with self._failures():
            self._files.invalidate_cache()
            found = self._files.glob(f"{self._root}/shard-*-of-*/{NAME}")
        names = {PurePosixPath(path).parent.name for path in found}
        there = sorted(filter(None, map(Shard.named, names)), key=lambda one: one.number)
        numbers = sorted({one.of for one in there})
        if len(numbers) > 1:
            raise InputError(f"{self.uri} holds shards of {numbers[0]} and of {numbers[1]}")
        return there

    def space(self, shard: Shard) -> str:
        """The space of the model that made a shard that is whole."""
        with self._failures():
            told = self._files.cat_file(f"{self._root}/{shard.name}/{model.FIRST}/{INFO}")
            return str(json.loads(told)["space"])

    def put(self, folder: Path, shard: Shard) -> None:
        """Copy the shard in ``folder`` of this machine here, where here is no folder itself."""
        assert self.local is None, "a shard is made in the folder that it belongs to"
        with self._failures():
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            for path in sorted(files, key=lambda one: one == folder / NAME):
                inside = path.relative_to(folder).as_posix()
                self._files.put_file(str(path), f"{self._root}/{shard.name}/{inside}")

    def get(self, shard: Shard, cache: Path) -> Path:
        """A folder of this machine that holds a shard: where it lies, or a copy in ``cache``."""
        if self.local is not None:
            return self.local / shard.name
        target = cache / shard.name
        if (target / NAME).exists():
            return target
        with self._failures():
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                with new_folder(target) as part:
                    self._files.get(f"{self._root}/{shard.name}/", f"{part}/", recursive=True)
            except OSError:
                # Another process of this machine was faster.
                if not (target / NAME).exists():
                    raise
        return target

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Whatever a storage's client raises, in words."""
        try:
            yield
        except Exception as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise ClusterError(f"{self.uri} cannot be read or written ({said:.200})") from error


def _protocols(files: Any) -> tuple[str, ...]:
    named = files.protocol
    return (named,) if isinstance(named, str) else tuple(named)
