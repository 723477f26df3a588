"""What scenarios reach besides tables and queues: EventBridge Scheduler, which keeps few promises in bad worlds, and
the services that send messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from tests.simulation.errors import client_error, client_exceptions
from tests.simulation.faults import Crash, Fault, Faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.clock import Clock
    from tests.simulation.queue import Queue

EARLY = 60
LATE = 25 * 3_600
"""Seconds by which the worst Scheduler is off."""


class Service:
    """A client of AWS, struck by the plan of faults that all clients share."""

    def __init__(self, name: str, faults: Faults) -> None:
        self.name = name
        self.faults = faults

    @property
    def exceptions(self) -> Any:
        """The modelled classes, as on a boto3 client."""
        return client_exceptions(self.name)

    def refuse(self, operation: str, code: str) -> ClientError:
        return client_error(self.name, operation, code, "simulated", {})

    def call(self, operation: str, request: Any, run: Callable[[], None]) -> dict[str, Any]:
        faults = self.faults
        call = faults.calls + 1
        try:
            self._struck(operation, faults.draw(operation), run)
        except (ClientError, EndpointConnectionError, ConnectionClosedError, ReadTimeoutError, Crash) as lost:
            faults.tell(call, operation, request, lost)
            raise
        faults.tell(call, operation, request, "ok")
        return {}

    def _struck(self, operation: str, fault: Fault | None, run: Callable[[], None]) -> None:
        self.faults.before(fault)
        if fault is Fault.THROTTLE:
            raise self.refuse(operation, "ThrottlingException")
        if fault is Fault.ERROR_BEFORE:
            raise self.refuse(operation, "InternalServerError")
        run()
        self.faults.after(fault)
        if fault is Fault.ERROR_AFTER:
            raise self.refuse(operation, "InternalServerError")


@dataclass(frozen=True, slots=True)
class Fickleness:
    """Chances: a schedule is lost, rings twice, up to a minute early, or up to 25 hours late."""

    lost: float = 0.0
    twice: float = 0.0
    early: float = 0.0
    late: float = 0.0


class SimulatedScheduler(Service):
    """One-time schedules, each deleted once it has rung; what they ring is a queue."""

    def __init__(self, clock: Clock, faults: Faults, target: Queue, fickleness: Fickleness, *, seed: int) -> None:
        super().__init__("scheduler", faults)
        self.clock = clock
        self.target = target
        self.fickleness = fickleness
        self.random = Random(f"{seed}/scheduler")
        self.schedules: dict[str, list[float]] = {}
        self.messages: dict[str, str] = {}

    def create_schedule(self, **request: Any) -> dict[str, Any]:
        def run() -> None:
            name = request["Name"]
            if name in self.schedules:
                raise self.refuse("CreateSchedule", "ConflictException")
            at = datetime.fromisoformat(request["ScheduleExpression"].removeprefix("at(").removesuffix(")") + "+00:00")
            self.schedules[name] = self._rings(at.timestamp())
            self.messages[name] = request["Target"]["Input"]

        return self.call("CreateSchedule", request, run)

    def _rings(self, at: float) -> list[float]:
        """When a schedule really rings; one that is lost never does, and its name stays taken."""
        random, fickle = self.random, self.fickleness
        if random.random() < fickle.lost:
            return []
        rings = []
        for _ in range(2 if random.random() < fickle.twice else 1):
            off = 0.0
            if random.random() < fickle.early:
                off = -random.random() * EARLY
            elif random.random() < fickle.late:
                off = random.choice((90.0, 1_000.0, random.random() * LATE))
            rings.append(at + off)
        return sorted(rings)

    def next_at(self) -> float | None:
        """When the next schedule rings."""
        return min((rings[0] for rings in self.schedules.values() if rings), default=None)

    def ring(self) -> None:
        """Ring whatever is to ring by now."""
        now = self.clock.time()
        for name, rings in list(self.schedules.items()):
            while rings and rings[0] <= now:
                rings.pop(0)
                self.target.send(self.messages[name])
                if not rings:
                    del self.schedules[name]


class SimulatedSender(Service):
    """SNS and SES: what was sent for which task. Some recipients they refuse, and sometimes nobody reaches them."""

    def __init__(self, faults: Faults, whose: Callable[[], str], *, seed: int) -> None:
        super().__init__("sns", faults)
        self.whose = whose
        self.random = Random(f"{seed}/sender")
        self.sent: list[tuple[str, str]] = []

    def publish(self, **request: Any) -> dict[str, Any]:
        return self._send(request, request["Message"])

    def send_email(self, **request: Any) -> dict[str, Any]:
        return self._send(request, request["Content"]["Simple"]["Body"]["Text"]["Data"])

    def _send(self, request: Any, text: str) -> dict[str, Any]:
        def run() -> None:
            drawn = self.random.random()
            if drawn < 0.05:
                raise self.refuse("Publish", "OptedOut")
            if drawn < 0.1:
                raise EndpointConnectionError(endpoint_url="simulated")
            self.sent.append((self.whose(), text))

        return self.call("Publish", request, run)
