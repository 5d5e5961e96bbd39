"""How good a hit is: measured on the index itself, kept beside it, said of every hit."""

import json
import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from stored import records_of_designs, unit, views_of_designs

from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import Bibliography, ImageRef, Record, Related
from edgepatent_runtime.search import calibration, cases, fusion, measuring, ranking, verdict
from edgepatent_runtime.search.scale import CERTAIN, Scale

KNOWN, VIEWS = 300, 3


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    """Views of designs, the last two hundred of which nobody indexes."""
    return views_of_designs(KNOWN + 200, VIEWS, 64)


@pytest.fixture(scope="module")
def index(tiny_bundle: Bundle, embeddings: np.ndarray, tmp_path_factory: pytest.TempPathFactory):
    """The first designs, one view of each left out."""
    folder = tmp_path_factory.mktemp("verdicts") / "index"
    kept = [n for n in range(KNOWN * VIEWS) if n % VIEWS or n >= 200 * VIEWS]
    records = records_of_designs(KNOWN, VIEWS)
    with Index.create(folder, tiny_bundle) as opened:
        opened.add([records[n] for n in kept], embeddings=embeddings[kept])
        yield opened


def test_cases_are_what_a_search_by_hand_would_find(index: Index) -> None:
    with index.stores[0].moment() as moment:
        found = cases.gather(moment, 2, most=40, seed=3)
        rows = moment.scope(Filters()).rows()
        facts = moment.facts(rows.tolist())
        stored = moment.embeddings(rows)
    patent = np.array([facts[row].record.patent_id for row in rows.tolist()])
    assert len(found.own) == 40
    for case in range(40):
        mine = facts[int(found.owners[case])].record.patent_id
        own = np.flatnonzero(patent == mine)
        # Which two sheets were shown is not told: one of the pairs gives these scores.
        pairs = [(a, b) for a in own for b in own if a < b]
        expected = []
        for pair in pairs:
            scores = stored[list(pair)] @ stored.T
            best = {
                other: scores[:, [n for n in np.flatnonzero(patent == other) if n not in pair]]
                for other in np.unique(patent)
            }
            means = {k: v.max(axis=1).mean() for k, v in best.items() if v.shape[1]}
            itself = means.pop(mine, math.nan)
            expected.append((itself, sorted(means.values(), reverse=True)[: cases.NEIGHBOURS]))
        assert any(
            np.allclose(found.scores[case], others, atol=1e-5)
            and np.allclose(found.own[case], itself, atol=1e-5, equal_nan=True)
            for itself, others in expected
        )
        names = [facts[row].record.patent_id for row in found.rows[case].tolist()]
        assert len(set(names)) == cases.NEIGHBOURS
        assert mine not in names


def test_verdicts_are_right_on_designs_that_were_not_measured(
    index: Index, embeddings: np.ndarray
) -> None:
    left_out = embeddings[: 200 * VIEWS : VIEWS]
    outsiders = embeddings[KNOWN * VIEWS :: VIEWS]
    same, none, right, sure = [], [], [], []
    for number, query in enumerate([*left_out, *outsiders]):
        first = index.search(query, top=1)[0]
        truth = first.patent_id == f"USD{number:07d}"
        assert first.verdict == verdict.in_words(first.probability)
        right.append(truth)
        sure.append(first.probability)
        same += [truth] if first.verdict == "the same design" else []
        none += [truth] if first.verdict == "no close match" else []
    assert len(same) > 20
    assert len(none) > 20
    assert np.mean(same) >= 0.95
    assert np.mean(none) <= 0.05
    assert abs(np.mean(right) - np.mean(sure)) < 0.1


def test_hits_that_are_not_sure_enough_are_left_out(index: Index, embeddings: np.ndarray) -> None:
    every = index.search(embeddings[0], top=20)
    assert [hit.rank for hit in every.folded] + [hit.rank for hit in every.unfolded] != []
    kept = index.search(embeddings[0], top=20, min_confidence=0.5)
    assert [h.patent_id for h in kept] == [h.patent_id for h in every if h.probability >= 0.5]
    assert kept.folded == []
    with pytest.raises(InputError, match="between 0 and 1"):
        index.search(embeddings[0], min_confidence=2)
    with pytest.raises(InputError, match="not with words alone"):
        index.search(text="chair", min_confidence=0.5)


def test_where_nothing_is_close_the_nearest_are_not_folded(
    index: Index, embeddings: np.ndarray
) -> None:
    near, far = 0, 0
    for query in embeddings[KNOWN * VIEWS :: VIEWS]:
        found = index.search(query)
        verdicts = {hit.verdict for hit in found}
        if verdicts == {"no close match"}:
            assert found.nothing_close
            assert found.folded == []
            assert {hit.like for hit in found.unfolded} == {None}
            far += 1
        else:
            assert not found.nothing_close
            folded = {hit.verdict for hit in found.folded}
            assert folded <= {"no close match"}
            assert "no close match" not in {hit.verdict for hit in found.unfolded}
            near += 1
    assert far > 10
    assert near + far > 20


