"""Is what a database holds as it was written? PostgreSQL sees to its pages, this to the rest."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import psycopg

from edgepatent_postgres.moment import Moment
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection.check import Problem
from edgepatent_runtime.errors import BundleError
from edgepatent_runtime.progress import Progress

_BLOCK = 4096
_PNG = "\\x89504e470d0a1a0a"


def verify(moment: Moment, bundle: Bundle, progress: Progress) -> list[Problem]:
    """Everything that is wrong with one state of the database, whose model is ``bundle``.

    All rows and pictures are read, so that PostgreSQL checks all of their pages.
    """
    problems: list[Problem] = []
    try:
        problems += _counts(moment)
        problems += _graph(moment)
        problems += _rows(moment, progress)
    except psycopg.errors.DataCorrupted as error:
        # The transaction is over with it.
        problems.append(Problem("pages", str(error).strip().splitlines()[0]))
    try:
        bundle.verify()
    except BundleError as error:
        problems.append(Problem("model", str(error)))
    return problems


def _counts(moment: Moment) -> Iterator[Problem]:
    ((drawings, patents, rows),) = moment.ask(
        "SELECT (SELECT count(*) FROM drawings), (SELECT count(*) FROM patents), "
        "(SELECT coalesce(max(row) + 1, 0) FROM drawings)",
        (),
    )
    state = moment.state
    if (drawings, patents) != (state.drawings, state.patents) or rows > state.rows:
        yield Problem(
            "state",
            f"it counts {state.drawings} drawings of {state.patents} patents, "
            f"there are {drawings} of {patents}",
        )
    for table, key in (("patents", "patent"), ("files", "file")):
        ((empty,),) = moment.ask(
            f"SELECT count(*) FROM {table} WHERE NOT EXISTS "
            f"(SELECT 1 FROM drawings WHERE {key} = {table}.id)",
            (),
        )
        if empty:
            yield Problem(table, f"{empty} have no drawing")


def _graph(moment: Moment) -> Iterator[Problem]:
    sound = moment.ask(
        "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass('edgepatent.drawings_signs') "
        "AND indisvalid",
        (),
    )
    if moment.state.graph and not sound:
        yield Problem("graph", "the index drawings_signs is not there, or not whole")


def _rows(moment: Moment, progress: Progress) -> Iterator[Problem]:
    mean = moment.state.mean
    damaged = wrong = pictures = done = 0
    listed = moment.stream(
        "SELECT codes, scale, signs, thumbnail IS NULL OR "
        f"substr(thumbnail, 1, 8) = '{_PNG}' AND md5(thumbnail) != '' FROM drawings",
        (),
    )
    while block := list(islice(listed, _BLOCK)):
        codes = np.stack([codes for codes, *_ in block])
        scale = np.array([scale for _, scale, *_ in block], np.float32)
        whole = (np.abs(codes) <= 127) & (codes == np.rint(codes))
        damaged += int((~(whole.all(axis=1) & np.isfinite(scale) & (scale > 0))).sum())
        if mean is not None:
            packed = np.packbits(codes * scale[:, None] > mean, axis=1)
            # What travels is the count of bits, then the bits.
            wrong += sum(
                signs is None or bytes(signs[4:]) != bits.tobytes()
                for (_, _, signs, _), bits in zip(block, packed, strict=True)
            )
        pictures += sum(not sound for *_, sound in block)
        done += len(block)
        progress("checking rows", done, moment.state.drawings)
    if damaged:
        yield Problem("rows", f"{damaged} are no embeddings")
    if wrong:
        yield Problem("signs", f"{wrong} are not those of their rows")
    if pictures:
        yield Problem("thumbnails", f"{pictures} are no pictures")
