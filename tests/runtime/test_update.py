"""Packs: what is applied is the new index, all else is refused in a line, and nothing is lost."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bundles import write_tiny_bundle
from foreign_catalogs import CATALOGS, execute
from hostile import mutations
from stored import records_of_designs, views_of_designs

from edgepatent_runtime import faults, signature
from edgepatent_runtime.bundle import INFO, Bundle, write_info
from edgepatent_runtime.collection import Collection, check
from edgepatent_runtime.collection.connection import NAME
from edgepatent_runtime.errors import (
    BundleError,
    CollectionError,
    EdgepatentError,
    InputError,
    SpaceMismatchError,
)
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import Record
from edgepatent_runtime.search.ranking import search
from edgepatent_runtime.search.results import Hit
from edgepatent_runtime.update.applying import Applied, apply, rollback
from edgepatent_runtime.update.making import make
from edgepatent_runtime.update.pack import DESCRIPTION, FILES, SIGNATURE, Description, Pack

DESIGNS, VIEWS = 40, 3
RECORDS = records_of_designs(DESIGNS, VIEWS)
EMBEDDINGS = views_of_designs(DESIGNS, VIEWS, 64)

Stored = tuple[bytes, float, bytes | None, str]


def fill(collection: Collection, first: int, last: int, root: str = "") -> None:
    """Store drawings, with pictures of sorts."""
    start = collection.writer.next_row
    collection.add_embeddings(RECORDS[first:last], EMBEDDINGS[first:last], root=root)
    rows = list(range(start, collection.writer.next_row))
    with collection.reading() as (known, _):
        stored = known.stored(rows)
    collection.writer.put_thumbnails(rows, [f"png {stored[row].path}".encode() for row in rows])


def content(index: Path) -> dict[Record, Stored]:
    """Every drawing, its row as it is stored, its picture and the file it is of."""
    with Collection.open(index) as collection, collection.reading() as (known, taken):
        live = taken.live_rows()
        facts = known.stored(live.tolist())
        rows = taken.vectors.rows
        return {
            facts[row].record: (
                rows[row]["codes"].tobytes(),
                float(rows[row]["scale"]),
                collection.thumbnail(row, facts[row].record.image),
                facts[row].path,
            )
            for row in live.tolist()
        }


Answer = list[tuple[str, float]]


def ranked(hits: Iterable[Hit]) -> Answer:
    """Scores as far as they do not depend on where in a block a row lies; ties by name."""
    found = [(hit.patent_id, round(hit.score, 5)) for hit in hits]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def answers(index: Path) -> list[Answer]:
    """What is found by every plan, by words, and how sure."""
    queries = views_of_designs(6, 1, 64, seed=5)
    with Collection.open(index) as collection, Index.open(index) as opened:
        found = [
            ranked(search([collection], query[None], top=200, plan=plan).hits)
            for query in queries
            for plan in ("exact", "scan")
        ]
        found += [ranked(opened.search(text=text).hits) for text in ("chair 12", "mended")]
        sure = opened.search(queries[0], top=200).hits
        found.append(sorted((hit.title, round(hit.probability or 0, 4)) for hit in sure))
        return found


def edition(index: Path) -> str:
    with Collection.open(index) as collection:
        return collection.edition().name


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("writer.lock", "catalog.sha256")
    }


def require_same(index: Path, new: Path) -> None:
    assert check.verify(index) == []
    assert content(index) == content(new)
    assert answers(index) == answers(new)
    assert edition(index) == edition(new)


@pytest.fixture(scope="module")
def old(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of 90 drawings."""
    index = tmp_path_factory.mktemp("old") / "index"
    with Collection.create(index, tiny_bundle) as collection:
        fill(collection, 0, 90)
    return index


