"""Write docs/cli.md from the ``--help`` of every verb; ``--check`` fails when it is stale."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from edgepatent.cli import command

TARGET = Path(__file__).with_name("cli.md")
HEAD = """# Command line reference

Generated from `--help` by `make docs`. Exit status: 0 done (also when some inputs were skipped
and at least one was used), 1 refused or failed (one line says what to do; `--debug`, anywhere,
shows a traceback), 2 wrong usage.
"""


def walk(group: click.Group, path: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    """Every command's full name and help, groups before their verbs."""
    context = click.Context(group, info_name=path, parent=parent, max_content_width=100)
    context.terminal_width = 100
    yield path, group.get_help(context)
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        assert verb is not None, f"{path} {name} is listed but missing"
        if isinstance(verb, click.Group):
            yield from ((f"{path} {n}", h) for n, h in walk(verb, name, context))
        else:
            inner = click.Context(verb, info_name=name, parent=context)
            inner.terminal_width = 100
            yield f"{path} {name}", verb.get_help(inner)


def reference() -> str:
    """The whole page."""
    pages = walk(command, "edgepatent", None)
    parts = [HEAD, *(f"## {name}\n\n```text\n{text.rstrip()}\n```\n" for name, text in pages)]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it; the exit status."""
    text = reference()
    if "--check" not in sys.argv:
        TARGET.write_text(text)
        return 0
    if TARGET.is_file() and TARGET.read_text() == text:
        return 0
    print("docs/cli.md does not match --help: run make docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
