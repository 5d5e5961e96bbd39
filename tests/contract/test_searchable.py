"""What every store promises to ranking, against the naive way of doing it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored import records_of_designs, views_of_designs
from stores import STORES, ShardsStore, Store

from edgepatent_runtime import uspc
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.words import spelled
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.parties import folded
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search import ranking
from edgepatent_runtime.search.words import meant, search_words

DESIGNS, VIEWS = 120, 3


@dataclass
class Gallery:
    """A filled store, and what was put into it, in the store's order."""

    store: Store
    records: list[Record]
    embeddings: np.ndarray

    def naive(self, queries: np.ndarray, allowed: list[bool]) -> list[tuple[str, float]]:
        """Patents by the mean over query views of their best stored drawing, best first."""
        with self.store.searchable.moment() as moment:
            stored = moment.embeddings(moment.scope(Filters()).rows())
        best: dict[str, np.ndarray] = {}
        for record, column, visible in zip(
            self.records, (queries @ stored.T).T, allowed, strict=True
        ):
            if visible:
                old = best.get(record.patent_id, np.full(len(queries), -9.0))
                best[record.patent_id] = np.maximum(old, column)
        means = [(patent, float(column.mean())) for patent, column in best.items()]
        return sorted(means, key=lambda entry: -entry[1])


@pytest.fixture(scope="module", params=list(STORES))
def gallery(
    request: pytest.FixtureRequest,
    tiny_bundle: Bundle,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gallery]:
    store = STORES[request.param](tmp_path_factory.mktemp("store") / "index", tiny_bundle)
    records = records_of_designs(DESIGNS, VIEWS)
    embeddings = views_of_designs(DESIGNS, VIEWS, 64)
    store.add(records, embeddings)
    order = order_of(store, records)
    yield Gallery(store, [records[one] for one in order], embeddings[order])
    store.close()


def order_of(store: Store, records: list[Record]) -> list[int]:
    """Where each row's drawing was among ``records``: rows ascend as they came, shard by shard."""
    place = {record.image.path: number for number, record in enumerate(records)}
    with store.searchable.moment() as moment:
        rows = moment.scope(Filters()).rows()
        facts = moment.facts(rows.tolist())
    assert np.array_equal(rows, np.sort(rows))
    return [place[facts[row].path] for row in rows.tolist()]


def test_drawings_lie_in_the_order_in_which_they_came(empty: Store) -> None:
    records = records_of_designs(12, 2)
    empty.add(records, views_of_designs(12, 2, 64))
    order = order_of(empty, records)
    assert sorted(order) == list(range(24))
    if not isinstance(empty, ShardsStore):
        assert order == sorted(order)


@pytest.fixture(params=list(STORES))
def empty(request: pytest.FixtureRequest, tiny_bundle: Bundle, tmp_path: Path) -> Iterator[Store]:
    """A store of one's own, to change."""
    store = STORES[request.param](tmp_path / "index", tiny_bundle)
    yield store
    store.close()


def family(ids: tuple[str, ...]) -> set[str]:
    """Every design that is linked with one of ``ids``: 4n and 4n + 1 are."""
    numbers = {int(one[1:]) for one in ids}
    return {f"D{n:06d}" for n in range(DESIGNS) if {n, n + 1, n - 1} & numbers
            and (n in numbers or (n % 4 == 1 and n - 1 in numbers)
                 or (n % 4 == 0 and n + 1 in numbers and n + 1 < DESIGNS))}  # fmt: skip


def owned(record: Record, names: tuple[str, ...]) -> bool:
    """Whether the owner's name holds one of ``names``, word by word."""
    keys = [f" {folded(one)} " for one in record.bibliography.owners]
    return any(f" {name} " in key for name in names for key in keys)


def passes(record: Record, filters: Filters) -> bool:
    """What `Filters` promises."""
    labels = {record.locarno, record.klass, record.subclass}
    return (
        (not filters.locarno or bool(labels & set(filters.locarno)))
        and not labels & set(filters.not_locarno)
        and (filters.since is None or (record.date or "") >= filters.since)
        and (filters.before is None or (record.date or "9") < filters.before)
        and (not filters.patents or record.patent_id in filters.patents)
        and record.patent_id not in filters.not_patents
        and (not filters.applicants or owned(record, filters.applicants))
        and not owned(record, filters.not_applicants)
        and (
            not filters.uspc
            or any({c, uspc.klass(c)} & set(filters.uspc) for c in record.bibliography.uspc)
        )
        and (not filters.countries or record.bibliography.country in filters.countries)
        and (not filters.families or record.patent_id in family(filters.families))
        and record.patent_id not in family(filters.not_families)
        and (filters.titled is None or filters.titled == bool((record.title or "").strip()))
        and (filters.text is None or filters.text.lower() in (record.title or "").lower().split())
    )


