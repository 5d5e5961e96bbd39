"""What is known of patents, as the drawings of each tell it, and the words they are found by."""

from collections.abc import Iterable, Sequence

import msgspec

from edgepatent_postgres.connection import Connection, ask
from edgepatent_runtime.collection import terms
from edgepatent_runtime.parties import folded
from edgepatent_runtime.record import NO_BIBLIOGRAPHY, Bibliography, Record

_FACTS = ("locarno", "klass", "subclass", "title", "date")


class Patents:
    """The patents of an index, inside a transaction that changes them.

    ``count`` is how many there are: the transaction writes it down in the end.
    """

    def __init__(self, connection: Connection, count: int) -> None:
        self._sql = connection
        self.count = count

    def know(self, records: Iterable[Record]) -> dict[str, int]:
        """The keys of the records' patents, made or completed with what the records know."""
        known: dict[str, dict[str, str | None]] = {}
        fronts: dict[str, Bibliography] = {}
        for record in records:
            facts = known.setdefault(record.patent_id, dict.fromkeys(_FACTS))
            facts.update(
                (name, value) for name in _FACTS if (value := getattr(record, name)) is not None
            )
            old = fronts.get(record.patent_id, NO_BIBLIOGRAPHY)
            fronts[record.patent_id] = record.bibliography.completed(old)
        stored = {
            number: msgspec.json.decode(json, type=Bibliography)
            for number, json in ask(
                self._sql,
                "SELECT patent_id, bibliography FROM patents "
                "WHERE patent_id = ANY(%s) AND bibliography IS NOT NULL",
                [list(known)],
            )
        }
        fronts = {
            number: front.completed(stored.get(number, NO_BIBLIOGRAPHY))
            for number, front in fronts.items()
        }
        columns = [[facts[name] for facts in known.values()] for name in _FACTS]
        json = [msgspec.json.encode(front).decode() if front else None for front in fronts.values()]
        keys: dict[str, int] = {}
        for key, number, made in ask(
            self._sql,
            "INSERT INTO patents (patent_id, locarno, klass, subclass, title, date, bibliography) "
            "SELECT a, b, c, d, e, f, g FROM unnest(%s::text[], %s::text[], %s::text[], "
            "%s::text[], %s::text[], %s::text[], %s::text[]) "
            "WITH ORDINALITY AS new (a, b, c, d, e, f, g, place) ORDER BY place "
            "ON CONFLICT (patent_id) DO UPDATE SET "
            + ", ".join(
                f"{name} = coalesce(excluded.{name}, patents.{name})"
                for name in (*_FACTS, "bibliography")
            )
            # A new row version was never updated by anybody.
            + " RETURNING id, patent_id, xmax = 0",
            [list(known), *columns, json],
        ):
            keys[number] = key
            self.count += bool(made)
        listed = [
            (keys[number], *term)
            for number, front in fronts.items()
            if front and front != stored.get(number)
            for term in sorted(terms.terms(number, front))
        ]
        ask(self._sql, "DELETE FROM terms WHERE patent = ANY(%s)", [[key for key, *_ in listed]])
        with self._sql.cursor() as cursor, cursor.copy("COPY terms FROM STDIN") as copy:
            for term in listed:
                copy.write_row(term)
        return keys

    def index_words(self, patents: Sequence[int]) -> None:
        """Put the words of patents into the full-text index."""
        found = ask(
            self._sql,
            "SELECT id, title, (SELECT string_agg(DISTINCT text, ' ') FROM drawings "
            "WHERE patent = patents.id) FROM patents WHERE id = ANY(%s)",
            [list(patents)],
        )
        ask(
            self._sql,
            "UPDATE patents SET words = new.words, length = "
            "(SELECT coalesce(sum(cardinality(positions)), 0) FROM unnest(new.words)) FROM ("
            "SELECT id, setweight(to_tsvector('edgepatent.words', title), 'A') || "
            "to_tsvector('edgepatent.words', text) AS words "
            "FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS told (id, title, text)"
            ") AS new WHERE new.id = patents.id",
            [
                [key for key, *_ in found],
                [folded(title or "") for _, title, _ in found],
                [folded(text or "") for *_, text in found],
            ],
        )
        ask(
            self._sql,
            "INSERT INTO lexemes SELECT DISTINCT lexeme FROM patents, unnest(words) "
            "WHERE id = ANY(%s) ON CONFLICT DO NOTHING",
            [list(patents)],
        )

    def drop(self, patents: Sequence[int]) -> None:
        """Forget those of the patents that have no drawing left."""
        dropped = ask(
            self._sql,
            "DELETE FROM patents WHERE id = ANY(%s) AND NOT EXISTS "
            "(SELECT 1 FROM drawings WHERE patent = patents.id) RETURNING id",
            [list(patents)],
        )
        self.count -= len(dropped)


def tells_more(record: Record, stored: Record) -> bool:
    """Whether ``record`` knows something of a drawing that is ``stored`` otherwise."""
    kept = {name: getattr(stored, name) for name in _FACTS if getattr(record, name) is None}
    front = record.bibliography.completed(stored.bibliography)
    known = msgspec.structs.replace(record, image=stored.image, bibliography=front, **kept)
    return known != stored
