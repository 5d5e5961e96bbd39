"""The tables, and the steps from one format to the next."""

from collections.abc import Callable
from importlib.resources import files

import numpy as np

from edgepatent_postgres.connection import Connection, fragment, none_in
from edgepatent_runtime.bundle import INFO, SIGNATURE, Bundle
from edgepatent_runtime.collection.rotation import random_rotation
from edgepatent_runtime.errors import CollectionError

MIGRATIONS: tuple[Callable[[Connection], None], ...] = ()
"""The step from each format to the next, the first from 1 to 2."""

FORMAT = 1 + len(MIGRATIONS)

# Two clients that make the same index take turns. Any number, but always the same one.
_LOCK = 7_305_431_120


def exists(connection: Connection) -> bool:
    """Whether there is an index in the database."""
    (found,) = connection.execute("SELECT to_regclass('edgepatent.state')").fetchone() or (None,)
    return found is not None


def create(connection: Connection, bundle: Bundle) -> None:
    """Make an empty index for the model ``bundle``, unless there is one.

    Raises `BundleError` where the bundle is damaged.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        if exists(connection):
            return
        dimensions = bundle.info.dimensions
        tables = files("edgepatent_postgres").joinpath("schema.sql").read_text(encoding="utf-8")
        connection.execute(fragment(tables.replace("{dimensions}", str(dimensions))))
        rotation = np.ascontiguousarray(random_rotation(dimensions), "<f4")
        connection.execute(
            "INSERT INTO state VALUES (1, %s, %s, %s, %s, NULL, false, 0, 0, 0, 0, NULL)",
            (FORMAT, bundle.info.space, dimensions, rotation.tobytes()),
        )
        parts = {str(name): bundle.read(name) for name in bundle.files}
        parts[INFO] = bundle.description()
        signature = bundle.signature()
        if signature is not None:
            parts[SIGNATURE] = signature
        for name, data in parts.items():
            connection.execute("INSERT INTO bundle VALUES (%s, %s)", (name, data))


def require(connection: Connection, name: str) -> None:
    """Raise `CollectionError` unless the index in database ``name`` has the format of today."""
    if not exists(connection):
        raise none_in(name)
    (found,) = connection.execute("SELECT format FROM state").fetchone() or (0,)
    if found > FORMAT:
        raise CollectionError(
            f"{name} has index format {found}, this version reads up to {FORMAT}: "
            "upgrade edgepatent"
        )
    if found < FORMAT:
        raise CollectionError(
            f"{name} has index format {found}, this version reads {FORMAT}: whoever writes to it "
            "brings it up to date with edgepatent index add"
        )


def migrate(connection: Connection) -> None:
    """Bring an older format up to date, all or nothing."""
    with connection.transaction():
        (found,) = connection.execute("SELECT format FROM state FOR UPDATE").fetchone() or (FORMAT,)
        for step in MIGRATIONS[found - 1 :]:
            step(connection)
        if found < FORMAT:
            connection.execute("UPDATE state SET format = %s", (FORMAT,))
