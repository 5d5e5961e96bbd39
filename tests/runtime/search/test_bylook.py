"""Search by words among designs without a title: by what their drawings look like."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bundles import write_tiny_bundle
from stores import STORES, Store
from wordings import THINGS, around, taught

from edgepatent_runtime.bundle import Bundle, Part, write_info
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search.bylook import guesses
from edgepatent_runtime.search.facets import facets
from edgepatent_runtime.search.request import Request

EACH, DIMENSIONS, KIN = 6, 64, 40


def records(prefix: str = "P") -> list[Record]:
    """Six designs of each thing, one drawing each; every third has a title."""
    return [
        Record(
            ImageRef(f"{prefix}{number}.png"),
            f"{prefix}{number:04d}",
            klass=f"{number % 3:02d}",
            subclass=f"{number % 3:02d}-01",
            title=(f"Nice {thing}", None, " ")[number % 3],
            date=f"{2000 + number}-01-01",
        )
        for number, thing in enumerate(thing for thing in THINGS for _ in range(EACH))
    ]


def embeddings(bundle: Bundle, seed: int = 1) -> np.ndarray:
    """Kin parts near their things, twin parts anywhere."""
    found = np.zeros((len(THINGS) * EACH, DIMENSIONS), np.float32)
    kin = bundle.info.parts["kin"]
    found[:, kin.dimensions] = np.sqrt(kin.weight) * around(
        [thing for thing in THINGS for _ in range(EACH)], KIN, seed
    )
    twin = bundle.info.parts["twin"]
    noise = np.random.default_rng(seed).standard_normal((len(found), DIMENSIONS - KIN))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    found[:, twin.dimensions] = np.sqrt(twin.weight) * noise
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model of two parts that places no words."""
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("model") / "plain")
    places = np.random.default_rng(3).permutation(DIMENSIONS)
    parts = {
        "kin": Part(sorted(places[:KIN].tolist()), 0.2),
        "twin": Part(sorted(places[KIN:].tolist()), 0.8),
    }
    write_info(bundle.folder, msgspec.structs.replace(bundle.info, parts=parts))
    return Bundle(bundle.folder)


