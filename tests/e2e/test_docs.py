"""Every example in the docs: blocks of sh and python are run, all other commands parsed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import click
import pytest
from commands import in_here
from PIL import Image
from stored import draw_patents

from edgepatent.cli import LazyGroup, command
from edgepatent.matter import Matter
from edgepatent_runtime import sources
from edgepatent_runtime.record import Skipped

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
SH = [page for page in PAGES if re.search(r"^```sh$", page.read_text(), re.M)]
PYTHON = [page for page in PAGES if re.search(r"^```python$", page.read_text(), re.M)]


def blocks(page: Path, *kinds: str) -> list[str]:
    """The fenced blocks of a page whose info string is one of ``kinds``."""
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [body for kind, body in found if kind in kinds]


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with what the examples name, shared by those that work with one index."""
    return laid_out(tmp_path_factory.mktemp("desk"))


def laid_out(folder: Path) -> Path:
    """Fill a folder with what the examples name: drawings, a sketch, views, a sheet, queries."""
    source = sources.open_source("synthetic:designs=12,seed=11,views=4")
    rows = ["file_name,patent_id,locarno,figure,view,title,date"]
    for number, record in enumerate(source.records(Skipped())):
        page = Image.fromarray(sources.read_page(record.image))
        place = folder / ("more" if number >= 40 else "drawings") / record.patent_id
        place.mkdir(parents=True, exist_ok=True)
        page.save(place / f"{number % 4}.png")
        title = "Folding chair" if number < 8 else record.title
        rows.append(
            f"{record.patent_id}/{number % 4}.png,{record.patent_id},{record.locarno},"
            f"{record.figure},{record.view},{title},{2008 + number // 4}-05-01"
        )
    for name, part in (("drawings", rows[:41]), ("more", rows[:1] + rows[41:])):
        (folder / name / "metadata.csv").write_text("\n".join(part) + "\n")
    views = [folder / "drawings" / "SYN11-000004" / f"{n}.png" for n in range(2)]
    wider = [Image.new("L", (640, 640), 255) for _ in views]
    for page, view in zip(wider, views, strict=True):
        page.paste(Image.open(view).convert("L"), (40, 40))
    for name, page in (("sketch.png", wider[0]), ("front.png", wider[0]), ("side.png", wider[1])):
        page.save(folder / name)
    # Copies: Pillow keeps the settings of the last format that an image was saved in.
    wider[0].copy().save(folder / "sheet.tif", save_all=True, append_images=[wider[1].copy()])
    photographed = sources.open_source("synthetic:designs=1,seed=12,views=0,photographs=1")
    [photograph] = photographed.records(Skipped())
    Image.fromarray(sources.read_page(photograph.image)).save(folder / "mug.jpg")
    (folder / "queries").mkdir()
    shutil.copy(folder / "sketch.png", folder / "queries")
    (folder / "small.toml").write_text(blocks(ROOT / "docs" / "model-maker.md", "toml")[0])
    return folder


def surroundings(desk: Path) -> dict[str, str]:
    bin_folder = desk / "bin"
    bin_folder.mkdir(exist_ok=True)
    program = bin_folder / "edgepatent"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m edgepatent "$@"\n')
    program.chmod(0o755)
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("EDGEPATENT", "XDG"))},
        "HOME": str(desk),
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "EDGEPATENT_INDEX": str(desk / "index"),
    }


def plain(body: str) -> list[list[str]]:
    """The words of each line, where all a block does is to call edgepatent; else nothing."""
    lines = [shlex.split(line, comments=True) for line in body.replace("\\\n", " ").splitlines()]
    lines = [words for words in lines if words]
    free = all(words[0] == "edgepatent" and not {"|", ">", "&&"} & {*words} for words in lines)
    return [words[1:] for words in lines] if free else []


def expanded(words: list[str]) -> list[str]:
    """Patterns replaced by what is there, as a shell does."""
    there = [sorted(map(str, Path().glob(word))) if "*" in word else [word] for word in words]
    return [name for names in there for name in names]


def run_blocks(page: Path, desk: Path, *kinds: str) -> None:
    """Run blocks; without the shell, and a program for each line, where they need neither."""
    for body in blocks(page, *kinds):
        calls = plain(body)
        for words in calls:
            with chdir(desk):
                done = in_here(expanded(words), surroundings(desk))
            assert done.returncode == 0, f"{words}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
        if calls:
            continue
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", body],
            cwd=desk,
            env=surroundings(desk),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{body}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"