def test_words_have_no_verdict_and_fused_hits_have_that_of_the_image(
    index: Index, embeddings: np.ndarray
) -> None:
    words = index.search(text="chair", top=3)
    assert {(hit.verdict, hit.cosine) for hit in words} == {(None, None)}
    plain = {hit.patent_id: hit for hit in index.search(embeddings[0], top=KNOWN)}
    far = list(plain)[-1]
    fused = index.search(embeddings[0], text=f"number {int(far[3:])}", fuse=True)
    assert fused.hits[0].verdict is not None
    assert all(hit.probability == plain[hit.patent_id].probability for hit in fused)
    # Ranked by a sum, but as alike as without words: also the one that only they found.
    assert all(hit.score == hit.cosine for hit in plain.values())
    assert [hit.cosine for hit in fused] == [plain[hit.patent_id].cosine for hit in fused]
    assert [hit.patent_id for hit in fused if hit.found_by == "words"] == [far]
    assert plain[far].rank > fusion.DEPTH


def test_what_words_find_beside_an_image_is_not_folded_away(
    index: Index, embeddings: np.ndarray
) -> None:
    fused = index.search(embeddings[0], text="number 7", fuse=True)
    (called,) = (hit for hit in fused if hit.found_by == "words")
    assert called.verdict == "no close match"
    assert called in fused.unfolded
    assert fused.folded != []


def test_a_small_index_says_that_it_cannot_tell(
    tiny_bundle: Bundle, embeddings: np.ndarray, tmp_path: Path
) -> None:
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        index.add(records_of_designs(20, VIEWS), embeddings=embeddings[: 20 * VIEWS])
        result = index.search(embeddings[0])
        assert {hit.verdict for hit in result} == {None}
        assert result.folded == []
        assert "too small to tell" in result.answer.doubt
        with pytest.raises(InputError, match="too small to tell"):
            index.search(embeddings[0], min_confidence=0.5)
        (tmp_path / "index" / "calibration").unlink()
        assert "not measured yet" in index.search(embeddings[0]).answer.doubt


