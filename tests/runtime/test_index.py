"""`Index`, as a program uses it."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stored import draw, draw_patents, records_of_designs, views_of_designs

import edgepatent_runtime as ep
from edgepatent_runtime import drawing
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.errors import CollectionError, DrawingError, InputError, SpaceMismatchError
from edgepatent_runtime.index import Index
from edgepatent_runtime.record import ImageRef, Record
from edgepatent_runtime.search.request import Options, Query, Request

PATENTS, VIEWS = 6, 3


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawings") / "drawings"
    draw_patents(folder, PATENTS, VIEWS)
    return folder


@pytest.fixture(scope="module")
def index(
    drawings: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    with ep.Index.create(tmp_path_factory.mktemp("index") / "index", tiny_bundle) as made:
        assert made.add(drawings).added == PATENTS * VIEWS
        yield made


@pytest.fixture(scope="module")
def sketch(drawings: Path) -> Path:
    """The first drawing of the fourth patent with more paper around it."""
    page = Image.open(drawings / "P0003" / "view0.png").convert("L")
    wider = Image.new("L", (page.width + 40, page.height + 40), 255)
    wider.paste(page, (20, 20))
    path = drawings.parent / "sketch.png"
    wider.save(path)
    return path


def test_it_is_a_collection_of_patents(index: Index) -> None:
    assert len(index) == PATENTS
    assert [patent.patent_id for patent in index] == [f"P{n:04d}" for n in range(PATENTS)]
    assert "P0003" in index
    assert next(iter(index)) in index
    assert "P9999" not in index
    assert 3 not in index
    patent = index["P0003"]
    assert [found.path for found in patent.drawings] == [f"P0003/view{n}.png" for n in range(3)]
    pixels = patent.drawings[0].pixels()
    assert pixels is not None
    assert pixels.shape == (120, 120)
    with pytest.raises(InputError, match="P9999 is not indexed"):
        index["P9999"]
    assert index.info().drawings == PATENTS * VIEWS
    assert index.verify() == []


def views_of(sketch: Path, index: Index) -> dict[str, object]:
    """One view in every form that it may have."""
    grey = drawing.decode(sketch)
    normal = drawing.read_drawing(sketch, index.bundle.info.size)
    embedding = ep.Encoder(index.bundle).encode(normal[None])
    return {
        "path": sketch,
        "name": str(sketch),
        "bytes": sketch.read_bytes(),
        "query": Query(str(sketch)),
        "PIL": Image.open(sketch).copy(),
        "palette": Image.open(sketch).convert("P"),
        "grey": grey,
        "RGB": np.repeat(grey[..., None], 3, axis=2),
        "RGBA": np.dstack([grey, grey, grey, np.full_like(grey, 255)]),
        "embedding": embedding[0],
        "embeddings": embedding.astype(np.float64),
        "list": [sketch],
    }


def test_a_view_may_come_in_every_form(index: Index, sketch: Path) -> None:
    for form, view in views_of(sketch, index).items():
        hits = index.search(view, top=2)  # type: ignore[arg-type]
        assert [hit.rank for hit in hits] == [1, 2], form
        assert hits[0].patent_id == "P0003", form
        assert hits[0].score > 0.99, form
    together = index.search([sketch, views_of(sketch, index)["embedding"], sketch.read_bytes()])  # type: ignore[list-item]
    assert together[0].patent_id == "P0003"
    assert [view.name for view in together.views] == [str(sketch), "<view 3>"]


def test_keywords_and_requests_are_one_road(index: Index, sketch: Path) -> None:
    by_keywords = index.search(sketch, top=3, not_patents=["P0003"], any_rotation=True)
    request = Request(
        queries=(Query(str(sketch)),), top=3, not_patents=("P0003",), any_rotation=True
    )
    assert by_keywords.request == request
    by_request = index.search(request)
    assert [(h.patent_id, h.score) for h in by_request] == [
        (h.patent_id, h.score) for h in by_keywords
    ]
    assert set(Options.__annotations__) == set(Request.__struct_fields__) - {"queries"}
    like = index.search(like="P0003", top=50)
    assert "P0003" not in [hit.patent_id for hit in like]
    assert len(like) == PATENTS - 1


def test_pages_count_from_1(index: Index, sketch: Path, tmp_path: Path) -> None:
    tiff = tmp_path / "sheets.tiff"
    Image.new("L", (200, 200), 255).save(
        tiff, save_all=True, append_images=[Image.open(sketch).convert("L")]
    )
    result = index.search(Query(str(tiff), page=2), top=1)
    assert result[0].patent_id == "P0003"
    assert result.views[0].name == f"{tiff}#page=2"
    with pytest.raises(InputError, match="pages count from 1"):
        Query(str(tiff), page=0)


def test_an_indexed_query_finds_itself_unless_asked_not_to(index: Index, drawings: Path) -> None:
    own = drawings / "P0003" / "view0.png"
    for view in (own, own.read_bytes()):
        assert index.search(view)[0].drawings[0].path == "P0003/view0.png"
        found = index.search(view, top=50, not_itself=True)
        paths = [one.path for hit in found for one in hit.drawings]
        assert paths
        assert "P0003/view0.png" not in paths


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"locarno": "06-01"}, r"locarno takes a list: write locarno=\['06-01'\]"),
        ({"not_patents": "P1"}, "not_patents takes a list"),
        ({"patents": [1]}, "list of strings"),
        ({"since": "yesterday"}, "'yesterday' is not a date"),
        ({"before": 2014}, "2014 is not a date"),
        ({"top": 0}, "at least 1"),
        ({"plan": "magic"}, "no plan 'magic'"),
        ({"by": "page"}, "by is"),
        ({"like": "P0001"}, "not both"),
        ({"fuse": True}, "--fuse needs"),
    ],
)
def test_wrong_options_are_one_line(
    index: Index, sketch: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        index.search(sketch, **options)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ([], "no view"),
        (None, "name an image"),
        (3, "int is no view"),
        ([None], "NoneType is no view"),
        (np.zeros((9, 9), bool), "uint8"),
        (np.zeros((9, 9, 2), np.uint8), "uint8"),
        (np.full(64, 0.5), "no unit vector"),
        (np.full(64, np.nan), "no unit vector"),
        (np.eye(1, 63)[0], "expected embeddings"),
        (np.zeros((0, 64)), "no view"),
        ("-", "standard input"),
        (Request(), "name an image"),
    ],
)
def test_what_is_no_view_is_one_line(index: Index, view: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        index.search(view)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_what_is_no_drawing_names_its_view(index: Index) -> None:
    with pytest.raises(DrawingError, match="blank page: <view 1>"):
        index.search(np.full((50, 50), 255, np.uint8))


def test_after_closing_every_call_says_so(drawings: Path, tiny_bundle: Bundle, tmp_path) -> None:
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        index.add(drawings)
        hit = index.search(like="P0001")[0]
    for call in (
        lambda: index.search(drawings / "P0000" / "view0.png"),
        lambda: len(index),
        lambda: "P0001" in index,
        lambda: index["P0001"],
        lambda: list(index),
        lambda: index.add(drawings),
        lambda: index.remove(["P0001"]),
        lambda: index.classify(drawings / "P0000" / "view0.png"),
        lambda: hit.drawings[0].thumbnail(),
    ):
        with pytest.raises(CollectionError, match="is closed: open it again"):
            call()


def test_adding_removing_and_merging(drawings: Path, tiny_bundle: Bundle, tmp_path: Path) -> None:
    with (
        Index.ready(tmp_path / "a", tiny_bundle) as a,
        Index.ready(tmp_path / "b", tiny_bundle) as b,
    ):
        with pytest.raises(CollectionError, match="nothing is indexed"):
            a.search(drawings / "P0000" / "view0.png")
        a.add(*(drawings / f"P{n:04d}" for n in range(3)))
        b.add(Record(ImageRef(str(path)), "B1") for path in sorted(drawings.glob("P0004/*.png")))
        b.add(records_of_designs(2, 2), embeddings=views_of_designs(2, 2, 64))
        assert (len(a), len(b)) == (3, 3)
        thumbnail = b["B1"].drawings[0].thumbnail()
        assert thumbnail is not None
        assert thumbnail.startswith(b"\x89PNG")
        assert a.merge(b).added == 7
        assert len(a) == 6
        assert a.remove(["P0001"], locarno=["99"]) == 0
        assert a.remove(["P0001", "B1"]) == 6
        assert len(a) == 4
        assert "B1" not in a
        for call, message in (
            (lambda: a.remove(), "nothing says what to forget"),
            (lambda: a.remove("P0002"), "takes a list"),
            (lambda: a.add([str(drawings)]), "got '"),
            (lambda: a.add(3), "got 3"),
            (lambda: a.add(drawings, embeddings=np.zeros((1, 64))), "one iterable"),
        ):
            with pytest.raises(InputError, match=message):
                call()
        assert len(a) == 4
    # Once more, and what is there is kept.
    with Index.ready(tmp_path / "a") as again:
        assert len(again) == 4
        again.rebuild()
        assert len(again) == 4


def test_models_are_not_mixed(index: Index, drawings: Path, tmp_path: Path) -> None:
    from bundles import write_tiny_bundle

    folder = index.stores[0].name
    other = write_tiny_bundle(tmp_path / "other", seed=5)
    with pytest.raises(SpaceMismatchError, match="another model"):
        Index.ready(folder, other)
    with Index.create(tmp_path / "index", other) as made:
        made.add(drawings / "P0000")
    with pytest.raises(SpaceMismatchError, match="another model"):
        Index.open([folder, tmp_path / "index"])


def test_several_folders_are_one(index: Index, tiny_bundle: Bundle, tmp_path: Path) -> None:
    extra = tmp_path / "drawings"
    draw(extra / "P0003" / "again.png", 300)
    draw(extra / "Q1" / "a.png", 7)
    with Index.create(tmp_path / "index", tiny_bundle) as other:
        other.add(extra)
    with Index.open([index.stores[0].name, tmp_path / "index"]) as both:
        assert len(both) == PATENTS + 1
        assert both["Q1"].index == str(tmp_path / "index")
        assert both["P0003"].index == index.stores[0].name
        assert [patent.patent_id for patent in both][-1] == "Q1"
        hits = both.search(extra / "Q1" / "a.png", top=50)
        assert {hit.index for hit in hits} <= {str(tmp_path / "index"), index.stores[0].name}
        with pytest.raises(InputError, match="several indexes"):
            both.add(extra)


def test_threads_and_asyncio_get_the_same_answers(index: Index, drawings: Path) -> None:
    queries = sorted(drawings.glob("*/view0.png"))
    alone = [[hit.patent_id for hit in index.search(one)] for one in queries]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda q: [h.patent_id for h in index.search(q)], queries)) == alone

    async def together() -> list[list[str]]:
        results = await asyncio.gather(*(asyncio.to_thread(index.search, one) for one in queries))
        return [[hit.patent_id for hit in result] for result in results]

    assert asyncio.run(together()) == alone


def test_threads_that_come_and_go_leave_no_connection_behind(index: Index) -> None:
    import threading

    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(30):
        thread = threading.Thread(target=index.search, kwargs={"like": "P0001"})
        thread.start()
        thread.join()
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 20


def test_classify_names_subclasses(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        embeddings = views_of_designs(60, 2, 64)
        index.add(records_of_designs(60, 2), embeddings=embeddings)
        found = index.classify(embeddings[:2])
        confidences = [one.confidence for one in found.suggestions]
        assert confidences == sorted(confidences, reverse=True)
        assert {one.subclass for one in found.suggestions} <= {f"0{n}-01" for n in range(1, 6)}
        # What the index has measured serves until it has changed by a quarter.
        index.remove(["D000059"])
        assert index.classify(embeddings[2:4]).calibration == found.calibration
    # Without it, it is measured for the call.
    (tmp_path / "index" / "calibration").unlink()
    with Index.open(tmp_path / "index") as index:
        assert index.classify(embeddings[:2]).calibration.patents == 59


SCRIPT = """
import edgepatent_runtime as ep

with ep.Index.ready({folder!r}, {model!r}) as index:
    added = index.add({drawings!r})
    print(added.added, len(index), index.search(like="P0001", top=1)[0].rank)
"""


def test_a_script_needs_no_guard(tiny_bundle: Bundle, tmp_path: Path) -> None:
    """More drawings than are decoded in the process itself."""
    draw_patents(tmp_path / "drawings", 50, 5)
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT.format(
            folder=str(tmp_path / "index"),
            model=str(tiny_bundle.folder),
            drawings=str(tmp_path / "drawings"),
        )
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["250", "50", "1"]
    assert done.stderr == ""


def test_a_search_by_words_loads_no_model(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with Index.create(tmp_path / "index", tiny_bundle) as index:
        index.add(records_of_designs(3, 1), embeddings=views_of_designs(3, 1, 64))
    code = (
        "import sys; import edgepatent_runtime as ep; "
        "assert not {'numpy', 'cv2', 'onnxruntime', 'msgspec'} & set(sys.modules); "
        f"index = ep.Index.open({str(tmp_path / 'index')!r}); "
        "assert len(index.search(text='chair')) == 3; "
        "assert len(index.search(like='D000001')) == 2; "
        "print(*({'onnxruntime', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
