"""Faults between the deployed functions and the services that they call, and the death of the functions' processes.

microburst stands between them as their HTTP proxy, and answers as AWS would. Tests call the stack directly.
"""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from botocore.config import Config

from dev import local_aws
from dev.client import send, wait_until
from dev.project import TOOLS, StepFailedError, clean_environment, last_lines
from tests.e2e.deployed import DeployedStack, start
from tests.e2e.shop import PATIENCE

MICROBURST = (str(TOOLS / "microburst" / "bin" / "python"), "-m", "microburst")
"""By its Python: a script in an environment names the folder where that was made."""
# The shell ends the proxy when this process has died, and with it its end of the pipe.
UNTIL_THE_PIPE_ENDS = '"$@" & read -r _; kill $!; wait $!'
MOST_FIRED = 100_000
# Actions of rules that end a call in the proxy; the others pass it on.
ENDING = ("error", "reset", "timeout")

UNSERVED = range(500, 600)
"""What a caller is answered whose call could not be served."""

type Rules = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class FaultProxy:
    """microburst on a port of its own: what no rule is about goes through it."""

    process: subprocess.Popen[bytes]
    url: str

    def set(self, rules: Rules) -> dict[int, str]:
        """Have these rules, by name, and no others; the first that is about a call decides what becomes of it."""
        made = self._call("POST", "rules", list(rules.values()))
        return {rule["id"]: name for rule, name in zip(made, rules, strict=True)}

    def fired(self) -> Counter[int]:
        """How often each rule has fired, by its number."""
        return Counter(event["rule_id"] for event in self._events())

    def holds_nothing(self) -> bool:
        """Whether every call that came was ended or passed on: what a caller no longer waits for may still be on its
        way."""
        ended = sum(event["action"].startswith(ENDING) for event in self._events())
        counted = self._call("GET", "stats")
        # Not the total, which counts what a killed function had not sent to its end.
        came = sum(service["requests"] for service in counted["by_service"])
        return bool(came == counted["requests"]["forwarded"] + ended)

    def stop(self) -> None:
        """End it."""
        self.process.communicate()

    def _events(self) -> Any:
        return self._call("GET", f"fired?limit={MOST_FIRED}")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return send(method, f"{self.url}/_microburst/{path}", body).expect(200)


@dataclass(slots=True)
class FaultyStack:
    """A deployed stack whose functions reach AWS through the proxy alone."""

    stack: DeployedStack
    proxy: FaultProxy

    @contextmanager
    def faults(self, rules: Rules) -> Iterator[Callable[[str], int]]:
        """What happens under rules, until each has fired; then there are none. Whoever is in here must see to it that
        each gets its calls, and is told how often a rule has fired so far."""
        names = self.proxy.set(rules)

        def fired(name: str) -> int:
            counts = self.proxy.fired()
            return sum(counts[number] for number, its_name in names.items() if its_name == name)

        def unfired() -> list[str]:
            counts = self.proxy.fired()
            return [name for number, name in names.items() if not counts[number]]

        yield fired
        with suppress(TimeoutError):
            wait_until(lambda: not unfired(), seconds=PATIENCE)
        left = unfired()
        self.proxy.set({})
        assert not left, f"these rules were never about a call: {left}"

    def kill_functions(self) -> int:
        """Kill the processes of all functions, whatever they are at, and return how many there were."""
        killed = 0
        for pid in [pid for pid, parent in _processes() if parent == self.stack.aws.pid]:
            with suppress(ProcessLookupError):  # it ended by itself since it was listed
                os.kill(pid, signal.SIGKILL)
                killed += 1
        return killed

    def restart(self) -> None:
        """Stop everything but the proxy, and start again from what was written."""
        aws = self.stack.aws
        aws.stop()
        again = local_aws.start(aws.home, aws.port, with_this_process=True, proxy=self.proxy.url)
        self.stack = replace(self.stack, aws=again)


@contextmanager
def faulty_stack(home: Path) -> Iterator[FaultyStack]:
    """A stack of its own in an empty folder, with its proxy."""
    port, proxy_port = local_aws.free_port(), local_aws.free_port()
    log = home / "microburst.log"
    command = [*MICROBURST, "--upstream", f"http://127.0.0.1:{port}", "--host", "127.0.0.1", "--port"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", UNTIL_THE_PIPE_ENDS, "sh", *command, str(proxy_port)],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    proxy = FaultProxy(process, f"http://127.0.0.1:{proxy_port}")
    try:
        found = FaultyStack(start(home / "stack", port, proxy.url), proxy)
        try:
            wait_until(lambda: not local_aws.is_free(proxy_port), seconds=local_aws.START_SECONDS)
            _learn(found)
            yield found
        finally:
            found.stack.aws.stop()
    except TimeoutError as late:
        raise StepFailedError(f"microburst did not start.\n{last_lines(log)}") from late
    finally:
        proxy.stop()


def _learn(found: FaultyStack) -> None:
    """Send the proxy a call of each service: with the first it reads a model, which takes seconds."""
    through = Config(proxies={"http": found.proxy.url})
    aws = found.stack.aws
    aws.client("dynamodb", through).list_tables()
    aws.client("sqs", through).list_queues()
    aws.client("scheduler", through).list_schedules()
    aws.client("kms", through).list_keys()
    aws.client("events", through).list_event_buses()
    aws.client("ssm", through).describe_parameters()


def _processes() -> Iterator[tuple[int, int]]:
    """Every process and its parent."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        pid, parent = line.split()
        yield int(pid), int(parent)
