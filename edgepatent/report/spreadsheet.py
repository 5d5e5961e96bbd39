"""Tables for spreadsheets: CSV, and XLSX with pictures."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO

Cell = str | int | float | None

# A picture in a row, in pixels, and the row that holds it, in points.
_PICTURE, _ROW = 96, 78
_WIDEST = 48
# What a cell of a workbook holds at most.
_LONGEST = 32_767


@dataclass(frozen=True)
class Table:
    """Rows of cells below ``columns``; ``pictures`` (PNG, or None) are one a row."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    pictures: Sequence[bytes | None]


def to_csv(table: Table) -> str:
    """A table as CSV in which no text is a formula."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([cell_text(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue()


def cell_text(cell: str) -> str:
    """A cell that a spreadsheet takes for text: it would carry out a title that begins with "="."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def to_workbook(table: Table, title: str) -> bytes:
    """A table as an XLSX file with a picture in each row; text is never a formula or a link.

    Needs the extra ``xlsx``.
    """
    import xlsxwriter

    out = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"title": title})
        sheet = book.add_worksheet("Designs")
        bold = book.add_format({"bold": True, "bottom": 1})
        top = book.add_format({"valign": "top", "text_wrap": True})
        columns = ["picture", *table.columns]
        for place, name in enumerate(columns):
            width = _width(name, [row[place - 1] for row in table.rows]) if place else 14
            sheet.set_column(place, place, width)
            sheet.write_string(0, place, name, bold)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 1, max(len(table.rows), 1), len(columns) - 1)
        for number, (row, png) in enumerate(zip(table.rows, table.pictures, strict=True), start=1):
            sheet.set_row(number, _ROW)
            if png is not None:
                scale = _PICTURE / max(_size(png))
                sheet.insert_image(
                    number, 0, "drawing.png",
                    {"image_data": BytesIO(png), "x_scale": scale, "y_scale": scale,
                     "x_offset": 3, "y_offset": 3, "object_position": 1},
                )  # fmt: skip
            for place, cell in enumerate(row, start=1):
                if isinstance(cell, int | float):
                    sheet.write_number(number, place, cell, top)
                elif cell:
                    sheet.write_string(number, place, cell[:_LONGEST], top)
    return out.getvalue()


def _width(name: str, cells: Sequence[Cell]) -> int:
    """How wide a column has to be, in characters."""
    longest = max((len(str(cell or "")) for cell in cells), default=0)
    return min(max(len(name), longest) + 2, _WIDEST)


def _size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG: they stand at the beginning of its first chunk."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
