"""How dense must a database's graph on the signs be, and do more candidates make up for less?

    python benchmarks/signs_graph.py --rows 300000 --out benchmarks/signs_graph.md

The rows of benchmarks/scale.py, as a database stores them, in a table of their own; graphs with
more or fewer links (m) and more or fewer candidates while they are built (ef), each asked for the
200 nearest as `edgepatent_postgres` asks: candidates by the signs, then exact scores. In strict
order pgvector leaves out of what it goes on to find whatever lies before what it has given
already; in relaxed order not. Recall is of the ten nearest, among all rows and among half of them
(the rows of every other design). Seconds and milliseconds are those of the database's processors.
"""

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psycopg
from collection import TOP, VIEWS, Floats, cloud, table
from scale import Server, database

from edgepatent_postgres.connection import Bits, Connection, Halfvec, connect, fragment
from edgepatent_postgres.moment import _SCORE, _SETTINGS
from edgepatent_postgres.writing import GRAPH_MEMORY, SIGNED_ROWS
from edgepatent_runtime.collection import signs, vectors
from edgepatent_runtime.collection.rotation import random_rotation

GRAPHS = ((16, 64), (24, 128))
ASKED = ((1000, "strict_order"), (1000, "relaxed_order"), (4000, "relaxed_order"))
WANTED = 200


@dataclass(frozen=True)
class Questions:
    """Rotated queries [Q, D], their signs, and the rows of the ten nearest by condition."""

    rotated: Floats
    packed: npt.NDArray[np.uint8]
    truth: dict[str, npt.NDArray[np.int64]]


def fill(url: str, stored: Floats, queries: Floats) -> tuple[Questions, float]:
    """Put the rows into a table; also the recall of the 1,000 nearest by signs, all looked at."""
    rotation = random_rotation(stored.shape[1])
    rows = vectors.quantise(stored @ rotation.T)
    whole = rows["codes"].astype(np.float32) * rows["scale"][:, None]
    mean = whole[:SIGNED_ROWS].mean(axis=0)
    rotated = queries @ rotation.T
    half = np.arange(len(rows)) // VIEWS % 2 == 0
    scores = rotated @ whole.T
    truth = {
        "true": np.argsort(-scores, axis=1)[:, :TOP],
        "half": np.argsort(-np.where(half, scores, -9), axis=1)[:, :TOP],
    }
    words, asked = signs.pack(whole, mean), signs.pack(rotated, mean)
    near = [signs.nearest(signs.distances(words, one), 1000) for one in asked]
    held = np.mean([np.isin(*pair).mean() for pair in zip(truth["true"], near, strict=True)])
    width = stored.shape[1]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector; CREATE SCHEMA edgepatent")
        connection.execute(
            fragment(
                f"CREATE TABLE edgepatent.d (row bigint, half boolean, codes halfvec({width}), "
                f"scale real, signs bit({width}))"
            )
        )
    packed = np.packbits(whole > mean, axis=1)
    with connect(url, write=True) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY d FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int8", "bool", "halfvec", "float4", "bit"])
            for number, row in enumerate(rows):
                bits = Bits(packed[number], width)
                in_half = bool(half[number])
                copy.write_row((number, in_half, Halfvec(row["codes"]), float(row["scale"]), bits))
        cursor.execute("VACUUM ANALYZE d")
    return Questions(rotated, np.packbits(rotated > mean, axis=1), truth), float(held)


def found(
    connection: Connection, questions: Questions, number: int, asked: tuple[int, str], which: str
) -> list[int]:
    """The rows of the nearest, for one question."""
    limit, order = asked
    query = questions.rotated[number]
    connection.execute(fragment(_SETTINGS))
    connection.execute("SELECT set_config('hnsw.iterative_scan', %s, true)", (order,))
    near = (
        f"WITH near AS MATERIALIZED (SELECT row, codes, scale FROM d WHERE {which} AND signs IS "
        f"NOT NULL ORDER BY signs <~> %s LIMIT {limit}) SELECT row, {_SCORE} AS score FROM near "
        f"ORDER BY score DESC, row LIMIT {WANTED}"
    )
    bits = Bits(questions.packed[number], len(query))
    answer = connection.execute(fragment(near), (bits, query.tolist()), binary=True)
    return [row for row, _ in answer.fetchall()]


def asking(
    reader: Connection, questions: Questions, asked: tuple[int, str], server: Server
) -> Sequence[tuple[float, float]]:
    """Recall and milliseconds a question, among all rows and among half."""
    out = []
    count = len(questions.rotated)
    for which, truth in questions.truth.items():
        for number in range(5):
            found(reader, questions, number, asked, which)
        before = server.seconds()
        rows = [found(reader, questions, one, asked, which) for one in range(count)]
        reader.rollback()
        spent = 1000 * (server.seconds() - before) / count
        shares = [np.isin(*pair).mean() for pair in zip(truth, rows, strict=True)]
        out.append((float(np.mean(shares)), spent))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    lines = []
    with ExitStack() as stack:
        url = database(stack)
        server = Server(url)
        questions, held = fill(url, *cloud(chosen.rows, chosen.queries))
        # One for all: the processor time of one that has just ended may be counted twice.
        reader = stack.enter_context(connect(url, write=False))
        owner = stack.enter_context(psycopg.connect(url, autocommit=True))
        owner.execute("SELECT set_config('maintenance_work_mem', %s, false)", (f"{GRAPH_MEMORY}B",))
        for links, build in GRAPHS:
            owner.execute("DROP INDEX IF EXISTS edgepatent.graph")
            before = server.seconds()
            owner.execute(
                fragment(
                    "CREATE INDEX graph ON edgepatent.d USING hnsw (signs bit_hamming_ops) "
                    f"WITH (m = {links}, ef_construction = {build})"
                )
            )
            took = server.seconds() - before
            told = owner.execute("SELECT pg_relation_size('edgepatent.graph')").fetchone()
            size = told[0] if told else 0
            for asked in ASKED:
                (all_, whole), (some, half) = asking(reader, questions, asked, server)
                lines.append(
                    [f"{links}, {build}", f"{took:.0f}", f"{size / chosen.rows:.0f}",
                     f"{asked[0]:,} {asked[1].partition('_')[0]}", f"{all_:.4f}", f"{whole:.1f}",
                     f"{some:.4f}", f"{half:.1f}"]
                )  # fmt: skip
                print(*lines[-1], sep="  ", flush=True)
    report = "\n".join(
        [
            "# The graph on the signs in a database\n",
            __doc__ or "",
            f"## {chosen.rows:,} rows, {chosen.queries} questions\n",
            f"{os.cpu_count()} cores, shared with other work: load {os.getloadavg()[0]:.1f}. Of "
            f"the ten nearest the 1,000 nearest by signs hold {held:.4f}: what is missing below is "
            "the graph's.\n",
            table(
                ["m, ef", "seconds to build", "bytes a row", "candidates", "recall",
                 "ms a question", "recall, half", "ms a question, half"],
                lines,
            ),
        ]
    )  # fmt: skip
    print(report)
    if chosen.out:
        chosen.out.write_text(report)


if __name__ == "__main__":
    main()
