"""Adding drawings: again, renamed, changed, vanished, unreadable, interrupted."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import write_tiny_bundle
from stored import draw, draw_patents, records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, schema
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.collection.known import content_digest
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.errors import (
    CollectionError,
    InputError,
    LockedError,
    SpaceMismatchError,
)
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import ImageRef, Record, Skipped
from edgepatent_runtime.search import ranking
from edgepatent_runtime.sources import load, open_source


class Counting:
    """The bundle's encoder, counting drawings; may be told to stop like Ctrl-C does."""

    def __init__(self, bundle: Bundle, stop_after: int | None = None) -> None:
        self.bundle = bundle
        self.count = 0
        self._encoder = Encoder(bundle)
        self._stop_after = stop_after

    def encode(self, drawings: np.ndarray) -> np.ndarray:
        if self._stop_after is not None and self.count >= self._stop_after:
            raise KeyboardInterrupt
        self.count += len(drawings)
        return self._encoder.encode(drawings)


@pytest.fixture
def drawings(tmp_path: Path) -> Path:
    folder = tmp_path / "drawings"
    draw_patents(folder, 6)
    return folder


@pytest.fixture
def collection(tmp_path: Path, tiny_bundle: Bundle) -> Iterator[Collection]:
    with Collection.create(tmp_path / "index", tiny_bundle) as made:
        yield made


def add(
    collection: Collection, folder: Path, skipped: Skipped | None = None, prune: bool = False
) -> tuple[Added, int]:
    """Add a folder; what became of it, and how many drawings the model saw."""
    encoder = Counting(collection.bundle)
    source = open_source(str(folder))
    skipped = Skipped() if skipped is None else skipped
    result = collection.add(
        source.records(skipped), encoder, root=source.root, skipped=skipped, prune=prune
    )
    return result, encoder.count


def found(collection: Collection, path: Path) -> str:
    """The path of the drawing that is most like the one at ``path``."""
    drawing = load(ImageRef(str(path)), collection.bundle.info.size)
    embedding = Encoder(collection.bundle).encode(drawing[None])
    hit = ranking.search([collection], embedding, top=1).hits[0]
    assert hit.score > 0.999
    return hit.drawings[0].path


def test_adding_again_changes_nothing(collection: Collection, drawings: Path) -> None:
    assert add(collection, drawings) == (Added(added=18), 18)
    before = collection.info().generation
    assert add(collection, drawings) == (Added(unchanged=18), 0)
    assert collection.info().generation == before
    assert found(collection, drawings / "P0003" / "view1.png") == "P0003/view1.png"
    assert not collection.verify()


