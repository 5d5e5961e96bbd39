"""Sources of other packages: found by entry point, opened, drawn, and missed in one line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgepatent_runtime.errors import DrawingError, SourceError
from edgepatent_runtime.record import ImageRef, Skipped
from edgepatent_runtime.sources import load, open_source, plugins, read_page
from edgepatent_runtime.sources.folder import FolderSource

# A package as a stranger would write it: dots whose number the reference names.
DOTS = """
import numpy as np
from edgepatent_runtime.errors import SourceError
from edgepatent_runtime.record import ImageRef, Record

class Dots:
    def __init__(self, spec):
        self.spec = self.root = spec
        self.count = int(spec.partition(":")[2])

    def records(self, skipped):
        for number in range(self.count):
            yield Record(ImageRef(f"dots:{number}"), f"DOT{number}", title="Dots")

def open_source(spec):
    if not spec.partition(":")[2].isdigit():
        raise SourceError(f"{spec}: write dots:NUMBER")
    return Dots(spec)

def read_page(reference):
    number = int(reference.partition(":")[2])
    if number >= 9000:
        raise SourceError(f"{reference}: there are 9000 dots")
    page = np.full((64, 96), 255, np.uint8)
    page[8 : 9 + number % 50, 10:80] = 0
    return page
"""
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a package of one module that announces a source of the same name."""

    def put(name: str, code: str) -> Path:
        site = tmp_path / "site"
        info = site / f"drawn_{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: drawn-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[edgepatent.sources]\n{name} = drawn_{name}\n")
        (site / f"drawn_{name}.py").write_text(code)
        monkeypatch.syspath_prepend(str(site))
        plugins._installed.cache_clear()
        return site

    return put


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    plugins._installed.cache_clear()


def test_a_strangers_source_is_opened_and_drawn(install: Install) -> None:
    install("dots", DOTS)
    source = open_source("dots:3")
    assert (source.spec, source.root) == ("dots:3", "dots:3")
    records = list(source.records(Skipped()))
    assert [record.patent_id for record in records] == ["DOT0", "DOT1", "DOT2"]
    page = read_page(records[2].image)
    assert page.shape == (64, 96)
    assert (page == 0).sum() == 3 * 70
    assert load(records[2].image, 32).shape == (32, 32)
    whole, part = (load(ImageRef("dots:40", box=b), 32) for b in (None, (0, 0, 30, 30)))
    assert not np.array_equal(whole, part)
    with pytest.raises(SourceError, match=r"^dots:many: write dots:NUMBER$"):
        open_source("dots:many")
    with pytest.raises(DrawingError, match="there are 9000 dots"):
        load(ImageRef("dots:9000"), 32)


def test_it_is_drawn_in_other_processes_too(install: Install) -> None:
    site = install("dots", DOTS)
    script = (
        "from edgepatent_runtime.record import Skipped\n"
        "from edgepatent_runtime.sources import open_source\n"
        "from edgepatent_runtime.sources.loading import load_all\n"
        "if __name__ == '__main__':\n"
        "    found = list(load_all(open_source('dots:260').records(Skipped()), 16, workers=2))\n"
        "    print(len(found), {drawing.shape for _, drawing in found})\n"
    )
    program = site / "program.py"
    program.write_text(script)
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "260 {(16, 16)}\n", done.stderr


def test_a_name_that_nobody_knows_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: ())
    plugins._installed.cache_clear()
    with pytest.raises(SourceError) as caught:
        open_source("synthetic:designs=3")
    assert str(caught.value) == (
        "synthetic:designs=3 does not exist, and no installed package has sources named "
        "synthetic: (there are: none); pip install edgepatent-synthetic brings synthetic: and "
        "meshes:"
    )
    with pytest.raises(DrawingError, match="pip install edgepatent-synthetic"):
        load(ImageRef("synthetic:seed=1,design=2,view=0"), 32)


def test_a_package_that_fails_to_import_is_one_line(install: Install) -> None:
    install("broken", "raise RuntimeError('first line\\nsecond line')")
    for call in (lambda: open_source("broken:1"), lambda: read_page(ImageRef("broken:1"))):
        with pytest.raises((SourceError, DrawingError)) as caught:
            call()
        assert "its package drawn-broken fails to import (RuntimeError: first line)" in str(
            caught.value
        )
        assert "\n" not in str(caught.value)


def test_files_whose_names_look_like_it_stay_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = Image.new("L", (40, 40), 255)
    picture.paste(0, (5, 5, 30, 20))
    for name in ("synthetic:designs=3", "ab:c.png", "a:b.png", "a:x"):
        picture.save(tmp_path / name, format="PNG")
        assert isinstance(open_source(name), FolderSource)
        assert load(ImageRef(name), 32).shape == (32, 32)
        assert not plugins.is_generated(name)
    assert plugins.is_generated("synthetic:designs=4")


def test_ordinary_paths_never_look_for_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(group: str) -> None:
        raise AssertionError("looked through the installed packages")

    monkeypatch.setattr("importlib.metadata.entry_points", refuse)
    plugins._installed.cache_clear()
    path = tmp_path / "x:y.png"
    picture = Image.new("L", (40, 40), 255)
    picture.paste(0, (5, 5, 30, 20))
    picture.save(path)
    for name in (str(path), "C:\\drawings\\x.png", "c:x", "plain.png"):
        assert plugins.find(name) is None
        assert not plugins.is_generated(name)
    list(open_source(str(path)).records(Skipped()))
    load(ImageRef(str(path)), 16)
