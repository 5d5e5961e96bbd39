"""Retrieval scores against a naive double loop, scikit-learn and ranx."""

import json
import math
import time

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from edgepatent_runtime import metrics
from edgepatent_runtime.errors import InputError


def unit(rows):
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def cloud(seed, count=60, patents=12, dimensions=8, unknown=0.2):
    """Clustered embeddings with labels, some unknown, rows in random order."""
    random = np.random.default_rng(seed)
    owner = random.integers(patents, size=count)
    centre = random.normal(size=(patents, dimensions))
    rows = unit(centre[owner] + random.normal(size=(count, dimensions)))
    subclass_of = [None if random.random() < unknown else f"s{p % 5}" for p in range(patents)]
    class_of = [None if random.random() < unknown else f"c{p % 5 % 2}" for p in range(patents)]
    return (
        rows,
        [f"P{p}" for p in owner],
        [subclass_of[p] for p in owner],
        [class_of[p] for p in owner],
    )


def naive(rows, patents, subclasses, classes):
    """The definitions, spelled out one query and one pair at a time."""
    count = len(rows)
    result = {level: {} for level in metrics.LEVELS}
    gains_of = {}
    for q in range(count):
        ranked = sorted((-float(rows[q] @ rows[o]), o) for o in range(count) if o != q)
        others = [o for _, o in ranked]

        def same(labels, o, q=q):
            return labels[q] is not None and labels[q] == labels[o]

        kept = {
            "patent": others,
            "subclass": [o for o in others if patents[o] != patents[q]],
        }
        kept["class"] = kept["subclass"]
        relevant = {
            "patent": [same(patents, o) for o in kept["patent"]],
            "subclass": [same(subclasses, o) for o in kept["subclass"]],
            "class": [same(classes, o) or same(subclasses, o) for o in kept["class"]],
        }
        for level, flags in relevant.items():
            if not any(flags):
                continue
            precisions, found = [], 0
            for place, flag in enumerate(flags, 1):
                if flag:
                    found += 1
                    precisions.append(found / place)
            result[level][q] = {
                "map": sum(precisions) / len(precisions),
                "recall_1": float(any(flags[:1])),
                "recall_5": float(any(flags[:5])),
                "recall_10": float(any(flags[:10])),
                "precision_10": sum(flags[:10]) / 10,
                "mrr": 1 / (flags.index(True) + 1),
            }
        gains_of[q] = [
            3 if same(patents, o) else 2 if same(subclasses, o) else 1 if same(classes, o) else 0
            for o in others
        ]
    return result, gains_of


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_naive_double_loop(seed):
    data = cloud(seed)
    expected, gains = naive(*data)
    queries = metrics.score_queries(*data)
    scores = metrics.summarise(queries, resamples=20)
    for level in metrics.LEVELS:
        counted = expected[level]
        assert scores.levels[level].queries == len(counted)
        for name in ("map", "recall_1", "recall_5", "recall_10", "precision_10", "mrr"):
            values = {q: row[name] for q, row in counted.items()}
            mine = queries.measures[level][name]
            assert {q for q in range(len(mine)) if not math.isnan(mine[q])} == set(values)
            assert all(mine[q] == pytest.approx(v) for q, v in values.items())
            mean = np.mean(list(values.values()))
            assert getattr(scores.levels[level], name) == pytest.approx(mean)
            by_patent: dict[str, list[float]] = {}
            for q, value in values.items():
                by_patent.setdefault(data[1][q], []).append(value)
            macro = np.mean([np.mean(v) for v in by_patent.values()])
            assert getattr(scores.macro[level], name) == pytest.approx(macro)
    for q, values in gains.items():
        if any(values):
            # scikit-learn averages over tied scores; strictly falling ones leave it no tie.
            oracle = ndcg_score([values], [np.arange(len(values), 0, -1)], k=10)
            assert queries.ndcg_10[q] == pytest.approx(oracle)
        else:
            assert math.isnan(queries.ndcg_10[q])


def test_average_precision_equals_scikit_learn():
    rows, patents, subclasses, classes = cloud(7, count=80)
    queries = metrics.score_queries(rows, patents, subclasses, classes)
    for q in range(len(rows)):
        others = [o for o in range(len(rows)) if o != q]
        flags = [patents[o] == patents[q] for o in others]
        if any(flags):
            oracle = average_precision_score(flags, [float(rows[q] @ rows[o]) for o in others])
            assert queries.measures["patent"]["map"][q] == pytest.approx(oracle)


@pytest.mark.slow  # ranx compiles itself with numba for half a minute
@pytest.mark.filterwarnings("ignore:unsafe cast")
def test_means_equal_ranx():
    from ranx import Qrels, Run
    from ranx import evaluate as ranx_evaluate

    rows, patents, subclasses, classes = cloud(11)
    qrels, run = {}, {}
    for q in range(len(rows)):
        others = [o for o in range(len(rows)) if o != q]
        relevant = {str(o): 1 for o in others if patents[o] == patents[q]}
        if relevant:
            qrels[str(q)] = relevant
            run[str(q)] = {str(o): float(rows[q] @ rows[o]) for o in others}
    oracle = ranx_evaluate(
        Qrels(qrels),
        Run(run),
        ["map", "hit_rate@1", "hit_rate@5", "hit_rate@10", "precision@10", "mrr"],
        make_comparable=True,
    )
    level = metrics.evaluate(rows, patents, subclasses, classes, resamples=1).levels["patent"]
    assert level.map == pytest.approx(oracle["map"])
    assert level.recall_1 == pytest.approx(oracle["hit_rate@1"])
    assert level.recall_5 == pytest.approx(oracle["hit_rate@5"])
    assert level.recall_10 == pytest.approx(oracle["hit_rate@10"])
    assert level.precision_10 == pytest.approx(oracle["precision@10"])
    assert level.mrr == pytest.approx(oracle["mrr"])


