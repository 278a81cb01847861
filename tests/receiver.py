"""A server that takes whatever is posted to it, for what a process sends of its own accord."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Self


class Receiver(HTTPServer):
    """Keeps every body, unpacked, in the order of arrival; listens while its context is open."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Delivery)
        self.bodies: list[bytes] = []
        self.place = f"127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Delivery(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        encoding = self.headers.get("Content-Encoding")
        assert encoding in (None, "gzip")
        self.server.bodies.append(gzip.decompress(body) if encoding else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
