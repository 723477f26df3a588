"""Runs in the process that is measured: answers its calls of AWS from a tape, over sockets of its own."""

import json
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import import_module
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from urllib3.util import connection

_OPERATION = re.compile(rb"\r\nX-Amz-Target: \w+\.(\w+)\r\n")

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 240_000)
"""What a function asks of Lambda's own."""

type Answers = Mapping[bytes, Iterator[bytes]]


class Played(socket.socket):
    """A connection to AWS. Each request is answered as soon as its head is sent."""

    def __init__(self, answers: Answers) -> None:
        near, self._far = socket.socketpair()
        super().__init__(fileno=near.detach())
        self._answers = answers

    def sendall(self, data: Any, _flags: int = 0) -> None:
        if operation := _OPERATION.search(data):
            self._far.sendall(next(self._answers[operation[1]]))


def start() -> None:
    """Start a built function.

    :raises RuntimeError: it has not connected to AWS.
    """
    opened = _answer_with({})
    import_module("app")
    if not opened:
        raise RuntimeError("its first call would have to connect")


def function(tape: str, times: int) -> None:
    """Call a built function so often.

    :raises RuntimeError: it did not do what it was asked.
    """
    event, _ = _play(tape)
    _call(event, times)


def first_call(tape: str) -> None:
    """Start a built function and call it once; print how many connections each of both has opened.

    :raises RuntimeError: it did not do what it was asked.
    """
    event, opened = _play(tape)
    import_module("app")
    at_start = len(opened)
    _call(event, 1)
    print(at_start, len(opened) - at_start)


def function_over_http(times: int) -> None:
    """Call a built function so often with the event that stands on standard input. Its calls of AWS go where the
    environment says, so that the process holds no answer that it did not ask for.

    :raises RuntimeError: it did not do what it was asked.
    """
    read = json.load(sys.stdin)
    vars(import_module("cashback.edge.clock"))["datetime"] = stopped_at(read["now"])
    _call(read["event"], times)


def stopped_at(now: str) -> Any:
    """A stand-in for ``datetime`` that always tells this time."""
    return SimpleNamespace(now=lambda _: datetime.fromisoformat(now))


def _call(event: Any, times: int) -> None:
    app = import_module("app")
    for _ in range(times):
        said = app.handler(event, CONTEXT)
        if said.get("statusCode", 200) != 200 or said.get("batchItemFailures"):
            raise RuntimeError(said)


def raw(tape: str, times: int) -> None:
    """Send a transaction by boto3 so often, and nothing else."""
    event, _ = _play(tape)
    handler = import_module("raw").handler
    for _ in range(times):
        handler(event, None)


def _play(tape: str) -> tuple[Any, list[Played]]:
    """The event, and the connections that will be opened. The answers are made beforehand, so that hardly anything of
    the tape is counted."""
    read = json.loads(Path(tape).read_text())
    answers = {
        name.encode(): cycle([_answer(body.encode()) for body in bodies]) for name, bodies in read["answers"].items()
    }
    return read["event"], _answer_with(answers)


def _answer_with(answers: Answers) -> list[Played]:
    """Answer who connects from now on, to each operation in turn; return the connections that will be opened."""
    opened: list[Played] = []

    def connected(*_: Any, **__: Any) -> Played:
        opened.append(Played(answers))
        return opened[-1]

    connection.create_connection = connected
    return opened


def _answer(body: bytes) -> bytes:
    """An answer with the headers that AWS sends."""
    lines = [
        "HTTP/1.1 200 OK",
        "Server: Server",
        "Date: Sun, 01 Mar 2026 10:00:00 GMT",
        "Content-Type: application/x-amz-json-1.0",
        f"Content-Length: {len(body)}",
        "Connection: keep-alive",
        f"x-amzn-RequestId: {'0' * 52}",
        f"x-amz-crc32: {crc32(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
