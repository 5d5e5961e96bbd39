"""What answers at ray://HOST:PORT/index, without Ray: the messages of a cluster over HTTP."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Front(http.server.BaseHTTPRequestHandler):
    """Answers calls with ``answer``, until it is ``over``."""

    protocol_version = "HTTP/1.1"
    # Else an answer in two pieces waits for the other side to have taken the first one.
    disable_nagle_algorithm = True
    answer: Callable[[bytes], bytes]
    over = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if type(self).over:
            # Without a word, as a server does that has ended.
            self.close_connection = True
            return
        status = 200 if self.path == "/index/calls" else 404
        data = type(self).answer(body) if status == 200 else b"{}"
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def answering(answer: Callable[[bytes], bytes], port: int = 0) -> Iterator[str]:
    """The address at which ``answer`` answers, until the block ends; ``port`` 0 takes any."""
    front = type("One", (Front,), {"answer": staticmethod(answer)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), front) as server:
        # Whoever is asked in the end may keep its connections as long as it likes.
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ray://127.0.0.1:{server.server_address[1]}/index"
        finally:
            front.over = True
            server.shutdown()
            thread.join()
