"""The elements of a JSON array of any length, one at a time, in constant memory."""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from edgepatent_runtime.errors import SourceError

_CHUNK = 1 << 20
_DELIMITERS = frozenset(" \t\r\n,]")
MOST_CHARACTERS = 16 << 20
"""The longest element that is read; one that is longer is taken for damage."""


def elements(file: TextIO, label: str) -> Iterator[Any]:
    """Yield the elements of the array in ``file``; objects one after the other will do as well.

    Raises `SourceError`, after the elements before it, where the text is damaged or cut short.
    """
    decoder = json.JSONDecoder()
    text, position, count, inside = "", 0, 0, False
    while True:
        chunk = file.read(_CHUNK)
        text, position = text[position:] + chunk, 0
        while True:
            position = _skip(text, position)
            if not inside and text[position : position + 1] == "[" and not count:
                inside = True
                position = _skip(text, position + 1)
            if position == len(text):
                break
            if inside and text[position] == "]":
                return
            try:
                element, end = decoder.raw_decode(text, position)
            except (json.JSONDecodeError, RecursionError) as error:
                if chunk and len(text) - position <= MOST_CHARACTERS:
                    break  # perhaps the rest of it comes with the next chunk
                raise SourceError(f"{label} is damaged after {count:,} records: {error}") from error
            is_number = isinstance(element, int | float)
            if chunk and is_number and text[end : end + 1] not in _DELIMITERS:
                break  # "1" may go on as "1.5" in the next chunk
            yield element
            count += 1
            position = end
        if not chunk:
            if inside:
                raise SourceError(f"{label} is cut short after {count:,} records")
            return


def _skip(text: str, position: int) -> int:
    """The first position from ``position`` on that holds neither white space nor a comma."""
    while position < len(text) and text[position] in " \t\r\n,":
        position += 1
    return position
