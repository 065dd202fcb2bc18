"""Requests byte by byte: what no well-behaved client library would send."""

import json
import re
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

Headers = Iterable[tuple[str, str]]
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})")  # a status line may follow a body, and that ends without a line feed
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4


def http1(address: str, path: str, headers: Headers, body: bytes, version: str = "1.1", **options: Any) -> list[int]:
    """POST in HTTP/1 and return the status lines' numbers, none when the server hung up."""
    lines = [f"POST {path} HTTP/{version}", f"Host: {address}", "Content-Type: application/json", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    answer = _exchange(address, "\r\n".join([*lines, "", ""]).encode() + body, **options)
    return statuses(answer)


def answers(address: str, request: bytes, patience: float) -> list[int]:
    """Send bytes as they are and return the status lines' numbers.

    It ends when the server hangs up, or neither takes nor sends anything for ``patience`` seconds.
    """
    received = b""
    with _connect(address) as connection, suppress(OSError):
        connection.settimeout(patience)
        with suppress(OSError):  # a server may answer without having heard all
            connection.sendall(request)
        while part := connection.recv(65_536):
            received += part
    return statuses(received)


def in_pieces(address: str, pieces: Iterable[bytes], pause: float) -> list[int]:
    """Send what may be many requests on one connection, slowly, and return the status lines' numbers."""
    with _connect(address) as connection, connection.makefile("rb") as stream:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        connection.shutdown(socket.SHUT_WR)
        return statuses(stream.read())


def http2(address: str, path: str, headers: Headers, body: bytes) -> Any:
    """POST in HTTP/2, without TLS and without upgrade, and return the JSON of the answer."""
    fields = [(":method", "POST"), (":scheme", "http"), (":authority", address), (":path", path)]
    fields += [("content-type", "application/json"), *headers]
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)
    frames = _frame(SETTINGS, 0, 0, b"") + _frame(HEADERS, END_HEADERS, 1, block) + _frame(DATA, END_STREAM, 1, body)
    with _connect(address) as connection, connection.makefile("rb") as stream:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
        received, flags = b"", 0
        while not flags & END_STREAM:
            length, kind, flags, _stream = struct.unpack(">3sBBL", stream.read(9))
            payload = stream.read(int.from_bytes(length))
            flags, received = (flags, received + payload) if kind == DATA else (0, received)
    return json.loads(received)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answers)]


def _exchange(address: str, request: bytes, *, hang_up: bool = False) -> bytes:
    with _connect(address) as connection, connection.makefile("rb") as stream:
        connection.sendall(request)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        return stream.read()


def _connect(address: str) -> socket.socket:
    host, _colon, port = address.partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBL", kind, flags, stream) + payload


def _text(text: str) -> bytes:
    # HPACK's plain form, up to 126 bytes.
    return bytes([len(text)]) + text.encode()