@pytest.fixture(scope="module")
def new(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same a week later: some came, some went, one has another title, some have moved."""
    folder = tmp_path_factory.mktemp("new")
    index = folder / "index"
    shutil.copytree(old, index)
    (folder / "drawings").mkdir()
    with Collection.open(index, write=True) as collection:
        fill(collection, 90, 120)
        collection.remove(Filters(patents=("D000003", "D000007")))
        mended = [msgspec.structs.replace(one, title="Mended chair") for one in RECORDS[30:33]]
        collection.add_embeddings(mended, EMBEDDINGS[30:33])
        other = [msgspec.structs.replace(one, patent_id=f"X{one.patent_id}") for one in RECORDS[:4]]
        collection.add_embeddings(other, EMBEDDINGS[:4], root=str(folder / "drawings"))
        collection.compact()
    return index


@pytest.fixture(scope="module")
def pack(old: Path, new: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pack") / "pack"
    packed = make(new, old, out)
    assert (packed.added, packed.changed, packed.removed) == (12, 1, 2)
    assert (packed.drawings, packed.model) == (30 + 4 + 3, False)
    return out


@pytest.fixture
def index(old: Path, tmp_path: Path) -> Path:
    """Somebody's copy of `old`."""
    shutil.copytree(old, tmp_path / "index")
    return tmp_path / "index"


def test_what_is_applied_is_the_new_index(index: Path, new: Path, pack: Path) -> None:
    applied = apply(pack, index)
    assert applied == Applied(True, Pack(pack).info.base, edition(new), 118, 40)
    require_same(index, new)


def test_a_pack_holds_what_differs_and_no_more(old: Path, new: Path, pack: Path) -> None:
    held = {path.name for path in pack.iterdir()}
    assert held <= {*FILES, DESCRIPTION}
    differing = {one for one in content(new).items() if content(old).get(one[0]) != one[1]}
    # All of a patent comes where one of its drawings or its facts are other.
    assert {record.patent_id for record in content(pack)} == {one[0].patent_id for one in differing}
    assert len(content(pack)) < len(content(new)) / 2


def test_both_indexes_stay_as_they_are(old: Path, new: Path, tmp_path: Path) -> None:
    before = files(old), files(new)
    make(new, old, tmp_path / "pack")
    assert (files(old), files(new)) == before


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happened_in_between(tiny_bundle: Bundle, tmp_path: Path, seed: int) -> None:
    """Random histories: the pack is judged by the content of the two indexes alone."""
    chance = np.random.default_rng(seed)
    before, after = tmp_path / "before", tmp_path / "after"

    def change(index: Path) -> None:
        with Collection.open(index, write=True) as collection:
            for _ in range(3):
                kind = chance.integers(4)
                first = int(chance.integers(0, 100))
                if kind == 0:
                    gone = tuple(f"D{number:06d}" for number in chance.integers(0, DESIGNS, 8))
                    collection.remove(Filters(patents=gone))
                elif kind == 1:
                    collection.compact()
                elif kind == 2:
                    told = [
                        msgspec.structs.replace(
                            one, figure=str(chance.integers(9)), date="2020-02-02"
                        )
                        for one in RECORDS[first : first + 9]
                    ]
                    collection.add_embeddings(told, EMBEDDINGS[first : first + 9])
                else:
                    fill(collection, first, first + 20)

    Collection.create(before, tiny_bundle).close()
    with Collection.open(before, write=True) as collection:
        fill(collection, 0, 40)
    change(before)
    shutil.copytree(before, after)
    change(after)
    change(after)
    if content(before) == content(after):
        with pytest.raises(InputError, match="nothing to pack"):
            make(after, before, tmp_path / "pack")
        return
    make(after, before, tmp_path / "pack")
    was = content(before)
    apply(tmp_path / "pack", before)
    assert content(before) == content(after)
    assert check.verify(before) == []
    rollback(before)
    assert content(before) == was


def test_packs_follow_each_other(index: Path, new: Path, pack: Path, tmp_path: Path) -> None:
    third = tmp_path / "third"
    shutil.copytree(new, third)
    with Collection.open(third, write=True) as collection:
        collection.remove(Filters(patents=("D000020",)))
    make(third, new, tmp_path / "second")
    with pytest.raises(InputError, match=f"needs edition {edition(new)[:16]} of the index"):
        apply(tmp_path / "second", index)
    assert edition(index) == Pack(pack).info.base
    apply(pack, index)
    apply(tmp_path / "second", index)
    require_same(index, third)
    # One step is kept.
    rollback(index)
    require_same(index, new)
    with pytest.raises(InputError, match="keeps no edition to go back to"):
        rollback(index)


def test_applying_twice_is_applying_once(index: Path, pack: Path) -> None:
    apply(pack, index)
    before = files(index)
    assert not apply(pack, index).changed
    assert files(index).keys() == before.keys()


def test_there_is_no_going_back_over_other_changes(index: Path, pack: Path) -> None:
    apply(pack, index)
    with Collection.open(index, write=True) as collection:
        collection.remove(Filters(patents=("D000001",)))
    with pytest.raises(InputError, match="has changed since its update"):
        rollback(index)


def test_another_model_comes_along(index: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", dimensions=32, seed=1)
    new = tmp_path / "new"
    with Collection.create(new, other) as collection:
        collection.add_embeddings(RECORDS[30:], views_of_designs(DESIGNS, VIEWS, 32)[30:])
    was = content(index)
    assert make(new, index, tmp_path / "pack").model
    with Collection.open(index) as reader:
        with reader.reading() as (_, taken):
            codes = taken.vectors.rows["codes"].copy()
        apply(tmp_path / "pack", index)
        assert np.array_equal(taken.vectors.rows["codes"], codes)
        with pytest.raises(SpaceMismatchError, match="open it again"), reader.reading():
            pass
    assert check.verify(index) == []
    assert content(index) == content(new)
    with Collection.open(index) as collection:
        assert collection.bundle.description() == other.description()
    rollback(index)
    assert check.verify(index) == []
    assert content(index) == was
    with Collection.open(index) as collection:
        assert collection.bundle.description() == tiny_bundle.description()


def test_the_same_model_in_another_file(index: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    """Its rows stay: INT8 and FP32 of one run share a space."""
    shutil.copytree(tiny_bundle.folder, tmp_path / "bundle")
    write_info(tmp_path / "bundle", msgspec.structs.replace(tiny_bundle.info, precision="int8"))
    shutil.copytree(index, tmp_path / "new")
    with Collection.open(tmp_path / "new", write=True) as collection:
        collection.writer.replace_bundle(Bundle(tmp_path / "bundle"))
    packed = make(tmp_path / "new", index, tmp_path / "pack")
    assert (packed.model, packed.drawings) == (True, 0)
    assert apply(tmp_path / "pack", index).changed
    assert not apply(tmp_path / "pack", index).changed
    for precision, back in (("int8", False), ("fp32", True)):
        if back:
            rollback(index)
        with Collection.open(index) as collection:
            assert collection.bundle.info.precision == precision
        assert check.verify(index) == []


def test_readers_go_on_and_see_one_edition_or_the_other(
    index: Path, new: Path, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = answers(index), answers(new)
    seen: list[tuple[str, bool]] = []
    query = views_of_designs(6, 1, 64, seed=5)[:1]
    with Collection.open(index) as reader:

        def look(name: str) -> None:
            asked = ranked(search([reader], query, top=200).hits)
            assert asked in (before[0], after[0])
            seen.append((name, asked == after[0]))

        monkeypatch.setattr(faults, "hook", look)
        apply(pack, index)
        monkeypatch.setattr(faults, "hook", None)
    assert before[0] != after[0]
    switched = [name for name, there in seen if there]
    assert [name for name, there in seen if not there][-1] == "catalog.changed"
    assert switched[0] == "catalog.committed"


# -- packs of strangers


def described(pack: Path, **changes: object) -> None:
    """Say of a pack what it holds now, as whoever wants to be believed does."""
    info = Pack(pack).info
    listed = {
        name: {"size": (pack / name).stat().st_size, "sha256": _sha256(pack / name)}
        for name in info.files
        if (pack / name).is_file()
    }
    whole = {**msgspec.to_builtins(info), "files": listed, **changes}
    (pack / DESCRIPTION).write_bytes(msgspec.json.encode(whole))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def forged(pack: Path, tmp_path: Path) -> Path:
    shutil.copytree(pack, tmp_path / "forged")
    return tmp_path / "forged"


def refused(forged: Path, index: Path) -> str:
    """A pack is refused in one line, and the index is as it was; the line."""
    before, names = content(index), {path.name for path in index.iterdir()}
    with pytest.raises(EdgepatentError) as said:
        apply(forged, index)
    assert "\n" not in str(said.value)
    assert "update.part" not in str(said.value)
    assert check.verify(index) == []
    assert content(index) == before
    assert {path.name for path in index.iterdir()} == names
    return str(said.value)


@pytest.mark.parametrize("name", CATALOGS)
def test_a_catalog_edited_by_hand_changes_nothing(forged: Path, index: Path, name: str) -> None:
    outside = forged.parent / "outside"
    outside.mkdir()
    (outside / "keep").write_text("kept")
    (forged / "catalog.sha256").unlink()
    execute(forged, CATALOGS[name])
    described(forged)
    before, what = content(index), None
    with suppress(EdgepatentError):
        what = apply(forged, index)
    if what is None:
        assert content(index) == before
        refused(forged, index)
    # Else it says of drawings what it said before: harm to what nobody here reads.
    assert check.verify(index) == []
    assert (outside / "keep").read_text() == "kept"


NAMES = (
    "../keep", "/etc/passwd", "catalog.sqlite/../../keep", "writer.lock", "signs-000001-90",
    "bundle-000001/model.onnx", "vectors-000002.rows", "", ".", "x\0y",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_lists_its_own_files_only(forged: Path, index: Path, name: str) -> None:
    listed = msgspec.to_builtins(Pack(forged).info)
    listed["files"][name] = {"size": 1, "sha256": "0" * 64}
    (forged / DESCRIPTION).write_bytes(msgspec.json.encode(listed))
    assert "is damaged: it lists" in refused(forged, index)


@pytest.mark.parametrize("name", [NAME, "vectors-000001.rows", DESCRIPTION])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "none"])
def test_nothing_but_files_is_read(forged: Path, index: Path, name: str, kind: str) -> None:
    path = forged / name
    path.rename(forged.parent / "elsewhere")
    if kind == "link":
        path.symlink_to(forged.parent / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    assert "cannot be" in refused(forged, index)


@pytest.mark.parametrize("name", FILES[:4])
def test_a_flipped_or_missing_byte_is_damage(forged: Path, index: Path, name: str) -> None:
    data = (forged / name).read_bytes()
    for wrong in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), data + b"\0"):
        (forged / name).write_bytes(wrong)
        assert "copy the pack again" in refused(forged, index) or wrong[:-1] == data
    (forged / name).write_bytes(data)
    apply(forged, index)


def test_a_pack_without_end_is_not_begun(forged: Path, index: Path) -> None:
    size = 2 * shutil.disk_usage(index).free
    with (forged / "thumbnails-000001.bin").open("r+b") as file:
        file.truncate(size)
    info = msgspec.to_builtins(Pack(forged).info)
    info["files"]["thumbnails-000001.bin"]["size"] = size
    (forged / DESCRIPTION).write_bytes(msgspec.json.encode(info))
    assert "MB are free" in refused(forged, index)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "0" * 64},
        {"removed": []},
        {"removed": ["D000001"]},
        {"removed": ["D000099", "D000003", "D000007", "D000010"]},
        {"model": "0" * 64},
        {"format": 0},
        {"base": "no edition"},
    ],
    ids=str,
)
def test_a_pack_that_does_not_do_what_it_says_is_refused(
    forged: Path, index: Path, changes: dict[str, object]
) -> None:
    described(forged, **changes)
    refused(forged, index)


