"""Connections to the database, what travels over them in binary, and what their errors mean."""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql
from psycopg.adapt import Dumper, Loader
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format
from psycopg.types import TypeInfo

from edgepatent_runtime.errors import CollectionError, InputError

Codes = npt.NDArray[np.int8]
Connection = psycopg.Connection[tuple[Any, ...]]

_PATIENCE = 10
"""So many seconds a server has to answer a new connection."""


class Halfvec:
    """Int8 codes [D] on their way to a column of type halfvec."""

    def __init__(self, codes: Codes) -> None:
        self.codes = codes


class Bits:
    """Signs, packed (uint8 [⌈D/8⌉]), on their way to a column of type bit(D)."""

    def __init__(self, packed: npt.NDArray[np.uint8], count: int) -> None:
        self.packed = packed
        self.count = count


class _HalfvecDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Halfvec) -> bytes:
        return struct.pack(">HH", len(obj.codes), 0) + obj.codes.astype(">f2").tobytes()


class _HalfvecLoader(Loader):
    format = Format.BINARY

    def load(self, data: bytes | bytearray | memoryview) -> npt.NDArray[np.float32]:
        return np.frombuffer(data, ">f2", offset=4).astype(np.float32)


class _BitsDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Bits) -> bytes:
        return struct.pack(">i", obj.count) + obj.packed.tobytes()


def name_of(url: str) -> str:
    """What people call a database: its address without a password, which leads to it all the same.

    Raises `InputError` where it is none.
    """
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise InputError(f"this is no address of a database: {error}") from None
    told = {key: str(value) for key, value in known.items() if value and "password" not in key}
    user, host, port, database = (told.pop(key, "") for key in ("user", "host", "port", "dbname"))
    where = f"{quote(user, safe='')}@" if user else ""
    where += quote(host, safe="") + (f":{port}" if port else "")
    rest = f"?{urlencode(sorted(told.items()), quote_via=quote)}" if told else ""
    return f"postgresql://{where}/{quote(database, safe='')}{rest}"


def connect(url: str, *, write: bool) -> Connection:
    """A connection: one that reads sees one state from its first statement to `rollback`, one that
    writes commits each statement that stands in no transaction.

    Raises `CollectionError` where the database cannot be reached.
    """
    name = name_of(url)
    with failures(name):
        try:
            connection = psycopg.connect(url, connect_timeout=_PATIENCE)
        except psycopg.OperationalError as error:
            raise CollectionError(f"{name} cannot be reached ({_line(error)})") from error
        try:
            connection.execute("SET search_path = edgepatent, public")
            _know_types(connection)
            connection.commit()
            if write:
                connection.autocommit = True
            else:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
        except BaseException:
            connection.close()
            raise
    return connection


def _know_types(connection: Connection) -> None:
    """Teach the connection the types of pgvector, where the extension is there yet."""
    info = TypeInfo.fetch(connection, "halfvec")
    if info is None:
        return
    info.register(connection)
    dumper = type("HalfvecDumper", (_HalfvecDumper,), {"oid": info.oid})
    connection.adapters.register_dumper(Halfvec, dumper)
    connection.adapters.register_loader(info.oid, _HalfvecLoader)
    bits = type("BitsDumper", (_BitsDumper,), {"oid": psycopg.adapters.types["bit"].oid})
    connection.adapters.register_dumper(Bits, bits)


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Turn the errors of database ``name`` into a `CollectionError` that says what to do."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise none_in(name) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise CollectionError(
            f"{name} does not let this user do that ({_line(error)}): ask who keeps it for the "
            "role edgepatent_reader or edgepatent_writer"
        ) from error
    except psycopg.errors.DiskFull as error:
        raise CollectionError(
            f"{name} has no room left ({_line(error)}): what was committed is stored; make room "
            "and run the same command again"
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise CollectionError(
            f"{name} went away ({_line(error)}): what was committed is stored; run the same "
            "command again when it is back"
        ) from error
    except psycopg.Error as error:
        raise CollectionError(f"{name} cannot be used ({_line(error)})") from error


def none_in(name: str) -> CollectionError:
    """The error for a database without an index."""
    return CollectionError(
        f"there is no index in {name}: make one with edgepatent index add SOURCE --index URL"
    )


def _line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def fragment(text: str) -> sql.SQL:
    """SQL that this package wrote itself."""
    return sql.SQL(text)


def ask(connection: Connection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a statement of this package gives; nothing, where it is none that asks."""
    cursor = connection.execute(fragment(statement), parameters or None, binary=True)
    return cursor.fetchall() if cursor.description else []