def test_one_drawing_of_each_design_tells_nothing(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        index.add(records_of_designs(80, 1), embeddings=views_of_designs(80, 1, 64))
        assert "in several drawings" in index.search(views_of_designs(1, 1, 64)).answer.doubt


def test_an_index_measures_itself_again_when_it_has_changed_by_a_quarter(
    tiny_bundle: Bundle, tmp_path: Path
) -> None:
    records, embeddings = records_of_designs(80, 2), views_of_designs(80, 2, 64)
    with Index.create(tmp_path / "index", tiny_bundle) as index:

        def grow(start: int, stop: int) -> bytes | None:
            index.add(records[2 * start : 2 * stop], embeddings=embeddings[2 * start : 2 * stop])
            return index.stores[0].calibration()

        first = grow(0, 56)
        assert first is not None
        assert json.loads(first)["patents"] == 56
        assert grow(56, 69) == first
        second = grow(69, 70)
        assert second is not None
        assert json.loads(second)["patents"] == 70
        index.remove([f"D{n:06d}" for n in range(20)])
        assert json.loads(index.stores[0].calibration() or b"")["patents"] == 50


def test_what_is_not_ours_tells_nothing(index: Index, embeddings: np.ndarray) -> None:
    """A file of another model or format, or one that says nonsense, is as good as none."""
    folder = Path(index.stores[0].name)
    kept = index.stores[0].calibration()
    assert kept is not None
    from edgepatent_runtime.collection import calibration as stored

    known = json.loads(kept)
    wrong = [
        {**known, "space": "another"},
        {**known, "format": 2},
        {**known, "verdicts": {"1": {"score": "high"}}},
        {**known, "verdicts": {"-1": known["verdicts"]["1"]}},
        [],
    ]
    try:
        for one in wrong:
            stored.write(folder, json.dumps(one).encode())
            result = index.search(embeddings[0])
            assert {hit.verdict for hit in result} == {None}
            assert "not measured yet" in result.answer.doubt
        # A flipped bit is found, and mended by measuring again.
        stored.write(folder, kept)
        assert index.verify() == []
        data = bytearray((folder / "calibration").read_bytes())
        data[40] ^= 1
        (folder / "calibration").write_bytes(data)
        assert [problem.part for problem in index.verify()] == ["calibration"]
        assert index.stores[0].calibration() is None
        index.add([], embeddings=np.zeros((0, 64), np.float32))
        assert index.stores[0].calibration() == kept
    finally:
        stored.write(folder, kept)


def test_a_scale_by_hand() -> None:
    scale = Scale(score=2.0, standout=1.0, offset=-1.0, level=0.2, spread=0.1, cases=9)
    # Five that may be right, then thirty-five neighbours: median .3, no spread but the least.
    field = [0.9] * 5 + [0.3] * 35
    odds = 2 * 0.5 + (0.5 - 0.3) / 0.01 - 1
    assert scale.probability(0.5, field) == pytest.approx(1 / (1 + math.exp(-odds)))
    # Too few neighbours: what they usually have.
    odds = 2 * 0.5 + (0.5 - 0.2) / 0.1 - 1
    assert scale.probability(0.5, field[:16]) == pytest.approx(1 / (1 + math.exp(-odds)))
    assert scale.probability([0.1, 0.9], field).shape == (2,)
    # Beyond what other designs reach, whatever its neighbours are; never less sure than was fitted.
    crowd = [0.97, *[0.96] * 39]
    closest = msgspec.structs.replace(scale, beyond=0.97)
    assert scale.probability(0.97, crowd) < 0.9
    assert closest.probability(0.97, crowd) == CERTAIN
    assert closest.probability(0.96, crowd) == scale.probability(0.96, crowd)
    assert closest.probability(0.98, field) == scale.probability(0.98, field) > CERTAIN


@pytest.mark.parametrize("closest", [0.8, 0.97])
def test_the_very_drawing_is_the_same_design(closest: float) -> None:
    """Also where other drawings of a design taught the index modesty."""
    random = np.random.default_rng(0)
    scores = random.uniform(0.1, 0.9, (200, 1)) * np.linspace(1, 0.8, cases.NEIGHBOURS)
    scores[:5, 0] = closest
    own = random.uniform(0.1, 0.9, 200).astype(np.float32)
    rows = np.zeros(scores.shape, np.int64)
    fitted = measuring.fit(cases.Cases(scores.astype(np.float32), rows, own, np.arange(200)))
    assert fitted is not None
    crowd = [0.98, *[0.9] * 39]
    assert fitted.probability(0.9, crowd) < verdict.SAME
    assert fitted.probability(0.98, crowd) >= CERTAIN
    # What five of two hundred designs reach that are others is not yet the drawing itself.
    assert (fitted.probability(0.96, crowd) >= CERTAIN) == (closest < 0.96)


def test_views_between_take_the_next_smaller_number(index: Index) -> None:
    known = calibration.of(index.stores[0])
    assert known is not None
    assert known.scale(1) != known.scale(2)
    assert known.scale(3) == known.scale(2)


def test_twins_are_no_reason_to_fail() -> None:
    """All neighbours equal, or none at all: a scale or none, never a number that is none."""
    copies = unit(np.ones((1, 8)))
    scores = np.broadcast_to(copies @ copies.T, (60, cases.NEIGHBOURS)).astype(np.float32)
    rows = np.zeros((60, cases.NEIGHBOURS), np.int64)
    found = measuring.fit(
        cases.Cases(scores, rows, np.ones(60, np.float32), np.arange(60, dtype=np.int64))
    )
    assert found is None or math.isfinite(found.offset)


def test_near_copies_are_folded_into_the_better_hit(
    index: Index, embeddings: np.ndarray, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    """A copy of a design in another patent stands behind it, and so does its continuation."""
    known = calibration.of(index.stores[0])
    assert known is not None
    near = calibration.copies({"": known})[""]
    assert near is not None
    assert 0.5 < near < 1
    with Index.create(tmp_path / "index", tiny_bundle) as other:
        other.merge(index)
        first = index.search(embeddings[0])[0]
        with index.stores[0].moment() as moment:
            rows = moment.scope(Filters(patents=(first.patent_id,))).rows()
            stored = moment.embeddings(rows)
        copied = Record(ImageRef("copy.png"), "USD0900001")
        continued = Record(
            ImageRef("continued.png"),
            "USD0900002",
            bibliography=Bibliography(related=(Related("continuation", patent="USD0900001"),)),
        )
        akin = unit(0.6 * stored[:1] + 0.4 * embeddings[0])
        other.add([copied, continued], embeddings=np.concatenate([stored[:1], akin]))
        result = other.search(embeddings[0], top=5)
        heads = {hit.patent_id: hit.like for hit in result}
        assert len(heads) == 5
        assert heads.pop(result[0].patent_id) is None
        folded = {number for number, head in heads.items() if head is not None}
        assert {"USD0900001", "USD0900002", first.patent_id} - {result[0].patent_id} <= folded
        assert not folded & {hit.patent_id for hit in result.unfolded}
        assert len(result.like(result[0])) == len(folded)


def test_what_a_design_should_not_be_like_moves_down(index: Index, embeddings: np.ndarray) -> None:
    """Against the naive way: the mean over views, less half of the best cosine with the others."""
    query, away = embeddings[[0, VIEWS]], embeddings[[2 * VIEWS]]
    with index.stores[0].moment() as moment:
        rows = moment.scope(Filters()).rows()
        facts = moment.facts(rows.tolist())
        stored = moment.embeddings(rows)
    patents = np.array([facts[row].record.patent_id for row in rows.tolist()])
    expected = {}
    for patent in np.unique(patents):
        mine = stored[patents == patent]
        liked = (query @ mine.T).max(axis=1) @ np.array([0.75, 0.25])
        expected[str(patent)] = liked - 0.5 * max(float((away @ mine.T).max()), 0)
    answer = ranking.search(index.stores, query, weights=[3, 1], unlike=away, top=20)
    best = sorted(expected.items(), key=lambda one: -one[1])[:20]
    assert [hit.patent_id for hit in answer.hits] == [patent for patent, _ in best]
    assert [hit.score for hit in answer.hits] == pytest.approx(
        [score for _, score in best], abs=1e-4
    )
