"""``edgepatent evaluate`` on a bundle and on a run."""

import json

import numpy as np
import pytest

from edgepatent_runtime import metrics, sources
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.record import Skipped


@pytest.fixture(scope="module")
def document(process, designs, tiny_bundle):
    done = process("evaluate", "--model", tiny_bundle.folder, "--data", designs, "--json")
    return json.loads(done.stdout)


def test_json_equals_the_metrics_of_the_embeddings(document, designs, tiny_bundle):
    records = list(sources.open_source(str(designs)).records(Skipped()))
    drawings = np.stack([sources.load(r.image, tiny_bundle.info.size) for r in records])
    expected = metrics.evaluate(
        Encoder(tiny_bundle).encode(drawings),
        [r.patent_id for r in records],
        [r.subclass for r in records],
        [r.klass for r in records],
    )
    assert document["drawings"] == expected.drawings == 30
    assert document["patents"] == expected.patents == 10
    for level in ("patent", "subclass", "class"):
        assert document["levels"][level]["mAP"] == pytest.approx(expected.levels[level].map)
        assert document["macro"][level]["mrr"] == pytest.approx(expected.macro[level].mrr)
    assert document["ndcg@10"] == pytest.approx(expected.ndcg_10)


def test_text_shows_the_same_numbers(edgepatent, designs, tiny_bundle, document):
    done = edgepatent("evaluate", "--model", tiny_bundle.folder, "--data", designs)
    assert "30 drawings of 10 patents" in done.stdout
    assert f"{document['levels']['patent']['mAP']:.3f}" in done.stdout
    assert "averaged over patents first" in done.stdout
    assert "does not say what it was trained on" in done.stderr
    assert document["seen"] is None


def test_unusable_drawings_are_skipped_and_counted(edgepatent, tmp_path, tiny_bundle):
    from stored import draw_patents

    draw_patents(tmp_path, 2)
    (tmp_path / "P0000" / "broken.png").write_text("no image")
    done = edgepatent("evaluate", "--model", tiny_bundle.folder, "--data", tmp_path, "--json")
    assert json.loads(done.stdout)["drawings"] == 6
    assert "skipped 1: not an image" in done.stderr
    for path in tmp_path.glob("*/view*.png"):
        path.write_text("no image")
    done = edgepatent("evaluate", "--model", tiny_bundle.folder, "--data", tmp_path, status=1)
    assert "no drawing can be used (7 not an image)" in done.stderr


def test_a_run_is_evaluated_with_torch_and_says_what_it_has_seen(edgepatent, designs, tmp_path):
    pytest.importorskip("torch")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('extends = "mobilenetv4_conv_small"\n[model]\nsize = 32\ndimensions = 16\n')
    edgepatent(
        "train", "--data", designs, "--recipe", recipe, "--epochs", 0, "--out", tmp_path / "run"
    )
    done = edgepatent("evaluate", "--model", tmp_path / "run", "--data", designs, "--json")
    assert json.loads(done.stdout)["drawings"] == 30
    held_out = json.loads((tmp_path / "run" / "data.json").read_bytes())["held_out"]
    seen = 30 - 3 * len(held_out)
    assert json.loads(done.stdout)["seen"] == seen
    assert f"was trained on {seen} of these 30 drawings" in done.stderr
