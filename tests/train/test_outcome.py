from typing import Any

import pytest

from edgepatent_train.outcome import outcome
from edgepatent_train.recipe import EvaluationRecipe


def entry(step: int, score: float | None) -> dict[str, Any]:
    levels = {"patent": {"mAP": score}}
    return {"step": step, "evaluation": {"drawings": 120, "levels": levels}}


COURSE = [entry(0, 0.203), {"step": 10, "loss": 2.0}, entry(20, 0.15), entry(40, 0.107)]


def test_a_run_that_ends_below_its_first_evaluation_says_so() -> None:
    found = outcome(COURSE, EvaluationRecipe(), mixed=False)
    assert found is not None
    assert (found.first, found.last, found.steps) == (0.203, 0.107, 40)
    assert found.below_first
    assert (found.kept, found.kept_step) == (0.203, 0)
    assert (
        "(gallery of 119) was 0.203 before the first step and 0.107 at the end (step 40)"
        in found.sentence()
    )
    assert "kept are the initial weights" in found.sentence()


@pytest.mark.parametrize(
    ("keep", "mixed", "kept_step"), [("best", False, 20), ("last", False, 40), ("best", True, 40)]
)
def test_the_weights_kept_are_those_that_the_trainer_keeps(
    keep: Any, mixed: bool, kept_step: int
) -> None:
    course = [entry(0, 0.1), entry(20, 0.3), entry(40, 0.2)]
    found = outcome(course, EvaluationRecipe(keep=keep), mixed=mixed)
    assert found is not None
    assert not found.below_first
    assert found.kept_step == kept_step
    assert f"kept are the weights of step {kept_step}" in found.sentence()


def test_the_last_weights_of_a_run_that_fell_are_named_with_their_score() -> None:
    found = outcome(COURSE, EvaluationRecipe(keep="last"), mixed=False)
    assert found is not None
    assert "kept are the weights of step 40 (0.107)" in found.sentence()


@pytest.mark.parametrize("entries", [[], [{"step": 1, "loss": 1.0}], [entry(0, None)]])
def test_without_scores_there_is_no_outcome(entries: list[dict[str, Any]]) -> None:
    assert outcome(entries, EvaluationRecipe(), mixed=False) is None
