"""Which rows of a sheet are the captions of its figures."""

from statistics import median

from edgepatent_runtime.figures.rows import Row

# A caption without a number must be this certain …
_CERTAIN = 0.9
# … and as high as those that have one, within this factor.
_ALIKE = 1.3
# With a letter misread, this certain.
_MISREAD = 0.6


def chosen_captions(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """The captions, the highest first, and all other rows.

    "1.2" is a caption where nothing says "FIG."; a figure may be named a second time, with a
    leader, where another one shows its place.
    """
    able = [row for row in rows if row.kind == "caption"]
    spelt = [row for row in able if not _is_hague(row) and _is_sound(row)]
    numbered = [row for row in spelt if row.number is not None]
    if numbered:
        usual = median(map(_height, numbered))
        alike = [row for row in spelt if usual / _ALIKE <= _height(row) <= usual * _ALIKE]
        spelt = [row for row in spelt if row.number is not None or row in alike]
    elif not spelt:
        spelt = [row for row in able if _is_hague(row) and row.certainty >= _CERTAIN]
    kept: list[Row] = []
    named: set[str] = set()
    for row in sorted(spelt, key=lambda row: -_height(row)):
        if row.number not in named:
            kept.append(row)
            named.update([row.number] if row.number else [])
    return kept, [row for row in rows if row not in kept]


def _is_hague(row: Row) -> bool:
    return row.number is not None and "." in row.number


def _is_sound(row: Row) -> bool:
    if not row.text.startswith("FIG"):
        return row.number is not None and row.certainty >= _MISREAD
    return row.number is not None or row.certainty >= _CERTAIN


def _height(row: Row) -> int:
    return row.box[2] if row.turned % 2 else row.box[3]
