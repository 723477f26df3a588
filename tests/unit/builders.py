"""Short ways to spell orders, refunds and settings, and a ledger in memory that refuses what the real one refuses."""

from collections.abc import Iterable, Mapping
from copy import replace
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cashback.domain.cashback import account_needed, approve, hear, reject
from cashback.domain.clawback import target_of
from cashback.domain.errors import StateConflict
from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.ledger import (
    Account,
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    Entry,
    Figures,
    Kind,
    Posted,
    recovery_of,
)
from cashback.domain.money import Currency
from cashback.domain.orders import AWARDED, REVIEWED, Decision, News, Order, Review, Status
from cashback.domain.settings import DEFAULTS, Clawback, Settings, parse_settings

USD = Currency("USD", 2)
JPY = Currency("JPY", 0)
KWD = Currency("KWD", 3)

NOW = "2026-03-01T12:00:00.000000Z"
CUSTOMER = "7001"
ORDER = "450789469"
SOURCE = "shopify"


def at(second: int) -> str:
    """An instant of the day on which every order of these tests happens."""
    return f"2026-03-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z"


def settings(currency: Currency = USD, version: int = 1, **changes: Any) -> Settings:
    """The default settings of a store with ``changes`` in the form of the API."""
    document = {**DEFAULTS, "name": "Demo", "timezone": "Europe/Berlin", **changes}
    return parse_settings("demo", version, currency, document)


def line(line_id: str = "1", gross: int = 10_000, quantity: int = 1, current: int | None = None, **more: Any) -> Line:
    return Line(line_id, quantity, gross, quantity if current is None else current, **more)


def body(*lines: Line, second: int = 0, currency: Currency = USD, **more: Any) -> Body:
    values: dict[str, Any] = {
        "updated_at": at(second),
        "created_at": at(0),
        "currency": currency.code,
        "lines": lines,
        "customer_id": CUSTOMER,
        "channel": "website",
        "delivery_type": "delivery",
        "line_count": len(lines),
    }
    return Body(**{**values, **more})


def refund(refund_id: str = "r1", *lines: RefundLine, **more: Any) -> Refund:
    return Refund(refund_id, lines, **more)


def units(line_id: str = "1", quantity: int = 1, amount: int | None = None) -> RefundLine:
    return RefundLine(line_id, quantity, amount)


def united(refunds: Iterable[Refund]) -> Mapping[str, Refund]:
    return MappingProxyType({one.refund_id: one for one in refunds})


def news(
    about: Body | None = None, *refunds: Refund, order_id: str = ORDER, source: str = SOURCE, **marks: bool
) -> News:
    """What one event says; ``marks`` are paid, completed and cancelled."""
    return News(order_id, source, Facts(body=about, refunds=united(refunds), **marks))


def paid(*lines: Line, refunds: Iterable[Refund] = (), order_id: str = ORDER, **more: Any) -> News:
    """A paid order of these lines."""
    return news(body(*lines, **more), *refunds, order_id=order_id, paid=True)


def review(verdict: str, **more: Any) -> Review:
    values: dict[str, Any] = {"actor": "key:anna", "at": NOW, "request": f"r-{verdict}", "payload": f"p-{verdict}"}
    return Review(verdict, **{**values, **more})


