"""Files of vectors as teachers."""

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import torch
from interruption import cut_at, require_same_weights

from edgepatent_runtime.errors import TrainingError
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_train.data import drawing_set, read_records
from edgepatent_train.embed import embed_set
from edgepatent_train.recipe import Recipe
from edgepatent_train.stored import Stored
from edgepatent_train.trainer import train

Designs = Callable[..., Path]
Tiny = Callable[..., Recipe]


def vectors(n: int, d: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def drawn(*paths: str) -> list[Record]:
    return [Record(ImageRef(path), path) for path in paths]


def written(folder: Path, names: list[str], **spaces: npt.NDArray[Any]) -> Path:
    np.savez(folder / "v.npz", file_name=np.array(names), **spaces)
    return folder / "v.npz"


def test_a_name_fits_the_drawing_whose_path_ends_with_it(tmp_path: Path) -> None:
    stored = Stored.open(written(tmp_path, ["a/1.png", "2.png", "x/a/1.png"], v=vectors(3, 4)))
    records = drawn("/data/a/1.png", "/data/x/a/1.png", "/b/1.png", "2.png", "d/2.png", "e/12.png")
    assert stored.rows(records).tolist() == [0, 2, -1, 1, 1, -1]
    page = Record(ImageRef("/d/s.tif", page=1), "p")
    stored = Stored.open(written(tmp_path, ["s.tif", "s.tif#page=2"], v=vectors(2, 4)))
    assert stored.rows([page, *drawn("/d/s.tif")]).tolist() == [1, 0]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_vectors_are_centred_and_of_unit_length(
    tmp_path: Path, save: Callable[..., None], dtype: type
) -> None:
    given, names = vectors(5, 6) + 3, [f"{i}.png" for i in range(5)]
    save(tmp_path / "v.npz", file_name=np.array(names), v=given.astype(dtype))
    records = drawn("/d/3.png", "/d/other.png", "/d/1.png")
    for centre in (False, True):
        (space,) = Stored.open(tmp_path / "v.npz").told(records, {}, centre=centre)
        got = space[torch.tensor([0, 1, 2, 0])].numpy()
        expected = given[[3, 1, 3]] - (given[[3, 1]].mean(0) if centre else 0)
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        assert np.allclose(got[[0, 2, 3]], expected, atol=2e-3)
        assert (got[1] == 0).all()
        assert got.dtype == np.float32


def test_vectors_stay_on_disk(tmp_path: Path) -> None:
    stored = Stored.open(written(tmp_path, ["a.png", "b.png"], v=vectors(2, 4)))
    assert isinstance(stored.spaces["v"], np.memmap)


def test_spaces_are_weighed_or_left_out(tmp_path: Path) -> None:
    file = written(
        tmp_path, ["a.png"], image=vectors(1, 4), title=vectors(1, 6), other=vectors(1, 2)
    )
    told = Stored.open(file).told(drawn("a.png"), {"title": 0.5, "other": 0.0}, centre=False)
    assert [(space.name, space.dimensions) for space in told] == [("image", 4), ("title", 6)]


def test_embeddings_of_the_program_are_vectors_too(tmp_path: Path) -> None:
    """Written for drawings in one place, read for the same drawings in another."""
    images = [
        ImageRef("/old/grants/USD1/1.tif"),
        ImageRef("/old/grants/USD1/1.tif", page=2),
        ImageRef("/old/grants/week.zip", member=("USD2/1.tif",)),
        ImageRef("/old/grants/USD2/1.tif", box=(1, 2, 3, 4)),
        ImageRef("synthetic:seed=1,design=2,view=3"),
    ]
    lines = [Record(image, "p", klass="01") for image in images]
    (tmp_path / "e.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(lines))
    np.save(tmp_path / "e.npy", vectors(5, 8))
    stored = Stored.open(tmp_path / "e.npy")
    moved = [
        Record(msgspec.structs.replace(i, path=i.path.replace("/old", "../new")), "p")
        for i in images
    ]
    assert stored.rows(moved).tolist() == [0, 1, 2, 3, 4]
    assert stored.rows(drawn("/other/USD2/1.tif", "/other/USD1/1.tif")).tolist() == [-1, 0]


class Bad:
    """Pickled, it would make a folder."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def hostile(folder: Path, kind: str) -> Path:
    """A file that holds no vectors, of every kind that was thought of."""
    file, names, good = folder / "bad.npz", np.array(["a.png", "b.png"]), vectors(2, 3)
    if kind == "missing":
        return file
    if kind == "empty":
        file.write_bytes(b"")
    elif kind == "no archive":
        file.write_bytes(b"PK\x03\x04 and then nothing")
    elif kind == "cut short":
        np.savez(file, file_name=names, v=good)
        file.write_bytes(file.read_bytes()[:200])
    elif kind == "damaged":
        np.savez_compressed(file, file_name=names, v=vectors(2000, 3))
        data = bytearray(file.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 99] = bytes(99)
        file.write_bytes(data)
    elif kind == "pickle":
        np.savez(file, file_name=names, v=np.array([Bad(), Bad()], object))
    elif kind == "pickled names":
        np.savez(file, file_name=np.array(["a.png", Bad()], object), v=good)
    elif kind == "bare pickle":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("file_name.npy", pickle.dumps(Bad()))
    elif kind == "no names":
        np.savez(file, v=good)
    elif kind == "names only":
        np.savez(file, file_name=names)
    elif kind == "numbers as names":
        np.savez(file, file_name=np.arange(2), v=good)
    elif kind == "other length":
        np.savez(file, file_name=names, v=vectors(3, 3))
    elif kind == "integers":
        np.savez(file, file_name=names, v=np.ones((2, 3), np.int64))
    elif kind == "flat":
        np.savez(file, file_name=names, v=good[0, :2])
    elif kind == "no number":
        np.savez(file, file_name=names, v=np.array([[1, np.nan], [1, 2]]))
    elif kind == "twice":
        np.savez(file, file_name=np.array(["a.png", "a.png"]), v=good)
    elif kind == "others":
        np.savez(file, file_name=np.array(["x.png", "y.png"]), v=good)
    elif kind == "bomb":  # claims to be small, unpacks to more
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            np.save(folder / "one.npy", good)
            archive.write(folder / "one.npy", "file_name.npy")
            archive.writestr("v.npy", (folder / "one.npy").read_bytes() + bytes(1 << 24))
    return file


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("missing", "does not exist"),
        ("empty", "holds no vectors"),
        ("no archive", "holds no vectors"),
        ("cut short", "holds no vectors"),
        ("damaged", "holds no vectors"),
        ("pickle", "no plain array"),
        ("pickled names", "no plain array"),
        ("bare pickle", "holds no vectors"),
        ("no names", "no array file_name"),
        ("names only", "names and no vectors"),
        ("numbers as names", "not \\[N\\] text"),
        ("other length", "2 names and 3 of v"),
        ("integers", "not vectors"),
        ("flat", "not vectors"),
        ("no number", "v of a.png holds values that are none"),
        ("twice", "names a.png twice"),
        ("others", "vectors of none of the drawings: it names x.png, the data /d/a.png"),
        ("bomb", "no plain array"),
    ],
)
def test_a_bad_file_is_refused_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match=complaint) as raised:
        Stored.open(hostile(tmp_path, kind)).told(drawn("/d/a.png", "/d/b.png"), {}, centre=True)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "pwned").exists()


def test_a_bad_line_beside_embeddings_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", vectors(1, 4))
    with pytest.raises(TrainingError, match=r"e\.jsonl does not exist"):
        Stored.open(tmp_path / "e.npy")
    (tmp_path / "e.jsonl").write_text('{"image": 3}\n')
    with pytest.raises(TrainingError, match=r"e\.jsonl, line 1"):
        Stored.open(tmp_path / "e.npy")
    (tmp_path / "e.jsonl").write_text('{"image": {"path": "a.png"}}\n')
    np.save(tmp_path / "e.npy", np.array([Bad()], object), allow_pickle=True)
    with pytest.raises(TrainingError, match="holds no vectors"):
        Stored.open(tmp_path / "e.npy")


@pytest.fixture
def told(designs: Designs, tmp_path: Path) -> tuple[list[Record], Path, npt.NDArray[np.float32]]:
    """Records, and vectors of two of three of them: close together where the class is the same."""
    records = read_records([str(designs())], Skipped())
    classes = np.array([int(r.klass or 0) for r in records])
    given = (vectors(2, 12, 1)[classes] + 0.3 * vectors(len(records), 12, 2)).astype(np.float32)
    some = [i for i in range(len(records)) if i % 3]
    names = [Path(records[i].image.path).name for i in some]
    return records, written(tmp_path, names, v=given[some]), given


def test_a_student_comes_closer_to_vectors_and_ends_the_same_when_interrupted(
    told: tuple[list[Record], Path, npt.NDArray[np.float32]],
    tiny: Tiny,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records, file, given = told
    tables: dict[str, dict[str, Any]] = {
        "model": {"head": "whitened"},
        "optimizer": {"epochs": 3, "epoch_steps": 20, "lr": 3e-3, "ema": 0.0},
        "evaluation": {"holdout": 0.0, "keep": "last"},
    }
    distill = {"teachers": [str(file)], "queue": 20, "labels": 0.1}
    said: list[str] = []
    recipe = tiny(distill=distill, **tables)
    run = train(recipe, records, tmp_path / "run", notify=said.append)
    assert any("has vectors (v 12) of 24 of 36 drawings" in line for line in said)
    tables["optimizer"] = {"epochs": 0}
    start = train(tiny(**tables), records, tmp_path / "start")
    drawings = drawing_set(records, 32, Skipped())
    centred = given - given.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    above = np.triu_indices(len(records), 1)

    def agreement(folder: Path) -> float:
        z = embed_set(type(run).open(folder).model(), drawings)
        return float(np.corrcoef((z @ z.T)[above], (centred @ centred.T)[above])[0, 1])

    assert agreement(run.folder) > agreement(start.folder) + 0.1
    with cut_at(31, monkeypatch):
        train(recipe, records, tmp_path / "cut")
    train(recipe, records, tmp_path / "cut", resume=True)
    require_same_weights(run.folder, tmp_path / "cut")


def test_few_matches_are_warned_of_and_a_strange_space_is_refused(
    designs: Designs, tiny: Tiny, tmp_path: Path
) -> None:
    records = read_records([str(designs())], Skipped())
    names = [Path(records[0].image.path).name, *(f"other{i}.png" for i in range(9))]
    file, said = written(tmp_path, names, v=vectors(10, 4)), list[str]()
    distill: dict[str, Any] = {"teachers": [str(file)]}
    train(tiny(distill=distill, evaluation={"holdout": 0.0}), records, tmp_path / "run",
          notify=said.append)  # fmt: skip
    assert any(line.startswith("warning") and "1 of 36 drawings" in line for line in said)
    distill["spaces"] = {"titel": 1.0}
    with pytest.raises(TrainingError, match=r"no teacher has a space titel .* known: v"):
        train(tiny(distill=distill), records, tmp_path / "strange")