def found(answer: ranking.Answer) -> list[tuple[str, float]]:
    return [(hit.patent_id, hit.score) for hit in answer.hits]


def assert_same(answer: ranking.Answer, expected: list[tuple[str, float]]) -> None:
    assert [patent for patent, _ in found(answer)] == [patent for patent, _ in expected]
    assert [score for _, score in found(answer)] == pytest.approx(
        [score for _, score in expected], abs=1e-4
    )
    assert [hit.rank for hit in answer.hits] == list(range(1, len(expected) + 1))


filters = st.builds(
    Filters,
    locarno=st.lists(st.sampled_from(["01", "02", "03-01", "99"]), max_size=2).map(tuple),
    not_locarno=st.lists(st.sampled_from(["01", "03-01", "99"]), max_size=2).map(tuple),
    since=st.none() | st.sampled_from(["2003-06-01", "2010-01-01"]),
    before=st.none() | st.sampled_from(["2010-01-01", "2018-07-01"]),
    patents=st.lists(st.integers(0, DESIGNS + 5).map("D{:06d}".format), max_size=30).map(tuple),
    not_patents=st.lists(st.integers(0, DESIGNS + 5).map("D{:06d}".format), max_size=9).map(tuple),
    text=st.none() | st.sampled_from(["chair", "17", "table"]),
    titled=st.sampled_from([None, None, True, False]),
    applicants=st.just(())
    | st.lists(st.sampled_from(["acme", "acme inc", "ada"]), max_size=2).map(tuple),
    not_applicants=st.just(())
    | st.lists(st.sampled_from(["sohne gmbh", "acmeon"]), max_size=1).map(tuple),
    uspc=st.just(())
    | st.lists(st.sampled_from(["D6", "D14-1", "D6-302", "D1"]), max_size=2).map(tuple),
    countries=st.just(()) | st.lists(st.sampled_from(["DE", "US", "FR"]), max_size=2).map(tuple),
    families=st.just(())
    | st.lists(st.integers(0, DESIGNS + 5).map("D{:06d}".format), max_size=30).map(tuple),
    not_families=st.just(())
    | st.lists(st.integers(0, DESIGNS).map("D{:06d}".format), max_size=9).map(tuple),
)


@given(filters, st.integers(1, 3), st.sampled_from(ranking.PLANS), st.integers(0, 50))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_filters_and_views_are_ranked_as_by_hand(
    gallery: Gallery, wanted: Filters, views: int, plan: str, seed: int
) -> None:
    queries = views_of_designs(1, views, 64, seed=1000 + seed)
    allowed = [passes(record, wanted) for record in gallery.records]
    answer = ranking.search([gallery.store.searchable], queries, top=7, filters=wanted, plan=plan)
    assert answer.searched == sum(allowed)
    assert_same(answer, gallery.naive(queries, allowed)[:7])


def test_a_hit_holds_all_drawings_of_its_patent_best_first(gallery: Gallery) -> None:
    hit = ranking.search([gallery.store.searchable], gallery.embeddings[30:31], top=1).hits[0]
    mine = [record for record in gallery.records if record.patent_id == hit.patent_id]
    known = mine[0]
    assert hit.patent_id == gallery.records[30].patent_id
    assert (hit.title, hit.date, hit.locarno) == (known.title, known.date, known.locarno)
    assert (hit.klass, hit.subclass) == (known.klass, known.subclass)
    assert hit.index == gallery.store.searchable.name
    assert {drawing.path for drawing in hit.drawings} == {record.image.path for record in mine}
    assert {drawing.figure for drawing in hit.drawings} == {record.figure for record in mine}
    scores = [drawing.score for drawing in hit.drawings]
    assert scores == sorted(scores, reverse=True)
    assert all(drawing.thumbnail() is None for drawing in hit.drawings)


def test_files_that_are_excluded_are_not_found(gallery: Gallery) -> None:
    # No file behind these records: nothing is excluded by a content that nobody has.
    one = gallery.embeddings[:1]
    with gallery.store.searchable.moment() as moment:
        scope = moment.scope(Filters(), exclude=[b"\0" * 32])
        assert len(scope.rows()) == len(gallery.records)
        rows, scores, complete = scope.nearest(one[0], 10_000)
        assert complete
        assert sorted(rows.tolist()) == scope.rows().tolist()
        assert scores == pytest.approx(moment.scores(one, rows)[0], abs=1e-5)


def test_asking_for_more_than_there_is_gives_all(gallery: Gallery) -> None:
    for plan in ranking.PLANS:
        answer = ranking.search(
            [gallery.store.searchable], gallery.embeddings[:2], top=10_000, plan=plan
        )
        assert len(answer.hits) == DESIGNS


