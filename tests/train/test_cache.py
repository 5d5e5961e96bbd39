import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.record import Record, Skipped
from edgepatent_runtime.sources import load
from edgepatent_train import cache
from edgepatent_train.cache import cached_drawings
from edgepatent_train.data import drawing_set, read_records

Designs = Callable[..., Path]


def records(folder: Path) -> list[Record]:
    return read_records([str(folder)], Skipped())


def test_cached_pixels_are_the_normalised_drawings(designs: Designs) -> None:
    found = records(designs())
    drawings = drawing_set(found, 40, Skipped())
    for i, record in enumerate(found):
        assert (drawings.pixels(i) == load(record.image, 40)).all()
    some = np.array([3, 1])
    assert (drawings.pixels(some) == np.stack([drawings.pixels(3), drawings.pixels(1)])).all()


def test_nobody_else_can_look_into_the_cache(designs: Designs) -> None:
    drawing_set(records(designs()), 32, Skipped())
    assert cache.cache_folder().stat().st_mode & 0o077 == 0


def test_a_second_call_decodes_nothing(designs: Designs, monkeypatch: pytest.MonkeyPatch) -> None:
    found = records(designs())
    first = cached_drawings(found, 32, Skipped())
    monkeypatch.setattr(cache, "load_all", None)
    second = cached_drawings(found, 32, Skipped())
    assert first[1] == second[1]


def test_a_changed_file_or_size_is_decoded_again(designs: Designs) -> None:
    folder = designs()
    found = records(folder)
    first = cached_drawings(found, 32, Skipped())[1]
    assert cached_drawings(found, 40, Skipped())[1] != first
    os.utime(folder / "P000-0.png", ns=(1, 1))
    assert cached_drawings(found, 32, Skipped())[1] != first


def test_what_cannot_be_used_is_counted_every_time(designs: Designs) -> None:
    folder = designs()
    found = records(folder)
    (folder / "P000-1.png").write_bytes(b"no picture")
    (folder / "P001-1.png").unlink()
    for _ in range(2):
        skipped = Skipped()
        usable, _, rows = cached_drawings(found, 32, skipped)
        assert len(usable) == len(rows) == len(found) - 2
        assert skipped.counts.total() == 2
        assert len(skipped.counts) == 2


def test_a_full_disk_leaves_no_half_cache(
    designs: Designs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> object:
        raise OSError(28, "No space left on device")

    found = records(designs())
    with monkeypatch.context() as patch:
        patch.setattr(cache, "load_all", full)
        with pytest.raises(OSError, match="No space left"):
            cached_drawings(found, 32, Skipped())
    assert not [p for p in (cache.cache_folder() / "drawings").iterdir() if p.suffix == ".part"]
    assert len(drawing_set(found, 32, Skipped())) == len(found)


def test_labels_count_from_zero_and_unknown_is_minus_one(designs: Designs) -> None:
    import msgspec

    found = records(designs(classes=1, subclasses=2, patents=2, views=1))
    found[0] = msgspec.structs.replace(found[0], klass=None, subclass=None)
    drawings = drawing_set(found, 32, Skipped())
    assert drawings.patent.tolist() == [0, 1, 2, 3]
    assert drawings.subclass.tolist() == [-1, 0, 1, 1]
    assert drawings.klass.tolist() == [-1, 0, 0, 0]
    part = drawings.subset(np.array([2, 3]))
    assert part.subclass.tolist() == [0, 0]
    assert (part.pixels(0) == drawings.pixels(2)).all()
    assert part.digest != drawings.digest


def test_nothing_usable_says_so() -> None:
    with pytest.raises(TrainingError, match="no drawing in the data can be used"):
        drawing_set([], 32, Skipped())