@pytest.fixture(scope="module")
def learned(plain: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same model with a text side."""
    bundle = write_tiny_bundle(tmp_path_factory.mktemp("model") / "learned")
    write_info(bundle.folder, plain.info)
    return taught(Bundle(bundle.folder))


@pytest.fixture(scope="module", params=list(STORES))
def store(
    request: pytest.FixtureRequest, learned: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    made = STORES[request.param](tmp_path_factory.mktemp("store") / "index", learned)
    made.add(records(), embeddings(learned))
    yield made
    made.close()


@pytest.fixture
def index(store: Store) -> Index:
    return Index([store.searchable])


def thing_of(patent_id: str) -> str:
    return THINGS[int(patent_id[1:]) // EACH]


def titled(patent_id: str) -> bool:
    return int(patent_id[1:]) % 3 == 0


def test_titles_come_first_then_what_looks_like_it(index: Index, learned: Bundle) -> None:
    found = index.search(text="kettles", top=20)
    by = {way: [hit for hit in found if hit.found_by == way] for way in ("words", "look")}
    assert [hit.found_by for hit in found] == ["words"] * 2 + ["look"] * 18
    assert all(titled(hit.patent_id) and thing_of(hit.patent_id) == "kettle" for hit in by["words"])
    assert not any(titled(hit.patent_id) for hit in by["look"])
    assert {thing_of(hit.patent_id) for hit in by["look"][:4]} == {"kettle"}
    # As by hand: the inner product of the kin part, the best first.
    assert learned.wording is not None
    direction = learned.wording.place("kettles").direction
    near = embeddings(learned)[:, learned.info.parts["kin"].dimensions] @ direction
    order = [number for number in np.argsort(-near).tolist() if number % 3]
    assert [hit.patent_id for hit in by["look"]][:8] == [f"P{number:04d}" for number in order[:8]]
    assert found.answer.plan.startswith("words+")
    assert found.answer.notes == ()


def test_scores_are_ranks_and_drawings_have_none(index: Index) -> None:
    found = index.search(text="shoe")
    assert {hit.cosine for hit in found} == {None}
    assert [hit.score for hit in found] == pytest.approx([1 / (60 + n) for n in range(1, 11)])
    assert all(np.isnan(drawing.score) for hit in found for drawing in hit.drawings)
    assert {hit.verdict for hit in found} == {None}


def test_filters_hold_for_both(index: Index) -> None:
    found = index.search(text="bottle", top=100, since="2020-01-01", locarno=["01"])
    assert {hit.subclass for hit in found} == {"01-01"}
    assert all(hit.date >= "2020" for hit in found)
    assert {hit.found_by for hit in found} == {"look"}
    first = found[0].patent_id
    without = index.search(text="bottle", not_patents=[first], since="2020-01-01", locarno=["01"])
    assert [hit.patent_id for hit in without] == [hit.patent_id for hit in found[1:11]]


def test_words_that_the_model_has_no_idea_of_are_told(index: Index) -> None:
    nothing = index.search(text="quarzy")
    assert len(nothing) == 0
    assert nothing.answer.notes == (
        "designs without a title were not searched: the model has no idea what 'quarzy' looks like",
    )
    some = index.search(text="quarzy lantern")
    assert thing_of(some[0].patent_id) == "lantern"
    assert "the model does not know 'quarzy': other words decide" in some.answer.notes


def test_what_nothing_is_called_is_ranked_by_some_of_the_words_then_by_look(index: Index) -> None:
    found = index.search(text="folding chair", top=20)
    assert found.answer.notes == (
        "nothing is called 'folding chair': ranked by some of the words, and by look",
    )
    assert [hit.found_by for hit in found] == ["words"] * 2 + ["look"] * 18
    assert {thing_of(hit.patent_id) for hit in found[:EACH]} == {"chair"}
    # Those whose titles say something else, too: they look like it.
    assert any(titled(hit.patent_id) for hit in found[EACH:])
    counted = facets(index.stores, Request(text="folding chair"))
    assert sum(counted.indexes.values()) == len(index.search(text="folding chair", top=100)) == 48
    filtered = Request(text="folding chair", locarno=["01"])
    assert sum(facets(index.stores, filtered).indexes.values()) == 16
    assert len(index.search(text="folding chair", locarno=["01"], top=100)) == 16


def test_nothing_is_guessed_at_where_filters_hide_it_or_new_is_asked_for(index: Index) -> None:
    """A design that is called so is there: the filters are why it is not found."""
    for text, asked in (
        ("chair", {"locarno": ["01"]}),
        ("folding chair", {"added": "2020-01-01"}),
    ):
        found = index.search(text=text, top=100, **asked)
        assert not any(titled(hit.patent_id) for hit in found)
        assert not any("nothing is called" in note for note in found.answer.notes)
        counted = facets(index.stores, Request(text=text, **asked))
        assert sum(counted.indexes.values()) == len(found)
    # As a watch asks.
    assert not guesses(index.stores, Request(text="folding chair", added=1), {})
    assert guesses(index.stores, Request(text="folding chair"), {})


def test_a_typing_error_is_told_and_placed_as_what_was_meant(index: Index) -> None:
    found = index.search(text="guiatr", top=20)
    assert found.answer.notes == ("nothing holds 'guiatr': searched for 'guitar' instead",)
    meant = index.search(text="guitar", top=20)
    assert [hit.patent_id for hit in found] == [hit.patent_id for hit in meant]
    # Whole words only: what is typed may be a part of another one.
    assert index.search(text="uitar guitar", top=20).answer.notes == (
        "nothing holds 'uitar': searched for 'guitar' instead",
    )
    filtered = index.search(like="P0000", text="guiatr")
    assert filtered.answer.notes == found.answer.notes
    assert {thing_of(hit.patent_id) for hit in filtered} == {"guitar"}
    for like in (None, "P0000"):
        typed, right = (
            facets(index.stores, Request(like=like, text=text)) for text in ("guiatr", "guitar")
        )
        assert typed.kinds == right.kinds != {}


def test_fused_with_an_image_both_count(index: Index, learned: Bundle) -> None:
    query = embeddings(learned)[THINGS.index("camera") * EACH + 1]
    fused = index.search(query, text="helmet", fuse=True, top=48)
    ways = {hit.patent_id: hit.found_by for hit in fused}
    assert {ways[f"P{n:04d}"] for n in range(48) if n % 3} == {"look"}
    helmets = [n for n in range(48) if THINGS[n // EACH] == "helmet" and n % 3 == 0]
    assert {ways[f"P{n:04d}"] for n in helmets} == {"words"}
    assert {ways[f"P{n:04d}"] for n in range(0, 48, 3) if n not in helmets} == {None}
    apart = [index.search(query, top=48), index.search(text="helmet", top=48)]
    ranks = [{hit.patent_id: hit.rank for hit in one} for one in apart]
    assert [hit.score for hit in fused] == pytest.approx(
        [
            sum(1 / (60 + one[hit.patent_id]) for one in ranks if hit.patent_id in one)
            for hit in fused
        ]
    )
    assert [hit.cosine for hit in fused] == [
        next(one.cosine for one in apart[0] if one.patent_id == hit.patent_id) for hit in fused
    ]
    assert len(fused) == 48


def test_facets_count_what_may_be_found(index: Index) -> None:
    counted = facets(index.stores, Request(text="chair"))
    assert sum(counted.indexes.values()) == 2 + 32
    assert counted.kinds == {("00", "00-01"): 2, ("01", "01-01"): 16, ("02", "02-01"): 16}
    unknown = facets(index.stores, Request(text="quarzy"))
    assert sum(unknown.indexes.values()) == 0
    found = index.search(text="chair", top=100)
    assert len(found) == 34


def test_several_indexes_are_ranked_as_one(learned: Bundle, plain: Bundle, tmp_path: Path) -> None:
    """One of them has an older copy of the model, which places no words."""
    with Index.create(tmp_path / "a", plain) as one, Index.create(tmp_path / "b", learned) as two:
        one.add(records("P"), embeddings=embeddings(plain))
        two.add(records("Q"), embeddings=embeddings(learned, seed=2))
    with Index.open([tmp_path / "a", tmp_path / "b"]) as both:
        found = both.search(text="camera", top=12)
        assert [hit.found_by for hit in found] == ["words"] * 4 + ["look"] * 8
        assert {thing_of(hit.patent_id) for hit in found} == {"camera"}
        assert {hit.patent_id[0] for hit in found[4:]} == {"P", "Q"}


def test_a_model_without_words_says_so_where_it_matters(plain: Bundle, tmp_path: Path) -> None:
    with Index.create(tmp_path / "index", plain) as index:
        index.add(records(), embeddings=embeddings(plain))
        found = index.search(text="chair")
        assert [hit.found_by for hit in found] == ["words", "words"]
        assert found.answer.plan == "words"
        assert len(found.answer.notes) == 1
        assert "knows no words" in found.answer.notes[0]
        index.remove([f"P{n:04d}" for n in range(48) if n % 3])
        assert index.search(text="chair").answer.notes == ()


def test_an_older_index_takes_the_words_over_without_encoding(
    learned: Bundle, plain: Bundle, tmp_path: Path
) -> None:
    """None of its images is there, and it need not be."""
    with Index.create(tmp_path / "index", plain) as index:
        index.add(records(), embeddings=embeddings(plain))
        before = index.search(text="chair")
        index.rebuild(learned)
    with Index.open(tmp_path / "index") as index:
        assert index.verify() == []
        assert index.info().drawings == len(records())
        found = index.search(text="chair")
        assert [hit.patent_id for hit in found][:2] == [hit.patent_id for hit in before]
        assert found[2].found_by == "look"
        assert not (tmp_path / "index" / "bundle-000001").exists()


def test_an_index_keeps_the_words_of_its_model(learned: Bundle, tmp_path: Path) -> None:
    with Index.create(tmp_path / "index", learned) as index:
        index.add(records(), embeddings=embeddings(learned))
        assert index.verify() == []
        kept = Bundle(tmp_path / "index" / "bundle-000001")
        assert kept.wording is not None
