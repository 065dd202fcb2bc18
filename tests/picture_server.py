"""Pictures, and a server of one's own that gives them out, or behaves as badly as servers do."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from PIL import Image

Behaviour = Callable[[BaseHTTPRequestHandler], None]


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), color: str = "teal", **options: Any) -> bytes:
    written = BytesIO()
    Image.new(options.pop("mode", "RGB"), size, color).save(written, kind, **options)
    return written.getvalue()


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Behaviour:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def redirect(location: str, status: int = 302) -> Behaviour:
    return answer(status=status, Location=location)


def drip(before: bytes, byte: bytes, seconds: float = 0.02) -> Behaviour:
    """Send ``before``, and then ``byte`` again and again until nobody listens."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(before)
        while True:
            handler.wfile.write(byte)
            handler.wfile.flush()
            time.sleep(seconds)

    return send


def stall(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.recv(1)  # until the other side goes


def zipped(body: bytes) -> Behaviour:
    return answer(gzip.compress(body), Content_Encoding="gzip")


class PictureServer(ThreadingHTTPServer):
    """Serves ``behaviours`` by path, and keeps which were asked for, and with what headers."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: dict[str, Behaviour] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str, behaviour: Behaviour | None = None, host: str = "127.0.0.1") -> str:
        if behaviour:
            self.behaviours[path] = behaviour
        return f"http://{host}:{self.server_port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _headers in self.asked]

    def handle_error(self, *args: Any) -> None:
        """Clients that go are what this is about."""


class Handler(BaseHTTPRequestHandler):
    server: PictureServer
    timeout = 10

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.behaviours.get(self.path, answer(status=404))(self)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[PictureServer]:
    with PictureServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
