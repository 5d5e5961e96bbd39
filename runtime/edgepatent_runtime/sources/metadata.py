"""Records written down as ``metadata.jsonl``, which a folder source reads back."""

import os
from pathlib import Path

from edgepatent_runtime.record import Record
from edgepatent_runtime.sources import columns


def row(record: Record, folder: Path) -> dict[str, object]:
    """One row of the ``metadata.jsonl`` in ``folder``: known fields only.

    ``file_name`` is relative to ``folder`` where the file lies below it, else absolute. A drawing
    that is more than a file of its own has ``member`` (the way through archives), ``page`` (from
    1) or ``box`` (x, y, width, height) besides.
    """
    image = record.image
    path = str(Path(image.path).absolute())
    below = os.path.relpath(path, folder.absolute())
    fields: dict[str, object] = {
        "file_name": path if below.startswith(os.pardir) else Path(below).as_posix(),
        "member": list(image.member),
        "page": image.page + 1 if image.page else None,
        "box": image.box,
        "patent_id": record.patent_id,
        "locarno": record.locarno,
        "class": record.klass,
        "subclass": record.subclass,
        "figure": record.figure,
        "view": record.view,
        "title": record.title,
        "date": record.date,
        "text": record.text,
        **columns.write(record.bibliography),
    }
    return {name: value for name, value in fields.items() if value}
