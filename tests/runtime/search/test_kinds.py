"""Calibrated suggestions, on collections of made-up embeddings with known labels."""

import numpy as np
import pytest

from edgepatent_runtime.collection import Collection
from edgepatent_runtime.errors import CollectionError
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search import kinds


def designs(count, *, kinds=15, views=2, dimensions=64, spread=1.0, seed=0):
    """(embedding [views, D], subclass) of designs: kinds lie apart, designs of a kind near."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(kinds, dimensions))
    weights = random.dirichlet(np.ones(kinds) * 3)
    out = []
    for kind in random.choice(kinds, size=count, p=weights).tolist():
        design = centres[kind] + spread * 2.2 * random.normal(size=dimensions)
        rows = design + 0.7 * random.normal(size=(views, dimensions))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        out.append((rows.astype(np.float32), f"{kind // 3 + 1:02}-{kind % 3 + 1:02}"))
    return out


def fill(folder, bundle, items, labelled=1.0):
    """A collection of such designs; every second may have no label."""
    random = np.random.default_rng(5)
    records, vectors = [], []
    for number, (rows, subclass) in enumerate(items):
        known = subclass if random.random() < labelled else None
        for view, row in enumerate(rows):
            records.append(
                Record(
                    ImageRef(f"{number}/{view}.png"),
                    f"P{number:05}",
                    locarno=known,
                    klass=known and known[:2],
                    subclass=known,
                )
            )
            vectors.append(row)
    collection = Collection.create(folder, bundle)
    collection.add_embeddings(records, np.stack(vectors))
    return collection


@pytest.mark.parametrize(
    "spread",
    [1.0, pytest.param(0.7, marks=pytest.mark.slow), pytest.param(1.4, marks=pytest.mark.slow)],
)
def test_confidence_is_calibrated_on_designs_held_out(tmp_path, tiny_bundle, spread):
    """However hard the kinds are to tell apart: of those said with p, a share p is right."""
    # Ten bins of a perfectly calibrated guess are off by .03 with 1,500 cases, .05 with 600.
    every = designs(2300, spread=spread)
    with fill(tmp_path / "index", tiny_bundle, every[:800]) as collection:
        classifier = kinds.Classifier([collection], kinds.measure([collection], 1))
        sure, right = [], []
        for rows, subclass in every[800:]:
            best = classifier.suggest(rows[:1])[0]
            sure.append(best.confidence)
            right.append(best.subclass == subclass)
        assert kinds.expected_calibration_error(sure, right) <= 0.05
        assert classifier.calibration.accuracy == pytest.approx(np.mean(right), abs=0.08)
        # It does better than always naming the commonest kind.
        commonest = max(np.mean([s == k for _, s in every]) for k in {s for _, s in every})
        assert np.mean(right) > commonest + 0.05


def test_suggestions_name_their_witnesses(tmp_path, tiny_bundle):
    items = designs(100, spread=0.5)
    with fill(tmp_path / "index", tiny_bundle, items) as collection:
        classifier = kinds.Classifier([collection], kinds.measure([collection], 2))
        suggestions = classifier.suggest(items[0][0])
        assert suggestions[0].subclass == items[0][1]
        assert suggestions[0].confidence > 0.5
        assert [s.confidence for s in suggestions] == sorted(
            (s.confidence for s in suggestions), reverse=True
        )
        assert sum(s.confidence for s in suggestions) <= 1 + 1e-9
        for suggestion in suggestions:
            assert {hit.subclass for hit in suggestion.evidence} == {suggestion.subclass}


def test_patents_without_a_label_neither_vote_nor_count(tmp_path, tiny_bundle):
    items = designs(100, spread=0.5)
    with fill(tmp_path / "index", tiny_bundle, items, labelled=0.5) as collection:
        classifier = kinds.Classifier([collection], kinds.measure([collection], 1))
        assert classifier.calibration.patents < 75
        for suggestion in classifier.suggest(items[0][0][:1]):
            assert suggestion.subclass is not None


def test_without_labels_it_says_what_is_missing(tmp_path, tiny_bundle):
    with (
        fill(tmp_path / "index", tiny_bundle, designs(20), labelled=0) as collection,
        pytest.raises(CollectionError, match="Locarno subclass"),
    ):
        kinds.Classifier([collection], kinds.measure([collection], 1))


def test_expected_calibration_error_by_hand():
    error = kinds.expected_calibration_error
    assert error([0.95, 0.95, 0.95, 0.95], [True] * 4) == pytest.approx(0.05)
    # Two bins: half the cases off by .2, half by .35.
    assert error([0.8, 0.8, 0.15, 0.15], [True, True, True, False]) == pytest.approx(
        0.5 * 0.2 + 0.5 * 0.35
    )


def test_a_small_index_is_measured_when_its_first_drawing_is_gone(tmp_path, tiny_bundle):
    with fill(tmp_path / "index", tiny_bundle, designs(20, spread=0.5)) as collection:
        collection.remove(Filters(patents=("P00000",)))
        assert kinds.measure([collection], 1).patents == 19
