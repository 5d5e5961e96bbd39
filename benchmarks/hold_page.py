"""Requests of strangers, sent to a real ``edgepatent serve``: does it answer each, and go on?

    python benchmarks/hold_page.py [--mutations 20] [--seed 1]

Every operation of the page's API is asked with each part of its path and each of its parameters
replaced by what somebody wrote wrongly, or to harm, and with bodies that are none; honest requests
are mutated byte by byte, line ends and lengths among them. Whoever sends has the token, as a page
in the browser has. A request is "answered" below status 400, "refused" from there to 499, "closed"
without an answer, and "waited for" where it is cut or names more bytes than come (the client then
leaves). "Something else" is told: a status of 500 or more, and a whole request that has no answer
within a minute. Afterwards the server answers an honest search as before, the index is
the same in every byte, the log holds no traceback; the last line is the peak of the server's
memory.
"""

import argparse
import itertools
import json
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from bundles import write_tiny_bundle
from hold_packs import WRONG, contents
from hostile import SPELLS, mutations
from page_server import Server, serving

from edgepatent.web.app import OPERATIONS
from edgepatent_runtime.index import Index

TEXTS = tuple(
    dict.fromkeys(
        [*(value if isinstance(value, str) else json.dumps(value) for value in WRONG), *SPELLS]
    )
)
BODIES = (
    b"",
    b"{",
    b"[" * 100_000,
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"\x89PNG\r\n\x1a\n",
    b"P5",
)
KNOWN = {"place": "0", "row": "3", "patent_id": "D000003", "matter": "m", "search": "1"}

KNOWN_ENDS = ("answered", "refused", "closed", "waited for")

Case = tuple[str, bytes]


def request(server: Server, method: str, target: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    token = server.bearer["authorization"]
    length = f"Content-Length: {len(body)}\r\n" if body or method != "GET" else ""
    head = (
        f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Authorization: {token}\r\n{length}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def cases(server: Server, count: int, seed: int) -> Iterator[Case]:
    """Class and bytes of every request."""
    for operation in OPERATIONS:
        parts = operation.path.split("/")
        holes = [place for place, part in enumerate(parts) if "{" in part]
        honest = [
            KNOWN.get(part.partition("{")[2].split(":")[0].split("}")[0], "1")
            + part.rpartition("}")[2]
            if "{" in part
            else part
            for part in parts
        ]
        for hole, text in itertools.product(holes, TEXTS):
            path = [
                *honest[:hole],
                quote(text[:2000], safe="./", errors="replace"),
                *honest[hole + 1 :],
            ]
            yield "parts of paths", request(server, operation.method, "/".join(path))
        for name, text in itertools.product(operation.query, TEXTS):
            value = quote(text[:8000], errors="replace")
            target = f"{'/'.join(honest)}?text=chair&{name}={value}"
            yield "parameters", request(server, operation.method, target)
        if operation.method in ("POST", "PUT"):
            for body in BODIES:
                target = "/".join(honest)
                yield "bodies", request(server, operation.method, target, body)
    whole = [
        request(server, "GET", "/api/search?text=chair&top=3&by=drawing&since=2010-01-01"),
        request(server, "GET", "/api/search?like=D000003&top=3"),
        request(server, "GET", "/api/designs/D000003"),
        request(server, "GET", "/static/app.js"),
        request(server, "POST", "/api/images", b"\x89PNG\r\n\x1a\n" + bytes(300)),
        request(server, "POST", "/api/matters", b'{"name": "m"}'),
    ]
    for place, one in enumerate(whole):
        for hurt in mutations(one, 30 * count, seed + place):
            yield "mutated requests", hurt


def end(server: Server, data: bytes, patience: float = 60) -> str:
    """What became of a request; after so many seconds without an answer the client leaves."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.settimeout(patience)
        try:
            connection.sendall(data)
            while part := connection.recv(1 << 16):
                answer += part
        except TimeoutError:
            # An answer without an end is that of a connection which is kept for the next request.
            if not answer:
                return "waited for"
        except (ConnectionResetError, BrokenPipeError):
            pass
    if not answer:
        return "closed"
    status = int(answer.split(b" ", 2)[1])
    if 200 <= status < 400:
        return "answered"
    return "refused" if 400 <= status < 500 else f"status {status}: {answer[-200:]!r}"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--mutations", type=int, default=20)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    table: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        with Index.create(work / "index", write_tiny_bundle(work / "bundle")) as index:
            index.add("synthetic:designs=12,seed=11,views=2")
        before = contents(work / "index")
        with serving(work / "index", work) as server:
            honest = request(server, "GET", "/api/search?text=chair")
            assert end(server, honest) == "answered"
            memory = psutil.Process(server.process.pid)
            peak = 0
            for number, (kind, data) in enumerate(cases(server, chosen.mutations, chosen.seed)):
                cut = kind == "mutated requests"
                became = end(server, data, 0.5 if cut else 60)
                known = became if became in KNOWN_ENDS[: 4 if cut else 2] else "something else"
                table.setdefault(kind, Counter())[known] += 1
                if known == "something else":
                    print(f"{kind}: {data[:300]!r}: {became}", file=sys.stderr, flush=True)
                if number % 50 == 0:
                    peak = max(peak, memory.memory_info().rss)
            after = end(server, honest)
            log = server.log()
        changed = contents(work / "index") != before
    print("| class | requests | answered | refused | closed | waited for | something else |")
    print("|---" * 7 + "|")
    for kind, ends in table.items():
        counts = (ends[name] for name in (*KNOWN_ENDS, "something else"))
        print("|", " | ".join([kind, *map(str, (ends.total(), *counts))]), "|")
    became = "changed" if changed else "as before"
    print(f"\nAfterwards: an honest search is {after}, the index {became}")
    print(f"Tracebacks in the log: {log.count('Traceback')}; {peak >> 20} MB at most")


if __name__ == "__main__":
    main()
