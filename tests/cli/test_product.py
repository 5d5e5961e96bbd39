"""A photograph of a product as a query: what is said, shown, filed, and how it is decided."""

import json

import pytest
from PIL import Image

from edgepatent_synthetic.camera import View
from edgepatent_synthetic.design import Catalogue
from edgepatent_synthetic.draw import Draw
from edgepatent_synthetic.photograph import take

SAID = "is taken for a photograph of a product: searched as it is and by its contours"


@pytest.fixture
def mug(tmp_path):
    path = tmp_path / "mug.jpg"
    mesh = Catalogue(3).design(4).mesh
    Image.fromarray(take(mesh, View("", 30, 20, 4), Draw(1, 2), 500, "gradient")).save(path)
    return path


def test_a_photograph_of_a_product_is_searched_twice_over(edgepatent, index, mug, tmp_path):
    page = tmp_path / "page.html"
    done = edgepatent("search", "--index", index, mug, "--json", "--html", page)
    found = json.loads(done.stdout)
    assert found["query"] == [str(mug), f"{mug}#contours"]
    assert found["notes"] == [f"{mug} {SAID}"]
    assert f"{mug} {SAID}" in done.stderr
    assert "--photo no" in done.stderr
    assert found["hits"]
    assert {hit["verdict"] for hit in found["hits"]} == {None}
    assert found["doubt"] == "hits of a photograph of a product have no verdict"
    shown = page.read_text()
    assert "as it was photographed" in shown
    assert "Query view 2: contours of the one before" in shown
    assert SAID in shown


def test_the_table_and_classify_say_so(edgepatent, index, mug):
    done = edgepatent("search", "--index", index, mug)
    assert SAID in done.stderr
    assert "no close match" not in done.stdout
    assert SAID in edgepatent("classify", "--index", index, mug).stderr


@pytest.mark.parametrize("photo", ["paper", "no"])
def test_who_knows_better_says_so(edgepatent, index, mug, query, photo):
    done = edgepatent("search", "--index", index, mug, "--json", "--photo", photo)
    assert json.loads(done.stdout)["query"] == [str(mug)]
    assert SAID not in done.stderr
    done = edgepatent("search", "--index", index, query, "--json", "--photo", "product")
    assert json.loads(done.stdout)["query"] == [str(query), f"{query}#contours"]


def test_a_drawing_is_asked_as_ever(edgepatent, index, query):
    done = edgepatent("search", "--index", index, query, "--json")
    assert json.loads(done.stdout)["query"] == [str(query)]
    assert SAID not in done.stderr


def test_a_record_replays_and_a_batch_does_the_same(edgepatent, index, mug, tmp_path):
    record = tmp_path / "search.json"
    edgepatent("search", "--index", index, mug, "--photo", "product", "--record", record)
    filed = json.loads(record.read_text())
    assert filed["request"]["photo"] == "product"
    assert [view["name"] for view in filed["queries"]] == [str(mug), f"{mug}#contours"]
    edgepatent("replay", record)
    queries = tmp_path / "queries"
    queries.mkdir()
    mug.rename(queries / mug.name)
    edgepatent("batch", queries, "--index", index, "--out", tmp_path / "out")
    (answer,) = (tmp_path / "out").glob("*.json")
    assert SAID in json.loads(answer.read_text())["notes"][0]
