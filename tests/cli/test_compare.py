"""``edgepatent compare``: models as `evaluate` scores them, differences as the metrics give."""

import json
import re

import numpy as np
import pytest
from bundles import write_tiny_bundle

from edgepatent import cli
from edgepatent.report.compared import WIDTH
from edgepatent_runtime import metrics, sources
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.record import Skipped


@pytest.fixture(scope="module")
def bundles(tiny_bundle, tmp_path_factory):
    other = write_tiny_bundle(tmp_path_factory.mktemp("other") / "b", size=16, dimensions=8, seed=3)
    return [tiny_bundle, other]


@pytest.fixture(scope="module")
def made(edgepatent, designs, bundles, tmp_path_factory):
    page = tmp_path_factory.mktemp("page") / "compared.html"
    names = [bundle.folder for bundle in bundles]
    done = edgepatent("compare", *names, "--data", designs, "--html", page, "--json")
    return json.loads(done.stdout), page.read_text("utf-8")


def scored(bundle, designs):
    records = list(sources.open_source(str(designs)).records(Skipped()))
    drawings = np.stack([sources.load(r.image, bundle.info.size) for r in records])
    return metrics.score_queries(
        Encoder(bundle).encode(drawings),
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )


def test_models_are_scored_alike_and_their_differences_paired(made, designs, bundles):
    document, _ = made
    queries = [scored(bundle, designs) for bundle in bundles]
    assert (document["drawings"], document["gallery"], document["patents"]) == (30, 29, 10)
    for model, each in zip(document["models"], queries, strict=True):
        expected = metrics.summarise(each)
        assert model["scores"]["levels"]["patent"]["mAP"] == pytest.approx(
            expected.levels["patent"].map
        )
    first, second = document["models"]
    assert first["against_first"] == {}
    for name, key in (("mAP", "map"), ("recall@1", "recall_1")):
        found = second["against_first"]["patent"][name]
        of = [np.nanmean(each.measures["patent"][key]) for each in queries]
        assert found["difference"] == pytest.approx(of[1] - of[0])
        interval = metrics.paired_interval(*queries, level="patent", measure=key)
        assert (found["low"], found["high"]) == pytest.approx(interval)


def test_the_page_shows_the_numbers_without_script(made):
    document, page = made
    assert "<script" not in page
    assert not re.search(r"https?:", page)
    assert "in a gallery of 29 others" in page
    for model in document["models"]:
        assert f"<td>{model['scores']['levels']['patent']['mAP']:.3f}</td>" in page
    points = document["models"][1]["against_first"]["patent"]["mAP"]
    assert f"{100 * points['difference']:+.1f} ({100 * points['low']:+.1f} to" in page
    widths = [float(width) for width in re.findall(r'height="12" width="([\d.]+)"', page)]
    assert widths[0] == pytest.approx(
        WIDTH * document["models"][0]["scores"]["levels"]["patent"]["mAP"], abs=0.06
    )


def test_the_table_marks_what_may_be_chance(designs, bundles, capsys):
    name = str(bundles[0].folder)
    assert cli.run(["compare", name, name, "--data", str(designs)]) == 0
    shown = capsys.readouterr().out
    assert "each a query in a gallery of 29" in shown
    assert "+0.0 (+0.0 to +0.0) ?" in shown


def test_one_model_is_nothing_to_compare(designs, bundles, capsys):
    assert cli.run(["compare", str(bundles[0].folder), "--data", str(designs)]) == 2
    assert "two models or more" in capsys.readouterr().err
