"""Documents that somebody has edited by hand: each value of a whole one made wrong in turn."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WRONG: tuple[object, ...] = (
    None, True, -1, 0, 2**63, 10**30, 1e308, "", "x", "../../outside", "/etc/passwd", "a\0b",
    "\x1b[31mred\x1b[0m\n", "\u202ertl", "\ud800", "9" * 5000, [], [[]], {}, {"": 0},
)  # fmt: skip

BYTES: dict[str, bytes] = {
    "empty": b"", "no JSON": b"{", "no UTF-8": b'{"\xff": "\xff"}', "NUL": b"\0" * 100,
    "deep": b"[" * 100_000, "deep field": b'{"more": ' + b'{"a":' * 100_000, "list": b"[]",
    "number": b"1e999", "repeated": b'{"format": 1, "format": 2}', "unknown": b'{"more": {}}',
}  # fmt: skip


def places(document: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the values of a document lie, itself left out."""
    inside = (
        document.items() if isinstance(document, dict)
        else enumerate(document) if isinstance(document, list) else ()
    )  # fmt: skip
    for key, value in inside:
        yield (*at, key)
        yield from places(value, (*at, key))


def edited(text: bytes) -> Iterator[tuple[str, bytes]]:
    """What was done, and the document after it: each value replaced by each wrong one, or gone."""
    whole = json.loads(text)
    for place in places(whole):
        for wrong in (*WRONG, ...):
            changed = copy.deepcopy(whole)
            holder = changed
            for key in place[:-1]:
                holder = holder[key]
            if wrong is ...:
                del holder[place[-1]]
            else:
                holder[place[-1]] = wrong
            yield f"{'.'.join(map(str, place))} = {wrong!r:.40}", json.dumps(changed).encode()


def no_files(path: Path) -> Iterator[str]:
    """What was put in place of the file ``path``, which is none then: a folder, a pipe, links."""
    outside = path.parent / "kept elsewhere"
    path.rename(outside)
    makers = {
        "a folder": path.mkdir,
        "a pipe": lambda: os.mkfifo(path),
        "a link to elsewhere": lambda: path.symlink_to("/etc/passwd"),
        "a link to itself": lambda: path.symlink_to(path.name),
        "a device": lambda: path.symlink_to("/dev/zero"),
    }
    for name, make in makers.items():
        make()
        yield name
        path.rmdir() if name == "a folder" else path.unlink()
    outside.rename(path)
