"""Lambda's runtime API as a function under the runtime client meets it: hands out events, and reads the function's CPU
clock and memory meanwhile."""

import itertools
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from dev.project import REGION

_TRACE: Final = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


class Invocations:
    """What the runtime's API hands out in one run, and what it saw meanwhile: the CPU clock of the function and that on
    the wall at each request for an event, and its memory at the last."""

    def __init__(self, events: Sequence[dict[str, Any]]) -> None:
        self.waiting = iter(events)
        self.clock: int | None = None
        self.readings: list[float] = []
        self.times: list[float] = []
        self.fault: str | None = None
        self.memory = 0.0
        self.over = threading.Event()

    def next(self, pid: int) -> dict[str, Any] | None:
        """Return the next event, None where there is none."""
        self.readings.append(time.clock_gettime(~pid << 3 | 2))
        self.times.append(time.perf_counter())
        event = next(self.waiting, None)
        if event is None:
            used = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            self.memory = int(used[1]) / 1024 if used else 0.0
            self.over.set()
        return event

    def answered(self, path: str, body: bytes) -> None:
        """Look at what the function said."""
        said = json.loads(body or b"null")
        is_well = path.endswith("/response") and (
            not isinstance(said, dict)
            or (said.get("statusCode", 200) == 200 and not said.get("batchItemFailures") and is_allowed(said))
        )
        if not is_well:
            self.fault = self.fault or body.decode()
            self.over.set()


def is_allowed(said: dict[str, Any]) -> bool:
    """Whether the authorizer let the caller in; true of what any other function says."""
    policy = said.get("policyDocument")
    return policy is None or policy["Statement"][0]["Effect"] == "Allow"


class RuntimeApi(ThreadingHTTPServer):
    """The API that the runtime client in a function asks for events, for one run."""

    daemon_threads = True
    pid: int

    def __init__(self, invocations: Invocations) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.invocations = invocations
        self.ended = threading.Event()


class Requests(BaseHTTPRequestHandler):
    """Its two requests."""

    protocol_version = "HTTP/1.1"
    server: RuntimeApi
    numbers = itertools.count(1)

    def do_GET(self) -> None:
        event = self.server.invocations.next(self.server.pid)
        if event is None:
            # A function is frozen in this call; here it is ended, before it could ask again.
            self.server.ended.wait()
            self.close_connection = True
            return
        self.answer(
            200,
            json.dumps(event).encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-0000-0000-{next(self.numbers):012d}",
                "Lambda-Runtime-Deadline-Ms": str(int(time.time() * 1000) + 300_000),
                "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:{REGION}:000000000000:function:measured",
                "Lambda-Runtime-Trace-Id": _TRACE,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.invocations.answered(self.path, body)
        self.answer(202, b'{"status":"OK"}\n', {})

    def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        about = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in {**about, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
