"""Would a database be faster with its drawings partitioned by class? Measured before it is built.

    python benchmarks/partitions.py --rows 100000

The rows of benchmarks/scale.py, whose designs fall evenly into 32 classes, lie in the database as
it is and in a copy of the table that is partitioned by class, with a graph on the signs for each
partition. Questions for one class and for all are asked of both. Milliseconds are those of the
database's processors; recall is of the ten nearest drawings of an exact search.
"""

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psycopg
from collection import Floats, cloud, empty_bundle, records, table
from scale import TOP, Server, database

from edgepatent_postgres.connection import Bits, connect, fragment
from edgepatent_postgres.moment import _SCORE, _SETTINGS, CANDIDATES, Moment
from edgepatent_postgres.store import PostgresStore

CLASS = "05"
WHOLE, PARTED = "drawings JOIN patents ON patents.id = patent", "parted"
PARTITION = """
    SET search_path = edgepatent, public;
    SET maintenance_work_mem = '1GB';
    CREATE TABLE parted (klass text COLLATE "C" NOT NULL, LIKE drawings) PARTITION BY LIST (klass);
    {partitions}
    INSERT INTO parted SELECT klass, drawings.* FROM drawings JOIN patents ON patents.id = patent;
    CREATE INDEX parted_signs ON parted USING hnsw (signs bit_hamming_ops);
    ANALYZE;
"""


@dataclass(frozen=True)
class Way:
    """A question: of which table, for which class (all: None), through the signs or exactly."""

    table: str
    klass: str | None
    signs: bool

    def ask(self, moment: Moment, query: Floats) -> list[int]:
        """The rows of the ten nearest."""
        rotated = moment.rotation @ query
        condition, parameters = ("true", []) if self.klass is None else ("klass = %s", [self.klass])
        best = f"SELECT row, {_SCORE} AS score FROM {{}} ORDER BY score DESC, row LIMIT {TOP}"
        if not self.signs:
            statement = best.format(f"{self.table} WHERE {condition}")
            return [row for row, _ in moment.ask(statement, [rotated.tolist(), *parameters])]
        assert moment.state.mean is not None
        bits = Bits(np.packbits(rotated > moment.state.mean), len(rotated))
        moment.ask(_SETTINGS, ())
        near = (
            f"WITH near AS MATERIALIZED (SELECT row, codes, scale FROM {self.table} "
            f"WHERE {condition} ORDER BY signs <~> %s LIMIT {CANDIDATES}) "
        )
        found = moment.ask(near + best.format("near"), [*parameters, bits, rotated.tolist()])
        return [row for row, _ in found]


def measured(
    way: Way, url: str, rotation: Floats, queries: Sequence[Floats], server: Server
) -> list[str]:
    """A row of the table: milliseconds of a question, and recall."""

    def asked(one: Way, some: Sequence[Floats]) -> list[list[int]]:
        with connect(url, write=False) as connection:
            return [one.ask(Moment(connection, rotation), query) for query in some]

    asked(way, queries[:5])
    before = server.seconds()
    found = asked(way, queries)
    spent = 1000 * (server.seconds() - before) / len(queries)
    truth = asked(replace(way, table=WHOLE, signs=False), queries)
    recall = np.mean([np.isin(*pair).mean() for pair in zip(truth, found, strict=True)])
    return [
        "partitioned" if way.table == PARTED else "as it is",
        way.klass or "all",
        "by signs" if way.signs else "exact",
        f"{spent:.1f}",
        f"{recall:.4f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=30)
    chosen = parser.parse_args()
    stored, queries = cloud(chosen.rows, chosen.queries)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url = database(stack)
        server = Server(url)
        store = PostgresStore.create(url, empty_bundle(Path(folder) / "bundle", stored.shape[1]))
        stack.callback(store.close)
        store.add_embeddings(records(chosen.rows), stored)
        store.finish()
        classes = [f"{number:02d}" for number in range(1, 33)]
        parts = "".join(
            f"CREATE TABLE parted_{one} PARTITION OF parted FOR VALUES IN ('{one}');"
            for one in classes
        )
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(fragment(PARTITION.replace("{partitions}", parts)))
        rows = [
            measured(Way(held, klass, signs), url, store.rotation, list(queries), server)
            for klass in (CLASS, None)
            for held in (WHOLE, PARTED)
            for signs in (False, True)
        ]
    print(table(["table", "class", "plan", "database, ms a question", "recall"], rows))


if __name__ == "__main__":
    main()
