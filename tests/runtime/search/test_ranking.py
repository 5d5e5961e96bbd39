"""Searching: every plan against the naive ranking, filters, several collections, threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bundles import write_tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import records_of_designs, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection, upkeep
from edgepatent_runtime.errors import InputError, SpaceMismatchError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.results import Answer

DESIGNS, VIEWS = 400, 3


@dataclass
class Gallery:
    """A collection, and what was put into it."""

    collection: Collection
    folder: Path
    records: list[Record]
    embeddings: np.ndarray

    def naive(self, queries: np.ndarray, top: int, allowed: list[bool]) -> list[tuple[str, float]]:
        """Patents by the mean over query views of their best stored drawing, by brute force."""
        best: dict[str, np.ndarray] = {}
        with self.collection.reading() as (_, taken):
            rows = taken.vectors.read(np.arange(len(self.records))) @ taken.rotation
        scores = queries @ rows.T
        for record, column, visible in zip(self.records, scores.T, allowed, strict=True):
            if visible:
                old = best.get(record.patent_id, np.full(len(queries), -9.0))
                best[record.patent_id] = np.maximum(old, column)
        means = [(patent, float(column.mean())) for patent, column in best.items()]
        return sorted(means, key=lambda entry: -entry[1])[:top]


@pytest.fixture(scope="module")
def gallery(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    folder = tmp_path_factory.mktemp("gallery") / "index"
    records = records_of_designs(DESIGNS, VIEWS)
    embeddings = views_of_designs(DESIGNS, VIEWS, 64)
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(records, embeddings)
    with Collection.open(folder) as collection:
        yield Gallery(collection, folder, records, embeddings)


def ids(answer: Answer) -> list[str]:
    return [hit.patent_id for hit in answer.hits]


@pytest.mark.parametrize("views", [1, 2, 4])
@pytest.mark.parametrize("plan", ["exact", "auto"])
def test_exact_is_the_naive_ranking(gallery: Gallery, views: int, plan: str) -> None:
    # Views of another draw: near nothing in particular, so that the ranking is close everywhere.
    for seed in range(20):
        queries = views_of_designs(1, views, 64, seed=100 + seed)
        answer = ranking.search([gallery.collection], queries, top=7, plan=plan)
        expected = gallery.naive(queries, 7, [True] * len(gallery.records))
        assert ids(answer) == [patent for patent, _ in expected]
        found = [hit.score for hit in answer.hits]
        assert found == pytest.approx([score for _, score in expected], abs=1e-5)
        assert [hit.rank for hit in answer.hits] == list(range(1, 8))
        assert answer.plan == "exact"


def test_a_hit_tells_all_its_drawings_best_first(gallery: Gallery) -> None:
    hit = ranking.search([gallery.collection], gallery.embeddings[30:31], top=1).hits[0]
    assert (hit.patent_id, hit.title, hit.date) == ("D000010", "Chair number 10", "2010-06-01")
    assert (hit.locarno, hit.klass, hit.subclass) == ("01-01", "01", "01-01")
    assert hit.index == str(gallery.folder)
    scores = [found.score for found in hit.drawings]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == pytest.approx(1, abs=1e-3)
    assert hit.drawings[0].figure == "1"
    assert {found.path for found in hit.drawings} == {f"d10/v{view}.png" for view in range(3)}


def test_the_scan_finds_what_the_exact_plan_finds(gallery: Gallery) -> None:
    # 1,000 candidates of 1,200 rows: what is missed here would be a bug, not a matter of recall.
    for seed in range(10):
        queries = views_of_designs(1, 2, 64, seed=200 + seed)
        scan = ranking.search([gallery.collection], queries, top=5, plan="scan")
        assert scan.plan == "scan"
        assert ids(scan) == ids(ranking.search([gallery.collection], queries, top=5, plan="exact"))


def test_asking_for_more_than_there_is_gives_all(gallery: Gallery) -> None:
    for plan in ("exact", "scan"):
        answer = ranking.search([gallery.collection], gallery.embeddings[:2], top=10_000, plan=plan)
        assert len(answer.hits) == DESIGNS


def passes(record: Record, filters: Filters) -> bool:
    """What `Filters` promises, said once more."""
    labels = {record.locarno, record.klass, record.subclass}
    return (
        (not filters.locarno or bool(labels & set(filters.locarno)))
        and not labels & set(filters.not_locarno)
        and (filters.since is None or (record.date or "") >= filters.since)
        and (filters.before is None or (record.date or "9") < filters.before)
        and (not filters.patents or record.patent_id in filters.patents)
        and record.patent_id not in filters.not_patents
        and (filters.text is None or filters.text.lower() in (record.title or "").lower().split())
    )


codes = st.lists(st.sampled_from(["01", "02", "03-01", "04-01", "99"]), max_size=2).map(tuple)
dates = st.none() | st.sampled_from(["2003-06-01", "2010-01-01", "2018-07-01"])
numbers = st.lists(st.integers(0, DESIGNS + 5).map("D{:06d}".format), max_size=30).map(tuple)


@given(
    st.builds(
        Filters,
        locarno=codes,
        not_locarno=codes,
        since=dates,
        before=dates,
        patents=numbers,
        not_patents=numbers,
        text=st.none() | st.sampled_from(["chair", "17", "table"]),
    ),
    st.sampled_from(["exact", "scan", "auto"]),
)
@settings(max_examples=60, deadline=None)
def test_filters_come_before_ranking_and_are_exact(
    gallery: Gallery, filters: Filters, plan: str
) -> None:
    queries = views_of_designs(1, 2, 64, seed=7)
    allowed = [passes(record, filters) for record in gallery.records]
    answer = ranking.search([gallery.collection], queries, top=5, filters=filters, plan=plan)
    assert answer.searched == sum(allowed)
    assert ids(answer) == [patent for patent, _ in gallery.naive(queries, 5, allowed)]


def test_quotes_and_operators_but_or_are_words(gallery: Gallery) -> None:
    def searched(text: str) -> int:
        return ranking.search(
            [gallery.collection], gallery.embeddings[:1], filters=Filters(text=text)
        ).searched

    for text in ('chair" title:*', "NOT chair", "chair AND (", '"'):
        assert searched(text) == 0
    # OR is one, and what stands beside it are words again.
    assert searched('chair" OR title:*') == searched("chair") > 0


def test_several_collections_are_searched_as_one(
    gallery: Gallery, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    half = len(gallery.records) // 2
    parts = []
    for name, part in (("a", slice(0, half)), ("b", slice(half, None))):
        with Collection.create(tmp_path / name, tiny_bundle) as made:
            made.add_embeddings(gallery.records[part], gallery.embeddings[part])
        parts.append(Collection.open(tmp_path / name))
    queries = views_of_designs(1, 2, 64, seed=11)
    answer = ranking.search(parts, queries, top=9)
    whole = ranking.search([gallery.collection], queries, top=9)
    assert ids(answer) == ids(whole)
    assert {hit.index for hit in answer.hits} == {str(tmp_path / "a"), str(tmp_path / "b")}
    assert answer.searched == whole.searched
    # The same patent in two collections is one hit.
    twice = ranking.search([gallery.collection, *parts], queries, top=9)
    assert ids(twice) == ids(whole)
    for part in parts:
        part.close()


def test_collections_of_two_models_are_not_mixed(gallery: Gallery, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    with (
        Collection.create(tmp_path / "index", other) as collection,
        pytest.raises(SpaceMismatchError, match="different models"),
    ):
        ranking.search([gallery.collection, collection], gallery.embeddings[:1])


@pytest.mark.parametrize("shape", [(1, 63), (0, 64), (2, 128)])
def test_embeddings_of_another_width_are_refused(gallery: Gallery, shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="expected embeddings"):
        ranking.search([gallery.collection], np.ones(shape, np.float32))
    with pytest.raises(InputError, match="no plan"):
        ranking.search([gallery.collection], gallery.embeddings[:1], plan="magic")


def test_an_empty_collection_answers_with_nothing(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "index", tiny_bundle) as collection:
        for plan in ranking.PLANS:
            answer = ranking.search([collection], views_of_designs(1, 1, 64), plan=plan)
            assert answer.hits == []
            assert answer.searched == 0


def test_many_threads_get_the_same_answers(gallery: Gallery) -> None:
    queries = [views_of_designs(1, 2, 64, seed=seed) for seed in range(40)]
    alone = [ids(ranking.search([gallery.collection], one, plan="scan")) for one in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(
                lambda one: ids(ranking.search([gallery.collection], one, plan="scan")), queries
            )
        )
    assert together == alone


@pytest.fixture(scope="module")
def big(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than the exact plan takes, with a graph."""
    folder = tmp_path_factory.mktemp("big") / "index"
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add_embeddings(records_of_designs(5200, 4), views_of_designs(5200, 4, 64))
        collection.finish()
        assert collection.info().graph == "fresh"
    return folder


