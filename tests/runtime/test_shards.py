"""Shards: made by themselves, merged, and split again, they are what one index is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock
import msgspec
import numpy as np
import pytest
from bundles import write_tiny_bundle
from hypothesis import given
from hypothesis import strategies as st
from stored import draw_patents

from edgepatent.report.document import document
from edgepatent_runtime import Index, faults, shards
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import CollectionError, InputError, LockedError, SpaceMismatchError
from edgepatent_runtime.record import Record
from edgepatent_runtime.shards import Shard
from edgepatent_runtime.sources import open_source
from edgepatent_runtime.sources.source import Source

PATENTS, VIEWS = 14, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "drawings"
    draw_patents(folder, PATENTS, VIEWS)
    return folder


@pytest.fixture(scope="module")
def source(folder: Path) -> Source:
    return open_source(str(folder))


@pytest.fixture(scope="module")
def plain(
    folder: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    """The index that `Index.add` makes."""
    with Index.create(tmp_path_factory.mktemp("plain") / "index", tiny_bundle) as index:
        index.add(folder, threads=1)
        yield index


@pytest.fixture(scope="module")
def made(source: Source, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards."""
    out = tmp_path_factory.mktemp("made") / "shards"
    for number in (2, 1, 3):
        assert shards.embed([source], Shard(number, 3), out, tiny_bundle, threads=1) is not None
    return out


Stored = tuple[bytes, float, bytes | None]


def content(index: Path | str) -> dict[Record, Stored]:
    """Every drawing, its row as it is stored, and its picture."""
    with Collection.open(index) as collection, collection.reading() as (known, taken):
        live = taken.live_rows()
        facts = known.stored(live.tolist())
        rows = taken.vectors.rows
        return {
            facts[row].record: (
                rows[row]["codes"].tobytes(),
                float(rows[row]["scale"]),
                collection.thumbnail(row, facts[row].record.image),
            )
            for row in live.tolist()
        }


def answer(index: Index, query: Path) -> object:
    """A search as JSON, but for what names the index, times and the numbers of rows."""

    def bare(value: object) -> object:
        if isinstance(value, dict):
            hidden = ("index", "timings_ms", "row", "doubt")
            return {key: bare(one) for key, one in value.items() if key not in hidden}
        return [bare(one) for one in value] if isinstance(value, list) else value

    return bare(msgspec.to_builtins(document(index.search(query, anyway=True, top=PATENTS))))


@given(st.text(max_size=12), st.integers(1, shards.MOST))
def test_a_patent_lies_in_exactly_one_shard(patent: str, of: int) -> None:
    few = min(of, 50)
    assert [Shard(n, few).holds(patent) for n in range(1, few + 1)].count(True) == 1


def test_where_a_patent_lies_never_changes() -> None:
    # A shard that is made next year, by another version, must fit to those of today.
    numbers = [n for n in range(1, 17) if Shard(n, 16).holds("USD0907292")]
    assert numbers == [2]


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "1/0", "-1/3", "1/100000", "1/3/5", "a/b"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no shard: write 1/16"):
        Shard.parse(text)


def test_shards_hold_what_add_stores(made: Path, plain: Index) -> None:
    assert {path.name for path in made.iterdir()} == {Shard(n, 3).name for n in (1, 2, 3)}
    whole = content(plain.stores[0].name)
    parts = [content(path) for path in made.iterdir()]
    assert sum(map(len, parts)) == len(whole) == PATENTS * VIEWS
    for part in parts:
        for record, (codes, scale, picture) in part.items():
            plain_codes, plain_scale, plain_picture = whole[record]
            assert picture == plain_picture
            assert scale == pytest.approx(plain_scale, rel=1e-2)
            # The last digits of a network's output depend on what else is in the batch.
            a, b = (np.frombuffer(one, np.int8).astype(int) for one in (codes, plain_codes))
            assert np.abs(a - b).max() <= 1


