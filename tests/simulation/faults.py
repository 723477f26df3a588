"""A seeded plan of what goes wrong at each call: one place decides, counts and tells.

Rates are chances per call; `calm()` ends the chaos. A script names faults by call index (the first call is 1) and
works with rates at zero too, so a test can crash a handler at every call in turn.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable


class Crash(BaseException):
    """The function is killed at a call boundary (time-out, out of memory). Not an Exception: nothing may catch it."""


class Fault(StrEnum):
    LOST_BEFORE = "lost before commit"
    LOST_AFTER = "lost after commit"
    ERROR_BEFORE = "500, not committed"
    ERROR_AFTER = "500, committed"
    CONFLICT = "transaction conflict"
    THROTTLE = "throttled"
    CRASH_BEFORE = "crash before the call"
    CRASH_AFTER = "crash after the call"


_RATES: dict[Fault, str] = {fault: fault.name.lower() for fault in Fault}
_CONFLICTING = frozenset({"TransactWriteItems", "TransactGetItems", "PutItem", "UpdateItem", "DeleteItem"})


@dataclass(frozen=True, slots=True)
class Rates:
    """Chances per call of each fault, then of weak answers to reads. `lag` bounds in seconds how old those may be."""

    lost_before: float = 0.0
    lost_after: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    conflict: float = 0.0
    throttle: float = 0.0
    crash_before: float = 0.0
    crash_after: float = 0.0
    stale_index: float = 0.0
    stale_read: float = 0.0
    short_page: float = 0.0
    partial: float = 0.0
    lag: float = 5.0

    @classmethod
    def chaos(cls, each: float = 0.05) -> Rates:
        """The mixture of the simulation example: losses and conflicts alike, crashes half as often."""
        return cls(
            lost_before=each,
            lost_after=each,
            error_before=each / 4,
            error_after=each / 4,
            conflict=each,
            throttle=each / 2,
            crash_before=each / 2,
            crash_after=each / 2,
            stale_index=0.3,
            stale_read=0.3,
            short_page=0.1,
            partial=0.1,
        )


@lru_cache(maxsize=256)
def _ladder(rates: Rates) -> tuple[tuple[float, Fault], ...]:
    """Up to where a number drawn from 0 to 1 means which fault."""
    sums = accumulate(getattr(rates, name) for name in _RATES.values())
    ladder = tuple(zip(sums, _RATES, strict=True))
    if ladder[-1][0] > 1:
        raise ValueError("the rates of the faults add up to more than 1")
    return ladder


@dataclass(slots=True)
class Faults:
    """The plan. `calls` counts every call of every client that shares it; `fired` counts faults by name.

    `before_call(index, operation)` runs before each call, outside any lock: a test may run another worker there, which
    is how two invocations are interleaved at a chosen call. With `trace` a list, each call appends one readable line.
    """

    seed: int = 0
    rates: Rates = field(default_factory=Rates)
    script: dict[int, Fault] = field(default_factory=dict)
    trace: list[str] | None = None
    before_call: Callable[[int, str], None] | None = None
    calls: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    random: Random = field(init=False)
    _ladder: tuple[tuple[float, Fault], ...] = field(init=False, default=())
    _total: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.set_rates(self.rates)

    def set_rates(self, rates: Rates) -> None:
        self.rates = rates
        self._ladder = ladder = _ladder(rates)
        self._total = ladder[-1][0]

    def calm(self) -> None:
        """From now on every call succeeds and every read is current; the script, if any, stays."""
        self.set_rates(Rates())

    def crash_at(self, index: int, *, committed: bool = False) -> None:
        self.script[index] = Fault.CRASH_AFTER if committed else Fault.CRASH_BEFORE

    def lose_at(self, index: int, *, committed: bool = True) -> None:
        self.script[index] = Fault.LOST_AFTER if committed else Fault.LOST_BEFORE

    def draw(self, operation: str) -> Fault | None:
        """The fault of the call that begins now, if it has one."""
        self.calls = index = self.calls + 1
        if self.before_call is not None:
            self.before_call(index, operation)
        if self.script and index in self.script:
            return self.script[index]
        if not self._total or (drawn := self.random.random()) >= self._total:
            return None
        fault = next(fault for limit, fault in self._ladder if drawn < limit)
        return None if fault is Fault.CONFLICT and operation not in _CONFLICTING else fault

    def chance(self, rate: str) -> bool:
        """Whether a weak answer of this kind is given now."""
        odds: float = getattr(self.rates, rate)
        if not odds or self.random.random() >= odds:
            return False
        self.fired[rate] += 1
        return True

    def before(self, fault: Fault | None) -> None:
        """Raise what the caller sees when the service never got the call."""
        if fault is None:
            return
        self.fired[fault.name.lower()] += 1
        if fault is Fault.LOST_BEFORE:
            raise ConnectionClosedError(endpoint_url="simulated")
        if fault is Fault.CRASH_BEFORE:
            raise Crash(f"before call {self.calls}")

    def after(self, fault: Fault | None) -> None:
        """Raise what the caller sees when the service did its work and the answer went missing."""
        if fault is Fault.LOST_AFTER:
            raise ReadTimeoutError(endpoint_url="simulated")
        if fault is Fault.CRASH_AFTER:
            raise Crash(f"after call {self.calls}")

    def tell(self, index: int, operation: str, request: Any, outcome: object) -> None:
        if self.trace is not None:
            said = outcome if isinstance(outcome, str) else describe(outcome)
            self.trace.append(f"{index:6d} {operation} {describe(request)} -> {said}")

    def note(self, text: str) -> None:
        """Say in the trace what happened between two calls."""
        if self.trace is not None:
            self.trace.append(f"       {text}")


def describe(request: Any) -> str:
    """A request as one short line for the trace."""
    text = repr(request)
    return text if len(text) <= 400 else text[:397] + "..."
