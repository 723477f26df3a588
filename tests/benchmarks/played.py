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
    opened: list[Played] = []

    def connected(*_: Any, **__: Any) -> Played:
        opened.append(Played({}))
        return opened[-1]

    connection.create_connection = connected
    import_module("app")
    if not opened:
        raise RuntimeError("a first call would have to connect")


def function(tape: str, times: int) -> None:
    """Call a built function so often.

    :raises RuntimeError: it did not do what it was asked.
    """
    _called(_play(tape), times)


def served(times: int) -> None:
    """Call a built function so often with the event that stands on standard input. Its calls of AWS go where the
    environment says, so that the process holds no answer that it did not ask for.

    :raises RuntimeError: it did not do what it was asked.
    """
    read = json.load(sys.stdin)
    vars(import_module("cashback.edge.clock"))["datetime"] = stopped_at(read["now"])
    _called(read["event"], times)


def stopped_at(now: str) -> Any:
    """What the clock of functions asks, always at one time."""
    return SimpleNamespace(now=lambda _: datetime.fromisoformat(now))


def _called(event: Any, times: int) -> None:
    app = import_module("app")
    for _ in range(times):
        said = app.handler(event, CONTEXT)
        if said.get("statusCode", 200) != 200 or said.get("batchItemFailures"):
            raise RuntimeError(said)


def raw(tape: str, times: int) -> None:
    """Send a transaction by boto3 so often, and nothing else."""
    event = _play(tape)
    handler = import_module("raw").handler
    for _ in range(times):
        handler(event, None)


def _play(tape: str) -> Any:
    """The event. From now on who connects is answered: to each operation in turn, over and over. The answers are made
    beforehand, so that hardly anything of the tape is counted."""
    read = json.loads(Path(tape).read_text())
    answers = {
        name.encode(): cycle([_answer(body.encode()) for body in bodies]) for name, bodies in read["answers"].items()
    }
    connection.create_connection = lambda *_, **__: Played(answers)
    return read["event"]


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
