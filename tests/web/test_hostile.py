"""Clients that mean no good, or are slow, many or gone: the server stays up and quick."""

import asyncio
import re
import signal
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import hostile
import httpx2 as httpx
import misbehaviour
import psutil
import pytest
from page_server import Server, serving
from PIL import Image

from edgepatent.web import bodies
from edgepatent.web.reading import Reader
from edgepatent_runtime.errors import DrawingError

MEMORY = 400 << 20


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.root, headers=server.bearer, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def sent(client: httpx.Client, query: Path) -> str:
    """The id of a query image."""
    answer = client.post("/api/images", content=query.read_bytes())
    return str(answer.json()["id"])


def raw(server: Server, target: str) -> bytes:
    """The answer to a request whose target no library has tidied."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        token = server.bearer["authorization"]
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: {token}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "target",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/../../../../etc/passwd",
        "/api/images/..%2f..%2fetc%2fpasswd.png",
        "/api/matters/..%2f..%2f",
        "/api/matters/%2e%2e",
        "/api/matters/../../etc/searches/passwd.json",
        "/matters/..%2f../report",
        "/api/drawings/0/..%2f..%2fetc/1.png",
        "/api/drawings/-1/x/1.png",
        "/api/drawings/99/x/1.png",
        "/api/drawings/0/x/99999999999999999999.png",
    ],
)
def test_no_path_leads_out(server: Server, target: str) -> None:
    answer = raw(server, target)
    assert re.match(rb"HTTP/1.1 4\d\d ", answer), answer
    assert b"root:" not in answer
    assert b"import" not in answer


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_what_is_no_picture_gets_one_line(client: httpx.Client, query: Path) -> None:
    whole = query.read_bytes()
    for junk in (b"", b"\0" * 5000, b"%PDF-1.7 nothing", bomb(), whole[: len(whole) // 2]):
        answer = client.post("/api/images", content=junk)
        assert answer.status_code == 422, answer.text
        assert "\n" not in answer.json()["error"]
        assert "Traceback" not in answer.text
    assert client.post("/api/images", content=whole).status_code == 200


def test_too_much_is_refused_before_it_is_read(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        head = (
            f"POST /api/images HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: {server.bearer['authorization']}\r\n"
            f"Content-Length: {bodies.IMAGE_BYTES + 1}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_too_much_without_a_length_is_refused_too(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(bodies.IMAGE_BYTES // (1 << 20) + 2):
            yield bytes(1 << 20)

    # Told while it still sends, a client may see the refusal or a closed connection.
    with suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
        assert client.post("/api/images", content=pieces()).status_code == 413
    assert client.get("/api/indexes").status_code == 200


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/search", "nothing to search for"),
        ("/api/search?image=../../etc/passwd", "names no image"),
        ("/api/search?image=" + "0" * 32, "no longer here"),
        ("/api/search?text=x&top=-1", "whole number"),
        ("/api/search?text=x&top=1e9", "whole number"),
        ("/api/search?text=x&since=yesterday", "not a date"),
        ("/api/search?text=x&by=magic", "by is"),
        ("/api/search?text=x&index=7", "no index"),
        ("/api/search?text=x&index=..", "no index"),
        ("/api/search?text=x&colour=red", "no parameter"),
        ("/api/search?text=%22%22%22", "no word"),
        ("/api/search?like=USD9999999", "not indexed"),
        ("/api/search?text=x&matter=../x", "cannot be the name"),
        ("/api/search?text=x&matter=none", "no matter"),
        ("/api/facets", "nothing to search for"),
        ("/api/classify", "no image"),
    ],
)
def test_a_wrong_question_gets_one_line(client: httpx.Client, path: str, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 422, answer.text
    assert says.lower() in answer.json()["error"].lower()


@pytest.mark.parametrize("name", ["front.png", "front"])
def test_a_refusal_leaves_the_name_of_a_file_as_it_is(client: httpx.Client, name: str) -> None:
    blank = hostile.saved(Image.new("L", (80, 60), 255), "PNG")
    sent = client.post("/api/images", content=blank, headers={"x-name": name}).json()
    answer = client.get("/api/search", params={"image": sent["id"]})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(f"{name} cannot be searched with: blank page")


def test_wrong_documents_are_refused(client: httpx.Client) -> None:
    for content in (b"", b"{", b"[]", b'{"name": 1}', b'{"name": "x", "path": "/"}', b"\xff"):
        answer = client.post("/api/matters", content=content)
        assert answer.status_code == 422, content
    long = b'{"name": "' + b"x" * bodies.JSON_BYTES + b'"}'
    assert client.post("/api/matters", content=long).status_code == 413
    for name in ("..", ".", "a/b", "a\\b", "", " ", "x" * 200, ".hidden", "a\0b"):
        assert client.post("/api/matters", json={"name": name}).status_code == 422, name


def test_words_are_not_commands(client: httpx.Client) -> None:
    for text in ("' OR 1=1 --", '"; DROP TABLE patents', "title:*", "NEAR(a b)", "a^b", "{x}"):
        answer = client.get("/api/search", params={"text": text})
        assert answer.status_code in (200, 422), answer.text
        assert "SQL" not in answer.text


def test_two_hundred_at_once(server: Server, sent: str) -> None:
    async def all_at_once() -> list[int]:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=server.root, headers=server.bearer, timeout=120, limits=limits
        ) as client:
            answers = await asyncio.gather(
                *(client.get("/api/search", params={"image": sent, "top": 20}) for _ in range(200))
            )
        return [answer.status_code for answer in answers]

    assert asyncio.run(all_at_once()) == [200] * 200
    assert _memory(server) < MEMORY


def test_slow_clients_keep_nobody_waiting(server: Server, client: httpx.Client) -> None:
    start = b"POST /api/images HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % server.port
    token = server.bearer["authorization"].encode()
    with ExitStack() as stack:
        for number in range(80):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 30))
            slow.sendall(start)
            if number % 2:  # a body of which a byte comes
                slow.sendall(b"Authorization: %s\r\nContent-Length: 9000000\r\n\r\nx" % token)
        assert client.get("/api/indexes").status_code == 200
        assert client.get("/api/search", params={"text": "seat"}).status_code == 200


def test_clients_that_vanish_leave_nothing_behind(
    server: Server, client: httpx.Client, sent: str
) -> None:
    token = server.bearer["authorization"]
    for _ in range(40):
        with socket.create_connection(("127.0.0.1", server.port), 30) as gone:
            gone.sendall(
                f"GET /api/search?image={sent}&top=50 HTTP/1.1\r\n"
                f"Host: 127.0.0.1:{server.port}\r\nAuthorization: {token}\r\n\r\n".encode()
            )
            # Reset, not closed: the server finds out as it writes.
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert client.get("/api/search", params={"image": sent}).status_code == 200


def test_nothing_that_was_asked_is_logged(
    server: Server, client: httpx.Client, query: Path
) -> None:
    headers = {"x-name": "secret-invention.png"}
    image = client.post("/api/images", content=query.read_bytes(), headers=headers).json()["id"]
    client.get("/api/search", params={"image": image, "text": "secretword"})
    client.get("/api/nowhere/secretpath")
    client.get("/api/search", params={"text": "secret", "since": "secretdate"})
    assert client.get("/api/indexes").status_code == 200
    assert server.log() == ""


def test_a_picture_that_kills_its_reader_costs_that_picture() -> None:
    reader = Reader()
    try:
        with pytest.raises(DrawingError, match="crashes the program that reads it"):
            reader._call(misbehaviour.die_of, signal.SIGSEGV)
        with pytest.raises(DrawingError, match="empty file"):
            reader.describe(b"")
    finally:
        reader.close()


def test_elsewhere_needs_the_token_and_says_so(index: Path, tmp_path: Path) -> None:
    with serving(index, tmp_path, "--host", "0.0.0.0") as server:
        assert httpx.get(server.root + "/api/indexes").status_code == 403
        assert httpx.get(server.root + "/api/indexes", headers=server.bearer).status_code == 200
        assert "other machines can reach this page" in server.log()


def _memory(server: Server) -> int:
    """Bytes that the server and its readers hold for themselves."""
    process = psutil.Process(server.process.pid)
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().uss for one in family)