@dataclass
class Shop:
    """One store: settings, orders and the ledger of its customers, with the conditions of the real one.

    Every commit checks the invariants that hold of any ledger at any moment.
    """

    settings: Settings = field(default_factory=settings)
    orders: dict[str, Order] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)
    versions: dict[int, Settings] = field(default_factory=dict)
    open_accounts: bool = True

    def change(self, **changes: Any) -> None:
        """Give the store another version of its settings."""
        self.versions[self.settings.version] = self.settings
        self.settings = settings(self.settings.currency, self.settings.version + 1, **changes)

    @property
    def account(self) -> Account:
        """The account of the customer that these tests are about."""
        return self.accounts.get(CUSTOMER, Account(CUSTOMER))

    @property
    def order(self) -> Order:
        """The order that these tests are about."""
        return self.orders[ORDER]

    @property
    def posted(self) -> dict[str, int]:
        """What each entry of that customer moved, by cause."""
        return {cause: entry.amount for cause, entry in self.entries.get(CUSTOMER, {}).items()}

    def hear(self, told: News) -> Decision | None:
        """What the worker does: read, decide, commit; refused, decide again from the image."""
        image: Account | None = None
        for _ in range(5):
            decision = self.decide(told, image)
            if decision is None:
                return None
            outcome = self.commit(decision)
            if isinstance(outcome, Posted):
                return decision
            image = outcome.account if isinstance(outcome, AccountMoved) else None
        raise AssertionError("five decisions and none of them stood")

    def decide(self, told: News, image: Account | None = None) -> Decision | None:
        known = self.orders.get(told.order_id)
        terms = self.versions.get(known.terms.settings_version) if known and known.terms else None
        rules = terms or self.settings
        if image is None:
            needed = account_needed(known, told, rules)
            image = self.accounts.get(needed) if needed else None
        return hear(known, told, rules, image, NOW)

    def approve(self, order_id: str = ORDER, amount: int | None = None) -> None:
        order = self._reviewed(order_id)
        amount = order.calculated if amount is None else amount
        assert amount > 0, "an approval of nothing is refused at the edge"
        outcome = self.commit(approve(order, amount, review("approve", expected=order.calculated, amount=amount)))
        assert isinstance(outcome, Posted)

    def reject(self, order_id: str = ORDER) -> None:
        outcome = self.commit(reject(self._reviewed(order_id), "suspicious", review("reject")))
        assert isinstance(outcome, Posted)

    def _reviewed(self, order_id: str) -> Order:
        order = self.orders[order_id]
        if order.status not in REVIEWED:
            raise StateConflict(order.status)
        return order

    def spend(self, amount: int, customer_id: str = CUSTOMER) -> None:
        """Take money out of the balance, as a withdrawal does."""
        cause = f"adm:spend-{len(self.entries.get(customer_id, {}))}"
        self._apply(customer_id, (Entry(cause, Kind.MANUAL, -amount, "key:anna", "h"),), Figures())

    def commit(self, decision: Decision) -> Posted | AccountMoved | DocumentMoved | CauseTaken:
        """Post a decision as the ledger would: everything or nothing."""
        order, entries = decision.order, decision.entries
        stored = self.orders.get(order.order_id)
        if (stored.rev if stored else 0) != order.rev - 1:
            return DocumentMoved(0, None)
        if entries or decision.figures:
            assert order.customer_id is not None, "money needs a customer"
            if order.customer_id not in self.accounts:
                assert self.open_accounts, "no such customer"
                self.accounts[order.customer_id] = Account(order.customer_id)
            refused = self._refusal(order.customer_id, decision)
            if refused is not None:
                return refused
            self._apply(order.customer_id, self._shaped(order.customer_id, decision), decision.figures)
        self.orders[order.order_id] = order
        self._check_order(order)
        return Posted(entries, order.customer_id or "")

    def _refusal(self, customer_id: str, decision: Decision) -> AccountMoved | CauseTaken | None:
        account, known = self.accounts[customer_id], self.entries.get(customer_id, {})
        causes = [entry.cause for entry in decision.entries]
        assert len(set(causes)) == len(causes), "two entries of one cause"
        if any(cause in known for cause in causes):
            return CauseTaken(tuple(known[cause] for cause in causes if cause in known))
        change = sum(entry.amount for entry in decision.entries)
        moved = decision.version is not None and decision.version != account.version
        short = change < 0 and not decision.overdraft and account.available < -change
        return AccountMoved(account) if moved or short else None

    def _shaped(self, customer_id: str, decision: Decision) -> tuple[Entry, ...]:
        """Awards meet an open shortfall: the same posting with a recovery beside, as the ledger sends it again."""
        account = self.accounts[customer_id]
        if not decision.repays or not account.shortfall:
            return decision.entries
        gain = next(entry for entry in decision.entries if entry.amount > 0)
        repaid = min(sum(entry.amount for entry in decision.entries), account.shortfall)
        return (*decision.entries, recovery_of(gain, repaid)) if repaid > 0 else decision.entries

    def _apply(self, customer_id: str, entries: tuple[Entry, ...], figures: Figures) -> None:
        before = self.accounts[customer_id]
        kept = self.entries.setdefault(customer_id, {})
        for entry in entries:
            assert entry.cause not in kept, "an entry never changes"
            kept[entry.cause] = entry
        after = applied(before, entries)
        after = replace(
            after,
            orders_count=after.orders_count + figures.orders_count,
            total_spent=after.total_spent + figures.total_spent,
        )
        self.accounts[customer_id] = after
        assert after.available == sum(entry.amount for entry in kept.values())
        assert after.available + after.reserved == after.credited - after.debited
        assert after.version == len(kept)
        assert after.shortfall >= 0
        assert after.total_spent >= 0
        policies = {rules.clawback for rules in (self.settings, *self.versions.values())}
        assert after.available >= 0 or Clawback.ALLOW_NEGATIVE in policies

    def _check_order(self, order: Order) -> None:
        award = order.award or 0
        assert 0 <= order.target <= award
        assert min(order.owed, order.waived, order.taken) >= 0
        assert order.spent >= 0
        assert sum(share.award for share in order.calculation.lines) == order.calculation.award
        if order.status not in AWARDED:
            assert order.award is None
            return
        assert order.calculation.award == award
        assert order.target == target_of(order, order.facts)
        badge = {0: Status.PROCESSED, award: Status.REVERSED}.get(order.target, Status.PARTIALLY_REVERSED)
        assert order.status is badge
        moved = [
            entry
            for entry in self.entries[order.customer_id or ""].values()
            if entry.order_id == order.order_id and entry.kind is Kind.REVERSAL
        ]
        assert sum(entry.owed - entry.amount for entry in moved) == order.target - order.waived


def applied(account: Account, entries: Iterable[Entry]) -> Account:
    """Return the account after these entries."""
    for entry in entries:
        account = replace(
            account,
            available=account.available + entry.amount,
            reserved=account.reserved + entry.reserved,
            credited=account.credited + entry.credited,
            debited=account.debited + entry.debited,
            shortfall=account.shortfall + entry.owed,
            version=account.version + 1,
        )
    return account
