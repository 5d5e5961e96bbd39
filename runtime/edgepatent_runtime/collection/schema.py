"""The tables of the catalog, and the steps from one format to the next.

``state`` (one row: which vectors file, how many rows of it exist, the generation),
``derived`` (signs and graph: which file, for which vectors, how many rows), ``roots`` (named
folders that paths are relative to), ``files`` (path, size, mtime, content digest), ``patents``
(id, Locarno, labels, title, date), ``drawings`` (row number, patent, file, figure, view, text,
thumbnail), ``texts`` (figure descriptions, mostly shared by all drawings of a patent), ``dead``
(rows that are no drawing any more), ``words`` (FTS5 over titles and figure descriptions, one
entry a patent), ``bibliographies`` (JSON of a `Bibliography`, one a patent that has one),
``terms`` (what patents can be found and counted by: see `terms`) and ``history`` (how many rows
there were from which generation on, and since when, UTC: what is newer is what came after).
"""

import hashlib
import sqlite3
from collections.abc import Callable

DIGESTS = (
    "43a3d049b0e77c68e2a87e38139755931013721c98bfa656516197f745118383",
    "015fad069e857073e6a616b0f49d0e8503c35afdf9aba00cc8a91777ffbd454d",
    "2a02910182e8d0bb44f18b6fcf49ff897dd387df2b8187fb54479f4c085f2590",
)
"""What `digest` gives for a catalog of each format, oldest first: grows with `MIGRATIONS`."""


def digest(connection: sqlite3.Connection) -> str:
    """SHA-256 of all that a catalog defines: a foreign one may hold triggers and other views.

    Without what SQLite makes by itself, which differs between its versions.
    """
    defined = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' "
        "AND NOT (type = 'table' AND name IN "
        "('words_data', 'words_idx', 'words_content', 'words_docsize', 'words_config')) "
        "ORDER BY type, name"
    ).fetchall()
    return hashlib.sha256(repr(defined).encode()).hexdigest()


def _first_schema(connection: sqlite3.Connection) -> None:
    """Format 1: everything."""
    for statement in _SCHEMA.strip().split(";\n"):
        connection.execute(statement)


_SCHEMA = """
CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1), space TEXT NOT NULL, dimensions INTEGER NOT NULL,
    bundle TEXT NOT NULL, rotation BLOB NOT NULL, vectors TEXT NOT NULL, rows INTEGER NOT NULL,
    generation INTEGER NOT NULL);
CREATE TABLE derived (
    kind TEXT PRIMARY KEY, file TEXT NOT NULL, vectors TEXT NOT NULL, rows INTEGER NOT NULL,
    digest TEXT, mean BLOB, basis INTEGER);
CREATE TABLE roots (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, path TEXT NOT NULL, beside TEXT NOT NULL);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, root INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL);
CREATE INDEX files_path ON files (path, root);
CREATE INDEX files_digest ON files (digest);
CREATE TABLE patents (
    id INTEGER PRIMARY KEY, patent_id TEXT NOT NULL UNIQUE, locarno TEXT, klass TEXT,
    subclass TEXT, title TEXT, date TEXT);
CREATE INDEX patents_klass ON patents (klass, subclass);
CREATE INDEX patents_date ON patents (date);
CREATE TABLE drawings (
    row INTEGER PRIMARY KEY, patent INTEGER NOT NULL, file INTEGER NOT NULL, part TEXT NOT NULL,
    figure TEXT, view TEXT, text INTEGER, thumbnail INTEGER, thumbnail_size INTEGER);
CREATE INDEX drawings_patent ON drawings (patent);
CREATE INDEX drawings_file ON drawings (file, part);
CREATE TABLE texts (id INTEGER PRIMARY KEY, patent INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX texts_patent ON texts (patent);
CREATE TABLE dead (row INTEGER PRIMARY KEY);
CREATE VIEW patent_words AS SELECT id, title, (
    SELECT group_concat(text, char(10)) FROM (
        SELECT text FROM texts WHERE patent = patents.id ORDER BY id)) AS text FROM patents;
CREATE VIRTUAL TABLE words USING fts5 (
    title, text, content='patent_words', content_rowid='id', tokenize='porter unicode61')
"""


def _bibliographies(connection: sqlite3.Connection) -> None:
    """Format 2: what stands on a patent's front page besides title, date and Locarno code."""
    for statement in _bibliographies_in("main"):
        connection.execute(statement)


def _history(connection: sqlite3.Connection) -> None:
    """Format 3: when which rows came. Those that are there came before anybody asks."""
    for statement in _history_in("main"):
        connection.execute(statement)


def stand_in(connection: sqlite3.Connection, version: int) -> None:
    """Give a catalog of an older format what it lacks, for this connection alone."""
    for statements in (_bibliographies_in, _history_in)[version - 1 :]:
        for statement in statements("temp"):
            connection.execute(statement)


def _bibliographies_in(where: str) -> tuple[str, ...]:
    return (
        f"CREATE TABLE {where}.bibliographies (patent INTEGER PRIMARY KEY, json TEXT NOT NULL)",
        f"CREATE TABLE {where}.terms (patent INTEGER NOT NULL, kind TEXT NOT NULL, "
        "key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (patent, kind, key)) WITHOUT ROWID",
        f"CREATE INDEX {where}.terms_key ON terms (kind, key)",
    )


def _history_in(where: str) -> tuple[str, ...]:
    return (
        f"CREATE TABLE {where}.history (generation INTEGER PRIMARY KEY, since TEXT NOT NULL, "
        "rows INTEGER NOT NULL)",
        f"INSERT INTO {where}.history SELECT generation, '', rows FROM main.state",
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _first_schema,
    _bibliographies,
    _history,
)