def test_the_planner_keeps_to_its_rule(big: Path) -> None:
    one = views_of_designs(1, 1, 64, seed=3)
    with Collection.open(big) as cold:
        assert ranking.search([cold], one).plan == "scan"
        few = Filters(locarno=("01",))
        assert ranking.search([cold], one, filters=few).plan == "exact"
        assert ranking.search([cold], one, filters=Filters(not_patents=("D000001",))).plan == "scan"
    with Collection.open(big, resident=True) as resident:
        assert ranking.search([resident], one).plan == "graph"
        assert ranking.search([resident], one, filters=few).plan == "exact"
        assert (
            ranking.search([resident], one, filters=Filters(not_patents=("D000001",))).plan
            == "scan"
        )
        for plan in ("exact", "scan", "graph"):
            assert ranking.search([resident], one, plan=plan).plan == plan


def test_all_plans_agree_on_many_rows(big: Path) -> None:
    with Collection.open(big, resident=True) as collection:
        agreed = 0
        for seed in range(30):
            one = views_of_designs(1, 2, 64, seed=300 + seed)
            exact = ids(ranking.search([collection], one, plan="exact"))
            for plan in ("scan", "graph"):
                agreed += len(set(exact) & set(ids(ranking.search([collection], one, plan=plan))))
        assert agreed / (30 * 2 * 10) >= 0.97