def test_what_is_stored_is_what_was_given(gallery: Gallery) -> None:
    with gallery.store.searchable.moment() as moment:
        assert moment.counts() == (DESIGNS * VIEWS, DESIGNS)
        rows = moment.scope(Filters()).rows()
        moment.require(rows)
        facts = moment.facts(rows.tolist())
        assert np.all(np.diff(rows) > 0)
        likeness = np.sum(moment.embeddings(rows) * gallery.embeddings, axis=1)
        assert likeness.min() > 0.999
        assert [facts[row].path for row in rows.tolist()] == [
            record.image.path for record in gallery.records
        ]
        known = {record.patent_id: record.subclass for record in gallery.records}
        assert moment.patents() == list(known.items())


def test_siblings_are_the_drawings_of_a_patent_that_may_be_found(gallery: Gallery) -> None:
    with gallery.store.searchable.moment() as moment:
        whole = moment.scope(Filters())
        every = whole.rows()
        keys, rows = whole.siblings(every[[40, 7]])
        assert sorted(rows.tolist()) == every[[6, 7, 8, 39, 40, 41]].tolist()
        assert [len(set(keys[:3].tolist())), len(set(keys[3:].tolist()))] == [1, 1]
        assert np.array_equal(np.lexsort((rows, keys)), np.arange(6))
        narrow = moment.scope(Filters(not_patents=(gallery.records[7].patent_id,)))
        assert sorted(narrow.siblings(every[[40]])[1].tolist()) == every[[39, 40, 41]].tolist()
        assert narrow.siblings(every[[7]])[1].tolist() == []


@given(filters, st.lists(st.sampled_from(["klass", "subclass", "year"]), unique=True))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patents_are_counted_as_by_hand(
    gallery: Gallery, wanted: Filters, fields: list[str]
) -> None:
    firsts = [one for one in gallery.records if one.figure == "1" and passes(one, wanted)]
    known = [
        {"klass": one.klass, "subclass": one.subclass, "year": (one.date or "")[:4]}
        for one in firsts
    ]
    naive = Counter(tuple(one[field] for field in fields) for one in known)
    with gallery.store.searchable.moment() as moment:
        found = moment.tally(fields, wanted)
    assert {values: count for values, count in found if count} == naive


@given(filters, st.sampled_from(["applicant", "country", "uspc", "uspc class"]))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patents_are_counted_by_what_they_may_have_several_of(
    gallery: Gallery, wanted: Filters, field: str
) -> None:
    naive: Counter[str | None] = Counter()
    for one in gallery.records:
        if one.figure == "1" and passes(one, wanted):
            known = one.bibliography
            classes = {code.partition("-")[0] for code in known.uspc}
            naive.update(
                {
                    "applicant": known.owners,
                    "country": [known.country],
                    "uspc": known.uspc,
                    "uspc class": classes,
                }[field]
            )
    with gallery.store.searchable.moment() as moment:
        found = moment.tally([field], wanted)
    assert {value: count for (value,), count in found} == naive


@pytest.mark.parametrize("wanted", [Filters(), Filters(since="2010-01-01")])
def test_words_find_titles_in_any_form(gallery: Gallery, wanted: Filters) -> None:
    stores = [gallery.store.searchable]
    holders = {
        record.patent_id
        for record in gallery.records
        if (record.title or "").lower().startswith("chair") and passes(record, wanted)
    }
    answer = search_words(stores, "chairs", top=1000, filters=wanted)
    assert {hit.patent_id for hit in answer.hits} == holders
    assert holders
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    assert all(np.isnan(drawing.score) for hit in answer.hits for drawing in hit.drawings)
    assert len(search_words(stores, "chairs", top=3, filters=wanted).hits) == 3
    assert search_words(stores, "chair unheard", filters=wanted).hits == []
    for text in ('chair" title:*', "NOT chair", "chair AND ("):
        assert search_words(stores, text, filters=wanted).hits == []


def test_either_word_a_phrase_and_a_typing_error(gallery: Gallery) -> None:
    """Titles are "Chair number 17"."""
    stores = [gallery.store.searchable]

    def found(text: str) -> set[str]:
        text = spelled(text, meant(stores, text))
        return {hit.patent_id for hit in search_words(stores, text, top=1000).hits}

    everything = {record.patent_id for record in gallery.records}
    assert found("chair 17 OR 18") == {"D000017", "D000018"}
    assert found("17 OR 18 OR 19") == {"D000017", "D000018", "D000019"}
    assert found('"chair number 17"') == {"D000017"}
    assert found('"number chair"') == set()
    assert found('"number 17" OR 18') == {"D000017", "D000018"}
    for text in ("chiars", "chaair", "chsir", "hair", "numbr OR nothing", "CHAIT"):
        assert found(text) == everything, text
    assert found("chxyr") == set()
    # Numbers are no typing errors, and neither is what is part of a phrase.
    assert found("999") == found('"chiar number"') == set()
    assert found("OR chair") == set()
    assert found("chair OR") == everything


