"""How much memory a built function holds at most, called with a load twice.

AWS's answers come from a tape here too, but from this process and over HTTP: the function holds no answer but the one
that it asked for, however long the others are. A shop's endpoint is another port of this process.
"""

import itertools
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Final
from unittest.mock import patch

from cashback.edge import deps
from dev.project import logical_id
from tests.benchmarks import instructions, local_endpoint, story, tapes
from tests.benchmarks.loads import LOADS, Load
from tests.benchmarks.tapes import Tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE: Final = Path(__file__).parent
_PATHS: Final = {"schedules": "CreateSchedule", "v2": "SendEmail"}
"""Operations of services that are asked by path, by where that begins."""

_CALLS: Final = 2
"""Calls of a function."""

_HANDSHAKE: Final = b"\x16"
"""How a client of TLS begins."""

_PEAK: Final = (
    "import re, pathlib; print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
)


def measure(build: Path) -> dict[str, float]:
    """The most MB that each load makes its function hold, by the names of loads."""
    return {name: weigh(load, build) for name, load in LOADS.items()}


def weigh(load: Load, build: Path) -> float:
    """The most MB that a load makes its function hold.

    :raises RuntimeError: it did not do what it was asked.
    """
    with Endpoint() as endpoint:
        threading.Thread(target=endpoint.serve_forever, args=(0.02,), daemon=True).start()
        port = endpoint.server_address[1]
        with patch.object(deps, "webhook_sender", local_endpoint.sender_to(port)):
            tape = tapes.record_alone(load.function, load.make)
        first = f"import local_endpoint; local_endpoint.call({port})" if load.attempts else ""
        peak = _played(load, tape, build, first)
        endpoint.shutdown()
    if endpoint.greeted != load.attempts * (1 + _CALLS):
        raise RuntimeError(f"{load.name}: {endpoint.greeted} calls of an endpoint")
    return peak


def _played(load: Load, tape: Tape, build: Path, first: str) -> float:
    """The most MB of a process that does something ``first``, and serves the event of a tape."""
    paths = [build / "SharedLayer" / "python", build / logical_id(load.function), _HERE]
    code = f"import played\n{first}\nplayed.function_over_http({_CALLS}); {_PEAK}"
    given = json.dumps({"event": tape.event, "now": story.LATER})
    with Player(tape) as aws:
        threading.Thread(target=aws.serve_forever, args=(0.02,), daemon=True).start()
        endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}"}
        printed = instructions.run(code, paths, {**instructions.ON_LAMBDA, **story.NAMES, **endpoint}, given)
        aws.shutdown()
    return int(printed) / 1024


class Player(ThreadingHTTPServer):
    """AWS as it was recorded: answers to each operation in turn, over and over."""

    daemon_threads = True

    def __init__(self, tape: Tape) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.answers: Mapping[str, Iterator[bytes]] = {
            operation: itertools.cycle([body.encode() for body in bodies])
            for operation, bodies in tape.answers().items()
        }


class Endpoint(ThreadingTCPServer):
    """What a shop names as its endpoint, where nobody speaks TLS. ``greeted`` counts who wanted to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Greetings)
        self.greeted = 0


class _Greetings(BaseRequestHandler):
    server: Endpoint

    def handle(self) -> None:
        self.server.greeted += self.request.recv(1) == _HANDSHAKE
        self.request.sendall(b"no TLS")
        with suppress(ConnectionError):
            while self.request.recv(4_096):
                """What is not read would reset the connection before it has read the answer."""


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Player

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers.get("X-Amz-Target")
        operation = _PATHS[self.path.split("/")[1]] if target is None else target.partition(".")[2]
        body = next(self.server.answers[operation])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
