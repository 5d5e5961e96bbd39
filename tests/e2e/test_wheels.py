"""The wheels, installed into fresh environments: alone without torch, and with the extras."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from stored import draw_patents

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = (".", "runtime", "postgres", "cluster", "synthetic", "train", "export")


def run(*command, check=True, **more):
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        **more,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The seven wheels, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    for where in DISTRIBUTIONS:
        run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
            "--wheel-dir", folder, ROOT / where)  # fmt: skip
    return folder


def environment(folder: Path, wheels: Path, *requirements: str, binary: bool = True) -> Path:
    """A fresh environment with ``requirements`` of these wheels; the path of its commands."""
    run(sys.executable, "-m", "venv", folder)
    install(folder / "bin", wheels, *requirements, binary=binary)
    return folder / "bin"


def install(commands: Path, wheels: Path, *requirements: str, binary: bool = True) -> None:
    """Install ``requirements`` of these wheels, and what they need from an index.

    With ``binary`` nothing may be compiled: what has no wheel for this machine fails.
    """
    pip = [commands / "python", "-m", "pip", "install", "--quiet"]
    only = ["--only-binary=:all:"] if binary else []
    done = run(*pip, *only, "--find-links", wheels, *requirements, check=False)
    # Where there is an index but something has no wheel, the message is the same: ask for numpy.
    if done.returncode and "Could not find a version that satisfies" in done.stderr:
        probe = run(*pip, "--dry-run", "--only-binary=:all:", "numpy", check=False)
        if probe.returncode:
            pytest.skip("no package index can be reached, and dependencies must come from one")
    assert done.returncode == 0, done.stderr


def installed_in(commands: Path) -> str:
    """What pip lists, a line a distribution, in lower case."""
    return run(commands / "python", "-m", "pip", "list", "--format", "freeze").stdout.lower()


def test_wheels_hold_what_they_need_and_nothing_of_each_other(wheels):
    names = {}
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names[wheel.name.split("-")[0]] = set(archive.namelist())
    assert set(names) == {
        "edgepatent",
        "edgepatent_runtime",
        "edgepatent_postgres",
        "edgepatent_cluster",
        "edgepatent_synthetic",
        "edgepatent_train",
        "edgepatent_export",
    }
    for distribution, files in names.items():
        tops = {name.split("/")[0] for name in files if ".dist-info/" not in name}
        assert tops == {distribution}
        assert f"{distribution}/py.typed" in files
        assert not any("test" in Path(name).name for name in files)
    assert "edgepatent/report/templates/page.html.j2" in names["edgepatent"]
    assert any(
        name.startswith("edgepatent_runtime/starter/") for name in names["edgepatent_runtime"]
    )
    assert any(name.endswith(".toml") for name in names["edgepatent_train"])


@pytest.mark.timeout(1500)
def test_the_runtime_alone_searches_then_edgepatent_and_nothing_is_compiled(wheels, tmp_path):
    """One environment for both, since most of the time goes into what both stand on."""
    commands = environment(tmp_path / "venv", wheels, "edgepatent-runtime")
    installed = installed_in(commands)
    for absent in ("hnswlib", "click", "rich", "jinja2", "edgepatent=", "edgepatent-synthetic"):
        assert absent not in installed
    draw_patents(tmp_path / "drawings", 4)
    # Alike, but not the file that is indexed.
    query = tmp_path / "query.png"
    with Image.open(tmp_path / "drawings" / "P0002" / "view0.png") as page:
        ImageOps.expand(page, 30, 255).save(query)
    script = tmp_path / "script.py"
    script.write_text(
        "import edgepatent_runtime as ep\n"
        "with ep.Index.create('index', model='starter') as index:\n"
        "    index.add('drawings')\n"
        "    print(len(index))\n"
        "    for plan in ('auto', 'graph'):\n"
        "        print(index.search('query.png', top=1, plan=plan, anyway=True)[0].patent_id)\n"
    )
    home = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    done = run(commands / "python", script, cwd=tmp_path, env=home)
    assert done.stdout.split() == ["4", "P0002", "P0002"]

    install(commands, wheels, "edgepatent")

    def edgepatent(*arguments, check=True):
        return run(commands / "edgepatent", *arguments, check=check, env=home, cwd=tmp_path)

    installed = installed_in(commands)
    for absent in ("hnswlib", "torch", "timm", "onnx=", "optimum", "transformers", "scikit-learn"):
        assert absent not in installed
    edgepatent("index", "add", "drawings")
    found = edgepatent("search", query, "--anyway").stdout
    assert "P0002" in found
    edgepatent("evaluate", "--data", "drawings", "--json")
    graph = next(line for line in edgepatent("doctor").stdout.splitlines() if "hnswlib" in line
                 or " graph " in line)  # fmt: skip
    assert graph.startswith("note")
    assert "pip install 'edgepatent[graph]'" in graph
    edgepatent("data", "scan", "drawings")
    for verb in (["train", "--data", "drawings", "--recipe", "mobilevit_xxs", "--out", "run"],
                 ["export", "run", "--out", "bundle"]):  # fmt: skip
        refused = edgepatent(*verb, check=False)
        assert refused.returncode == 1
        assert f"pip install 'edgepatent[{verb[0]}]'" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


@pytest.mark.install
@pytest.mark.timeout(3000)
def test_the_extras_train_and_export(wheels, tmp_path):
    commands = environment(tmp_path / "venv", wheels, "edgepatent[train,export,pdf]", binary=False)
    home = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'extends = "mobilenetv4_conv_small-edge"\n[model]\nsize = 64\ndimensions = 64\n'
    )
    for command in (
        ["train", "--data", "synthetic:designs=24,seed=1,views=4", "--recipe", recipe,
         "--epochs", "1", "--out", "run"],
        ["export", "run", "--out", "bundle", "--data", "synthetic:designs=24,seed=2,views=4"],
        ["data", "synthesize", "--out", "designs", "--designs", "6", "--views", "3"],
        ["index", "add", "designs", "--model", "bundle"],
        ["search", "--text", "chair"],
    ):  # fmt: skip
        run(commands / "edgepatent", *command, env=home, cwd=tmp_path)
