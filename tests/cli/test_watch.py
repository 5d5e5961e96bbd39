"""Watches: asked of what is new and of nothing else, shown once, whatever happens in between."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from grant_files import grant_files, grant_name, tar_of, tiff, week_files, write_folder, zip_of
from hypothesis import given
from hypothesis import strategies as st

from edgepatent import watching
from edgepatent.cli import run
from edgepatent.matter import Matter
from edgepatent.watch import Seen, Threshold, Watch, Watches
from edgepatent_runtime import whole
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.index import Index
from edgepatent_runtime.search.request import Request
from edgepatent_runtime.search.results import Hit

UNITS = Path(__file__).parents[2] / "recipes" / "systemd"
FIRST, SECOND = range(907292, 907296), range(907300, 907304)
Call = Callable[..., str]


def ids(numbers: range) -> set[str]:
    return {f"USD{number:07}" for number in numbers}


@pytest.fixture(scope="module")
def first_week(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of the first week, and the archive of the second beside it."""
    folder = tmp_path_factory.mktemp("weeks")
    (folder / "first.tar").write_bytes(tar_of(week_files(FIRST)))
    (folder / "second.tar").write_bytes(tar_of(week_files(SECOND)))
    with Index.create(folder / "index", tiny_bundle) as index:
        index.add(folder / "first.tar", figures=False)
    (folder / "sketch.tif").write_bytes(tiff(SECOND[1] + 1, (140, 180)))
    return folder


