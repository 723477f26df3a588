"""A store's books on the simulated tables, for tests of the ledger."""

from collections.abc import Callable
from typing import Any, cast

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.ledger import Ledger
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.customers import Profile
from cashback.domain.ledger import Account, Entry, Kind, Posting, payload_hash
from tests.simulation.dynamo import Fault, Faults, Rates, SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.builders import WRITES

NOW = "2026-03-01T09:30:00.000000Z"
LATER = "2026-03-01T09:31:00.000000Z"
LAST = "2026-03-01T09:32:00.000000Z"


class Bank:
    """One store's books, in which other people act between two calls. Naps are counted and not slept."""

    def __init__(self, rates: Rates | None = None) -> None:
        self.faults = Faults(rates=rates or Rates())
        self.dynamo = SimulatedDynamo(table_specs(), faults=self.faults)
        self.naps: list[float] = []
        client = cast("Any", self.dynamo)
        self.ledger = Ledger(client, "Ledger", "State", sleep=self.naps.append, jitter=lambda: 1.0)
        self.state = StateTable(client, "State")

    def customer(self, customer_id: str = "c", available: int = 0, **attributes: Any) -> str:
        Customers(self.state).create("s", Profile(customer_id, NOW, NOW), NOW)
        if available:
            self.post(entry("opening", available), customer_id=customer_id, overdraft=True)
        self.change(customer_id, **attributes)
        return customer_id

    def change(self, customer_id: str, **attributes: Any) -> None:
        values = {f":{name}": value for name, value in attributes.items() if value is not None}
        if values:
            sets = ", ".join(f"{name[1:]} = {name}" for name in values)
            self.state.commit(self.state.update(keys.account("s", customer_id), f"SET {sets}", "", values))

    def post(self, *entries: Entry, customer_id: str = "c", **how: Any) -> Any:
        return self.ledger.post(posting(*entries, customer_id=customer_id, **how))

    def account(self, customer_id: str = "c") -> Account:
        return self.ledger.account("s", customer_id)

    def before_writes(self, *acts: Callable[[], object]) -> None:
        """Let these happen before the next transactions, one before each and none within another."""
        left = iter(acts)

        def hook(_index: int, operation: str) -> None:
            if operation == "TransactWriteItems" and (act := next(left, None)):
                self.faults.before_call = None
                act()
                self.faults.before_call = hook

        self.faults.before_call = hook

    def strike(self, *faults: Fault | None) -> None:
        """Let the next calls fail so, one after the other."""
        self.faults.script = {self.faults.calls + n: fault for n, fault in enumerate(faults, start=1) if fault}

    def writes(self, act: Callable[[], object]) -> int:
        """Count the writes that something takes."""
        seen: list[str] = []
        self.faults.before_call = lambda _, name: seen.append(name)
        act()
        self.faults.before_call = None
        return sum(name in WRITES for name in seen)


def entry(cause: str, amount: int, **fields: Any) -> Entry:
    return Entry(cause, Kind.MANUAL, amount, "test", payload_hash("manual"), **fields)


def posting(*entries: Entry, customer_id: str = "c", at: str = NOW, **how: Any) -> Posting:
    return Posting("s", customer_id, at, entries=entries, **how)
