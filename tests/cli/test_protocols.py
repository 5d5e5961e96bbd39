"""``evaluate --protocol`` and ``--gallery``, against what the metrics give on the embeddings."""

import json
import random

import numpy as np
import pytest
from deeppatent2_files import write_unpacked, year_records
from stored import draw_patents

from edgepatent import cli, protocols
from edgepatent.encoding import open_model, read_records
from edgepatent_runtime import gallery, metrics, sources
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.progress import silent
from edgepatent_runtime.record import ImageRef, Skipped


@pytest.fixture
def evaluate(capsys, tiny_bundle):
    def run(*arguments, status=0):
        asked = ["evaluate", "--model", tiny_bundle.folder, *arguments]
        assert cli.run([str(word) for word in asked]) == status
        return capsys.readouterr()

    return run


def encoded(bundle, paths):
    drawings = np.stack([sources.load(ImageRef(str(path)), bundle.info.size) for path in paths])
    return Encoder(bundle).encode(drawings)


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """Six patents of three drawings in the shape of DeepPatent: one asks, two are the database."""
    root = tmp_path_factory.mktemp("deeppatent")
    paths = [path.relative_to(root) for path in draw_patents(root, 6)]
    asked = [(path, n // 3) for n, path in enumerate(paths) if n % 3 == 0]
    offered = [(path, n // 3) for n, path in enumerate(paths) if n % 3]
    for name, part in ((protocols.QUERIES, asked), (protocols.DATABASE, offered)):
        (root / name).write_text("".join(f"{path} {label}\n" for path, label in part))
    return root, asked, offered


def test_deeppatent_asks_with_its_queries_in_its_database(evaluate, lists, tiny_bundle):
    root, asked, offered = lists
    document = json.loads(evaluate("--data", root, "--protocol", "deeppatent", "--json").out)
    vectors = [encoded(tiny_bundle, [root / p for p, _ in part]) for part in (asked, offered)]
    labels = [[str(label) for _, label in part] for part in (asked, offered)]
    expected = gallery.score_split(*vectors, *labels)
    assert (document["queries"], document["gallery"]) == (6, 12)
    assert document["figures"]["mAP"]["value"] == pytest.approx(expected["map"].mean())
    assert document["figures"]["rank-1"]["value"] == pytest.approx(expected["recall_1"].mean())
    assert document["repeat"]["listed"] == {"queries": 6, "gallery": 12}
    assert len(document["repeat"]["lists"][protocols.QUERIES]) == 64
    assert document["repeat"]["space"] == tiny_bundle.info.space
    shown = evaluate("--data", root, "--protocol", "deeppatent").out
    assert "6 queries in a gallery of 12" in shown
    assert "published: PatentNet" in shown


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("../secret.png 1", "leads out of"),
        ("/etc/passwd 1", "leads out of"),
        ("a.png", 'is not of the form "PATH LABEL"'),
        ("missing.png 1", "none of the 1 drawings"),
    ],
)
def test_lists_that_are_none(line, says, evaluate, lists, tmp_path):
    root, _, _ = lists
    (tmp_path / protocols.QUERIES).write_text(line + "\n")
    (tmp_path / protocols.DATABASE).write_text((root / protocols.DATABASE).read_text())
    asked = ("--data", root, "--split", tmp_path, "--protocol", "deeppatent")
    assert says in evaluate(*asked, status=1).err


def test_drawings_that_are_missing_make_it_another_set(evaluate, lists, tmp_path):
    root, _, _ = lists
    (tmp_path / protocols.DATABASE).write_text((root / protocols.DATABASE).read_text())
    kept = (root / protocols.QUERIES).read_text()
    (tmp_path / protocols.QUERIES).write_text(kept + "gone.png 9\n")
    said = evaluate("--data", root, "--split", tmp_path, "--protocol", "deeppatent").err
    assert "6 of 7 queries and 12 of 12 drawings of the lists could be read" in said


def test_deeppatent2_takes_the_designs_that_its_seed_takes(tmp_path, tiny_bundle, monkeypatch):
    folder = write_unpacked(tmp_path / "2019", 2019, year_records(2019, patents=7))
    monkeypatch.setattr(protocols, "DESIGNS", 4)
    records = list(read_records([str(folder)], Skipped()))
    model = open_model(str(tiny_bundle.folder))
    found = protocols.deeppatent2_2019(model, [str(folder)], records, Skipped(), silent)
    order = list(dict.fromkeys(record.patent_id for record in records))
    random.Random(42).shuffle(order)
    chosen = [r for patent in order[:4] for r in records if r.patent_id == patent]
    assert (found.queries, found.gallery) == (len(chosen), len(chosen) - 1)
    assert (found.repeat["designs"], found.repeat["designs_of_year"]) == (4, 7)
    z = encoded(tiny_bundle, [record.image.path for record in chosen])
    patents, codes = [r.patent_id for r in chosen], [r.locarno for r in chosen]
    everything = range(len(chosen))
    design = gallery.score_split(z, z, patents, patents, own=everything, depth=200)
    kind = gallery.score_split(z, z, codes, codes, own=everything, depth=200)
    figures = {name: figure.value for name, figure in found.figures.items()}
    assert figures["same design R@1"] == pytest.approx(design["recall_1"].mean())
    assert figures["same design mAP@200"] == pytest.approx(design["map"].mean())
    assert figures["same Locarno P@10"] == pytest.approx(kind["precision_10"].mean())


def test_another_year_is_not_that_protocol(evaluate, tmp_path):
    folder = write_unpacked(tmp_path / "2012", 2012, year_records(2012))
    said = evaluate("--data", folder, "--protocol", "deeppatent2-2019", status=1).err
    assert "no drawing is dated 2019" in said


def test_a_gallery_of_foreign_drawings_and_what_repeats_it(
    evaluate, designs, tmp_path, tiny_bundle
):
    others = draw_patents(tmp_path / "others", 4)
    # A drawing of one of the patents that are searched for is no foreign one.
    own = min(p.name for p in designs.iterdir() if p.is_dir())
    (tmp_path / "others" / own).mkdir()
    (tmp_path / "others" / own / "more.png").write_bytes(others[0].read_bytes())
    asked = ("--data", designs, "--gallery", tmp_path / "others")
    document = json.loads(evaluate(*asked, "--json").out)
    assert [point["gallery"] for point in document["galleries"]] == [29, 41]
    records = list(sources.open_source(str(designs)).records(Skipped()))
    z = encoded(tiny_bundle, [record.image.path for record in records])
    patents = [record.patent_id for record in records]
    expected = gallery.gallery_curve(z, patents, encoded(tiny_bundle, others), [0, 12])
    for point, each in zip(document["galleries"], expected, strict=True):
        assert point["mAP"] == pytest.approx(each.map)
        assert point["recall@1"] == pytest.approx(each.recall_1)
    nothing = [None] * len(patents)
    alone = metrics.score_queries(z, patents, nothing, nothing).measures["patent"]["map"]
    assert document["galleries"][0]["mAP"] == pytest.approx(np.nanmean(alone))
    repeat = document["repeat"]
    assert (repeat["protocol"], repeat["drawings"]) == ("leave-one-out", 30)
    assert repeat["gallery_sources"] == [str(tmp_path / "others")]
    assert "gallery\tdistractors\tmAP" in evaluate(*asked).out


def test_options_that_do_not_go_together(evaluate, designs):
    for wrong in (("--protocol", "deeppatent", "--gallery", designs), ("--split", designs)):
        assert "goes with" in evaluate("--data", designs, *wrong, status=2).err
