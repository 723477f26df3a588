"""How much memory a built function holds at most, called with a load twice.

AWS's answers come from a tape here too, but from this process and over HTTP: the function holds no answer but the one
that it asked for, however long the others are.
"""

import itertools
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dev.project import logical_id
from tests.benchmarks import instructions, story, tapes
from tests.benchmarks.loads import LOADS, Load
from tests.benchmarks.tapes import Tape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE: Final = Path(__file__).parent
_PATHS: Final = {"schedules": "CreateSchedule", "v2": "SendEmail"}
"""Operations of services that are asked by path, by where that begins."""

_PEAK: Final = (
    "import re, pathlib; print(re.search(r'VmHWM:\\s+(\\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
)


def measure(build: Path) -> dict[str, float]:
    """The most MB that each load makes its function hold, by the names of loads."""
    return {name: weigh(load, build) for name, load in LOADS.items()}


def weigh(load: Load, build: Path) -> float:
    """The most MB that a load makes its function hold."""
    tape = tapes.record_alone(load.function, load.make)
    paths = [str(path) for path in (build / "SharedLayer" / "python", build / logical_id(load.function), _HERE)]
    program = f"import sys; sys.path[:0] = {paths}; import played; played.function_over_http(2); {_PEAK}"
    with Player(tape) as aws:
        threading.Thread(target=aws.serve_forever, args=(0.02,), daemon=True).start()
        finished = subprocess.run(
            [str(instructions.PYTHON), "-S", "-B", "-P", "-c", program],
            env={
                **instructions.ENVIRONMENT,
                **instructions.ON_LAMBDA,
                **story.NAMES,
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{aws.server_port}",
            },
            input=json.dumps({"event": tape.event, "now": story.LATER}),
            capture_output=True,
            text=True,
            check=False,
        )
        aws.shutdown()
    if finished.returncode:
        raise RuntimeError(f"{load.name}: {finished.stderr}")
    return int(finished.stdout.splitlines()[-1]) / 1024


class Player(ThreadingHTTPServer):
    """AWS as it was recorded: answers to each operation in turn, over and over."""

    daemon_threads = True

    def __init__(self, tape: Tape) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.answers: Mapping[str, Iterator[bytes]] = {
            operation: itertools.cycle([body.encode() for body in bodies])
            for operation, bodies in tape.answers().items()
        }


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
