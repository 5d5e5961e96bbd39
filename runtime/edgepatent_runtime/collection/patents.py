"""What is known of patents, their words among it, as drawings of theirs come, change and go."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from edgepatent_runtime.collection import terms
from edgepatent_runtime.collection.catalog import Catalog
from edgepatent_runtime.record import Record


class PatentEdits(Catalog):
    """The part of a writer that keeps patents, inside its transaction."""

    def __init__(self, folder: Path, *, name: str) -> None:
        super().__init__(folder, write=True, name=name)
        # Patents whose words were taken out of the full-text index in this transaction: to be put
        # back as they are then (an external-content FTS5 table must be told the old values).
        self._reworded: set[int] = set()

    def begin(self) -> None:
        """Start a transaction, unless one is open."""
        if not self.sql.in_transaction:
            self.sql.execute("BEGIN IMMEDIATE")

    def keep_patent(self, record: Record) -> int:
        """The key of the record's patent, made or completed with what the record knows."""
        values = (record.locarno, record.klass, record.subclass, record.title, record.date)
        found = self.sql.execute(
            "SELECT id, locarno, klass, subclass, title, date FROM patents WHERE patent_id = ?",
            (record.patent_id,),
        ).fetchone()
        if found is None:
            key = self.sql.execute(
                "INSERT INTO patents (patent_id, locarno, klass, subclass, title, date) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (record.patent_id, *values),
            ).lastrowid
            self._reworded.add(int(key or 0))
            self._know(int(key or 0), record)
            return int(key or 0)
        self.reword(found[0])
        known = tuple(
            new if new is not None else old for new, old in zip(values, found[1:], strict=True)
        )
        if known != found[1:]:
            self.sql.execute(
                "UPDATE patents SET locarno = ?, klass = ?, subclass = ?, title = ?, date = ? "
                "WHERE id = ?",
                (*known, found[0]),
            )
        self._know(found[0], record)
        return int(found[0])

    def _know(self, patent: int, record: Record) -> None:
        """Store the bibliography of a patent, or complete it with what the record knows."""
        if not record.bibliography:
            return
        found = self.sql.execute(
            "SELECT json FROM bibliographies WHERE patent = ?", (patent,)
        ).fetchone()
        old = self.bibliography(found[0] if found else None)
        new = record.bibliography.completed(old)
        if new == old:
            return
        self.sql.execute(
            "INSERT OR REPLACE INTO bibliographies VALUES (?, ?)",
            (patent, msgspec.json.encode(new).decode()),
        )
        self.sql.execute("DELETE FROM terms WHERE patent = ?", (patent,))
        self.sql.executemany(
            "INSERT INTO terms (patent, kind, key, value) VALUES (?, ?, ?, ?)",
            ((patent, *term) for term in sorted(terms.terms(record.patent_id, new))),
        )

    def keep_text(self, patent: int, text: str | None) -> int | None:
        """The key of a figure description: one for all drawings of a patent that share it."""
        if text is None:
            return None
        found = self.sql.execute(
            "SELECT id FROM texts WHERE patent = ? AND text = ?", (patent, text)
        ).fetchone()
        if found:
            return int(found[0])
        added = self.sql.execute("INSERT INTO texts (patent, text) VALUES (?, ?)", (patent, text))
        return int(added.lastrowid or 0)

    def drop_unused(self, patents: Sequence[int], files: Sequence[int]) -> None:
        """Forget those of the patents and files that have no drawing (left)."""
        if not patents and not files:
            return
        self.begin()
        self.sql.executemany(
            "DELETE FROM patents WHERE id = ? "
            "AND NOT EXISTS (SELECT 1 FROM drawings WHERE patent = patents.id)",
            ((key,) for key in patents),
        )
        for table in ("bibliographies", "terms"):
            self.sql.executemany(
                f"DELETE FROM {table} WHERE patent = ?1 "
                "AND NOT EXISTS (SELECT 1 FROM patents WHERE id = ?1)",
                ((key,) for key in patents),
            )
        self.sql.executemany(
            "DELETE FROM files WHERE id = ? "
            "AND NOT EXISTS (SELECT 1 FROM drawings WHERE file = files.id)",
            ((key,) for key in files),
        )

    # -- words

    def reword(self, patent: int) -> None:
        """Take a patent's words out of the full-text index, until commit."""
        if patent in self._reworded:
            return
        self._reworded.add(patent)
        self.sql.execute(
            "INSERT INTO words (words, rowid, title, text) "
            "SELECT 'delete', id, title, text FROM patent_words WHERE id = ?",
            (patent,),
        )

    def index_words(self) -> None:
        """Put the words of all changed patents into the full-text index."""
        changed = sorted(self._reworded)
        self.sql.executemany(
            "DELETE FROM texts WHERE patent = ?1 AND id NOT IN "
            "(SELECT text FROM drawings WHERE patent = ?1 AND text IS NOT NULL)",
            ((key,) for key in changed),
        )
        self.sql.executemany(
            "INSERT INTO words (rowid, title, text) "
            "SELECT id, title, text FROM patent_words WHERE id = ?",
            ((key,) for key in changed),
        )
        self.forget_words()

    def forget_words(self) -> None:
        """No patent's words are out of the full-text index (any more)."""
        self._reworded.clear()
