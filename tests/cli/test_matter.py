"""Matters: plain files that survive crashes, other programs and being moved."""

import json
import multiprocessing
import shutil
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepatent import matter
from edgepatent.matter import Matter
from edgepatent.report.filing import FORMAT, FiledIndex, FiledModel, FiledSearch, FiledView
from edgepatent_runtime.errors import InputError
from edgepatent_runtime.search.request import Query, Request


@pytest.fixture
def case(tmp_path: Path) -> Matter:
    return Matter.create(tmp_path / "chairs", "Chairs v. Stools")


def a_record(*queries: str, created: str = "2026-11-24T10:00:00+00:00") -> FiledSearch:
    request = Request(queries=tuple(map(Query, queries)), locarno=("06",))
    model = FiledModel("tiny", "00", "11")
    indexes = [FiledIndex("index", 1, 0, 0)]
    views = [FiledView(path, "00") for path in queries]
    return FiledSearch(FORMAT, "0.1.0", created, model, indexes, views, request, [], {})


def test_decisions_are_what_was_said_last(case: Matter) -> None:
    case.decide("USD0000001", rating="relevant")
    case.decide("USD0000002", rating="noise")
    case.decide("USD0000001", note="the same legs")
    case.decide("USD0000001", shortlisted=True)
    case.decide("USD0000002", rating=None)
    case.decide("USD0000003", rating="noise")
    found = Matter(case.folder).decisions()
    assert list(found) == ["USD0000001", "USD0000002", "USD0000003"]
    first = found["USD0000001"]
    assert (first.rating, first.note, first.shortlisted) == ("relevant", "the same legs", True)
    assert found["USD0000002"].rating is None
    assert case.noise() == {"USD0000003"}


def test_a_rating_that_there_is_not_is_refused(case: Matter) -> None:
    with pytest.raises(InputError, match="use one of relevant, background, noise"):
        case.decide("USD0000001", rating="fine")  # type: ignore[arg-type]
    assert case.decisions() == {}


def test_a_line_that_a_crash_cut_off_costs_nothing_else(case: Matter) -> None:
    case.decide("USD0000001", rating="relevant")
    case.decide("USD0000002", rating="noise")
    lines = case.folder / "decisions.jsonl"
    whole = lines.read_bytes()
    second = whole.index(b"\n") + 1
    for cut in range(second, len(whole)):
        lines.write_bytes(whole[:cut])
        case.decide("USD0000003", note="after the crash")
        found = case.decisions()
        assert found["USD0000001"].rating == "relevant"
        assert found["USD0000003"].note == "after the crash"


def _decide_many(folder: Path, who: int) -> None:
    opened = Matter(folder)
    for number in range(20):
        opened.decide(f"P{who}-{number}", note="x" * 200)


def test_programs_write_at_once(case: Matter) -> None:
    context = multiprocessing.get_context("spawn")
    programs = [context.Process(target=_decide_many, args=(case.folder, who)) for who in range(3)]
    for program in programs:
        program.start()
    for program in programs:
        program.join()
    assert len(case.decisions()) == 60
    lines = (case.folder / "decisions.jsonl").read_text().splitlines()
    assert all(json.loads(line)["patent_id"] for line in lines)
    assert len(lines) == 60


def test_everything_is_its_owners_alone(case: Matter) -> None:
    case.decide("USD0000001", rating="relevant")
    case.keep_query(b"picture", "chair.png")
    case.keep_search(a_record())
    for path in [case.folder, *case.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_search_moves_with_its_folder(case: Matter, tmp_path: Path) -> None:
    picture = case.keep_query(b"picture", "chair.png")
    assert case.keep_query(b"picture", "other name.png") == picture
    name = case.keep_search(a_record(str(picture)))
    other = case.keep_search(a_record())
    moved = Matter(shutil.move(case.folder, tmp_path / "moved"))
    assert moved.searches() == [name, other]
    paths = [query.path for query in moved.search(name).request.queries]
    assert paths == [str(moved.folder / "queries" / picture.name)]
    assert Path(paths[0]).read_bytes() == b"picture"
    assert moved.query(picture.stem) == moved.folder / "queries" / picture.name
    assert moved.query("../matter") is None
    with pytest.raises(InputError, match="no search"):
        moved.search("../matter")


def test_a_failed_write_leaves_what_was(case: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    name = case.keep_search(a_record())
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        case.keep_search(a_record())
    with pytest.raises(OSError, match="No space"):
        case.keep_query(b"picture", "chair.png")
    monkeypatch.undo()
    assert case.searches() == [name]
    assert not list((case.folder / "queries").iterdir())


def test_a_folder_of_something_else_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files \(notes.txt\)"):
        Matter.create(tmp_path)
    with pytest.raises(InputError, match="there is no matter"):
        Matter(tmp_path)


def test_a_newer_or_damaged_matter_says_so(case: Matter) -> None:
    newer = msgspec.structs.replace(case.info, format=matter.FORMAT + 1)
    (case.folder / "matter.json").write_bytes(msgspec.json.encode(newer))
    with pytest.raises(InputError, match="upgrade edgepatent"):
        Matter(case.folder)
    (case.folder / "matter.json").write_bytes(b"{")
    with pytest.raises(InputError, match="damaged"):
        Matter(case.folder)


@given(st.text(max_size=90))
def test_no_name_leads_elsewhere(name: str) -> None:
    root = Path("/matters")
    try:
        folder = matter.named(root, name)
    except InputError:
        return
    assert folder.parent == root
    assert folder.name == name
    assert not name.startswith(".")
    assert not set(name) & set('/\\:\0\n\r"<>|?*')


@pytest.mark.parametrize("name", ["Chairs v. Stools", "2026-117 (EU)", "Stühle", "a"])
def test_names_that_people_give(name: str) -> None:
    assert matter.named(Path("m"), name) == Path("m", name)