@pytest.fixture(scope="module")
def fuller_desk(desk, tmp_path_factory) -> Path:
    """A desk without an index, whose drawings are so many that processes share the decoding."""
    folder = tmp_path_factory.mktemp("fuller") / "desk"
    shutil.copytree(desk, folder, ignore=shutil.ignore_patterns("*index", "bin"))
    more = draw_patents(folder / "drawings", 60)
    with (folder / "drawings" / "metadata.csv").open("a") as file:
        for path in more:
            file.write(f"{path.relative_to(folder / 'drawings')},{path.parent.name},06-01,,,,\n")
    rows = (folder / "drawings" / "metadata.csv").read_text().count("\n") - 1
    assert rows > 200
    return folder


@pytest.mark.parametrize("page", SH, ids=lambda page: page.name)
def test_commands_run(page, desk):
    run_blocks(page, desk, "sh")


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_python_examples_run_as_scripts_of_their_own(page, fuller_desk):
    for body in blocks(page, "python"):
        script = fuller_desk / "example.py"
        script.write_text(body)
        done = subprocess.run(
            [sys.executable, "-W", "error", script],
            cwd=fuller_desk,
            env=surroundings(fuller_desk),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{body}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"


@pytest.mark.slow
def test_the_examples_of_the_model_maker_run(tmp_path):
    run_blocks(ROOT / "docs" / "model-maker.md", laid_out(tmp_path), "sh slow")


@pytest.mark.slow
def test_the_docket_is_walked_through(shared, tmp_path):
    """Over the shared grants; December's come later, the two of 57 and 67 sheets not at all."""
    page = ROOT / "docs" / "searcher.md"
    (tmp_path / "docket.csv").write_text(blocks(page, "csv docket.csv")[0])
    for grant in (shared / "data" / "uspto-grants").glob("USD*"):
        place = "december" if "-202112" in grant.name else "grants"
        if not grant.name.startswith("USD091144"):
            (tmp_path / place).mkdir(exist_ok=True)
            (tmp_path / place / grant.name).symlink_to(grant)
    run_blocks(page, tmp_path, "sh docket")
    reports = tmp_path / "reports"
    assert len(list(reports.glob("A-1?? *.html"))) == 11
    case = Matter(tmp_path / "docket" / "A-101 running shoe")
    first = case.search(case.searches()[0])
    assert {hit.patent_id for hit in first.hits[:3]} >= {"USD0917866", "USD0923318"}
    again = case.search(case.searches()[1])
    assert not case.noise() & {hit.patent_id for hit in again.hits}
    digest = (reports / "digest.html").read_text()
    assert "A-101 running shoe" in digest
    assert "USD0938702" in digest
    listed = (reports / "A-101-ids.txt").read_text()
    assert "1     D917,866           S1    2021-05-04  NIKE, Inc." in listed
    assert "collar and heel counter" in (reports / "A-101.csv").read_text("utf-8-sig")
    report = (reports / "A-101 report.html").read_text()
    assert "collar and heel counter" in report
    # Noise is in the records of the appendix, and nowhere else.
    assert "USD0930094" not in report.partition('<table class="appendix">')[0]


def commands(page: Path) -> list[str]:
    """Every ``edgepatent …`` of a page, in blocks, indented or inline, with lines joined."""
    text = page.read_text().replace("\\\n", " ")
    found = re.findall(r"^(?:    |\$ )?(edgepatent [a-z][^\n#|]*)", text, re.M)
    found += re.findall(r"`(edgepatent [a-z][^`]*)`", text)
    return [" ".join(line.split()) for line in found]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_their_options_exist(page):
    if page.name == "cli.md":
        pytest.skip("generated from --help, and held to it by make check")
    for line in commands(page):
        words = shlex.split(line.replace("…", ""))[1:]
        verb: click.Command = command
        while words and isinstance(verb, LazyGroup):
            name = words.pop(0)
            found = verb.get_command(click.Context(verb), name)
            assert found is not None, f"{line}: there is no {name}"
            verb = found
        known = {option for p in verb.params for option in (*p.opts, *p.secondary_opts)}
        used = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert used <= known | {"--help", "--debug"}, f"{line}: {used - known}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
