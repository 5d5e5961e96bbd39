"""How well a model retrieves, at the three levels."""

from edgepatent_runtime import metrics
from edgepatent_runtime.progress import Progress, silent
from edgepatent_train.data import DrawingSet
from edgepatent_train.embed import embed_set
from edgepatent_train.model import DrawingEncoder


def evaluate_set(
    model: DrawingEncoder, drawings: DrawingSet, progress: Progress = silent
) -> metrics.Scores:
    """Retrieval scores of a model on a drawing set: every drawing against all others."""
    records = drawings.records
    return metrics.evaluate(
        embed_set(model, drawings, progress=progress),
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )


def describe(scores: metrics.Scores) -> str:
    """The mAP of each level with its interval and the size of the gallery, in one line."""
    found = ", ".join(
        f"{name} mAP {level.map:.3f} [{level.map_interval[0]:.3f}, {level.map_interval[1]:.3f}]"
        if level.queries
        else f"no {name} mAP ({metrics.WHY_NONE[name]})"
        for name, level in scores.levels.items()
    )
    return f"{found} among {scores.drawings} drawings"
