"""Write docs/recipe.md from the recipe structures; ``--check`` fails when it is stale."""

import inspect
import re
import sys
import types
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from edgepatent_train.recipe import Recipe
from edgepatent_train.recipe_file import load_recipe, recipe_names

TARGET = Path(__file__).with_name("recipe.md")
HEAD = """# Recipe reference

Generated from the program by `make docs`. A recipe is a TOML file of these tables; what it leaves
out has the default. Unknown keys are refused, with the nearest known one.
"""


def tables() -> list[tuple[str, type[msgspec.Struct]]]:
    """The structures of a recipe, the recipe itself first, by the name of their table in TOML."""
    found: list[tuple[str, type[msgspec.Struct]]] = [("", Recipe)]
    for field in msgspec.structs.fields(Recipe):
        inner = get_args(field.type)[0] if get_origin(field.type) is tuple else field.type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            found.append(
                (f"[[{field.name}]]" if inner is not field.type else f"[{field.name}]", inner)
            )
    return found


def kind(annotation: Any) -> str:
    """A type as somebody who writes TOML would call it."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f'"{value}"' for value in inside)
    if origin is tuple:
        return f"list of {kind(inside[0])}"
    if origin is dict:
        return f"table of {kind(inside[1])} by {kind(inside[0])}"
    if isinstance(annotation, types.UnionType):
        return " \\| ".join(kind(each) for each in inside)
    names = {str: "text", int: "whole number", float: "number", bool: "true \\| false"}
    if annotation in names:
        return names[annotation]
    assert issubclass(annotation, msgspec.Struct)
    return "table"


def default(field: Any) -> str:
    """The default as TOML, empty where the key must be given."""
    value = field.default
    if value is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is msgspec.NODEFAULT:
        return "must be given"
    if isinstance(value, msgspec.Struct):
        return ""
    return f"`{toml(value)}`"


def toml(value: Any) -> str:
    """A value as TOML writes it in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def prose(struct: type) -> str:
    """The docstring as Markdown: `key` for ``key``, structures of the code by their table."""
    text = inspect.cleandoc(struct.__doc__ or "").replace("``", "`")
    return re.sub(r" \(`ridge\.fit_ridge`\)| \(`mixing`\)", "", text)


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, struct in tables():
        parts.append(f"## {name or 'A recipe'}\n\n{prose(struct)}\n")
        rows = [
            f"| `{field.name}` | {kind(field.type)} | {default(field)} |"
            for field in msgspec.structs.fields(struct)
        ]
        parts.append("| key | value | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    shipped = [f"| `{name}` | {load_recipe(name).model.backbone} |" for name in recipe_names()]
    parts.append(
        "## Recipes that come with the package\n\n"
        "Those ending in `-edge` have ReLU and no squeeze-excite gates, for INT8.\n\n"
        "| name | backbone |\n|---|---|\n" + "\n".join(shipped) + "\n"
    )
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it; the exit status."""
    text = reference()
    if "--check" not in sys.argv:
        TARGET.write_text(text)
        return 0
    if TARGET.is_file() and TARGET.read_text() == text:
        return 0
    print("docs/recipe.md does not match edgepatent_train.recipe: run make docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
