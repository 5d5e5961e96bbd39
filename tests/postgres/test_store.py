"""An index in PostgreSQL, beside the folder that it was filled from. See `tests/contract`, too."""

import json
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from threading import Barrier
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
from stored import draw, draw_patents, records_of_designs, views_of_designs

pytest.importorskip("edgepatent_postgres.store", reason="edgepatent[postgres] is absent")

import psycopg
from bundles import write_tiny_bundle
from PIL import Image
from postgres_server import drop_database, new_database
from psycopg import sql
from sheet_files import write_patents

from edgepatent.cli import run
from edgepatent.report.document import document
from edgepatent_postgres import copying, schema, writing
from edgepatent_postgres.connection import Connection, name_of
from edgepatent_postgres.store import PostgresStore
from edgepatent_runtime import Index, filling, shards
from edgepatent_runtime.bundle import Bundle
from edgepatent_runtime.collection import Collection
from edgepatent_runtime.collection.ingest import Added
from edgepatent_runtime.errors import (
    CollectionError,
    InputError,
    MissingExtraError,
    SpaceMismatchError,
)
from edgepatent_runtime.filters import Filters
from edgepatent_runtime.search import ranking


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    made = new_database()
    yield made
    drop_database(made)


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawings")
    draw_patents(folder, 8, 2)
    return folder


