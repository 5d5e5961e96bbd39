"""``edgepatent search``, flag by flag."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime import locarno


def search(edgepatent, index, *arguments, **more):
    done = edgepatent("search", "--index", index, "--json", *arguments, **more)
    return json.loads(done.stdout)


def names(document):
    return [hit["patent_id"] for hit in document["hits"]]


@pytest.fixture(scope="module")
def first(designs):
    return min(p.name for p in designs.iterdir() if p.is_dir())


@pytest.fixture(scope="module")
def rows(designs):
    with (designs / "metadata.csv").open() as file:
        return list(csv.DictReader(file))


def test_json_is_what_the_design_promises(process, index, query, first):
    document = search(process, index, query, "--top", 3)
    assert set(document) == {
        *("query", "space", "index", "plan", "searched", "quarters", "hits", "timings_ms", "doubt"),
        "notes",
    }
    assert document["query"] == [str(query)]
    assert document["index"] == str(index)
    assert document["plan"] == "exact"
    assert set(document["timings_ms"]) == {"decode", "encode", "search", "total"}
    hits = document["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3]
    assert hits[0]["patent_id"] == first
    assert hits[0]["score"] > 0.99
    best = hits[0]["drawings"][0]
    assert best["path"].endswith("view 0.png")
    assert best["figure"] == "1"
    assert [hit["score"] for hit in hits] == sorted((h["score"] for h in hits), reverse=True)


def test_the_table_names_what_a_person_looks_for(edgepatent, index, query, first, rows):
    done = edgepatent("search", "--index", index, query)
    row = rows[0]
    line = next(line for line in done.stdout.splitlines() if first in line)
    for part in (
        row["locarno"],
        locarno.name(row["locarno"])[:20],
        row["title"],
        row["date"],
        "FIG. 1",
    ):
        assert part in line
    assert "30 drawings searched" in done.stderr


def test_csv_on_standard_output_is_all_that_is_there(edgepatent, index, query, tmp_path):
    file = tmp_path / "hits.csv"
    edgepatent("search", "--index", index, query, "--csv", file)
    done = edgepatent("search", "--index", index, query, "--csv", "-")
    # Spreadsheets know UTF-8 by the mark; programs would take it for a part of the first name.
    assert file.read_bytes() == b"\xef\xbb\xbf" + done.stdout.encode()
    assert done.stdout.startswith("rank,score,verdict,probability,patent_id,")
    done = edgepatent("search", "--index", index, query, "--csv", "-", "--json", status=2)
    assert "--csv - takes standard output" in done.stderr


def test_paths_and_csv(edgepatent, index, query, tmp_path):
    done = edgepatent(
        "search", "--index", index, query, "--paths", "--top", 4, "--csv", tmp_path / "hits.csv"
    )
    paths = done.stdout.splitlines()
    assert len(paths) == 4
    assert all(Path(path).is_file() for path in paths)
    with (tmp_path / "hits.csv").open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["path"] for row in written] == paths
    assert [row["rank"] for row in written] == ["1", "2", "3", "4"]


def test_a_query_that_is_indexed_finds_itself_unless_asked_not_to(
    edgepatent, index, designs, first
):
    own = designs / first / "view 0.png"
    document = search(edgepatent, index, own)
    assert document["hits"][0]["drawings"][0]["path"] == str(own)
    assert document["hits"][0]["score"] > 0.99
    document = search(edgepatent, index, own, "--not-itself")
    paths = [drawing["path"] for hit in document["hits"] for drawing in hit["drawings"]]
    assert paths
    assert str(own) not in paths


def test_standard_input_is_a_query(edgepatent, index, query, first):
    document = search(edgepatent, index, "-", stdin=query.read_bytes())
    assert names(document)[0] == first
    assert document["query"] == ["standard input"]


def test_several_views_of_one_design(edgepatent, index, designs, query, first, tmp_path):
    second = tmp_path / "second.png"
    Image.open(designs / first / "view 1.png").resize((300, 300)).save(second)
    document = search(edgepatent, index, query, second, "--top", 1)
    assert names(document) == [first]
    assert len(document["query"]) == 2


def test_crop_and_page(edgepatent, index, query, first, tmp_path):
    page = Image.open(query).convert("L")
    sheet = Image.new("L", (page.width * 2, page.height), 255)
    sheet.paste(page, (0, 0))
    sheet.paste(Image.effect_mandelbrot(page.size, (-2, -1, 1, 1), 20), (page.width, 0))
    tiff = tmp_path / "sheets.tiff"
    blank = Image.new("L", (200, 200), 255)
    blank.save(tiff, save_all=True, append_images=[sheet])
    crop = f"0,0,{page.width},{page.height}"
    document = search(edgepatent, index, tiff, "--page", 2, "--crop", crop, "--top", 1)
    assert names(document) == [first]
    assert document["hits"][0]["score"] > 0.99
    assert document["query"] == [f"{tiff}#page=2#xywh={crop}"]
    # No page looks like a drawing: the one that is not blank is meant.
    done = edgepatent("search", "--index", index, tiff)
    assert f"{tiff}#page=2 looks like " in done.stderr
    assert ", not a drawing: searched all the same" in done.stderr


def test_a_page_of_a_pdf(edgepatent, index, query, first, tmp_path):
    pytest.importorskip("pypdfium2")
    pdf = tmp_path / "sheet.pdf"
    Image.open(query).convert("L").save(pdf, resolution=150)
    document = search(edgepatent, index, pdf, "--page", 1, "--top", 1)
    assert names(document) == [first]


def test_any_rotation_finds_a_landscape_sheet(edgepatent, index, query, first, tmp_path):
    turned = tmp_path / "turned.png"
    Image.open(query).rotate(90, expand=True).save(turned)
    straight = search(edgepatent, index, turned, "--top", 1)
    document = search(edgepatent, index, turned, "--any-rotation", "--top", 1)
    assert names(document) == [first]
    assert document["hits"][0]["score"] > 0.99 > straight["hits"][0]["score"]


def test_like_uses_all_views_of_an_indexed_patent(edgepatent, index, first):
    document = search(edgepatent, index, "--like", first)
    assert first not in names(document)
    assert document["query"] == [first]
    done = edgepatent("search", "--index", index, "--like", "US D999,999", status=1)
    assert "USD0999999 is not indexed" in done.stderr


def test_filters(edgepatent, index, query, first, rows):
    codes = {row["patent_id"]: row["locarno"] for row in rows}
    dates = {row["patent_id"]: row["date"] for row in rows}
    everything = ("--top", 50)
    code = codes[first]
    found = names(search(edgepatent, index, query, *everything, "--locarno", code.replace("-", "")))
    assert sorted(found) == sorted(p for p, c in codes.items() if c == code)
    found = names(search(edgepatent, index, query, *everything, "--locarno", code[:2]))
    assert sorted(found) == sorted(p for p, c in codes.items() if c[:2] == code[:2])
    found = names(search(edgepatent, index, query, *everything, "--not-locarno", code))
    assert sorted(found) == sorted(p for p, c in codes.items() if c != code)
    found = names(
        search(
            edgepatent,
            index,
            query,
            *everything,
            "--since",
            "May 1, 2012",
            "--before",
            "2015-05-01",
        )
    )
    assert sorted(found) == sorted(p for p, d in dates.items() if "2012-05-01" <= d < "2015-05-01")
    others = [p for p in codes if p != first][:2]
    found = names(search(edgepatent, index, query, "--patent", others[0], "--patent", others[1]))
    assert sorted(found) == sorted(others)
    assert first not in names(search(edgepatent, index, query, "--not-patent", first, *everything))


def test_words_filter_rank_and_search_alone(edgepatent, index, query, first, rows, tmp_path):
    titles = {row["patent_id"]: row["title"] for row in rows}
    other = next(p for p, t in titles.items() if t.split()[-1] not in titles[first])
    word = titles[other].split()[-1]
    holders = {p for p, t in titles.items() if word.lower() in t.lower().split()}
    filtered = search(edgepatent, index, query, "--text", word, "--top", 50)
    assert set(names(filtered)) == holders
    alone = search(edgepatent, index, "--text", word, "--top", 50)
    assert set(names(alone)) == holders
    assert alone["plan"] == "words"
    assert alone["query"] == []
    assert alone["hits"][0]["drawings"][0]["score"] is None
    fused = search(edgepatent, index, query, "--text", word, "--fuse", "--top", 50)
    assert set(names(fused)) == set(titles)
    # Those that both rankings hold come before all that only one does, by 1 / (60 + rank).
    assert set(names(fused)[: len(holders)]) == holders
    assert all(hit["drawings"][0]["score"] is not None for hit in fused["hits"])
    # People read how alike they are, and which of them the words found; not the sum of ranks.
    plain = {hit["patent_id"]: hit for hit in search(edgepatent, index, query, "--top", 50)["hits"]}
    assert {hit["cosine"] for hit in alone["hits"]} == {None}
    for hit in fused["hits"]:
        assert hit["cosine"] == plain[hit["patent_id"]]["cosine"] > hit["score"]
    page = tmp_path / "page.html"
    shown = edgepatent("search", query, "--index", index, "--text", word, "--fuse", "--html", page)
    head, *lines = (line.split("\t") for line in shown.stdout.splitlines())
    place = {name: head.index(name) for name in ("score", "also found by", "patent")}
    told = [[line[place[name]] for name in place] for line in lines]
    assert told == [
        [
            f"{hit['cosine']:.3f}",
            "its words" if hit["patent_id"] in holders else "",
            hit["patent_id"],
        ]
        for hit in fused["hits"][: len(lines)]
    ]
    html = page.read_text()
    assert html.count("Also found by") == len(holders)
    assert f'<span class="score">score {fused["hits"][0]["cosine"]:.3f}</span>' in html
    both = f"{word} nowhere"
    done = edgepatent("search", query, "--index", index, "--text", both)
    assert f"has all words: '{word} OR nowhere' takes any" in done.stdout
    assert search(edgepatent, index, query, "--text", f"{word} OR nowhere")["hits"]
    done = edgepatent("search", "--index", index, "--text", "…", status=1)
    assert "no word" in done.stderr


def test_by_drawing(edgepatent, index, query):
    document = search(edgepatent, index, query, "--by", "drawing", "--top", 7)
    assert len(document["hits"]) == 7
    assert all(len(hit["drawings"]) == 1 for hit in document["hits"])
    assert all(hit["score"] == hit["drawings"][0]["score"] for hit in document["hits"])
    patents = search(edgepatent, index, query, "--top", 50)
    scores = sorted((d["score"] for hit in patents["hits"] for d in hit["drawings"]), reverse=True)
    assert [hit["score"] for hit in document["hits"]] == pytest.approx(scores[:7], abs=1e-5)


@pytest.mark.parametrize("plan", ["exact", "scan", "graph"])
def test_plans_agree(edgepatent, index, query, first, plan):
    assert names(search(edgepatent, index, query, "--plan", plan))[0] == first


def test_several_indexes(edgepatent, index, query, designs, tiny_bundle, tmp_path):
    other = tmp_path / "other"
    extra = tmp_path / "extra" / "P1"
    extra.mkdir(parents=True)
    Image.open(query).resize((250, 250)).save(extra / "a.png")
    edgepatent("index", "add", extra.parent, "--index", other, "--model", tiny_bundle.folder)
    done = edgepatent("search", "--index", index, "--index", other, query, "--json", "--top", 50)
    document = json.loads(done.stdout)
    assert {hit["index"] for hit in document["hits"]} == {str(index), str(other)}
    assert document["index"] == f"{index}:{other}"
    done = edgepatent("search", query, EDGEPATENT_INDEX=f"{index}:{other}")
    assert "index" in done.stdout.splitlines()[1]
    assert str(other) in done.stdout


def test_indexes_of_different_models_are_not_mixed(edgepatent, index, query, tmp_path):
    from bundles import write_tiny_bundle
    from stored import draw_patents

    draw_patents(tmp_path / "drawings", 1)
    other = write_tiny_bundle(tmp_path / "other", seed=1)
    folder = tmp_path / "index"
    edgepatent("index", "add", tmp_path / "drawings", "--index", folder, "--model", other.folder)
    done = edgepatent("search", query, "--index", index, "--index", folder, status=1)
    assert "holds embeddings of another model" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--like", "FIRST"), ("--text", "a"), ("--by", "drawing")])
def test_the_page_of_every_kind_of_search(
    edgepatent, index, query, first, rows, tmp_path, arguments
):
    word = rows[0]["title"].split()[-1]
    words = [{"FIRST": first, "a": word}.get(argument, argument) for argument in arguments]
    images = [query] if arguments[0] == "--by" else []
    edgepatent("search", *images, "--index", index, *words, "--html", tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert html.count('<li class="hit"') >= 1
    assert not re.search(r"\bnan\b", re.sub(r'base64,[^"]+', "", html))
    if arguments[0] == "--text":
        assert "No image." in html
        assert word in html


def test_batch_writes_one_result_a_query(edgepatent, index, query, tmp_path, first):
    folder = tmp_path / "queries"
    folder.mkdir()
    shutil.copy(query, folder / "one.png")
    Image.open(query).resize((260, 260)).save(folder / "two.jpg")
    (folder / "broken.png").write_text("no image")
    done = edgepatent("batch", folder, "--index", index, "--out", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["one.png.json", "two.jpg.json"]
    assert "skipped 1: not an image" in done.stderr
    document = json.loads((tmp_path / "out" / "two.jpg.json").read_text())
    assert document["hits"][0]["score"] > 0.5
    assert "one.png" in done.stdout
    # For logs, nothing of what was asked or found.
    done = edgepatent("batch", folder, "--index", index, "--out", tmp_path / "out", "--quiet")
    assert done.stdout == ""
    assert "skipped 1: not an image" in done.stderr
    assert not any(one in done.stderr for one in ("one.png", "two.jpg", "broken", "SYN"))
    # As it was spelled before, with filters and a line that names the verb.
    old = ("search", "--not-patent", first, "--batch", folder, f"--out={tmp_path / 'old'}")
    done = edgepatent(*old, EDGEPATENT_INDEX=str(index))
    assert "search --batch is a verb now: edgepatent batch" in done.stderr
    document = json.loads((tmp_path / "old" / "two.jpg.json").read_text())
    assert first not in names(document)


def test_record_and_replay(edgepatent, index, query, designs, tmp_path, tiny_bundle):
    copy = tmp_path / "index"
    shutil.copytree(index, copy)
    record = tmp_path / "search.json"
    edgepatent("search", "--index", copy, query, "--top", 5, "--record", record)
    kept = json.loads(record.read_text())
    assert kept["model"]["space"] == tiny_bundle.info.space
    assert len(kept["queries"][0]["sha256"]) == 64
    assert kept["indexes"][0]["drawings"] == 30
    assert len(kept["hits"]) == 5
    assert kept["request"]["indexes"] == [str(copy)]
    asked = {"path": str(query), "page": None, "crop": None, "figure": None, "weight": 1.0}
    assert kept["request"]["queries"] == [asked]
    same = edgepatent("replay", record)
    assert "the same 5 hits" in same.stdout

    extra = tmp_path / "extra" / "P1"
    extra.mkdir(parents=True)
    Image.open(query).resize((250, 250)).save(extra / "a.png")
    edgepatent("index", "add", extra.parent, "--index", copy)
    changed = edgepatent("replay", record, status=1)
    assert "changed: " in changed.stdout
    assert "31 of 11 now" in changed.stdout.replace("holds ", "").replace(" (", " now (")
    assert "differs: P1 is new" in changed.stdout
    document = json.loads(edgepatent("replay", record, "--json", status=1).stdout)
    assert document["same"] is False

    moved = tmp_path / "moved.png"
    shutil.copy(query, moved)
    again = edgepatent("search", f"--replay={record}", moved, "--index", index)
    assert "the same 5 hits" in again.stdout
    assert "search --replay is a verb now: edgepatent replay" in again.stderr
    record.write_text("{}")
    assert "not a search record" in edgepatent("search", "--replay", record, status=1).stderr


@pytest.mark.parametrize(
    ("protocol", "start"), [("kitty", "\x1b_G"), ("iterm2", "\x1b]1337"), ("sixel", "\x1bPq")]
)
def test_previews(edgepatent, index, query, protocol, start):
    done = edgepatent("search", "--index", index, query, "--previews", protocol, "--top", 2)
    assert done.stdout.count(start) >= 2
    off = edgepatent("search", "--index", index, query, KITTY_WINDOW_ID="1")
    assert "\x1b" not in off.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name an image"),
        (("a.png", "--like", "X"), "not both"),
        (("a.png", "--out", "x"), "No such option"),
        (("--text", "chair", "--fuse"), "--fuse needs"),
        (("--text", "chair", "--by", "drawing"), "--by drawing"),
        (("a.png", "--crop", "1,2,3"), "four whole numbers"),
        (("a.png", "--crop", "1,2,0,3"), "at least 1"),
        (("a.png", "--top", "0"), "0 is not in the range"),
        (("--batch", "."), "Missing option '--out'"),
        (("--batch", ".", "--out", "x", "a.png"), "unexpected extra argument (a.png)"),
        (("--batch", ".", "--out", "x", "--fuse"), "--fuse needs"),
    ],
)
def test_wrong_usage(arguments, message, capsys):
    from edgepatent.cli import run

    assert run(["search", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_nothing_indexed_says_what_to_do_next(edgepatent, query, tmp_path, tiny_bundle):
    from edgepatent_runtime.collection import Collection

    done = edgepatent("search", query, status=1)
    assert "edgepatent index add SOURCE" in done.stderr
    with Collection.create(tmp_path / "empty", tiny_bundle):
        pass
    done = edgepatent("search", "--index", tmp_path / "empty", query, status=1)
    assert "nothing is indexed" in done.stderr
    assert "edgepatent index add SOURCE" in done.stderr


def test_bad_queries_are_one_line(index, query, tmp_path, capsys):
    from edgepatent.cli import run

    renamed = tmp_path / "text.png"
    renamed.write_text("hello")
    truncated = tmp_path / "truncated.jpg"
    Image.open(query).convert("L").save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:-2000])
    pixel = tmp_path / "pixel.png"
    Image.new("L", (1, 1)).save(pixel)
    blank = tmp_path / "blank.png"
    Image.new("L", (300, 300), 255).save(blank)
    for path, message in (
        (tmp_path / "missing.png", "file not found"),
        (tmp_path, "not a file but a folder"),
        (renamed, "not an image"),
        (truncated, "truncated"),
        (pixel, "too small"),
        (blank, "blank page"),
    ):
        assert run(["search", "--index", str(index), str(path)]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert str(path) in error
        assert len(error.splitlines()) == 1


def test_what_is_no_drawing_is_called_so(index, tmp_path, capsys):
    from edgepatent.cli import run

    noise = np.random.default_rng(0).normal(0, 1, (600, 800)).cumsum(0).cumsum(1)
    noise = (noise - noise.min()) / np.ptp(noise) * 200
    photograph = tmp_path / "photo.jpg"
    Image.fromarray(noise.astype(np.uint8)).save(photograph)
    paper = ["--photo", "paper"]
    assert run(["search", "--index", str(index), str(photograph), "--json", *paper]) == 0
    said = f"{photograph} looks like a photograph, not a drawing"
    printed = capsys.readouterr()
    assert f"{said}: searched all the same" in printed.err
    assert json.loads(printed.out)["notes"] == [f"{said}: searched all the same"]
    assert run(["classify", "--index", str(index), str(photograph)]) == 0
    assert f"{photograph} is taken for a photograph of a product" in capsys.readouterr().err
    assert run(["search", "--index", str(index), str(photograph), "--anyway"]) == 0
    said = capsys.readouterr().err
    assert "looks like" not in said
    assert "is taken for" not in said
    blank = tmp_path / "blank.png"
    Image.new("L", (300, 200), 255).save(blank)
    assert run(["search", "--index", str(index), str(blank)]) == 1
    assert "blank page" in capsys.readouterr().err


def test_a_real_grant_that_looks_like_a_photograph_is_searched(index, shared, edgepatent):
    (sheet,) = (shared / "data" / "uspto-grants").glob("USD0908315-*/*-D00003.TIF")
    done = edgepatent("search", "--index", index, sheet, "--json")
    assert "looks like a photograph, not a drawing: searched all the same" in done.stderr
    assert json.loads(done.stdout)["hits"]


def test_a_patent_as_pdf_is_searched_with_its_drawings(index, shared, edgepatent):
    patent = shared / "data" / "uspto-pdf" / "D538119.pdf"
    done = edgepatent("search", "--index", index, patent, "--json")
    sheets = [f"{patent}#page={page}" for page in (2, 3, 4, 5)]
    assert [name for name in json.loads(done.stdout)["query"] if name in sheets] == sheets
    assert f"searched with 4 pages as views of one design: {sheets[0]}, " in done.stderr
    done = edgepatent("search", "--index", index, patent, "--page", "1")
    assert "looks like a page of text" in done.stderr
    assert search(edgepatent, index, patent, "--page", "2", "--whole")["query"] == sheets[:1]


def test_a_search_imports_no_more_than_it_needs(index, query):
    code = (
        "import sys; from edgepatent.cli import run; "
        f"run(['search', '--index', {str(index)!r}, {str(query)!r}, '--json']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "onnxruntime" in loaded
    heavy = {"torch", "timm", "rich", "jinja2", "onnx", "optimum", "sklearn", "scipy", "pandas"}
    slow = {"filelock", "email", "importlib.metadata", "numpy.ma", "asyncio"}
    assert sorted(loaded & (heavy | slow | {"pypdfium2", "requests", "defusedxml"})) == []


@pytest.mark.parametrize("option", ["--html", "--csv", "--record"])
def test_an_old_report_survives_a_full_disk(index, query, tmp_path, option):
    old = tmp_path / "report"
    old.write_text("old")
    code = (
        "import errno, sys\n"
        "from edgepatent import cli\n"
        "from edgepatent_runtime import faults\n"
        "def full(name):\n"
        "    if name == 'whole.written':\n"
        "        raise OSError(errno.ENOSPC, 'No space left on device')\n"
        "faults.hook = full\n"
        "sys.exit(cli.run(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, "search", query, "--index", index, option, old]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


def test_more_of_this_and_less_of_that(edgepatent, index, designs, query, first):
    other = sorted(p.name for p in designs.iterdir() if p.is_dir())[4]
    view = designs / other / "view 0.png"
    light = search(edgepatent, index, query, "--weight", 0.1, view, "--whole", "--top", 10)
    heavy = search(edgepatent, index, query, "--weight", 9, view, "--whole", "--top", 10)
    assert names(light)[0] == first
    assert names(heavy)[0] == other
    plain = search(edgepatent, index, query, "--whole", "--top", 10)
    less = search(edgepatent, index, query, "--whole", "--unlike", view, "--top", 10)
    scores = [{hit["patent_id"]: hit["score"] for hit in one["hits"]} for one in (plain, less)]
    # Itself it is not like more than by half of its cosine with itself.
    assert scores[1][other] == pytest.approx(scores[0][other] - 0.5, abs=0.01)
    assert less["doubt"] == "hits of --unlike have no verdict"
    done = edgepatent("search", "--index", index, "--weight", 0, view, status=1)
    assert "a weight is more than 0" in done.stderr
    edgepatent("search", "--index", index, "--text", "a", "--unlike", view, status=2)


def test_kin_needs_a_model_that_tells_it_apart_and_an_image(edgepatent, index, query):
    refused = edgepatent("search", "--index", index, query, "--kin", 0.7, status=1)
    assert "does not tell kin from twins" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert (
        "--kin goes with images"
        in edgepatent("search", "--index", index, "--text", "chair", "--kin", 0.7, status=2).stderr
    )
