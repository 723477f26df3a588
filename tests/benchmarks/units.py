"""What each operation asks of DynamoDB on the deployed stack, as it was counted last.

What a function does is put down to it, so that the share of those who follow (the projector, the notifier) stands apart
from the share of those who decide. The sweeper and the hourly function run by the clock and are left out,
but for a sweep that is counted alone.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from tests.e2e.deployed import FUNCTIONS

COUNTED: Final = Path(__file__).parent / "units.toml"
"""What ``make bench`` counted last. The end-to-end tests count again and compare."""

MEMBERS: Final = 100
MANY: Final = 1_000
"""Members of a small group and of a large one."""

BATCH: Final = 10
"""Messages that a worker of a busy store gets at once: the ``BatchSize`` of template.yaml."""

BUSY: Final = 40
"""Orders of a busy store at once: full batches for the worker, and two fifths of one for the projector."""

BY_THE_CLOCK: Final = frozenset({"sweeper", "daily"})
ENTRANCES: Final = frozenset({"webhook_ingest", "authorizer"})
FOLLOWING: Final = frozenset({"projector", "notifier"})

READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "TransactGetItems"})

KEPT: Final = frozenset({"Decrypt", "GetParameter"})
"""Calls whose answers a function keeps."""

RUNNING: Final = frozenset({"action_worker", "credit_worker"})
"""Functions that run a task."""

DECIDING: Final = frozenset(FUNCTIONS) - ENTRANCES - FOLLOWING - BY_THE_CLOCK


class Share(Struct):
    """What functions did for an operation. ``cpu`` is in seconds of the core that ``pace`` assumes. ``settings_units``
    are those of the read units that read the settings, where an API looks them up by their key. ``refused_units`` is
    what AWS charges for writes whose condition failed, by its rules: of those the engine says nothing. ``events`` went
    to the bus, ``logged`` is bytes."""

    invocations: int = 0
    cpu: float = 0.0
    logged: int = 0
    events: int = 0
    table_units: float = 0.0
    index_units: float = 0.0
    refused_units: float = 0.0
    read_units: float = 0.0
    settings_units: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)

    @property
    def writes(self) -> float:
        """Write units that moved something, of the tables and of their indexes."""
        return self.table_units + self.index_units

    @property
    def table_calls(self) -> int:
        """Calls of DynamoDB."""
        return sum(count for name, count in self.calls.items() if name in READS or name.endswith(("Item", "Items")))

    @property
    def steady_calls(self) -> dict[str, int]:
        """Calls that are made each time: not those for what a function keeps as long as it lives."""
        return {name: count for name, count in self.calls.items() if name not in KEPT}

    def __add__(self, other: "Share") -> "Share":
        return Share(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})

    def __sub__(self, other: "Share") -> "Share":
        calls = Counter({name: count - other.calls[name] for name, count in self.calls.items()})
        numbers = [name for name in self.__struct_fields__ if name != "calls"]
        less: dict[str, Any] = {name: getattr(self, name) - getattr(other, name) for name in numbers}
        return Share(**less, calls=calls)


class Operation(Struct):
    """One operation: what each function did for it, the largest of each kind of item that was written, and how many of
    each kind those looked for who decide (a query is one). ``rounds`` are the CPU seconds of each function every time
    it was counted, where that was more than once: its share has their median."""

    name: str
    shares: dict[str, Share]
    items: dict[str, int]
    read: dict[str, int] = field(default_factory=dict)
    rounds: dict[str, list[float]] = field(default_factory=dict)

    def of(self, functions: frozenset[str]) -> Share:
        """What these functions did together."""
        return sum((share for name, share in self.shares.items() if name in functions), Share())

    @property
    def decided(self) -> Share:
        """What those did who decide, and post."""
        return self.of(DECIDING)


def written(operations: Sequence[Operation], module: str = "scene") -> str:
    """Return what was counted as text, rounded; ``module`` counts it."""
    lines = [
        f"# Written by `make bench`, or by `python -m tests.benchmarks.{module}`: what each operation asked of",
        "# DynamoDB and of other services, by function.",
    ]
    for operation in operations:
        lines += ["", "[[operation]]", f'name = "{operation.name}"', f"items = {_inline(operation.items)}"]
        lines += [f"read = {_inline(operation.read)}", f"rounds = {_inline(operation.rounds)}"]
        for name, share in sorted(operation.shares.items()):
            lines += ["", f"[operation.shares.{name}]"]
            for figure in share.__struct_fields__:
                value = getattr(share, figure)
                lines.append(f"{figure} = {_inline(value) if isinstance(value, Counter) else round(value, 4)}")
    return "\n".join(lines) + "\n"


def _inline(values: Mapping[str, int | list[float]]) -> str:
    return "{" + ", ".join(f"{name} = {_told(value)}" for name, value in sorted(values.items())) + "}"


def _told(value: int | list[float]) -> str:
    return f"{[round(one, 4) for one in value] if isinstance(value, list) else value}"


def read() -> dict[str, Operation]:
    """What was counted last, by name."""
    return parsed(COUNTED.read_text())


def parsed(text: str) -> dict[str, Operation]:
    """What is written there, by name."""
    kept = tomllib.loads(text)["operation"]
    operations = [msgspec.convert(one, Operation, dec_hook=lambda kind, value: kind(value)) for one in kept]
    return {one.name: one for one in operations}


def units_of(size: int) -> int:
    """Return the units of a write of an item of so many bytes, outside of a transaction."""
    return -(-size // 1_024)


def of_a_job(operations: Mapping[str, Operation]) -> dict[str, tuple[float, float]]:
    """Return what a job takes for itself, and what each of its members adds with the chunk they are in: the line
    through the two jobs that were counted. Reads are without those of settings."""
    few, many = (operations[name].decided for name in ("group job", "group job of 1,000"))
    more = many - few
    figures = {
        "calls": (few.table_calls, more.table_calls),
        "write units": (few.writes, more.writes),
        "read units": (few.read_units - few.settings_units, more.read_units - more.settings_units),
    }
    each = {name: further / (MANY - MEMBERS) for name, (_, further) in figures.items()}
    return {name: (all_in - each[name] * MEMBERS, each[name]) for name, (all_in, _) in figures.items()}