@pytest.mark.parametrize("plan", ["exact", "scan", "graph"])
def test_a_search_leaves_its_query_alone(big: Path, plan: str) -> None:
    one = views_of_designs(1, 1, 64, seed=3)
    before = one.copy()
    with Collection.open(big, resident=True) as collection:
        ranking.search([collection], one[0], plan=plan)
        ranking.search([collection], one, plan=plan)
    assert np.array_equal(one, before)


def test_a_graph_that_lags_behind_is_topped_up_while_searching(
    big: Path, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(big, folder)
    fresh = views_of_designs(1, 1, 64, seed=999)
    with Collection.open(folder, write=True, resident=True) as collection:
        collection.add_embeddings(
            [Record(records_of_designs(1, 1)[0].image, "NEW")], fresh, root=""
        )
        assert collection.info().graph == "fresh"
        answer = ranking.search([collection], fresh, top=1)
        assert (answer.plan, ids(answer)) == ("graph", ["NEW"])
        # What was removed is not found by a graph that still holds it.
        removed = ids(ranking.search([collection], fresh, top=2))[1]
        collection.remove(Filters(patents=(removed, "NEW")))
        answer = ranking.search([collection], fresh, top=5)
        assert answer.plan == "graph"
        assert not {removed, "NEW"} & set(ids(answer))
        before = next(folder.glob("graph-*")).name
        collection.finish()
        assert next(folder.glob("graph-*")).name == before
        more = views_of_designs(1100, 1, 64, seed=8)
        collection.add_embeddings(
            [Record(ImageRef(f"m{n}"), f"M{n}") for n in range(1100)], more, root=""
        )
        assert collection.info().graph == "stale"
        assert ids(ranking.search([collection], more[7:8], top=1, plan="graph")) == ["M7"]
        collection.finish()
        assert collection.info().graph == "fresh"
        assert next(folder.glob("graph-*")).name != before


def test_without_hnswlib_searches_scan(big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgepatent_runtime.collection import graph

    monkeypatch.setattr(graph, "hnswlib", None)
    with Collection.open(big, resident=True) as collection:
        assert ranking.search([collection], views_of_designs(1, 1, 64), plan="graph").plan == "scan"
    with Collection.open(big, write=True) as collection:
        collection.finish()


def test_the_rule_of_the_planner_is_the_documented_one() -> None:
    assert upkeep.EXACT_ROWS == 20_000
