"""A training run on disk.

RUN/recipe.toml            every setting
    data.json              the sources, the held-out patents, a digest of the drawings
    metrics.jsonl          losses and scores, one JSON object a line
    model.safetensors      the encoder's weights
    seen.npz               hashes of the drawings trained on, by which they are known again
    report.html            what a person should see of all that; pictures/ holds its parts
    checkpoints/last.pt    what --resume goes on from
    checkpoints/initial.safetensors   where the run began, if the recipe looks back
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file

from edgepatent_runtime.bundle import SEEN
from edgepatent_runtime.errors import InputError, TrainingError
from edgepatent_runtime.seen import Seen
from edgepatent_train.backbone import WEIGHTS
from edgepatent_train.model import DrawingEncoder, build_model
from edgepatent_train.outcome import Outcome, outcome
from edgepatent_train.recipe import ModelRecipe, Recipe
from edgepatent_train.recipe_file import parse_recipe

RECIPE = "recipe.toml"
DATA = "data.json"
METRICS = "metrics.jsonl"
MODEL = WEIGHTS
LAST = "checkpoints/last.pt"
BEST = "checkpoints/best.safetensors"
REPORT = "report.html"


class RunData(msgspec.Struct, frozen=True):
    """What a run was trained on. ``digest`` identifies records and labels, in order; ``earlier`` is
    what the runs that its backbone comes from say of themselves (`Run.told`), none without any;
    ``licences`` counts what each source says of its terms (`licences.licences`)."""

    sources: list[str]
    drawings: int
    patents: int
    held_out: list[str]
    digest: str
    earlier: list[dict[str, Any]] | dict[str, Any] = []
    licences: dict[str, dict[str, int]] = {}


class _Score(msgspec.Struct):
    mAP: float | None = None  # noqa: N815 - as it is written


class _Evaluation(msgspec.Struct):
    drawings: int
    levels: dict[str, _Score]


class _Entry(msgspec.Struct):
    """What is relied on in a line of metrics; the rest is shown as it is."""

    step: int
    evaluation: _Evaluation | msgspec.UnsetType = msgspec.UNSET


class Run:
    """An opened run folder.

    Raises `TrainingError` where ``folder`` holds no run, `RecipeError` for a damaged recipe.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            settings = tomllib.loads((folder / RECIPE).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise TrainingError(
                f"{folder} is no training run ({RECIPE} cannot be read); "
                "make one with: edgepatent train --data SOURCE --recipe NAME --out RUN"
            ) from error
        self.recipe: Recipe = parse_recipe(settings, str(folder / RECIPE))

    @classmethod
    def open(cls, folder: Path | str) -> "Run":
        """Open the run in ``folder``."""
        return cls(Path(folder))

    @property
    def data(self) -> RunData:
        """What the run was trained on. Raises `TrainingError` where that cannot be read."""
        try:
            return msgspec.json.decode((self.folder / DATA).read_bytes(), type=RunData)
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            raise TrainingError(f"{self.folder / DATA} cannot be read: {error}") from error

    @property
    def finished(self) -> bool:
        """Whether the run has its final weights."""
        return (self.folder / MODEL).is_file()

    def summary(self) -> dict[str, Any]:
        """Steps trained, held-out patents, the last scores on them and the `Outcome` (None without
        any)."""
        entries = self.entries()
        scored = [entry for entry in entries if "evaluation" in entry]
        found = self.outcome()
        return {
            "run": str(self.folder),
            "steps": max((entry["step"] for entry in entries), default=0),
            "held_out": len(self.data.held_out),
            "scores": scored[-1]["evaluation"] if scored else None,
            "outcome": None
            if found is None
            else {**msgspec.to_builtins(found), "below_first": found.below_first},
        }

    def entries(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``, in order; one cut short by a crash is left out.

        Raises `TrainingError` for a line that no training wrote.
        """
        found = []
        lines = (self.folder / METRICS).read_bytes().splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                entry = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError):
                continue
            try:
                msgspec.convert(entry, _Entry)
            except msgspec.ValidationError as error:
                raise TrainingError(
                    f"{self.folder / METRICS}, line {number} is damaged: {error}"
                ) from error
            found.append(entry)
        return found

    def outcome(self) -> Outcome | None:
        """What training did to the scores on the held-out patents; None where there are none."""
        mixed = self.recipe.optimizer.interpolate < 1 and self.finished
        return outcome(self.entries(), self.recipe.evaluation, mixed=mixed)

    def seen(self) -> Seen | None:
        """Hashes of the drawings trained on; None for a run of a version that kept none.

        Raises `TrainingError` where they are damaged.
        """
        try:
            return Seen.from_bytes((self.folder / SEEN).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, InputError) as error:
            raise TrainingError(f"{self.folder / SEEN} cannot be read: {error}") from error

    def told(self) -> dict[str, Any]:
        """What the model was trained on and how, for those who get it. Plain values."""
        data, loss, model = self.data, self.recipe.loss, self.recipe.model
        return {
            "sources": data.sources,
            "drawings": data.drawings,
            "patents": data.patents,
            "digest": data.digest,
            "steps": self.summary()["steps"],
            "epochs": self.recipe.optimizer.epochs,
            "loss": loss.name,
            "scores": list(loss.scores),
            "seed": self.recipe.seed,
            "licences": data.licences,
            "weights": _initial(model),
            "sides": list(model.sides),
            "earlier": data.earlier,
        }

    def model(self) -> DrawingEncoder:
        """The encoder with the run's weights, in eval mode.

        Raises `TrainingError` for a run that has not finished or whose weights are damaged.
        """
        model = build_model(without_weights(self.recipe))
        try:
            model.load_state_dict(load_file(self.folder / MODEL))
        except FileNotFoundError as error:
            raise TrainingError(
                f"{self.folder} has not finished: go on with edgepatent train --resume "
                f"--out {self.folder}"
            ) from error
        except (OSError, SafetensorError, RuntimeError) as error:
            raise TrainingError(f"{self.folder / MODEL} is damaged: train again") from error
        return model.eval()


def before(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the runs that a backbone comes from say, given what its own run says (`Run.told`)."""
    found = told.get("earlier") or []
    # Versions that could take over one run only wrote it without a list.
    return [found] if isinstance(found, dict) else found


def _initial(recipe: ModelRecipe) -> str:
    """Where the backbone's initial weights came from, without folders of this machine."""
    return ", ".join(Path(origin).name for origin in recipe.origins) or "random"


def difference(old: Recipe, new: Recipe) -> str:
    """The first setting in which two recipes differ, as a phrase; empty if they are equal."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    for name, value in before.items():
        if isinstance(value, dict):
            for key, setting in value.items():
                if setting != after[name][key]:
                    return f"{name}.{key} was {setting}, is {after[name][key]}"
        elif value != after[name]:
            return f"{name} was {value}, is {after[name]}"
    return ""


def without_weights(recipe: Recipe) -> Recipe:
    """The recipe with random initial weights, for a network whose weights come from elsewhere."""
    return msgspec.structs.replace(recipe, model=msgspec.structs.replace(recipe.model, weights=""))
