"""A server on this machine for tests of fetching: what it answers can be made to fail in chosen ways."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: What a path answers instead of its bytes: None for the bytes after all.
Answer = Callable[["Handler"], object]


class Server(ThreadingHTTPServer):
    """`files` are bytes by path; `plans` lists what the next requests of a path are answered before that."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.plans: dict[str, list[Answer]] = {}
        self.headers: dict[str, str] = {"Last-Modified": "Wed, 01 Jan 2014 00:00:00 GMT"}
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is what some tests want."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        # A proxy is asked for a whole address.
        path = urlsplit(self.path).path
        self.server.asked.append(self.path)
        plan = self.server.plans.get(path)
        if plan:
            plan.pop(0)(self)
        elif path in self.server.files:
            self.give(self.server.files[path])
        else:
            self.send_error(404)

    def give(self, content: bytes, *, length: int | None = None) -> None:
        self.send_response(200)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def status(code: int) -> Answer:
    """Answer with an HTTP status."""
    return lambda handler: handler.send_error(code)


def cut(handler: Handler) -> None:
    """Promise the whole file, give half of it and hang up."""
    content = handler.server.files[urlsplit(handler.path).path]
    handler.give(content[: len(content) // 2], length=len(content))


def slow(seconds: float) -> Answer:
    """Give the file after so long."""

    def answer(handler: Handler) -> None:
        time.sleep(seconds)
        handler.give(handler.server.files[urlsplit(handler.path).path])

    return answer


@contextmanager
def serving() -> Iterator[Server]:
    """Serve while the block lasts."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
