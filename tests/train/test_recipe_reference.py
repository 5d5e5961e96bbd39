"""docs/recipe.md says every key of a recipe, and what the program says of it."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import parse_recipe, recipe_names

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "make_recipe_reference.py"


def script() -> Any:
    spec = spec_from_file_location("make_recipe_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLES = script().tables()


def test_the_reference_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "struct"), TABLES, ids=[name or "recipe" for name, _ in TABLES])
def test_every_key_is_explained(name: str, struct: type[msgspec.Struct]) -> None:
    doc = struct.__doc__ or ""
    keys = [field.name for field in msgspec.structs.fields(struct)]
    assert not [key for key in keys if not re.search(rf"``{key}\b", doc)]


def test_the_defaults_of_the_reference_make_the_recipe_that_has_none_of_them() -> None:
    page = (ROOT / "docs" / "recipe.md").read_text("utf-8")
    lines = []
    for section in page.split("\n## ")[1:]:
        title = section.splitlines()[0]
        if re.fullmatch(r"\[\w+\]", title):
            lines.append(title)
            rows = re.findall(r"^\| `(\w+)` \|.*\| `([^`]+)` \|$", section, re.M)
            lines += [f"{key} = {value}" for key, value in rows]
            lines += ['backbone = "test_efficientnet"'] * (title == "[model]")
    import tomllib

    read = parse_recipe(tomllib.loads("\n".join(lines)), "the reference")
    assert read == parse_recipe({"model": {"backbone": "test_efficientnet"}}, "bare")
    assert isinstance(read, Recipe)


def test_the_guide_names_recipes_and_files_that_there_are() -> None:
    text = (ROOT / "recipes" / "README.md").read_text("utf-8")
    named = set(re.findall(r"`([\w-]+(?:\.toml|\.sh|\.py)?)`", text.split("| the network")[0]))
    for name in named - {"hierarchical", "supcon", "data", "weights"}:
        if name.startswith("-") or name == "sweep.toml":
            continue
        if name.endswith((".toml", ".sh", ".py")):
            assert (ROOT / "recipes" / name).is_file(), name
        elif re.match(r"(tf_|mobile|efficient)", name):
            assert name in recipe_names(), name
