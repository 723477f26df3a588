"""Runs in the process that is measured: answers its calls of AWS from a tape, where they would go to a socket."""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any
from zlib import crc32

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

_HEADERS = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "0" * 52}

type Answer = Callable[..., AWSResponse]


class _Body:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.content


def function(tape: str, times: int) -> None:
    """Call a built function so often.

    :raises RuntimeError: it did not do what it was asked.
    """
    app, clients = import_module("app"), import_module("cashback.edge.clients")
    event, answer = _read(tape)
    clients._session().register("before-send", answer)
    for _ in range(times):
        said = app.handler(event, None)
        if said.get("statusCode", 200) != 200 or said.get("batchItemFailures"):
            raise RuntimeError(said)


def raw(tape: str, times: int) -> None:
    """Send a transaction by boto3 so often, and nothing else."""
    raw = import_module("raw")
    event, answer = _read(tape)
    raw.client.meta.events.register("before-send", answer)
    for _ in range(times):
        raw.handler(event, None)


def _read(tape: str) -> tuple[Any, Answer]:
    """The event, and what answers a request in place of its service: the answers to an operation in turn, over and
    over. They are made beforehand, so that hardly anything of the tape is counted."""
    read = json.loads(Path(tape).read_text())
    answers = {name: cycle([_response(body.encode()) for body in bodies]) for name, bodies in read["answers"].items()}

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        target: Any = request.headers["X-Amz-Target"]
        operation = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        return next(answers[operation])

    return read["event"], answer


def _response(body: bytes) -> AWSResponse:
    headers = HTTPHeaders.from_dict({**_HEADERS, "x-amz-crc32": str(crc32(body))})
    response = AWSResponse("https://aws", 200, headers, _Body(body))
    assert response.content == body  # from now on it is kept
    return response
