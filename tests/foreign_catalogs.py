"""Catalogs as nobody's writer leaves them: one statement of SQL a kind of harm."""

import sqlite3
from contextlib import closing
from pathlib import Path

from edgepatent_runtime.collection.connection import NAME


def execute(index: Path, *statements: str) -> None:
    """Change the catalog by hand."""
    with closing(sqlite3.connect(index / NAME)) as sql:
        for statement in statements:
            sql.execute(statement)
        sql.commit()


CATALOGS = {
    "a bundle outside": "UPDATE state SET bundle = '../outside'",
    "a bundle that is the folder": "UPDATE state SET bundle = '.'",
    "a bundle without a name": "UPDATE state SET bundle = ''",
    "a bundle anywhere": "UPDATE state SET bundle = '/outside'",
    "rows outside": "UPDATE state SET vectors = '../outside/keep'",
    "rows that are the catalog": "UPDATE state SET vectors = 'catalog.sqlite'",
    "rows named with a line end": "UPDATE state SET vectors = vectors || char(10)",
    "rows named with a NUL": "UPDATE state SET vectors = vectors || char(0)",
    "signs outside": "UPDATE derived SET file = '../outside/keep'",
    "signs that are the rows": "UPDATE derived SET file = 'vectors-000001.rows'",
    "signs that are the graph": "UPDATE derived SET file = 'graph-000001-24'",
    "a graph outside": "INSERT INTO derived VALUES ('graph', '../outside/keep', "
    "'vectors-000001.rows', 24, 'x', NULL, 64)",
    "a graph that is none": "INSERT INTO derived VALUES ('graph', 'signs-000001-24', "
    "'vectors-000001.rows', 24, 'x', NULL, 64)",
    "negative rows": "UPDATE state SET rows = -1",
    "absurd rows": "UPDATE state SET rows = 9000000000000000000",
    "many rows": "UPDATE state SET rows = 4000000000",
    "rows in words": "UPDATE state SET rows = 'many'",
    "a fraction of rows": "UPDATE state SET rows = 23.5",
    "no dimensions": "UPDATE state SET dimensions = 0",
    "negative dimensions": "UPDATE state SET dimensions = -64",
    "absurd dimensions": "UPDATE state SET dimensions = 4000000000",
    "other dimensions": "UPDATE state SET dimensions = 65",
    "dimensions in words": "UPDATE state SET dimensions = 'x'",
    "a rotation too short": "UPDATE state SET rotation = x'00'",
    "a rotation in words": "UPDATE state SET rotation = 'turn'",
    "a rotation without numbers": "UPDATE state SET rotation = zeroblob(0)",
    "a generation in words": "UPDATE state SET generation = 'first'",
    "another space": "UPDATE state SET space = 'other'",
    "no state": "DELETE FROM state",
    "a mean too short": "UPDATE derived SET mean = x'00000000'",
    "a mean in words": "UPDATE derived SET mean = 'mean'",
    "no mean": "UPDATE derived SET mean = NULL",
    "a drawing without a row": "UPDATE drawings SET row = 1000 WHERE row = 3",
    "a drawing before the first row": "UPDATE drawings SET row = -1 WHERE row = 3",
    "a drawing without a file": "UPDATE drawings SET file = 1000 WHERE row = 3",
    "a drawing without a patent": "UPDATE drawings SET patent = 1000 WHERE row = 3",
    "a patent in words": "UPDATE drawings SET patent = 'x' WHERE row = 3",
    "a dead row that never was": "INSERT INTO dead VALUES (1000)",
    "a dead row before the first": "INSERT INTO dead VALUES (-1)",
    "a part that is no JSON": "UPDATE drawings SET part = '{' WHERE row = 3",
    "a part of another kind": "UPDATE drawings SET part = '{\"a\": 1}' WHERE row = 3",
    "a part without end": "UPDATE drawings SET part = '[[' || replace(hex(zeroblob(50000)), "
    "'00', '[') WHERE row = 3",
    "a negative page": "UPDATE drawings SET part = '[[],-3,null]' WHERE row = 3",
    "a part of bytes": "UPDATE drawings SET part = x'ff' WHERE row = 3",
    "a path of bytes": "UPDATE files SET path = x'ff00' WHERE id = 3",
    "a path with a NUL": "UPDATE files SET path = 'a' || char(0) || 'b' WHERE id = 3",
    "a path that is no text": "UPDATE files SET path = CAST(x'ff' AS TEXT) WHERE id = 3",
    "a digest too short": "UPDATE files SET digest = x'00' WHERE id = 3",
    "a digest in words": "UPDATE files SET digest = 'sha' WHERE id = 3",
    "a size in words": "UPDATE files SET size = 'large' WHERE id = 3",
    "a file without a root": "UPDATE files SET root = 1000 WHERE id = 3",
    "a root of bytes": "UPDATE roots SET path = x'2f00', beside = x'00'",
    "a root with a NUL": "UPDATE roots SET path = '/' || char(0)",
    "a title of bytes": "UPDATE patents SET title = x'ff' WHERE id = 3",
    "a number for a title": "UPDATE patents SET title = 17",
    "a date of bytes": "UPDATE patents SET date = x'00' WHERE id = 3",
    "a thumbnail before the file": "UPDATE drawings SET thumbnail = -8 WHERE row = 3",
    "an absurd thumbnail": "UPDATE drawings SET thumbnail_size = 9000000000000 WHERE row = 3",
    "a thumbnail in words": "UPDATE drawings SET thumbnail = 'here' WHERE row = 3",
    "a bibliography that is none": "UPDATE bibliographies SET json = '{'",
    "a bibliography of bytes": "UPDATE bibliographies SET json = x'ff'",
    "an applicant of bytes": "UPDATE terms SET value = x'ff'",
    "a family of everybody": "UPDATE OR IGNORE terms SET key = 'all' WHERE kind = 'family'",
    "a trigger": "CREATE TRIGGER t AFTER UPDATE ON state BEGIN DELETE FROM drawings; END",
    "a view that never ends": "CREATE VIEW v AS WITH RECURSIVE n(x) AS "
    "(SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n",
    "another table": "DROP TABLE texts",
    "a newer format": "PRAGMA user_version = 99",
    "no format": "PRAGMA user_version = 0",
}
