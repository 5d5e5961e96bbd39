"""Who may import whom: one table, held for every import, also those in functions and for types."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Lowest first. What stands in a line may import what stands in the lines above it, nothing else.
DISTRIBUTIONS = (
    "edgepatent_runtime",
    "edgepatent_postgres",
    "edgepatent_cluster",
    "edgepatent_synthetic",
    "edgepatent_train",
    "edgepatent_export",
    "edgepatent",
)
ROOMS = (
    (
        "errors",
        "progress",
        "dates",
        "names",
        "locarno",
        "patent_id",
        "record",
        "arrays",
        "ordered",
        "prepared",
        "onnx_rules",
        "faults",
        "parties",
        "uspc",
        "templates",
    ),
    ("seen", "connections", "wording"),
    ("metrics", "unusable", "whole", "workers", "filters", "embeddings_file", "bundle"),
    ("device",),
    ("drawing", "encoder", "signature", "gallery"),
    ("figures", "golden"),
    ("sources",),
    ("collection",),
    ("search",),
    ("stores",),
    ("filling",),
    ("index",),
    ("shards",),
    ("update",),
    ("",),  # the package itself, which only names what it offers
)
FOLDERS = {name: ROOT / name.removeprefix("edgepatent_") for name in DISTRIBUTIONS[:-1]}
FOLDERS["edgepatent"] = ROOT


@cache
def modules() -> dict[str, Path]:
    """Every module of the project by its full name."""
    found = {}
    for name, folder in FOLDERS.items():
        for file in (folder / name).rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Every import of one of our modules by another."""
    return frozenset((name, to) for name, file in modules().items() for to in imported(file))


def imported(file: Path) -> Iterator[str]:
    """The modules of ours that ``file`` imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules())
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules():
                    yield inner
                elif node.module in modules():
                    yield str(node.module)


def room(module: str) -> str:
    """The room of the runtime that a module lies in."""
    return module.split(".")[1] if "." in module else ""


def test_the_table_names_every_room() -> None:
    there = {room(name) for name in modules() if name.startswith("edgepatent_runtime")}
    assert there == {name for line in ROOMS for name in line}


def test_distributions_look_one_way() -> None:
    height = {name: place for place, name in enumerate(DISTRIBUTIONS)}
    upward = [
        f"{name} imports {to}"
        for name, to in arrows()
        if height[to.split(".")[0]] > height[name.split(".")[0]]
    ]
    assert not upward


def test_the_rooms_of_the_runtime_look_one_way() -> None:
    height = {name: place for place, line in enumerate(ROOMS) for name in line}
    inside = [a for a in arrows() if all(end.startswith("edgepatent_runtime") for end in a)]
    assert len(inside) > 100
    wrong = [
        f"{name} imports {to}"
        for name, to in inside
        if room(name) != room(to) and height[room(to)] >= height[room(name)]
    ]
    assert not wrong


def test_no_module_imports_in_a_circle() -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, to in arrows():
        if name != to:
            sorter.add(name, to)
    try:
        sorter.prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