def test_ties_go_by_row():
    rows = unit([[1, 0], [1, 0], [1, 0], [1, 0], [-1, 0]])
    assert metrics.rank(rows, 0, 5).tolist() == [
        [1, 2, 3, 4],
        [0, 2, 3, 4],
        [0, 1, 3, 4],
        [0, 1, 2, 4],
        [0, 1, 2, 3],
    ]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([-1.0, -0.5, -0.0, 0.0, 0.5, 1.0]), min_size=3, max_size=3),
        min_size=2,
        max_size=12,
    )
)
def test_rank_is_a_stable_sort_of_the_scores(rows):
    rows = np.asarray(rows, np.float32)
    scores = rows @ rows.T
    order = metrics.rank(rows, 0, len(rows))
    for q in range(len(rows)):
        stable = np.argsort(-scores[q], kind="stable")
        assert order[q].tolist() == [o for o in stable if o != q]


def test_blocks_do_not_change_the_result(monkeypatch):
    data = cloud(3)
    whole = metrics.score_queries(*data)
    monkeypatch.setattr(metrics, "BLOCK_PAIRS", 7 * len(data[0]))
    parts = metrics.score_queries(*data)
    for level in metrics.LEVELS:
        for name, values in whole.measures[level].items():
            np.testing.assert_allclose(parts.measures[level][name], values)
    np.testing.assert_allclose(parts.ndcg_10, whole.ndcg_10)


def test_unknown_labels_match_nothing():
    rows = unit(np.eye(4))
    scores = metrics.evaluate(rows, ["a", "b", "c", "d"], [None] * 4, [None] * 4)
    assert [scores.levels[level].queries for level in metrics.LEVELS] == [0, 0, 0]
    assert math.isnan(scores.levels["class"].map)
    document = json.loads(msgspec.json.encode(scores))
    assert document["levels"]["class"]["mAP"] is None
    assert document["ndcg@10"] is None


def test_same_subclass_is_relevant_at_class_level_even_without_class_labels():
    rows = unit([[1, 0], [1, 0.1], [0, 1]])
    scores = metrics.evaluate(rows, ["a", "b", "c"], ["s", "s", None], [None, None, None])
    assert scores.levels["class"].queries == 2
    assert scores.levels["class"].map == 1


def test_the_document_is_what_the_design_promises():
    scores = metrics.evaluate(*cloud(5), resamples=10)
    document = json.loads(msgspec.json.encode(scores))
    assert set(document) == {"drawings", "patents", "levels", "macro", "ndcg@10"}
    for part in ("levels", "macro"):
        assert list(document[part]) == ["patent", "subclass", "class"]
        for level in document[part].values():
            assert set(level) == {
                "queries",
                "mAP",
                "recall@1",
                "recall@5",
                "recall@10",
                "precision@10",
                "mrr",
                "mAP_interval",
            }
            low, high = level["mAP_interval"]
            assert low <= level["mAP"] <= high


def test_intervals_hold_the_true_mean_about_95_times_in_100():
    """Patents drawn from a known distribution: the interval must cover its mean."""
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        sizes = random.integers(1, 6, size=60)
        patent = np.repeat(np.arange(60), sizes)
        # A share common to the drawings of a patent: an interval over drawings would be too short.
        values = np.repeat(random.beta(2, 2, size=60), sizes)
        measures = dict.fromkeys(metrics._MEASURES, values)
        queries = metrics.QueryScores(patent, {"patent": measures}, values)
        level = metrics.summarise(queries, resamples=300, seed=trial).macro["patent"]
        covered += level.map_interval[0] <= 0.5 <= level.map_interval[1]
    assert 0.88 <= covered / 200 <= 0.99


def test_a_paired_interval_is_shorter_than_its_parts_and_finds_the_difference():
    rows, *labels = cloud(2, count=300, patents=60, dimensions=16)
    noise = np.random.default_rng(9).normal(size=rows.shape).astype(np.float32)
    good = metrics.score_queries(rows, *labels)
    worse = metrics.score_queries(unit(rows + 0.3 * noise), *labels)
    low, high = metrics.paired_interval(good, worse)
    assert high < 0
    separate = metrics.summarise(good).levels["patent"].map_interval
    assert high - low < separate[1] - separate[0]
    assert metrics.paired_interval(good, good) == (0, 0)


def test_a_paired_interval_of_different_drawings_is_refused():
    first = metrics.score_queries(*cloud(1))
    second = metrics.score_queries(*cloud(2))
    with pytest.raises(InputError, match="different drawings"):
        metrics.paired_interval(first, second)


@pytest.mark.parametrize(
    ("rows", "patents", "message"),
    [
        (np.zeros((3, 2), np.float32), ["a"] * 2, "do not fit"),
        (np.zeros((1, 2), np.float32), ["a"], "at least two"),
        (np.full((2, 2), np.nan, np.float32), ["a", "b"], "not finite"),
    ],
)
def test_bad_input_is_refused(rows, patents, message):
    labels = [None] * len(patents)
    with pytest.raises(InputError, match=message):
        metrics.evaluate(rows, patents, labels, labels)


def test_six_thousand_drawings_take_seconds():
    data = cloud(0, count=6000, patents=1200, dimensions=128)
    start = time.process_time()
    metrics.evaluate(*data)
    assert time.process_time() - start < 30
