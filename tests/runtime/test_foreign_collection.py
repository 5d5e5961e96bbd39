"""Collections come from anybody: nothing outside is read or removed, and each fault is a line."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from foreign_catalogs import CATALOGS, execute
from stored import records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, check, schema
from edgepatent_runtime.collection.connection import NAME
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import CollectionError, EdgepatentError
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import Skipped
from edgepatent_runtime.search import ranking


@pytest.fixture(scope="module")
def made(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of 24 drawings, some of them removed, with thumbnails of sorts."""
    index = tmp_path_factory.mktemp("foreign") / "index"
    with Collection.create(index, tiny_bundle) as collection:
        collection.add_embeddings(records_of_designs(8, 3), views_of_designs(8, 3, 64))
        collection.writer.put_thumbnails(list(range(24)), [b"png"] * 24)
    return index


@pytest.fixture
def index(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "index")
    return tmp_path / "index"


def in_one_line(act: Callable[[], object]) -> None:
    """Do something; where it fails, it says so in one line, and nothing else escapes."""
    said = ""
    try:
        act()
    except EdgepatentError as error:
        said = str(error)
    assert "\n" not in said


def use(index: Path, bundle: Bundle) -> None:
    """Everything that reads or changes a collection, whatever fails on the way.

    What fails says so in one line; anything but an `EdgepatentError` escapes.
    """

    def search() -> None:
        with Collection.open(index, resident=True) as collection:
            for plan in ("exact", "scan", "graph"):
                ranking.search([collection], views_of_designs(1, 1, 64), top=5, plan=plan)
            with collection.reading() as (known, _):
                entries = list(known.stored(known.live().tolist()).values())
            for entry in entries:
                collection.thumbnail(entry.row, entry.record.image)

    def look_up() -> None:
        with Index.open(index) as opened:
            assert len(list(opened)) <= len(opened)

    def words() -> None:
        with Index.open(index) as opened:
            opened.search(text="chair")

    def kinds() -> None:
        with Index.open(index) as opened:
            opened.classify(views_of_designs(1, 1, 64))

    def info() -> None:
        with Collection.open(index) as collection:
            collection.info()

    def merge() -> None:
        with (
            Collection.create(index.parent / "target", bundle) as target,
            Collection.open(index) as other,
        ):
            target.merge(other)

    def compact() -> None:
        with Collection.open(index, write=True) as collection:
            collection.compact()
            collection.finish()

    def rebuild() -> None:
        with Collection.open(index, write=True) as collection:
            collection.rebuild(Encoder(bundle), Skipped())

    def repair() -> None:
        check.repair(index, Encoder(bundle))

    reads = (search, words, look_up, kinds, info, lambda: check.verify(index))
    for step in (*reads, merge, repair, compact, rebuild):
        in_one_line(step)


@pytest.mark.parametrize("name", CATALOGS)
def test_a_catalog_edited_by_hand_costs_nothing_outside(
    index: Path, tiny_bundle: Bundle, name: str
) -> None:
    outside = index.parent / "outside"
    outside.mkdir()
    (outside / "keep").write_text("kept")
    (outside / "bundle.json").write_text("kept")
    beside = index.parent / "beside.txt"
    beside.write_text("kept")
    execute(index, CATALOGS[name])
    use(index, tiny_bundle)
    assert (outside / "keep").read_text() == "kept"
    assert (outside / "bundle.json").read_text() == "kept"
    assert beside.read_text() == "kept"
    assert (index / NAME).is_file()


def test_what_makes_no_sense_is_named(index: Path) -> None:
    for statement, what in (
        ("UPDATE state SET rows = -1", "rows"),
        ("UPDATE state SET rows = 24, vectors = '../x'", "vectors"),
        ("CREATE TRIGGER t AFTER UPDATE ON state BEGIN DELETE FROM drawings; END", "not a catalog"),
    ):
        execute(index, statement)
        with pytest.raises(CollectionError, match=what):
            Collection.open(index)


@pytest.mark.parametrize(
    "name",
    [NAME, f"{NAME}-wal", f"{NAME}-journal", "vectors-000001.rows", "signs-000001-24",
     "thumbnails-000001.bin", "catalog.sha256", "catalog.sha256.new", "writer.lock",
     "writer.json", "rebuild.part", "bundle-000001/model.onnx", "bundle-000001"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "pipe"])
def test_a_link_in_the_folder_is_never_followed(
    index: Path, tiny_bundle: Bundle, name: str, kind: str
) -> None:
    path = index / name
    outside = index.parent / "outside"
    if path.exists():
        shutil.move(path, outside)
    else:
        outside.write_text("mine")
    if outside.is_dir() and kind == "hard link":
        pytest.skip("a folder has no second name")
    if kind == "link":
        path.symlink_to(outside)
    elif kind == "dangling":
        shutil.move(outside, index.parent / "elsewhere")
        path.symlink_to(outside)
    elif kind == "hard link":
        os.link(outside, path)
    else:
        os.mkfifo(path)
    before = outside.read_bytes() if outside.is_file() else None
    listed = sorted(path.name for path in outside.iterdir()) if outside.is_dir() else None
    for act in (
        lambda: Collection.open(index, write=True).close(),
        lambda: check.repair(index, Encoder(tiny_bundle)),
        lambda: Collection.create(index, tiny_bundle).close(),
    ):
        with pytest.raises(CollectionError, match=r"link|regular"):
            act()
    if kind != "hard link":
        with pytest.raises(CollectionError, match=r"link|regular"):
            Collection.open(index)
        with pytest.raises(CollectionError, match=r"link|regular"):
            check.verify(index)
    if kind == "dangling":
        assert not outside.exists()
    elif before is not None:
        assert outside.read_bytes() == before
    else:
        assert sorted(path.name for path in outside.iterdir()) == listed


def test_what_is_not_ours_in_the_folder_is_left_alone(index: Path, tiny_bundle: Bundle) -> None:
    kept = ["vectors-000001 notes.txt", "signs-of-age.txt", "catalog.pdf", "bundle-of-sticks"]
    for name in kept:
        (index / name).write_text("mine")
    with Collection.open(index, write=True) as collection:
        collection.compact()
    assert all((index / name).read_text() == "mine" for name in kept)
    folder = index.parent / "papers"
    folder.mkdir()
    (folder / "catalog.pdf").write_text("mine")
    with pytest.raises(CollectionError, match=r"holds other files \(catalog\.pdf\)"):
        Collection.create(folder, tiny_bundle)
    assert (folder / "catalog.pdf").read_text() == "mine"


def test_the_schema_digests_are_those_of_the_formats() -> None:
    digests = []
    with closing(sqlite3.connect(":memory:")) as sql:
        for step in schema.MIGRATIONS:
            step(sql)
            digests.append(schema.digest(sql))
    assert digests == list(schema.DIGESTS), "set schema.DIGESTS to the new values"


def test_a_flipped_byte_anywhere_in_the_catalog_is_no_traceback(
    index: Path, tiny_bundle: Bundle
) -> None:
    whole = (index / NAME).read_bytes()
    chance = np.random.default_rng(16)
    for _ in range(40):
        changed = bytearray(whole)
        for place in chance.integers(0, len(whole), 3):
            changed[place] ^= 1 << int(chance.integers(8))
        (index / NAME).write_bytes(changed)
        for act in (lambda: Collection.open(index).close(), lambda: check.verify(index)):
            in_one_line(act)
