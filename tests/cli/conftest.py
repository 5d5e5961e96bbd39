"""The command, in a process of its own or in this one, and a small index to search in."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import Finished, in_here, in_process, surroundings
from PIL import Image

from edgepatent_runtime import sources
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.encoder import Encoder
from edgepatent_runtime.record import Skipped

Command = Callable[..., Finished]
DESIGNS = 10
VIEWS = 4


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of its own, so that no test touches the user's index."""
    return tmp_path_factory.mktemp("home")


def caller(call: Callable[..., Finished], home: Path) -> Command:
    """``call`` with what tests say: words, and variables of the environment by name."""

    def run(
        *arguments: object, stdin: bytes = b"", status: int | None = 0, **environment: str
    ) -> Finished:
        words = [str(argument) for argument in arguments]
        done = call(words, {**surroundings(home), **environment}, stdin)
        if status is not None:
            assert done.returncode == status, done.stderr + done.stdout
        return done

    return run


@pytest.fixture(scope="session")
def edgepatent(home: Path) -> Command:
    """Run ``edgepatent ARGUMENTS`` here and return how it ended (text)."""
    return caller(in_here, home)


@pytest.fixture(scope="session")
def process(home: Path) -> Command:
    """The same as a program of its own, where that is the point."""
    return caller(in_process, home)


@pytest.fixture(scope="session")
def designs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder source of synthetic designs: SYN…/view N.png, the last view of each left out.

    The views left out lie in ``designs/../unseen``, one file a design, named by its number.
    """
    folder = tmp_path_factory.mktemp("designs") / "designs"
    unseen = folder.parent / "unseen"
    unseen.mkdir(parents=True)
    source = sources.open_source(f"synthetic:designs={DESIGNS},seed=11,views={VIEWS}")
    rows = []
    for number, record in enumerate(source.records(Skipped())):
        page = Image.fromarray(sources.read_page(record.image))
        if number % VIEWS == VIEWS - 1:
            page.save(unseen / f"{record.patent_id}.png")
            continue
        name = f"{record.patent_id}/view {number % VIEWS}.png"
        (folder / record.patent_id).mkdir(parents=True, exist_ok=True)
        page.save(folder / name)
        rows.append(
            {
                "file_name": name,
                "patent_id": record.patent_id,
                "locarno": record.locarno,
                "figure": record.figure,
                "view": record.view,
                "title": record.title,
                "date": f"20{10 + number // VIEWS:02}-05-01",
            }
        )
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="session")
def index(designs: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of `designs` made with the tiny model."""
    folder = tmp_path_factory.mktemp("index") / "index"
    source = sources.open_source(str(designs))
    with Collection.create(folder, tiny_bundle) as collection:
        collection.add(source.records(Skipped()), Encoder(tiny_bundle), root=source.root)
    return folder


@pytest.fixture(scope="session")
def query(designs: Path) -> Path:
    """A stored drawing with more paper around it: alike, but not the file that is indexed."""
    page = Image.open(designs / first_design(designs) / "view 0.png")
    wider = Image.new("L", (page.width + 60, page.height + 60), 255)
    wider.paste(page, (30, 30))
    path = designs.parent / "query.png"
    wider.save(path)
    return path


def first_design(designs: Path) -> str:
    """The patent id of the first design."""
    return min(p.name for p in designs.iterdir() if p.is_dir())