def test_a_newer_format_asks_for_an_upgrade(forged: Path, index: Path) -> None:
    described(forged, format=99, base=7)
    assert "upgrade edgepatent" in refused(forged, index)


def test_any_description_is_read_or_refused(forged: Path, pack: Path) -> None:
    said = (forged / DESCRIPTION).read_bytes()
    for wrong in mutations(said, 60, 22):
        (forged / DESCRIPTION).write_bytes(wrong)
        if wrong != said:
            # One that is read leads to the same edition: a letter of the date may be another.
            with suppress(InputError):
                assert Pack(forged).info.target == Pack(pack).info.target


def test_what_is_wrong_with_the_index_is_said_of_the_index(index: Path, pack: Path) -> None:
    with (index / "vectors-000001.rows").open("r+b") as file:
        file.seek(64 + 72 * 5)
        file.write(b"\xff")
    with pytest.raises(CollectionError, match=r"index/vectors-000001.rows is damaged"):
        apply(pack, index)


def test_what_cannot_be_packed(old: Path, new: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to pack"):
        make(old, old, tmp_path / "pack")
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="is there already"):
        make(new, old, tmp_path / "there")
    with pytest.raises(CollectionError, match="there is no index"):
        make(new, tmp_path / "none", tmp_path / "pack")
    with pytest.raises(CollectionError, match="there is no index"):
        rollback(tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_only_who_has_the_key_is_believed(
    old: Path, new: Path, index: Path, pack: Path, tmp_path: Path
) -> None:
    mine, other = (
        (tmp_path / "me.key", tmp_path / "me.pub"),
        (tmp_path / "o.key", tmp_path / "o.pub"),
    )
    signature.make_keys(*mine)
    signature.make_keys(*other)
    signed = tmp_path / "signed"
    make(new, old, signed, secret=mine[0])

    def sent(change: Callable[[Path], object]) -> Path:
        shutil.rmtree(tmp_path / "sent", ignore_errors=True)
        shutil.copytree(signed, tmp_path / "sent")
        change(tmp_path / "sent")
        return tmp_path / "sent"

    for folder, key, what in (
        (lambda: pack, mine, "is not signed"),
        (lambda: signed, other, "is signed by key"),
        (lambda: sent(lambda one: described(one, created="now")), mine, "is not what key"),
        (lambda: sent(lambda one: (one / SIGNATURE).write_bytes(b"\xff" * 90)), mine, "is none"),
        (lambda: sent(lambda one: (one / NAME).write_bytes(b"forged")), mine, "copy the pack"),
    ):
        with pytest.raises((BundleError, InputError), match=what):
            apply(folder(), index, public=key[1])
    assert edition(index) == edition(old)
    apply(signed, index, public=mine[1])
    require_same(index, new)


def test_a_model_that_is_not_the_one_named_is_refused(
    index: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    new, forged = tmp_path / "new", tmp_path / "pack"
    with Collection.create(new, write_tiny_bundle(tmp_path / "other", seed=1)) as collection:
        collection.add_embeddings(RECORDS, EMBEDDINGS)
    make(new, index, forged)
    inside = forged / "bundle-000001"
    good = (inside / "model.onnx").read_bytes()
    (inside / "model.onnx").write_bytes(good + b" ")
    assert "damaged" in refused(forged, index)
    (inside / "model.onnx").write_bytes(good)
    for file in (INFO, *tiny_bundle.files):
        shutil.copy(tiny_bundle.folder / file, inside)
    assert "damaged" in refused(forged, index)
    described(forged, model=_sha256(inside / INFO))
    assert "is not the model of" in refused(forged, index)


def test_the_description_is_what_the_docs_say(pack: Path) -> None:
    assert set(Description.__struct_fields__) == set(
        msgspec.json.decode((pack / DESCRIPTION).read_bytes())
    )