@pytest.fixture(scope="module")
def folder(drawings: Path, tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index in a folder that databases are filled from."""
    folder = tmp_path_factory.mktemp("index") / "index"
    with Index.create(folder, tiny_bundle) as index:
        index.add(drawings, threads=1)
    return folder


@pytest.fixture(scope="module")
def many(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """More rows than one transaction copies."""
    with Collection.create(tmp_path_factory.mktemp("many") / "index", tiny_bundle) as collection:
        collection.add_embeddings(records_of_designs(500, 3), views_of_designs(500, 3, 64))
        yield collection


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement))
        return cursor.fetchall() if cursor.description else None


def answer(index: Index, query: Path) -> object:
    """A search as JSON, but for what names the index, and times."""

    def bare(value: object) -> object:
        if isinstance(value, dict):
            hidden = ("index", "timings_ms", "doubt")
            return {key: bare(one) for key, one in value.items() if key not in hidden}
        if isinstance(value, list):
            return [bare(one) for one in value]
        # rounded to six places, two sums that differ in their last bit lie a whole step apart
        return pytest.approx(value, abs=1.5e-6) if isinstance(value, float) else value

    return bare(msgspec.to_builtins(document(index.search(query))))


def test_a_database_answers_as_the_folder_that_it_was_filled_from(
    folder: Path, drawings: Path, url: str
) -> None:
    query = drawings / "P0003" / "view1.png"
    with Index.open(folder) as plain, Index.ready(url, plain.bundle) as index:
        assert index.merge(folder).added == 16
        assert index.merge(folder).unchanged == 16
        assert answer(index, query) == answer(plain, query)
        assert len(index) == len(plain) == 8
        assert index["P0003"].drawings[0].thumbnail() == plain["P0003"].drawings[0].thumbnail()
        assert (index.info().drawings, index.info().patents) == (16, 8)
        assert index.bundle.info == plain.bundle.info
        # Both at once, as one index.
        with Index.open([folder, url]) as both:
            assert [hit.patent_id for hit in both.search(query, top=3)] == [
                hit.patent_id for hit in plain.search(query, top=3)
            ]


def test_adding_again_stores_what_is_new_and_what_has_changed(
    tiny_bundle: Bundle, url: str, tmp_path: Path
) -> None:
    draw_patents(tmp_path, 3, 2)
    with Index.ready(url, tiny_bundle) as index:
        assert index.add(tmp_path, threads=1).added == 6
        draw(tmp_path / "P0001" / "view0.png", 4711)
        draw(tmp_path / "P0009" / "view0.png", 4712)
        again = index.add(tmp_path, threads=1)
        assert (again.added, again.replaced, again.unchanged) == (1, 1, 5)
        lines = ["file_name,patent_id,title", "P0002/view0.png,P0002,A folding stool"]
        (tmp_path / "metadata.csv").write_text("\n".join(lines))
        told = index.add(tmp_path, threads=1)
        assert (told.updated, told.added, told.replaced) == (1, 0, 0)
        assert index["P0002"].title == "A folding stool"
        assert [hit.patent_id for hit in index.search(text="stools")] == ["P0002"]
        assert index.add(tmp_path, threads=1).updated == 0
        best = index.search(tmp_path / "P0001" / "view0.png", top=1).hits[0]
        assert (best.patent_id, best.drawings[0].score) == ("P0001", pytest.approx(1, abs=1e-3))
        assert index.remove(["P0001", "P0009"]) == 3
        assert len(index) == 2
    ((files,),) = ask(url, "SELECT count(*) FROM edgepatent.files")  # type: ignore[misc]
    assert files == 4


def test_a_folder_and_a_database_tell_the_same_of_what_became_of_files(
    tiny_bundle: Bundle, url: str, tmp_path: Path
) -> None:
    drawings = tmp_path / "drawings"
    draw_patents(drawings, 4, 2)
    with (
        Index.create(tmp_path / "index", tiny_bundle) as folder,
        Index.ready(url, tiny_bundle) as database,
    ):

        def added(**options: bool) -> Added:
            told = [one.add(drawings, threads=1, **options) for one in (folder, database)]
            assert told[0] == told[1]
            paths = [sorted(d.path for p in one for d in p.drawings) for one in (folder, database)]
            assert paths[0] == paths[1]
            return told[1]

        assert added().added == 8
        (drawings / "P0001" / "view0.png").rename(drawings / "P0001" / "front.png")
        os.utime(drawings / "P0002" / "view0.png", ns=(1, 1))
        again = added()
        assert (again.renamed, again.unchanged, again.added) == (1, 7, 0)
        # Touched and renamed files are known from then on.
        assert added() == Added(unchanged=8)
        (drawings / "P0000" / "view1.png").unlink()
        assert added() == Added(unchanged=7)
        assert added(prune=True) == Added(unchanged=7, removed=1)
        drawings.rename(tmp_path / "elsewhere")
        draw(drawings / "P0000" / "broken.png", 1)
        (drawings / "P0000" / "broken.png").write_bytes(b"")
        for one in (folder, database):
            with pytest.raises(InputError, match=r"remove all 7 .* --allow-empty"):
                one.add(drawings, prune=True, threads=1)
        assert added(prune=True, allow_empty=True).removed == 7
        assert len(database) == 0


def test_all_pages_of_a_file_are_stored_however_many_blocks_they_take(
    tiny_bundle: Bundle, url: str, tmp_path: Path
) -> None:
    pages = [Image.open(path).convert("L") for path in draw_patents(tmp_path / "drawn", 5, 1)]
    drawings = tmp_path / "drawings"
    (drawings / "P1").mkdir(parents=True)
    pages[0].save(drawings / "P1" / "sheets.tif", save_all=True, append_images=pages[1:])
    with patch.object(filling, "CHUNK", 2), Index.ready(url, tiny_bundle) as index:
        assert index.add(drawings, threads=1).added == 5
        assert index.add(drawings, threads=1, prune=True) == Added(unchanged=5)


def test_figures_change_with_their_sheet_and_stay_when_others_are_pruned(
    url: str, tmp_path: Path
) -> None:
    write_patents(tmp_path, 2)
    with Index.ready(url) as index:
        assert index.add(tmp_path, figures=True, threads=1).added == 8
        lines = ["file_name,patent_id,title", "P1/sheet-1.png,P9,A folding stool"]
        (tmp_path / "metadata.csv").write_text("\n".join(lines))
        assert index.add(tmp_path, figures=True, threads=1, prune=True).updated == 1
        assert len(index["P9"].drawings) == 3


def test_what_is_damaged_in_a_database_is_named(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    damages = {
        "state": "UPDATE edgepatent.state SET drawings = drawings + 1",
        "files": "INSERT INTO edgepatent.files (root, path, size, mtime_ns, digest) "
        "VALUES ('', 'lost', 0, 0, '')",
        "graph": "DROP INDEX edgepatent.drawings_signs",
        "rows": "UPDATE edgepatent.drawings SET scale = 'nan' WHERE row = 7",
        "signs": "UPDATE edgepatent.drawings SET signs = ~signs WHERE row = 8",
        "thumbnails": "UPDATE edgepatent.drawings SET thumbnail = 'no' WHERE row = 9",
        "model": "UPDATE edgepatent.bundle SET data = 'no' WHERE name = 'golden.npz'",
    }
    with (
        patch.multiple(writing, SIGNED_ROWS=800, EXACT_ROWS=1000),
        PostgresStore.create(url, tiny_bundle) as store,
    ):
        store.merge(many)
        store.finish()
        assert store.verify() == []
    for damage in damages.values():
        ask(url, damage)
    with PostgresStore(url) as store:
        found = {problem.part for problem in store.verify()}
    assert found == damages.keys()
    assert run(["index", "verify", "--index", url]) == 1


def test_watches_matters_and_records_go_with_a_database(
    drawings: Path,
    url: str,
    tiny_bundle: Bundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEPATENT_WATCHES", str(tmp_path / "watches"))
    secret = url.replace("edgepatent@", "edgepatent:secret@")
    query = str(drawings / "P0003" / "view1.png")

    def edgepatent(*arguments: object, status: int = 0) -> str:
        assert run(list(map(str, arguments))) == status, capsys.readouterr().err
        return capsys.readouterr().out

    with Index.ready(url, tiny_bundle) as index:
        index.add(drawings, threads=1)
    matter, filed = tmp_path / "matter", tmp_path / "filed.json"
    asked = ("search", query, "--index", secret, "--matter", matter, "--record", filed)
    edgepatent(*asked)
    edgepatent("replay", filed)
    edgepatent("replay", filed, "--index", secret)
    edgepatent("matter", "report", matter, "--html", tmp_path / "report.html")
    edgepatent("watch", "add", "stools", query, "--index", secret, "--threshold", "any")
    draw(tmp_path / "new" / "P0099" / "view0.png", 99)
    with Index.open(url) as index:
        index.add(tmp_path / "new", threads=1)
    assert "P0099" in edgepatent("watch", "run", "--json")
    assert "P0099" not in edgepatent("watch", "run", "--json")
    edgepatent("replay", filed, status=1)
    kept = [path for path in tmp_path.rglob("*.json") if path.is_file()]
    assert len(kept) > 3
    assert not [path for path in kept if b"secret" in path.read_bytes()]


def test_candidates_by_signs_are_those_of_an_exact_search(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    queries = views_of_designs(500, 3, 64)[::150]
    with (
        patch.object(copying, "BLOCK", 400),
        patch.multiple(writing, SIGNED_ROWS=800, EXACT_ROWS=1000),
        PostgresStore.create(url, tiny_bundle) as store,
    ):
        store.merge(many)
        store.finish()
        with store.moment() as moment:
            scope = moment.scope(Filters(), plan="scan")
            assert scope.plan == "signs"
            scope.nearest(queries[0], 10)
            plain = "SELECT row FROM drawings ORDER BY signs <~> repeat('0', 64)::bit(64) LIMIT 5"
            assert "drawings_signs" in str(moment.ask("EXPLAIN " + plain, ()))
            assert moment.scope(Filters(), plan="exact").plan == "exact"
        for filters in (Filters(), Filters(locarno=("03-01",))):
            for query in queries:
                by = {
                    plan: ranking.search([store], query, plan=plan, filters=filters)
                    for plan in ("exact", "scan")
                }
                assert by["scan"].plan == "signs"
                found = [[hit.patent_id for hit in one.hits] for one in by.values()]
                assert found[0] == found[1]


def test_two_clients_that_add_the_same_store_it_once(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    PostgresStore.create(url, tiny_bundle).close()
    start = Barrier(2)

    def add(_: int) -> int:
        with PostgresStore(url) as store, Collection.open(many.folder) as mine:
            start.wait(30)
            return store.merge(mine).added

    with patch.object(copying, "BLOCK", 100), ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(add, range(2))) == 1500
    with PostgresStore(url) as store, store.moment() as moment:
        assert moment.counts() == (1500, 500)
        rows = moment.scope(Filters()).rows()
        assert rows.tolist() == list(range(1500))


def test_two_clients_can_make_the_same_index_at_once(tiny_bundle: Bundle, url: str) -> None:
    start = Barrier(2)

    def create(_: int) -> None:
        start.wait(30)
        PostgresStore.create(url, tiny_bundle).close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(create, range(2)))
    assert ask(url, "SELECT count(*) FROM edgepatent.state") == [(1,)]


def test_a_database_that_goes_away_loses_nothing_that_was_committed(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    def go_away(what: str, done: int, total: int | None) -> None:
        if done > 500:
            ask(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()",
            )

    with PostgresStore.create(url, tiny_bundle) as store, patch.object(copying, "BLOCK", 300):
        with pytest.raises(CollectionError, match=r"went away .* run the same command again"):
            store.merge(many, go_away)
        with store.moment() as moment:
            there, _ = moment.counts()
        assert 0 < there < 1500
        again = store.merge(many)
        assert (again.unchanged, again.added) == (there, 1500 - there)


def test_an_add_goes_on_when_connections_break_and_stops_in_a_line_when_the_database_is_gone(
    drawings: Path, tiny_bundle: Bundle, url: str
) -> None:
    def break_all(what: str, done: int, total: int | None) -> None:
        if what == "indexing drawings":  # no question is being asked
            ask(
                url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()",
            )

    with patch.object(filling, "CHUNK", 6), Index.ready(url, tiny_bundle) as index:
        assert index.add(drawings, threads=1, progress=break_all).added == 16
    lost = new_database()
    with patch.object(filling, "CHUNK", 6), Index.ready(lost, tiny_bundle) as index:
        gone = iter([lambda: drop_database(lost)])

        def drop(what: str, done: int, total: int | None) -> None:
            next(gone, lambda: None)()

        with pytest.raises(CollectionError, match=r"cannot be reached \(.*does not exist"):
            index.add(drawings, threads=1, progress=drop)


def test_two_clients_that_add_the_same_drawings_store_them_once(
    drawings: Path, tiny_bundle: Bundle, url: str
) -> None:
    Index.create(url, tiny_bundle).close()
    start = Barrier(2)

    def add(_: int) -> Added:
        with Index.open(url) as index:
            start.wait(30)
            return index.add(drawings, threads=1)

    with patch.object(filling, "CHUNK", 4), ThreadPoolExecutor(2) as pool:
        told = list(pool.map(add, range(2)))
    assert sum(one.added for one in told) == 16
    assert [one.added + one.unchanged for one in told] == [16, 16]
    with PostgresStore(url) as store:
        assert (store.info().drawings, store.verify()) == (16, [])


def test_a_server_whose_disk_is_full_loses_nothing(many: Collection, tiny_bundle: Bundle) -> None:
    room = Path(tempfile.mkdtemp(prefix="edgepatent-pg-room-", dir="/tmp"))
    small = "edgepatent_test_small"
    # The user that the server of these tests runs as, where root starts it.
    owner = pwd.getpwnam("nobody").pw_uid
    mount = ["mount", "-t", "tmpfs", "-o", f"size=32m,uid={owner}", "tmpfs", str(room)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        room.rmdir()
        pytest.skip("only root can mount a small disk")
    url = ""
    try:
        server = new_database()
        try:
            try:
                ask(server, f"CREATE TABLESPACE {small} LOCATION '{room}'")
            except psycopg.Error as error:
                pytest.skip(f"the server cannot use a disk of this machine: {error}")
            url = new_database()
            name = url.rpartition("/")[2].partition("?")[0]
            ask(server, f'ALTER DATABASE "{name}" SET TABLESPACE {small}')
            ballast = room / "ballast"
            with (
                PostgresStore.create(url, tiny_bundle) as store,
                patch.object(copying, "BLOCK", 100),
            ):

                def fill(what: str, done: int, total: int | None) -> None:
                    if done > 300 and not ballast.exists():
                        with ballast.open("wb", 0) as file, suppress(OSError):
                            while True:
                                file.write(bytes(4096))

                with pytest.raises(CollectionError, match=r"no room left .* make room and run"):
                    store.merge(many, fill)
                there = store.info().drawings
                assert 300 < there < 1500
                assert store.verify() == []
                ballast.unlink()
                again = store.merge(many)
                assert (again.unchanged, again.added) == (there, 1500 - there)
                assert store.verify() == []
        finally:
            if url:
                drop_database(url)
            ask(server, f"DROP TABLESPACE IF EXISTS {small}")
            drop_database(server)
    finally:
        subprocess.run(["umount", str(room)], check=True)
        room.rmdir()


def test_an_older_format_is_brought_up_to_date_by_who_writes(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    PostgresStore.create(url, tiny_bundle).close()

    def step(connection: Connection) -> None:
        connection.execute("ALTER TABLE edgepatent.history ADD COLUMN note text")

    def broken(connection: Connection) -> None:
        connection.execute("ALTER TABLE edgepatent.history ADD COLUMN other text")
        raise RuntimeError

    with PostgresStore(url) as store:
        with (
            patch.multiple(schema, FORMAT=3, MIGRATIONS=(step, broken)),
            pytest.raises(RuntimeError),
        ):
            store.remove(Filters(patents=("P0",)))
        # All or nothing.
        assert ask(url, "SELECT format FROM edgepatent.state") == [(1,)]
        with patch.multiple(schema, FORMAT=2, MIGRATIONS=(step,)):
            with pytest.raises(CollectionError, match=r"format 1, .* reads 2: whoever writes"):
                PostgresStore(url)
            assert store.merge(many).added == 1500
            PostgresStore(url).close()
    assert ask(url, "SELECT format FROM edgepatent.state") == [(2,)]
    with pytest.raises(CollectionError, match="format 2, this version reads up to 1: upgrade"):
        PostgresStore(url)


def test_a_question_that_loses_its_connection_is_one_line_and_the_next_gets_another(
    tiny_bundle: Bundle, url: str
) -> None:
    gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid() "
    with PostgresStore.create(url, tiny_bundle) as store:
        asked = store.moment()
        moment = asked.__enter__()
        ask(url, gone + "AND datname = current_database()")
        with pytest.raises(psycopg.OperationalError) as lost:
            moment.patents()
        with pytest.raises(CollectionError, match="went away"):
            asked.__exit__(lost.type, lost.value, lost.tb)
        with store.moment() as moment:
            assert moment.patents() == []


def test_what_cannot_be_opened_is_one_line(tiny_bundle: Bundle, url: str, tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"there is no index in postgresql://.* index add"):
        PostgresStore(url)
    with pytest.raises(CollectionError, match="cannot be reached"):
        PostgresStore("postgresql://nobody:secret@127.0.0.1:1/none")
    with pytest.raises(InputError, match="no address of a database"):
        PostgresStore("postgresql://127.0.0.1/none?wrong=1")
    with PostgresStore.create(url, tiny_bundle) as store:
        other = write_tiny_bundle(tmp_path / "other", seed=5)
        with (
            Collection.create(tmp_path / "index", other) as collection,
            pytest.raises(SpaceMismatchError, match="of another model"),
        ):
            store.merge(collection)
    ask(url, "UPDATE edgepatent.state SET format = 9")
    with pytest.raises(CollectionError, match="format 9, this version reads up to 1: upgrade"):
        PostgresStore(url)


def test_a_reader_needs_no_more_than_to_read(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    with PostgresStore.create(url, tiny_bundle) as store:
        store.merge(many)
    role = "edgepatent_test_reader"
    ask(url, f"CREATE ROLE {role}")
    try:
        ask(url, f"GRANT USAGE ON SCHEMA edgepatent TO {role}")
        ask(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA edgepatent TO {role}")
        joint = "&" if "?" in url else "?"
        with PostgresStore(f"{url}{joint}options=-crole%3D{role}") as store:
            assert len(ranking.search([store], views_of_designs(1, 1, 64)).hits) == 10
            with pytest.raises(CollectionError, match="does not let this user"):
                store.remove(Filters(patents=("D000001",)))
    finally:
        ask(url, f"DROP OWNED BY {role}")
        ask(url, f"DROP ROLE {role}")


def test_a_name_tells_no_password() -> None:
    assert name_of("postgresql://me:secret@db.office:5433/designs?password=x&sslmode=require") == (
        "postgresql://me@db.office:5433/designs?sslmode=require"
    )


def test_an_engine_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "entry_points", lambda **_: ())
    with pytest.raises(MissingExtraError, match=r"pip install 'edgepatent\[postgres\]'"):
        Index.open("postgresql://somewhere/designs")
    with pytest.raises(InputError, match="name a folder, postgresql://… or ray://…"):
        Index.open("mysql://somewhere/designs")


def test_what_only_folders_can_is_refused(tiny_bundle: Bundle, url: str, tmp_path: Path) -> None:
    with Index.ready(url, tiny_bundle) as index:
        with pytest.raises(InputError, match=r"no folder, .* add the sources to a new one"):
            index.rebuild()
        with (
            Index.create(tmp_path / "index", tiny_bundle) as folder,
            pytest.raises(InputError, match=r"no folder, .* that it was filled from"),
        ):
            folder.merge(index)
        with pytest.raises(InputError, match="only folders are split"):
            shards.split(url, tmp_path / "shards", 2)


def test_ranks_of_words_are_those_of_a_folder(
    many: Collection, tiny_bundle: Bundle, url: str
) -> None:
    with PostgresStore.create(url, tiny_bundle) as store:
        store.merge(many)
        for text in ("chairs", "number 17", "17 chair"):
            with store.moment() as ours, many.moment() as theirs:
                found = ours.scope(Filters()).words(text, 8)
                wanted = theirs.scope(Filters()).words(text, 8)
            assert [score for score, _ in found] == pytest.approx([score for score, _ in wanted])
            assert [rows.tolist() for _, rows in found] == [rows.tolist() for _, rows in wanted]
    assert np.isfinite([score for score, _ in found]).all()


def test_the_command_line_adds_merges_and_searches(
    folder: Path, drawings: Path, url: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    def edgepatent(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "edgepatent", *map(str, arguments)],
            capture_output=True,
            env={**os.environ, "HOME": str(tmp_path), "EDGEPATENT_INDEX": url},
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    model = ("--model", tiny_bundle.folder)
    added = json.loads(edgepatent("index", "add", drawings, *model, "--json"))
    assert (added["added"], added["index"]["patents"]) == (16, 8)
    query = drawings / "P0003" / "view1.png"
    found = json.loads(edgepatent("search", query, "--json"))
    assert found["index"] == name_of(url)
    with Index.open(folder) as plain:
        wanted = [(hit.rank, hit.patent_id) for hit in plain.search(query)]
    assert [(hit["rank"], hit["patent_id"]) for hit in found["hits"]] == wanted
    assert run(["index", "merge", str(folder), "--index", url]) == 0
    assert run(["index", "remove", "P0003", "--index", url]) == 0
    assert run(["index", "verify", "--index", url]) == 0
    assert run(["index", "verify", "--repair", "--index", url]) == 1
    with PostgresStore(url) as store:
        assert store.info().drawings == 14


def test_the_page_fills_and_shows_a_database(
    drawings: Path, url: str, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    testclient = pytest.importorskip("starlette.testclient", reason="edgepatent[web] is absent")
    from edgepatent.web.app import create_app
    from edgepatent.web.desk import Desk
    from edgepatent.web.security import Door

    PostgresStore.create(url, tiny_bundle).close()
    door = Door("127.0.0.1", 8765)
    with closing(Desk([url], tmp_path)) as desk:
        page = testclient.TestClient(
            create_app(desk, door),
            base_url="http://127.0.0.1:8765",
            headers={"authorization": f"Bearer {door.token}"},
            client=("127.0.0.1", 50000),
        )
        wanted = {"kind": "add", "folder": str(drawings)}
        job = page.post("/api/indexes/0/jobs", json=wanted).json()
        while job["state"] == "running":
            time.sleep(0.1)
            job = page.get(f"/api/jobs/{job['id']}").json()
        assert (job["state"], job["message"]) == ("done", "16 added.")
        (index,) = page.get("/api/indexes").json()["indexes"]
        assert (index["path"], index["drawings"]) == (name_of(url), 16)
        assert page.get("/api/designs/P0003").json()["patent_id"] == "P0003"