def test_what_may_be_meant_is_told_as_it_is_written(gallery: Gallery) -> None:
    with gallery.store.searchable.moment() as moment:
        assert moment.unheld("chair numbers 17") == {}
        assert moment.unheld("Chiars") == {"Chiars": ["chair"]}
        assert moment.unheld("nubmer OR chair 17") == {"nubmer": ["number"]}
        assert moment.unheld('"chiar number" unheard 999') == {"unheard": []}


def test_a_word_that_any_store_holds_is_no_typing_error(gallery: Gallery, empty: Store) -> None:
    empty.add([Record(ImageRef("h.png"), "H", title="Hair clip")], views_of_designs(1, 1, 64))
    stores = [gallery.store.searchable, empty.searchable]
    assert meant(stores, "hair") == meant(stores[::-1], "hair") == {}
    assert meant(stores, "haiir") == {"haiir": ["hair"]}
    # One letter from either.
    assert meant(stores, "chai clipp unheard") == {"chai": ["chair"], "clipp": ["clip"]}
    assert [hit.patent_id for hit in search_words(stores, "hair").hits] == ["H"]


def test_a_word_with_a_short_stem_is_not_taken_for_another(empty: Store) -> None:
    """The stem of "running" is "run", which "gun" is one letter away from."""
    titles = {"GUN": "Toy gun", "BUNK": "Bunk bed", "SHOE": "Shoe for runners"}
    records = [Record(ImageRef(f"{name}.png"), name, title=titles[name]) for name in titles]
    empty.add(records, views_of_designs(3, 1, 64))
    stores = [empty.searchable]
    assert search_words(stores, "running").hits == []
    assert meant(stores, "running shoe") == {}
    assert meant(stores, "runnners") == {"runnners": ["runners"]}


def test_ties_go_to_what_came_first(empty: Store) -> None:
    one = views_of_designs(1, 1, 64)
    records = [Record(ImageRef(f"{name}.png"), name) for name in ("B", "A", "C")]
    empty.add(records, np.repeat(one, 3, axis=0))
    with empty.searchable.moment() as moment:
        first = [patent for patent, _ in moment.patents()]
    assert isinstance(empty, ShardsStore) or first == ["B", "A", "C"]
    for plan in ranking.PLANS:
        answer = ranking.search([empty.searchable], one, plan=plan)
        assert [hit.patent_id for hit in answer.hits] == first


def test_an_empty_store_answers_with_nothing(empty: Store) -> None:
    for plan in ranking.PLANS:
        answer = ranking.search([empty.searchable], views_of_designs(1, 1, 64), plan=plan)
        assert answer.hits == []
        assert answer.searched == 0
    assert search_words([empty.searchable], "chair").hits == []
    with empty.searchable.moment() as moment:
        assert moment.counts() == (0, 0)
        assert moment.patents() == []


def test_a_moment_stays_as_it_is_while_drawings_come_and_go(empty: Store) -> None:
    records = records_of_designs(20, 2)
    embeddings = views_of_designs(20, 2, 64)
    empty.add(records[:30], embeddings[:30])
    with empty.searchable.moment() as moment:
        before = moment.generation
        empty.remove(Filters(patents=("D000003",)))
        empty.add(records[30:], embeddings[30:])
        assert moment.counts() == (30, 15)
        scope = moment.scope(Filters(patents=("D000003",)))
        assert scope.size == 2
        assert moment.embeddings(scope.rows()) == pytest.approx(embeddings[6:8], abs=0.02)
        assert moment.facts(scope.rows().tolist())[int(scope.rows()[0])].path == "d3/v0.png"
    with empty.searchable.moment() as moment:
        assert moment.generation > before
        assert moment.counts() == (38, 19)
        assert moment.scope(Filters(patents=("D000003",))).size == 0
    answer = ranking.search([empty.searchable], embeddings[6:7], top=100)
    assert "D000003" not in [hit.patent_id for hit in answer.hits]
    assert len(answer.hits) == 19


def test_threads_get_the_same_answers(gallery: Gallery) -> None:
    queries = [views_of_designs(1, 2, 64, seed=seed) for seed in range(24)]
    stores = [gallery.store.searchable]
    alone = [found(ranking.search(stores, one)) for one in queries]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda one: found(ranking.search(stores, one)), queries))
    assert together == alone
