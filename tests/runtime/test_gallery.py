import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from edgepatent_runtime import metrics
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.gallery import gallery_curve, score_split


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    z = rng.normal(size=(count, 6)).astype(np.float32)
    return z / np.linalg.norm(z, axis=1, keepdims=True)


@hypothesis.settings(max_examples=8)
@hypothesis.given(st.integers(0, 10_000), st.integers(2, 12), st.integers(0, 30))
def test_distractors_are_drawings_of_other_patents(seed: int, count: int, many: int) -> None:
    rng = np.random.default_rng(seed)
    z, others = unit(rng, count), unit(rng, many)
    patents = [f"P{n}" for n in rng.integers(0, 4, count)]
    hypothesis.assume(len(set(patents)) < count)
    sizes = sorted({0, many // 2, many})
    points = gallery_curve(z, patents, others, sizes)
    for size, point in zip(sizes, points, strict=True):
        every = np.concatenate([z, others[:size]])
        ids = patents + [f"other {n}" for n in range(size)]
        nothing: list[str | None] = [None] * len(ids)
        expected = metrics.score_queries(every, ids, nothing, nothing).measures["patent"]
        assert point.gallery == len(ids) - 1
        assert point.map == pytest.approx(np.nanmean(expected["map"][:count]), abs=1e-9)
        assert point.recall_1 == pytest.approx(np.nanmean(expected["recall_1"][:count]), abs=1e-9)
        low, high = point.map_interval
        assert low <= point.map <= high
    assert [p.map for p in points] == sorted((p.map for p in points), reverse=True)


def test_more_distractors_than_there_are() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="9 distractors were asked for, there are 3"):
        gallery_curve(unit(rng, 4), ["a", "a", "b", "b"], unit(rng, 3), [9])


@hypothesis.settings(max_examples=25)
@hypothesis.given(st.integers(0, 10_000), st.sampled_from([None, 3, 50]), st.booleans())
def test_a_split_against_a_double_loop(seed: int, depth: int | None, within: bool) -> None:
    rng = np.random.default_rng(seed)
    gallery = unit(rng, 15)
    names: list[str | None] = ["a", "b", "c", None]
    offered = [names[n] for n in rng.integers(0, 4, 15)]
    queries, asked, own = (gallery, offered, list(range(15))) if within else (
        unit(rng, 5), [names[n] for n in rng.integers(0, 4, 5)], None
    )  # fmt: skip
    found = score_split(queries, gallery, asked, offered, own=own, depth=depth)
    for q, label in enumerate(asked):
        rows = [n for n in range(15) if own is None or n != own[q]]
        rows.sort(key=lambda n: -float(queries[q] @ gallery[n]))
        total = sum(label is not None and offered[n] == label for n in rows)
        if not total:
            assert all(np.isnan(values[q]) for values in found.values())
            continue
        hits = [offered[n] == label for n in rows[:depth]]
        precisions = [sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit]
        assert found["map"][q] == pytest.approx(sum(precisions) / min(total, depth or total))
        for k in (1, 5, 10):
            assert found[f"recall_{k}"][q] == any(hits[:k])
        assert found["precision_10"][q] == pytest.approx(sum(hits[:10]) / 10)


def test_labels_and_rows_must_fit() -> None:
    z = unit(np.random.default_rng(0), 3)
    with pytest.raises(InputError, match="do not fit"):
        score_split(z, z, ["a"], ["a", "b", "c"])
