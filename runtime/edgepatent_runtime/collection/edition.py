"""What a collection holds, as one number: two folders of one edition give the same answers.

The number speaks of the model's space, the rotation, and each drawing with its row and all that is
known of it. It does not speak of what differs between copies and says nothing: row numbers, files
that were touched, folders that lie elsewhere, pictures, signs, graph, removed rows.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice

import msgspec
import numpy as np

from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.collection.entries import Words
from edgepatent_runtime.collection.snapshot import Snapshot
from edgepatent_runtime.progress import Progress

_BLOCK = 16_384
# Sums of digests, so that the order does not matter, and parts can be taken out and put in.
_MODULUS = 1 << 256


@dataclass(frozen=True)
class Edition:
    """``head`` is the digest of what all rows depend on, ``patents`` that of each, by its id."""

    head: bytes
    patents: Mapping[str, bytes]

    @cached_property
    def name(self) -> str:
        """The number, as 64 hexadecimal digits."""
        total = sum(int.from_bytes(digest) for digest in self.patents.values()) % _MODULUS
        return hashlib.sha256(self.head + total.to_bytes(32)).hexdigest()

    def without(self, patents: Collection[str]) -> "Edition":
        """What is left when ``patents`` are removed."""
        left = {one: digest for one, digest in self.patents.items() if one not in patents}
        return Edition(self.head, left)

    def changed(self, since: "Edition") -> set[str]:
        """The patents that are not what they were ``since``, and those that have come."""
        if self.head != since.head:
            return set(self.patents)
        return {one for one, digest in self.patents.items() if since.patents.get(one) != digest}


def take(catalog: Catalog, taken: Snapshot, progress: Progress) -> Edition:
    """The edition of the state that ``catalog``'s open transaction sees.

    Raises `CollectionError` where a row is damaged, `sqlite3.Error`.
    """
    digests: dict[str, bytes] = {}
    facts = catalog.sql.execute(
        "SELECT id, patent_id, locarno, klass, subclass, title, date, json FROM patents "
        "LEFT JOIN bibliographies ON bibliographies.patent = patents.id ORDER BY id"
    )
    drawings = groupby(_drawings(catalog, taken, progress), lambda one: one[0])
    owner, stored = next(drawings, (None, iter(())))
    for key, name, *known, bibliography in facts:
        if key != owner:
            continue  # no drawing is left of it
        # As this version writes it: others may have known fewer fields.
        said = msgspec.json.encode(catalog.bibliography(bibliography))
        digest = hashlib.sha256(repr((name, *known, said)).encode("utf-8", "surrogatepass"))
        for drawing in sorted(about + row for _, about, row in stored):
            digest.update(hashlib.sha256(drawing).digest())
        digests[catalog.checked(name, Words, "patents")] = digest.digest()
        owner, stored = next(drawings, (None, iter(())))
    if owner is not None:
        raise catalog.damaged("drawings without a patent")
    head = hashlib.sha256(repr((taken.state.space, taken.rotation.shape)).encode())
    head.update(np.ascontiguousarray(taken.rotation, "<f4").tobytes())
    return Edition(head.digest(), digests)


def _drawings(
    catalog: Catalog, taken: Snapshot, progress: Progress
) -> Iterator[tuple[int, bytes, bytes]]:
    """The patent's key, what is known and the row (codes and scale) of each drawing, by patent."""
    found = catalog.sql.execute(
        "SELECT drawings.patent, row, roots.name, files.path, part, hex(digest), files.size, "
        "figure, view, texts.text FROM drawings JOIN files ON files.id = file "
        "JOIN roots ON roots.id = files.root LEFT JOIN texts ON texts.id = drawings.text "
        "ORDER BY drawings.patent"
    )
    done = 0
    while block := list(islice(found, _BLOCK)):
        numbers = catalog.existing(np.fromiter((row for _, row, *_ in block), np.int64))
        taken.vectors.require(numbers)
        rows = taken.vectors.rows[numbers]
        size = rows.dtype.itemsize
        raw = rows.tobytes()
        for at, (patent, _, *about) in zip(range(0, len(raw), size), block, strict=True):
            # Without the checksum at its end, which speaks of the row's number, too.
            known = repr(about).encode("utf-8", "surrogatepass")
            yield patent, known, raw[at : at + size - 4]
        done += len(block)
        progress("comparing drawings", done, taken.live)
