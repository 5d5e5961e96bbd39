"""The report of a run: what its figures say is what the run's own files and embeddings say."""

import base64
import re
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from little_designs import write_designs
from PIL import Image

from edgepatent_runtime import metrics
from edgepatent_runtime.record import Skipped
from edgepatent_train import trainer
from edgepatent_train.curriculum import Curriculum
from edgepatent_train.data import DrawingSet, drawing_set, read_records
from edgepatent_train.embed import Floats, embed_set
from edgepatent_train.recipe_file import parse_recipe
from edgepatent_train.report.gathered import REST, Gathered, gather
from edgepatent_train.run import Run
from edgepatent_train.trainer import train


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Gathered, Curriculum]]:
    folder = tmp_path_factory.mktemp("report")
    recipe = parse_recipe(
        {
            "model": {"backbone": "test_efficientnet", "size": 32, "dimensions": 16},
            "sampler": {"classes": 2, "subclasses": 2, "patents": 2, "views": 2},
            "optimizer": {"epochs": 2, "epoch_steps": 10, "backbone_lr": 1.0},
            "evaluation": {"holdout": 0.6},
        },
        "tiny",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEPATENT_CACHE", str(folder / "cache"))
        records = read_records([str(write_designs(folder / "designs", views=4))], Skipped())
        run = train(recipe, records, folder / "run", report=True)
        lessons = Curriculum(recipe, drawing_set(records, 32, Skipped()))
        found = msgspec.json.decode(
            (run.folder / "pictures/figures.json").read_bytes(), type=Gathered
        )
        yield run, found, lessons


@pytest.fixture(scope="module")
def held(made: tuple[Run, Gathered, Curriculum]) -> tuple[DrawingSet, Floats]:
    return made[2].held, embed_set(made[0].model(), made[2].held)


def test_curves_are_what_was_logged(made: tuple[Run, Gathered, Curriculum]) -> None:
    run, found, _ = made
    logged = [entry for entry in run.entries() if "loss" in entry]
    assert found.curves.steps == [entry["step"] for entry in logged] == [10, 20]
    assert found.curves.loss == [entry["loss"] for entry in logged]
    assert found.curves.learning_rate == [entry["learning_rate"] for entry in logged]
    scored = [entry["evaluation"]["levels"] for entry in run.entries() if "evaluation" in entry]
    for level, course in found.curves.levels.items():
        assert course.steps == [0, 10, 20]
        assert course.map == [each[level]["mAP"] for each in scored]
        assert course.low == [each[level]["mAP_interval"][0] for each in scored]


def test_queries_are_the_worst_and_the_best_with_their_nearest(
    made: tuple[Run, Gathered, Curriculum], held: tuple[DrawingSet, Floats]
) -> None:
    found, (drawings, z) = made[1], held
    patents = [record.patent_id for record in drawings.records]
    nothing: list[str | None] = [None] * len(patents)
    scores = metrics.score_queries(z, patents, nothing, nothing).measures["patent"]["map"]
    assert found.judged == len(drawings)
    worst = [query.average_precision for query in found.worst]
    assert worst == sorted(worst)
    assert worst[0] == pytest.approx(np.nanmin(scores))
    if found.best:
        assert found.best[0].average_precision <= np.nanmax(scores) + 1e-9
    assert len({query.patent for query in found.worst + found.best}) == len(
        found.worst + found.best
    )
    for query in found.worst + found.best:
        assert query.average_precision == pytest.approx(scores[query.row])
        assert query.patent == patents[query.row]
        others = sorted(
            (i for i in range(len(z)) if i != query.row), key=lambda i: -float(z[query.row] @ z[i])
        )
        assert [hit.row for hit in query.hits] == others[:5]
        for hit in query.hits:
            own, other = drawings.records[query.row], drawings.records[hit.row]
            assert (hit.relation == "same patent") == (own.patent_id == other.patent_id)
            assert (hit.relation == "another class") == (own.klass != other.klass)


@pytest.mark.parametrize("level", ["class", "subclass"])
def test_confusion_counts_the_nearest_of_other_patents(
    level: str, made: tuple[Run, Gathered, Curriculum], held: tuple[DrawingSet, Floats]
) -> None:
    drawings, z = held
    of = [r.klass if level == "class" else r.subclass for r in drawings.records]
    patents = [r.patent_id for r in drawings.records]
    shared = [
        k for k in set(of) if len({p for p, o in zip(patents, of, strict=True) if o == k}) > 1
    ]
    counted: dict[tuple[str, str], int] = {}
    for i, label in enumerate(of):
        if label not in shared:
            continue
        others = [j for j in range(len(z)) if patents[j] != patents[i]]
        nearest = of[max(others, key=lambda j: float(z[i] @ z[j]))]
        key = (str(label), str(nearest) if nearest in shared else REST)
        counted[key] = counted.get(key, 0) + 1
    found = made[1].confusion[level]
    named = {
        (row.split(" ")[0], column if column == REST else column.split(" ")[0]): count
        for row, counts in zip(found.labels, found.counts, strict=True)
        for column, count in zip(found.columns, counts, strict=True)
        if count
    }
    assert named == counted
    right = sum(n for (a, b), n in counted.items() if a == b) / sum(counted.values())
    assert found.right == pytest.approx(right)


def test_views_and_map_count_every_patent_and_drawing(
    made: tuple[Run, Gathered, Curriculum],
) -> None:
    _, found, lessons = made
    patents = len(set(lessons.training.patent.tolist()))
    assert found.views == {"training": {4: patents}, "held out": {4: len(lessons.held_patents)}}
    assert sorted(p.patent for p in found.map) == sorted(r.patent_id for r in lessons.held.records)
    assert all(np.isfinite((point.x, point.y)).all() for point in found.map)


def test_the_page_holds_every_picture_and_the_numbers_and_no_script(
    made: tuple[Run, Gathered, Curriculum],
) -> None:
    run, found, _ = made
    page = (run.folder / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    inside = {base64.b64decode(uri) for uri in re.findall(r"base64,([^\"]+)", page)}
    pictures = sorted((run.folder / "pictures").glob("*.png"))
    assert {"curves", "map", "worst", "views", "augmentation", "confusion-class"} <= {
        picture.stem for picture in pictures
    }
    assert inside == {picture.read_bytes() for picture in pictures}
    for picture in pictures:
        with Image.open(picture) as image:
            assert min(image.size) > 150
    assert f"<td>{found.curves.loss[0]:.4f}</td>" in page
    assert found.worst[0].patent in page
    outcome = run.outcome()
    assert outcome is not None
    assert outcome.sentence()[:40] in page
    assert ('role="alert"' in page) == outcome.below_first


def test_a_finished_run_whose_report_stands_reads_no_drawing_again(
    made: tuple[Run, Gathered, Curriculum], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made[0]
    records = list(made[2].training.records) + list(made[2].held.records)
    before = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    monkeypatch.setattr(trainer, "drawing_set", None)
    said: list[str] = []
    train(run.recipe, records, run.folder, resume=True, report=True, notify=said.append)
    assert said == [f"{run.folder} has finished already"]
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == before


def test_a_finished_run_without_a_report_is_drawn_and_a_full_disk_only_told(
    made: tuple[Run, Gathered, Curriculum], monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgepatent_train.report import run_report

    run = made[0]
    records = list(made[2].training.records) + list(made[2].held.records)
    records.sort(key=lambda record: str(record.image))
    page = run.folder / "report.html"
    first = page.read_bytes()
    page.unlink()

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(run_report, "write_page", full)
        train(run.recipe, records, run.folder, resume=True, report=True, notify=said.append)
    assert "report.html cannot be written: No space left on device" in said[-1]
    assert not page.exists()
    run_report.render(run)
    assert page.read_bytes() == first


def test_nothing_held_out_leaves_what_training_alone_shows(
    made: tuple[Run, Gathered, Curriculum],
) -> None:
    run, _, lessons = made
    whole = msgspec.structs.replace(
        run.recipe, evaluation=msgspec.structs.replace(run.recipe.evaluation, holdout=0.0)
    )
    found, held = gather([], Curriculum(whole, lessons.training), run.model())
    assert (len(held), found.map, found.worst, found.confusion) == (0, [], [], {})
    assert list(found.views) == ["training"]