@pytest.fixture
def desk(first_week: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in, and the environment that names it."""
    folder = tmp_path / "desk"
    shutil.copytree(first_week, folder)
    monkeypatch.setenv("EDGEPATENT_INDEX", str(folder / "index"))
    monkeypatch.setenv("EDGEPATENT_WATCHES", str(folder / "watches"))
    monkeypatch.setenv("EDGEPATENT_MATTERS", str(folder / "matters"))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """The command in this process; what it printed on stdout."""

    def call(*arguments: str, status: int = 0) -> str:
        assert run(list(arguments)) == status, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def add_second_week(desk: Path) -> None:
    with Index.open(desk / "index") as index:
        index.add(desk / "second.tar", figures=False)


def digest(call: Call, *arguments: str, status: int = 0) -> dict[str, set[str]]:
    """What ``watch run --json`` shows: the designs of each watch."""
    document = json.loads(call("watch", "run", "--json", *arguments, status=status))
    shown = {one["name"]: {hit["patent_id"] for hit in one["hits"]} for one in document["watches"]}
    assert document["designs"] == len(set().union(*shown.values()))
    return shown


def test_a_week_is_asked_once(desk: Path, call: Call) -> None:
    call("watch", "add", "chairs", "sketch.tif")
    call("watch", "add", "beds", "sketch.tif", "--locarno", "06-02")
    (desk / "sketch.tif").unlink()
    assert digest(call) == {"beds": set(), "chairs": set()}
    add_second_week(desk)
    document = json.loads(call("watch", "run", "--json", "--html", "digest.html"))
    chairs = next(one for one in document["watches"] if one["name"] == "chairs")
    assert {hit["patent_id"] for hit in chairs["hits"]} == ids(SECOND)
    assert chairs["searched"] == 8
    assert [hit["rank"] for hit in chairs["hits"]] == [1, 2, 3, 4]
    page = (desk / "digest.html").read_text()
    assert all(one in page for one in ids(SECOND))
    assert page.count("data:image/png") == 5
    assert "Nothing new for beds." in page
    assert "<script" not in page
    assert digest(call, "--html", "digest.html") == {"beds": set(), "chairs": set()}
    assert (desk / "digest.html").read_text() == page


def test_what_was_shown_comes_back_only_when_asked_for(desk: Path, call: Call) -> None:
    call("watch", "add", "chairs", "sketch.tif")
    add_second_week(desk)
    assert digest(call)["chairs"] == ids(SECOND)
    with Index.open(desk / "index") as index:
        index.remove(["USD0907300"])
        index.add(desk / "second.tar", figures=False)
    assert digest(call)["chairs"] == set()
    assert digest(call, "--since", "0")["chairs"] == ids(FIRST) | ids(SECOND)
    assert digest(call, "--since", "2001-01-01")["chairs"] == ids(FIRST) | ids(SECOND)
    assert digest(call, "chairs", "--since", "3000-01-01")["chairs"] == set()
    assert digest(call)["chairs"] == set()


def test_noise_of_a_matter_is_left_out_and_the_rest_kept_in_it(desk: Path, call: Call) -> None:
    call("watch", "add", "chairs", "sketch.tif", "--matter", "Chair 7")
    matter = Matter(desk / "matters" / "Chair 7")
    matter.decide("USD0907301", rating="noise")
    add_second_week(desk)
    assert digest(call)["chairs"] == ids(SECOND) - {"USD0907301"}
    (kept,) = (matter.search(name) for name in matter.searches())
    assert {hit.patent_id for hit in kept.hits} == ids(SECOND) - {"USD0907301"}
    assert Path(kept.request.queries[0].path).parent == matter.folder.absolute() / "queries"
    call("replay", str(matter.folder / "searches" / f"{matter.searches()[0]}.json"),
         kept.request.queries[0].path)  # fmt: skip


def test_an_index_that_cannot_tell_shows_the_best(desk: Path, call: Call) -> None:
    for threshold in ("same", "similar", "any"):
        call("watch", "add", threshold, "sketch.tif", "--top", "2", "--threshold", threshold)
    add_second_week(desk)
    document = json.loads(call("watch", "run", "--json"))
    assert [len(one["hits"]) for one in document["watches"]] == [2, 2, 2]
    assert "too small to tell" in document["watches"][0]["doubt"]


@pytest.mark.parametrize(
    ("threshold", "shown"),
    [("same", ["A"]), ("similar", ["A", "B", "C", "D"]), ("any", ["A", "B"])],
)
def test_all_that_pass_the_threshold_are_shown(threshold: Threshold, shown: list[str]) -> None:
    """However many those are; where all are wanted, as many as a search shows."""

    def hit(number: str, probability: float) -> Hit:
        return Hit(
            patent_id=number, locarno=None, klass=None, subclass=None, title=None, date=None,
            index="", drawings=[], rank=1, score=probability, probability=probability,
        )  # fmt: skip

    class Asked:
        """An index of six designs, as far as a watch asks it."""

        def search(self, request: Request) -> list[Hit]:
            likely = zip("ABCDEF", (0.95, 0.5, 0.3, 0.1, 0.05, 0.01), strict=True)
            return [hit(*one) for one in likely][: request.top]

    request = Request(text="chair", top=2)
    watch = Watch(name="x", created="", request=request, indexes=("i",), threshold=threshold)
    found = watching._search(Asked(), request, threshold)  # type: ignore[arg-type]
    assert [one.patent_id for one in watching._best(list(found), watch)] == shown


def test_watches_without_images(desk: Path, call: Call) -> None:
    call("watch", "add", "words", "--text", "chair")
    call("watch", "add", "like", "--like", "USD0907292")
    add_second_week(desk)
    assert digest(call) == {"like": ids(SECOND), "words": ids(SECOND)}


def test_a_watch_that_cannot_be_asked_does_not_stop_the_others(
    desk: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call("watch", "add", "chairs", "sketch.tif")
    shutil.copytree(desk / "index", desk / "other")
    call("watch", "add", "lost", "sketch.tif", "--index", "other")
    shutil.move(desk / "other", desk / "moved")
    add_second_week(desk)
    assert run(["watch", "run"]) == 1
    out, err = capsys.readouterr()
    assert "warning: lost was not asked: there is no index in" in err
    assert all(one in out for one in ids(SECOND))
    shutil.move(desk / "moved", desk / "other")
    with Index.open(desk / "other") as index:
        index.add(desk / "second.tar", figures=False)
    assert digest(call) == {"chairs": set(), "lost": ids(SECOND)}


@pytest.mark.parametrize("written", ["digest.html", "seen.json"])
def test_a_full_disk_loses_nothing(
    desk: Path, call: Call, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    call("watch", "add", "chairs", "sketch.tif")
    add_second_week(desk)
    real = whole.write

    def full(path: Path, data: bytes) -> None:
        if path.name == written:
            raise OSError(28, "No space left on device")
        real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(whole, "write", full)
        call("watch", "run", "--html", "digest.html", status=1)
    assert digest(call)["chairs"] == ids(SECOND)


def test_list_show_and_remove(desk: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    call("watch", "list")
    call("watch", "add", "chairs", "sketch.tif", "--applicant", "Acme", "--top", "3")
    assert run(["watch", "add", "chairs", "sketch.tif"]) == 1
    assert "there is a watch 'chairs'" in capsys.readouterr().err
    assert "by Acme" in call("watch", "list")
    (listed,) = json.loads(call("watch", "list", "--json"))
    assert (listed["name"], listed["shown"], listed["ran"]) == ("chairs", 0, "")
    shown = json.loads(call("watch", "show", "chairs", "--json"))
    assert shown["watch"]["request"]["applicants"] == ["Acme"]
    assert "last ran never" in call("watch", "show", "chairs")
    call("watch", "remove", "chairs")
    assert run(["watch", "show", "chairs"]) == 1
    assert "there is no watch 'chairs'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "../x", "sketch.tif"], "cannot be the name of a watch"),
        (["add", "x", "nowhere.tif"], "nowhere.tif"),
        (["add", "x", "first.tar"], "first.tar"),
        (["run", "nobody"], "there is no watch 'nobody'"),
        (["run", "--since", "soon"], "is not a date"),
    ],
)
def test_what_cannot_be_watched_is_one_line_and_leaves_nothing(
    desk: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(["watch", *arguments]) == 1
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert Watches(desk / "watches").names() == []


def test_the_folder_is_its_owners_alone_and_damage_is_named(
    desk: Path, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    call("watch", "add", "chairs", "sketch.tif")
    for path in (desk / "watches", *(desk / "watches").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
    (desk / "watches" / "seen.json").write_text("{")
    assert run(["watch", "run"]) == 1
    assert "seen.json is damaged" in capsys.readouterr().err
    (desk / "watches" / "seen.json").unlink()
    (desk / "watches" / "watches" / "chairs.json").write_text("[]")
    assert run(["watch", "run"]) == 1
    assert "chairs.json is damaged" in capsys.readouterr().err


seen = st.builds(
    Seen,
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
    st.lists(st.sampled_from("uvwxyz"), unique=True).map(tuple),
    st.sampled_from(["", "2026-01-01", "2026-02-01"]),
)


@given(seen, seen)
def test_two_programs_that_ran_at_once_forget_nothing(one: Seen, other: Seen) -> None:
    both, again = one.further(other), other.further(one)
    assert (both.generations, both.ran) == (again.generations, again.ran)
    assert set(both.shown) == set(again.shown) == {*one.shown, *other.shown}
    for name, generation in one.generations.items():
        assert both.generations[name] >= generation


def test_the_units_run(
    desk: Path, tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What systemd would run, as the service says it, with a home folder of the test's own."""
    home = tmp_path / "home"
    program = home / ".local/bin/edgepatent"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m edgepatent "$@"\n')
    program.chmod(0o755)
    (home / "edgepatent/weeks").mkdir(parents=True)
    shutil.copy(desk / "second.tar", home / "edgepatent/weeks/I20210112.tar")
    unit = (UNITS / "edgepatent-watch.service").read_text().replace("%h", str(home))
    assert run(["watch", "add", "chairs", "sketch.tif"]) == 0
    commands = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert len(commands) == 2
    for line in commands:
        done = subprocess.run(line.split(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if " watch run " in line:
            # Who reads the log learns nothing of what is watched, nor what was found.
            assert not re.search("chairs|sketch|USD", done.stdout + done.stderr)
            assert f"1 watches: {len(ids(SECOND))} new designs" in done.stdout
    page = (home / "edgepatent/digest.html").read_text()
    assert all(one in page for one in ids(SECOND))


def test_grants_that_come_as_folders_are_as_new(desk: Path, call: Call) -> None:
    call("watch", "add", "chairs", "sketch.tif")
    write_folder(desk / "new" / grant_name(907400), grant_files(907400))
    (desk / "week.zip").write_bytes(zip_of(week_files(range(907401, 907402))))
    with Index.open(desk / "index") as index:
        index.add(desk / "new", desk / "week.zip", figures=False)
    assert digest(call)["chairs"] == ids(range(907400, 907402))