def test_an_index_split_and_merged_again_is_what_it_was(
    plain: Index, folder: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    held = shards.split(Path(plain.stores[0].name), tmp_path / "split", 3)
    assert sum(held.values()) == PATENTS * VIEWS
    parts = sorted((tmp_path / "split").iterdir())
    assert [path.name for path in parts] == list(held)
    assert [len(content(path)) for path in parts] == list(held.values())
    query = folder / "P0005" / "view1.png"
    with Index.create(tmp_path / "merged", tiny_bundle) as merged:
        assert merged.merge(*parts).added == PATENTS * VIEWS
        assert merged.merge(*parts).unchanged == PATENTS * VIEWS
        assert content(tmp_path / "merged") == content(plain.stores[0].name)
        assert answer(merged, query) == answer(plain, query)
    with Index.open(parts) as apart:
        assert answer(apart, query) == answer(plain, query)


def test_a_split_that_was_interrupted_is_gone_on_with(
    made: Path, plain: Index, tmp_path: Path
) -> None:
    first = shards.split(Path(plain.stores[0].name), tmp_path / "split", 3)
    names = {record.patent_id for record in content(tmp_path / "split" / Shard(2, 3).name)}
    assert names == {record.patent_id for record in content(made / Shard(2, 3).name)}
    shutil.rmtree(tmp_path / "split" / Shard(2, 3).name)
    assert shards.split(Path(plain.stores[0].name), tmp_path / "split", 3) == first


def test_shards_of_an_index_that_has_changed_are_not_taken_for_new_ones(
    folder: Path, plain: Index, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        index.merge(plain)
        shards.split(tmp_path / "index", tmp_path / "split", 2)
        index.remove(["P0003"])
    with pytest.raises(CollectionError, match="has changed since"):
        shards.split(tmp_path / "index", tmp_path / "split", 2)


def test_a_shard_that_is_whole_is_skipped(
    made: Path, source: Source, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    before = content(made / Shard(1, 3).name)
    assert shards.embed([source], Shard(1, 3), made, tiny_bundle) is None
    assert content(made / Shard(1, 3).name) == before
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    with pytest.raises(SpaceMismatchError, match="made with another model"):
        shards.embed([source], Shard(1, 3), made, other)


def test_another_number_of_shards_needs_another_folder(
    made: Path, source: Source, tiny_bundle: Bundle
) -> None:
    with pytest.raises(InputError, match="holds shards of 3, not of 4"):
        shards.embed([source], Shard(1, 4), made, tiny_bundle)
    assert len(list(made.iterdir())) == 3


class _Interrupted(BaseException):
    pass


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """End the program once the first drawings are committed."""

    def hook(name: str) -> None:
        if name == "thumbnails.written":
            monkeypatch.setattr(faults, "hook", None)
            raise _Interrupted

    monkeypatch.setattr(faults, "hook", hook)


@pytest.mark.usefixtures("interrupt")
def test_an_interrupted_shard_has_no_name_and_is_gone_on_with(
    made: Path, source: Source, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    shard = Shard(2, 3)
    with pytest.raises(_Interrupted):
        shards.embed([source], shard, tmp_path, tiny_bundle, threads=1)
    assert not list(tmp_path.glob("shard-*"))
    other = write_tiny_bundle(tmp_path.with_name("other"), seed=5)
    with pytest.raises(SpaceMismatchError, match="made with another model"):
        shards.embed([source], shard, tmp_path, other)
    assert shards.embed([source], shard, tmp_path, tiny_bundle, threads=1) is not None
    assert [path.name for path in tmp_path.iterdir()] == [shard.name]
    assert content(tmp_path / shard.name).keys() == content(made / shard.name).keys()


@pytest.mark.parametrize("name", ["{}", ".{}.part", ".{}.lock"])
def test_no_shard_is_made_through_a_link(
    source: Source, tiny_bundle: Bundle, tmp_path: Path, name: str
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    if name.endswith("lock"):
        elsewhere.write_text("mine")
    else:
        elsewhere.mkdir()
    shard = Shard(1, 2)
    (out / name.format(shard.name)).symlink_to(elsewhere)
    with pytest.raises(InputError, match="is a link: remove it"):
        shards.embed([source], shard, out, tiny_bundle, threads=1)
    assert elsewhere.read_text() == "mine" if elsewhere.is_file() else not list(elsewhere.iterdir())


def test_two_runs_of_one_shard_do_not_meet(
    source: Source, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    shard = Shard(1, 3)
    with (
        filelock.FileLock(tmp_path / f".{shard.name}.lock"),
        pytest.raises(LockedError, match="is being made by another process"),
    ):
        shards.embed([source], shard, tmp_path, tiny_bundle)


def test_of_two_machines_that_make_one_shard_the_faster_names_it(
    made: Path, source: Source, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    # A file system without common locks: the other one's shard appears meanwhile.
    shard = Shard(1, 3)

    class Slow:
        spec, root = source.spec, source.root

        def records(self, skipped: object) -> Iterator[Record]:
            yield from source.records(skipped)  # type: ignore[arg-type]
            with Collection.open(made / shard.name) as theirs:
                Collection.create(tmp_path / shard.name, theirs.bundle).close()

    assert shards.embed([Slow()], shard, tmp_path, tiny_bundle, threads=1) is None
    assert [path.name for path in tmp_path.glob("*shard-*[!k]")] == [shard.name]


def test_merging_thousands_holds_one_open(
    made: Path, tiny_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    most = 0
    begin, end = Collection.__init__, Collection.close

    def counted(self: Collection, folder: Path, *, write: bool, resident: bool) -> None:
        nonlocal opened, most
        begin(self, folder, write=write, resident=resident)
        opened, most = opened + 1, max(most, opened + 1)

    def closed(self: Collection) -> None:
        nonlocal opened
        opened -= 1
        end(self)

    with Index.create(tmp_path / "merged", tiny_bundle) as merged:
        monkeypatch.setattr(Collection, "__init__", counted)
        monkeypatch.setattr(Collection, "close", closed)
        merged.merge(*sorted(made.iterdir()))
        monkeypatch.undo()
    assert most == 2  # the one that is written, and the one that is read


def test_a_shard_of_another_model_is_named_before_anything_is_copied(
    made: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    Index.create(tmp_path / "strange", other).close()
    with Index.create(tmp_path / "merged", tiny_bundle) as merged:
        with pytest.raises(SpaceMismatchError):
            merged.merge(made / Shard(1, 3).name, tmp_path / "strange")
        assert len(merged) == 0
