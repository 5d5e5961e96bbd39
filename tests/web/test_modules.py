"""The scripts of the page: who imports whom."""

import re
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files

import pytest


def test_no_script_imports_in_a_circle() -> None:
    found: dict[str, set[str]] = {}
    for script in files("edgepatent.web").joinpath("static").iterdir():
        if script.name.endswith(".js"):
            text = script.read_text("utf-8")
            # Also what is only loaded once it is needed.
            found[script.name] = set(re.findall(r'(?:from |import\()"\./(\w+\.js)"', text))
    assert len(found) > 10
    assert {name for names in found.values() for name in names} <= set(found)
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
