"""The journal of a stack: what functions called, put down to each of them, an operation at a time."""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from dev.project import STACK_NAME, logical_id
from tests.benchmarks.units import BY_THE_CLOCK, DECIDING, READS, Operation, Share
from tests.e2e.deployed import FUNCTIONS

REST: Final = 0.5
"""Seconds without a call, after which an operation is over, and all that follows it: queues and streams are looked at
far more often."""


class Register(Struct):
    """Reads the journal of a stack, an operation at a time. ``is_idle`` says that nothing waits in its queues."""

    path: Path
    is_idle: Callable[[], bool]
    place: int = 0
    size: int = -1
    since: float = 0.0

    def count(self, name: str, act: Callable[[], object]) -> Operation:
        """Do something at rest, and count all that it brings about."""
        found = counted(name, [line for line in self.watch(act) if function_of(line["function"]) not in BY_THE_CLOCK])
        assert found.shares, f"nothing was called for: {name}"
        return found

    def watch(self, act: Callable[[], object]) -> list[dict[str, Any]]:
        """Do something at rest; return what was called until all is at rest again."""
        self._rest()
        self.lines()
        act()
        self.since = time.monotonic()
        self._rest()
        return self.lines()

    def _rest(self) -> None:
        """Wait until nothing is called any more, and has not been for a while."""
        while True:
            if (now := self.path.stat().st_size) != self.size or not self.is_idle():
                self.size, self.since = now, time.monotonic()
            elif time.monotonic() >= self.since + REST:
                return
            time.sleep(0.1)

    def lines(self) -> list[dict[str, Any]]:
        """What was called since this was last asked."""
        with self.path.open() as journal:
            journal.seek(self.place)
            text = journal.read()
            self.place = journal.tell()
        return [json.loads(line) for line in text.splitlines()]


def counted(name: str, lines: Sequence[Mapping[str, Any]], called: Callable[[str], str] | None = None) -> Operation:
    """Put each line down to its function, which the lines call by its deployed name if ``called`` says nothing else."""
    shares: dict[str, Share] = defaultdict(Share)
    items: dict[str, int] = {}
    read: Counter[str] = Counter()
    for line in lines:
        function = (called or function_of)(line["function"])
        share = shares[function]
        if line["service"] == "lambda":
            share.invocations += 1
            share.cpu += line["cpu"]
            share.logged += line["logged"]
            continue
        share.events += line.get("entries", 0)
        share.calls[_NAMES.get(line["operation"], line["operation"])] += 1
        if line["service"] == "dynamodb":
            _add_units(share, line)
            for action, table, pk, sk, size in line["items"]:
                kind = _kind(table, pk, sk)
                if action in {"Put", "Update"}:
                    items[kind] = max(size, items.get(kind, 0))
                elif function in DECIDING and line["operation"] in READS:
                    read[kind] += 1
    return Operation(name, dict(shares), items, dict(read))


_NAMES: Final = {"POST /schedules": "CreateSchedule", "DELETE /schedules": "DeleteSchedule"}


def _add_units(share: Share, line: Mapping[str, Any]) -> None:
    if line["status"] != 200:
        factor = 2 if line["operation"] == "TransactWriteItems" else 1
        share.refused_units += sum(factor * max(1, -(-size // 1024)) for *_, size in line["items"])
        return
    used = line["used"] or []
    for part in used if isinstance(used, list) else [used]:
        kinds = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
        indexes = sum(index["CapacityUnits"] for kind in kinds for index in part.get(kind, {}).values())
        if line["operation"] in READS:
            share.read_units += part["CapacityUnits"]
        else:
            share.index_units += indexes
            share.table_units += part["CapacityUnits"] - indexes
    if line["operation"] in {"GetItem", "Query"} and line["items"][0][2].endswith("#CFG"):
        share.settings_units += line["used"]["CapacityUnits"]


def function_of(deployed: str) -> str:
    """The name of a function, by that under which it is deployed."""
    (name,) = [name for name in FUNCTIONS if deployed.startswith(f"{STACK_NAME}-{logical_id(name)}-")]
    return name


def _kind(table: str, pk: str, sk: str) -> str:
    """Name an item by the word of its sort key, or else by that of its partition, or else by its table."""
    if table.startswith(f"{STACK_NAME}-Ledger-"):
        return "entry"
    word, partition = re.match(r"[A-Z]+(?=#|$)", sk), pk.split("#")
    if word:
        return word[0]
    return partition[2] if len(partition) > 2 else table
