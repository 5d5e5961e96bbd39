"""What training did to the scores on the held-out patents, in numbers and in a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from edgepatent_train.recipe import EvaluationRecipe, Level


class Outcome(msgspec.Struct, frozen=True):
    """mAP at the level that decides: of the first and the last evaluation, and of the weights kept.

    The first is that of the initial weights, before any step. ``kept_step`` is when the weights
    that were kept were scored. Each held-out drawing was a query in a ``gallery`` of so many.
    """

    level: Level
    first: float
    last: float
    kept: float
    kept_step: int
    steps: int
    gallery: int

    @property
    def below_first(self) -> bool:
        """Whether the run ends below where it began."""
        return self.last < self.first

    def sentence(self) -> str:
        """What a person should know."""
        course = (
            f"{self.level} mAP on held-out patents (gallery of {self.gallery}) was "
            f"{self.first:.3f} before the first step and {self.last:.3f} at the end "
            f"(step {self.steps})"
        )
        if not self.below_first:
            return f"{course}; kept are the weights of step {self.kept_step} ({self.kept:.3f})"
        kept = (
            "kept are the initial weights, as if nothing had been trained"
            if self.kept_step == 0
            else f"kept are the weights of step {self.kept_step} ({self.kept:.3f})"
        )
        return (
            f"training ended below where it began: {course}; {kept}. What could help: a lower "
            "optimizer.lr, more epochs, more designs"
        )


def outcome(
    entries: Sequence[Mapping[str, Any]], recipe: EvaluationRecipe, *, mixed: bool
) -> Outcome | None:
    """The outcome of a run from the lines of its metrics; None where nothing could be scored.

    ``mixed`` says that the last line scores weights mixed with the initial ones, which were kept.
    """
    scored = [
        (entry["step"], entry["evaluation"]["levels"].get(recipe.level, {}).get("mAP"))
        for entry in entries
        if "evaluation" in entry
    ]
    scored = [(step, score) for step, score in scored if score is not None]
    if not scored:
        return None
    kept = scored[-1]
    if recipe.keep == "best" and not mixed:
        kept = max(scored, key=lambda each: each[1])  # the first of equals, as the trainer keeps it
    return Outcome(
        level=recipe.level,
        first=scored[0][1],
        last=scored[-1][1],
        kept=kept[1],
        kept_step=kept[0],
        steps=max(entry["step"] for entry in entries),
        gallery=next(e["evaluation"]["drawings"] for e in entries if "evaluation" in e) - 1,
    )