def test_new_drawings_are_added_to_the_old(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    draw(drawings / "P0099" / "view0.png", 9900)
    assert add(collection, drawings) == (Added(added=1, unchanged=18), 1)


def test_touched_files_are_hashed_but_not_encoded(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    os.utime(drawings / "P0000" / "view0.png", ns=(1, 1))
    assert add(collection, drawings) == (Added(unchanged=18), 0)


def test_renamed_files_are_known_by_their_content(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    (drawings / "P0001" / "view1.png").rename(drawings / "P0001" / "renamed.png")
    (drawings / "P0002").rename(drawings / "X0002")
    result, encoded = add(collection, drawings)
    assert encoded == 0
    # The moved folder names another patent: its drawings are known, and told to be that one's.
    assert result == Added(renamed=1, updated=3, unchanged=14)
    assert found(collection, drawings / "X0002" / "view0.png") == "X0002/view0.png"
    assert not collection.verify()


def test_a_whole_root_that_moved_is_known(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    add(collection, drawings)
    moved = drawings.rename(tmp_path / "elsewhere")
    assert add(collection, moved) == (Added(renamed=18), 0)
    assert add(collection, moved) == (Added(unchanged=18), 0)


def test_a_copied_file_is_a_drawing_of_its_own(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    shutil.copy(drawings / "P0001" / "view1.png", drawings / "P0004" / "copy.png")
    assert add(collection, drawings)[0] == Added(added=1, unchanged=18)


def test_changed_files_are_replaced(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    draw(drawings / "P0001" / "view1.png", 777)
    assert add(collection, drawings) == (Added(replaced=1, unchanged=17), 1)
    assert collection.info().drawings == 18
    assert found(collection, drawings / "P0001" / "view1.png") == "P0001/view1.png"
    assert not collection.verify()


def test_a_changed_file_that_cannot_be_read_keeps_what_is_stored(
    collection: Collection, drawings: Path
) -> None:
    add(collection, drawings)
    (drawings / "P0001" / "view1.png").write_bytes(b"not a picture")
    skipped = Skipped()
    assert add(collection, drawings, skipped, prune=True)[0] == Added(unchanged=17)
    assert len(skipped) == 1
    assert collection.info().drawings == 18
    assert not collection.verify()
    # And it is taken in when it is whole again.
    draw(drawings / "P0001" / "view1.png", 778)
    assert add(collection, drawings)[0] == Added(replaced=1, unchanged=17)
    assert collection.info().drawings == 18


def test_pages_that_a_file_has_lost_are_forgotten(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    draw_patents(folder, 1, 4)
    pages = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.rglob("*.png"))]
    shutil.rmtree(folder)
    folder.mkdir()
    assert cv2.imwritemulti(str(folder / "a.tif"), pages)
    assert add(collection, folder)[0] == Added(added=4)
    assert cv2.imwritemulti(str(folder / "a.tif"), pages[:2])
    assert add(collection, folder)[0] == Added(replaced=2, removed=2)
    assert collection.info().drawings == 2
    assert not collection.verify()


def test_what_vanished_stays_until_it_is_pruned(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    draw_patents(other, 2)
    add(collection, drawings)
    add(collection, other)
    shutil.rmtree(drawings / "P0001")
    shutil.rmtree(other / "P0001")
    assert add(collection, drawings)[0] == Added(unchanged=15)
    assert collection.info().drawings == 24
    # Only the source that is named is pruned.
    assert add(collection, drawings, prune=True)[0] == Added(unchanged=15, removed=3)
    assert collection.info().drawings == 21
    assert not collection.verify()


def test_a_folder_that_is_not_mounted_is_not_pruned(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    source = open_source(str(drawings))
    encoder = Counting(collection.bundle)
    add(collection, drawings)
    shutil.move(drawings, tmp_path / "unmounted")
    drawings.mkdir()
    (drawings / "stray.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"remove all 18 drawings .* --allow-empty"):
        add(collection, drawings, prune=True)
    assert collection.info().drawings == 18
    added = collection.add(
        source.records(Skipped()), encoder, root=source.root, prune=True, allow_empty=True
    )
    assert added.removed == 18
    assert not collection.verify()


def test_unreadable_drawings_are_counted_and_named(collection: Collection, drawings: Path) -> None:
    (drawings / "P0001" / "text.png").write_text("this is text")
    cv2.imwrite(str(drawings / "P0001" / "blank.png"), np.full((80, 80), 255, np.uint8))
    skipped = Skipped()
    assert add(collection, drawings, skipped)[0] == Added(added=18)
    assert skipped.counts.total() == 2
    assert any("text.png" in name for names in skipped.examples.values() for name in names)
    assert collection.info().drawings == 18


def test_a_file_listed_twice_is_stored_once(collection: Collection, drawings: Path) -> None:
    record = Record(ImageRef(str(drawings / "P0001" / "view1.png")), "A")
    other = Record(record.image, "B")
    skipped = Skipped()
    encoder = Counting(collection.bundle)
    result = collection.add([record, other], encoder, root=str(drawings), skipped=skipped)
    assert result == Added(added=1)
    assert skipped.counts == {"listed twice": 1}


def test_metadata_is_brought_up_to_date_without_encoding(
    collection: Collection, drawings: Path
) -> None:
    image = ImageRef(str(drawings / "P0001" / "view1.png"))
    encoder = Counting(collection.bundle)

    def tell(record: Record) -> Added:
        return collection.add([record], encoder, root=str(drawings))

    assert tell(Record(image, "A", title="Chair", text="FIG. 1 shows it folded")).added == 1
    assert tell(Record(image, "A", title="Stool", locarno="06-01", date="2020-01-02")).updated == 1
    assert tell(Record(image, "A", title="Stool")).unchanged == 1
    assert encoder.count == 1
    for text, hits in (("stool", 1), ("chair", 0), ("folded", 0)):
        with collection.reading() as (known, _):
            assert len(known.matching(Filters(text=text))) == hits
    with collection.reading() as (known, _):
        record = known.stored([0])[0].record
    assert record == Record(image, "A", locarno="06-01", title="Stool", date="2020-01-02")


def test_ctrl_c_loses_no_more_than_the_batch_in_flight(tmp_path: Path, tiny_bundle: Bundle) -> None:
    folder = tmp_path / "many"
    draw_patents(folder, 100)
    source = open_source(str(folder))
    index = tmp_path / "index"
    with Collection.create(index, tiny_bundle) as collection, pytest.raises(KeyboardInterrupt):
        collection.add(
            source.records(Skipped()), Counting(tiny_bundle, stop_after=128), root=source.root
        )
    with Collection.open(index, write=True) as collection:
        assert collection.info().drawings == 128
        assert not collection.verify()
        assert add(collection, folder) == (Added(added=172, unchanged=128), 172)


def test_only_one_writes_and_is_named(collection: Collection) -> None:
    with pytest.raises(LockedError, match=rf"process {os.getpid()} on "):
        Collection.open(collection.folder, write=True)
    with Collection.open(collection.folder) as reader:
        assert reader.info().drawings == 0
        with pytest.raises(CollectionError, match="reading only"):
            reader.remove(Filters(patents=("A",)))


def test_another_model_is_refused(collection: Collection, drawings: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=3)
    with pytest.raises(SpaceMismatchError, match="another model"):
        collection.add([], Encoder(other), root=str(drawings))


def test_the_query_image_is_not_its_own_result(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    path = drawings / "P0003" / "view1.png"
    drawing = load(ImageRef(str(path)), collection.bundle.info.size)
    embedding = Encoder(collection.bundle).encode(drawing[None])
    for plan in ("exact", "scan"):
        answer = ranking.search(
            [collection], embedding, plan=plan, exclude=[content_digest(path)], top=100
        )
        paths = {found.path for hit in answer.hits for found in hit.drawings}
        assert len(paths) == 17
        assert "P0003/view1.png" not in paths


def test_thumbnails_are_kept_and_can_be_switched_off(
    collection: Collection, drawings: Path
) -> None:
    source = open_source(str(drawings))
    encoder = Counting(collection.bundle)
    records = list(source.records(Skipped()))
    collection.add(records[:9], encoder, root=source.root)
    collection.add(records[9:], encoder, root=source.root, keep_thumbnails=False)
    with collection.reading() as (known, _):
        stored = known.stored(range(18))
    pictures = [
        collection.thumbnail(row, entry.record.image) for row, entry in sorted(stored.items())
    ]
    assert [picture is not None for picture in pictures] == [True] * 9 + [False] * 9
    shown = cv2.imdecode(np.frombuffer(pictures[0] or b"", np.uint8), cv2.IMREAD_GRAYSCALE)
    expected = load(records[0].image, collection.bundle.info.size)
    assert np.abs(shown.astype(int) - expected).max() <= 17
    collection.remove(Filters(patents=("P0000",)))
    collection.compact()
    with collection.reading() as (known, _):
        entry = known.stored([0])[0]
    assert entry.thumbnail is not None
    assert collection.thumbnail(0, entry.record.image) == pictures[3]
    # Another drawing lies there now.
    assert collection.thumbnail(0, stored[0].record.image) is None


def test_embeddings_are_stored_once_and_replaced_when_they_differ(collection: Collection) -> None:
    records, embeddings = records_of_designs(20, 2), views_of_designs(20, 2, 64)
    assert collection.add_embeddings(records, embeddings) == Added(added=40)
    assert collection.add_embeddings(records, embeddings) == Added(unchanged=40)
    other = views_of_designs(20, 2, 64, seed=1)
    assert collection.add_embeddings(records[:4], other[:4]) == Added(replaced=4)
    assert collection.info().drawings == 40
    assert not collection.verify()


def test_embeddings_that_do_not_fit_are_refused(collection: Collection) -> None:
    records, embeddings = records_of_designs(20, 2), views_of_designs(20, 2, 64)
    for wrong, message in (
        ((records, embeddings[:-1]), "more records"),
        ((records[:-1], embeddings), "fewer records"),
        ((records, embeddings * 2), "embedding 0 is no unit vector"),
        ((records, embeddings[:, :32]), "expected embeddings"),
    ):
        with pytest.raises(InputError, match=message):
            collection.add_embeddings(*wrong)


def test_generated_drawings_are_known_by_their_names(collection: Collection) -> None:
    source = open_source("synthetic:designs=3,seed=1,views=2")
    encoder = Counting(collection.bundle)
    for expected in (Added(added=6), Added(unchanged=6)):
        result = collection.add(source.records(Skipped()), encoder, root=source.root, prune=True)
        assert result == expected
    assert encoder.count == 6


def test_compaction_gives_the_room_back(collection: Collection, drawings: Path) -> None:
    add(collection, drawings)
    before = {path: found(collection, path) for path in sorted(drawings.rglob("*.png"))[3:]}
    collection.remove(Filters(patents=("P0000",)))
    assert (collection.info().drawings, collection.info().dead) == (15, 3)
    collection.compact()
    assert (collection.info().drawings, collection.info().dead) == (15, 0)
    assert {path: found(collection, path) for path in before} == before
    assert not collection.verify()
    names = sorted(path.name for path in collection.folder.iterdir() if "-0" in path.name)
    assert names == ["bundle-000001", "signs-000002-15", "thumbnails-000002.bin",
                     "vectors-000002.rows"]  # fmt: skip


def test_merging_copies_what_is_not_there(
    collection: Collection, drawings: Path, tmp_path: Path, tiny_bundle: Bundle
) -> None:
    add(collection, drawings)
    more = tmp_path / "more"
    draw_patents(more, 2)
    with Collection.create(tmp_path / "second", tiny_bundle) as other:
        add(other, more)
        add(other, drawings)
        assert collection.merge(other) == Added(added=6, unchanged=18)
        assert collection.merge(other) == Added(unchanged=24)
    assert collection.info().drawings == 24
    assert not collection.verify()
    assert add(collection, more) == (Added(unchanged=6), 0)


def test_a_rebuild_with_another_model_changes_the_space(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    add(collection, drawings)
    other = write_tiny_bundle(tmp_path / "other", dimensions=96, seed=3)
    with Collection.open(collection.folder) as reader:
        assert collection.rebuild(Encoder(other), Skipped()) == 18
        with pytest.raises(SpaceMismatchError, match="open it again"):
            ranking.search([reader], views_of_designs(1, 1, 64))
    assert collection.info().space == other.info.space
    assert collection.dimensions == 96
    assert found(collection, drawings / "P0003" / "view1.png") == "P0003/view1.png"
    assert not collection.verify()
    assert not (collection.folder / "bundle-000001").exists()
    (drawings / "P0003" / "view1.png").unlink()
    with pytest.raises(CollectionError, match="1 of 18 images are not there"):
        collection.rebuild(Encoder(other), Skipped())


def test_an_interrupted_rebuild_goes_on_where_it_was(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    draw_patents(drawings, 50)
    add(collection, drawings)
    space = collection.info().space
    other = write_tiny_bundle(tmp_path / "other", dimensions=96, seed=3)
    with pytest.raises(KeyboardInterrupt):
        collection.rebuild(Counting(other, stop_after=128), Skipped())
    assert (collection.info().space, collection.info().drawings) == (space, 150)
    assert not collection.verify()
    # A power cut: the last entry was not wholly written, and one before it reads differently.
    unfinished = collection.folder / "rebuild.part"
    entries = bytearray(unfinished.read_bytes())
    size = 8 + 96 + 8
    entries[-8 * size] ^= 1
    unfinished.write_bytes(entries[:-5])
    rest = Counting(other)
    assert collection.rebuild(rest, Skipped()) == 150
    assert rest.count == 150 - (128 - 8)
    assert not collection.verify()
    assert found(collection, drawings / "P0003" / "view1.png") == "P0003/view1.png"
    assert not unfinished.exists()


def test_an_unfinished_rebuild_is_of_no_use_to_another_model(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    draw_patents(drawings, 30)
    add(collection, drawings)
    one, other = (write_tiny_bundle(tmp_path / f"{seed}", seed=seed) for seed in (3, 4))
    with pytest.raises(KeyboardInterrupt):
        collection.rebuild(Counting(one, stop_after=64), Skipped())
    encoder = Counting(other)
    assert collection.rebuild(encoder, Skipped()) == encoder.count == 90
    assert collection.info().space == other.info.space


def test_a_newer_format_is_refused_in_words(collection: Collection) -> None:
    collection.writer.edits.sql.execute("PRAGMA user_version = 99")
    with pytest.raises(CollectionError, match="format 99, this version reads up to 3: upgrade"):
        Collection.open(collection.folder)


def test_folders_that_are_no_collection_are_refused(tmp_path: Path, tiny_bundle: Bundle) -> None:
    with pytest.raises(CollectionError, match="there is no index in"):
        Collection.open(tmp_path / "nowhere")
    (tmp_path / "file.txt").write_text("mine")
    with pytest.raises(CollectionError, match="holds other files"):
        Collection.create(tmp_path, tiny_bundle)
    assert (tmp_path / "file.txt").read_text() == "mine"
    Collection.create(tmp_path / "index", tiny_bundle).close()
    with pytest.raises(CollectionError, match="there is an index"):
        Collection.create(tmp_path / "index", tiny_bundle)


def test_a_copy_beside_its_drawings_finds_them(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    add(collection, drawings)
    collection.close()
    there = tmp_path / "another machine"
    shutil.copytree(drawings, there / "drawings")
    shutil.copytree(tmp_path / "index", there / "index")
    shutil.rmtree(drawings)
    with Collection.open(there / "index", write=True) as copy:
        with copy.reading() as (known, _):
            path = Path(known.stored([0])[0].record.image.path)
        assert path == there / "drawings" / "P0000" / "view0.png"
        assert add(copy, there / "drawings")[1] == 0


def test_a_folder_that_cannot_be_written_can_be_searched(
    collection: Collection, drawings: Path, tmp_path: Path
) -> None:
    add(collection, drawings)
    collection.close()
    index = tmp_path / "index"
    for path in index.glob("catalog.sqlite-*"):
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in index.rglob("*")}
    index.chmod(0o500)
    try:
        with Collection.open(index) as reader:
            assert reader.info().drawings == 18
            assert ranking.search([reader], views_of_designs(1, 1, 64)).hits
    finally:
        index.chmod(0o700)
    if os.geteuid():  # root may write everywhere
        assert before == {path: path.stat().st_mtime_ns for path in index.rglob("*")}


def test_the_catalog_has_the_format_it_says(collection: Collection) -> None:
    with collection.reading() as (known, _):
        assert known.version() == len(schema.MIGRATIONS)


def test_the_example_in_the_docs_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "collection.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    draw_patents(tmp_path / "drawings", 3, 2)
    draw(tmp_path / "sketch.png", 101)
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace('since="2015-01-01"', ""), "docs", "exec"), {})
    assert re.fullmatch(r"\d+ \(6, \d+\) P0000\n", capsys.readouterr().out)
