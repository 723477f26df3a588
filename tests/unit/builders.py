"""Short ways to spell orders, refunds and settings, and a shop: one store on the simulated tables."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import replace
from types import MappingProxyType
from typing import Any, Final, cast

from cashback.adapters.dynamo.accounts import account_of, entry_of
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.documents import order_of
from cashback.adapters.seals import Seals
from cashback.domain.api_keys import Role
from cashback.domain.audit import Act, Origin
from cashback.domain.clawback import target_of
from cashback.domain.customers import Profile
from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.ledger import Account, Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.money import Currency
from cashback.domain.orders import AWARDED, Decision, News, Order, Review, Status
from cashback.domain.products import Product
from cashback.domain.redemption import redeemed_of
from cashback.domain.settings import DEFAULTS, Clawback, Settings, parse_settings
from cashback.domain.stores import StoreDocument, StoreRecord
from cashback.domain.times import OLDEST, Instant
from cashback.edge.deps import make_books
from cashback.services.change_settings import change_settings
from cashback.services.commit import commit
from cashback.services.process_order import Processed, preview_order, process_order
from cashback.services.record_order import record_failure, record_order, settle_order
from cashback.services.review_order import approve_order, hold_order, reject_order, release_order
from tests.simulation.dynamo import SimulatedDynamo, Write
from tests.simulation.project_tables import table_specs
from tests.unit.deployment import FakeKms

USD = Currency("USD", 2)
JPY = Currency("JPY", 0)
KWD = Currency("KWD", 3)

NOW = "2026-03-01T12:00:00.000000Z"
CUSTOMER = "7001"
ORDER = "450789469"
SOURCE = "shopify"
STORE = "demo"
HASH_KEY: Final = b"the key that contacts are hashed with"
ORIGIN: Final = Origin("key:anna", "request", "-")
WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})


def usd(amount: str) -> dict[str, str]:
    """Money as the API spells it."""
    return {"amount": amount, "currency": "USD"}


def at(second: int) -> str:
    """An instant of the day on which every order of these tests happens."""
    return f"2026-03-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.000000Z"


def document(**changes: Any) -> dict[str, Any]:
    """The default settings of a store with ``changes``, in the form of the API."""
    return {**DEFAULTS, "name": "Demo", "timezone": "Europe/Berlin", **changes}


def settings(currency: Currency = USD, version: int = 1, **changes: Any) -> Settings:
    """The same as exact values."""
    return parse_settings(STORE, version, currency, document(**changes))


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
    about: Body | None = None, *refunds: Refund, order_id: str = ORDER, source: str = SOURCE, **marks: Any
) -> News:
    """What one event says; ``marks`` are what else facts have."""
    return News(order_id, source, Facts(body=about, refunds=united(refunds), **marks))


def paid(
    *lines: Line,
    refunds: Iterable[Refund] = (),
    order_id: str = ORDER,
    since: Mapping[str, Instant] = MappingProxyType({}),
    **more: Any,
) -> News:
    """A paid order of these lines."""
    return news(body(*lines, **more), *refunds, order_id=order_id, paid=True, since=since)


def listing(*lines: Line, refunds: Iterable[Refund] = (), **more: Any) -> News:
    """A paid order of a shop whose bodies list every refund there is, so that a missing one was deleted."""
    refunds = tuple(refunds)
    return paid(*lines, refunds=refunds, refund_ids=frozenset(one.refund_id for one in refunds), **more)


class Shop:
    """One store of the simulated tables, on which the real use cases work.

    ``orders``, ``accounts`` and ``entries`` are what stands in the tables, read by no call that a fault could strike.
    After everything that happens in the shop, what holds of any ledger at any moment is checked.
    """

    def __init__(self, currency: Currency = USD, **changes: Any) -> None:
        self.dynamo = SimulatedDynamo(table_specs())
        self.kms = FakeKms()
        self.books = make_books(
            cast("Any", self.dynamo),
            "Ledger",
            "State",
            lambda: HASH_KEY,
            make_seals=lambda: Seals(lambda: cast("Any", self.kms), "key"),
            sleep=lambda _: None,
        )
        first = StoreDocument(STORE, 1, currency, document(**changes), NOW, NOW, ORIGIN.actor)
        opened = Act("store_created", STORE, NOW, ORIGIN)
        assert self.books.stores.create(StoreRecord(STORE, "Demo", NOW), first, (), opened) is None
        self.postings: list[dict[str, int]] = []
        """What each transaction posted, by cause."""
        self._policies = {first.settings().clawback}
        self._requests = itertools.count(1)
        self._writes: list[Write] = []
        self.dynamo.observers.append(self._writes.append)
        self.dynamo.faults.calls = 0

    # ---- what happens in it

    def change(self, **changes: Any) -> None:
        """Change the settings, as an admin does."""
        seen = self.settings.version
        change_settings(self.books, STORE, seen, changes, ORIGIN, NOW)
        self._policies.add(self.settings.clawback)

    def hear(self, told: News) -> Order | None:
        """What the worker does with an event: the order as it is now, None where nothing was new."""
        with self._checked():
            return record_order(self.books, self.settings, told, NOW)

    def fail(self, told: News, reason: str) -> None:
        """What the worker does with an event that no retry can help."""
        with self._checked():
            record_failure(self.books, self.settings, told, reason, NOW)

    def approve(self, order_id: str = ORDER, amount: int | None = None) -> None:
        """A reviewer's yes to what the order shows, under an Idempotency-Key of its own."""
        expected = self.orders[order_id].calculated
        review = Review("approved", "key:anna", NOW, self._request(), "yes", expected=expected, amount=amount)
        with self._checked():
            _, repeated = approve_order(self.books, self.settings, order_id, review, Role.ADMIN)
        assert not repeated

    def preview(self, order_id: str = ORDER) -> Processed:
        """What processing an order by hand would make of it."""
        return preview_order(self.books, self.settings, order_id, Review("processed", "key:anna", NOW, "", ""))

    def process(self, order_id: str = ORDER, amount: int | None = None) -> Order:
        """Process an order by hand at what the preview shows, under an Idempotency-Key of its own."""
        expected = self.preview(order_id).amount if amount is None else amount
        review = Review("processed", "key:anna", NOW, self._request(), "process", expected=expected)
        with self._checked():
            done = process_order(self.books, self.settings, order_id, review)
        assert not done.replayed
        return done.order

    def stock(self, product_id: str, *categories: str, tags: tuple[str, ...] = (), second: int = 0) -> None:
        """Put a product into the catalogue."""
        product = Product(product_id, at(second), categories=categories, tags=tags)
        assert self.books.products.record(STORE, product)

    def verify(self, contact: str, customer_id: str = CUSTOMER) -> None:
        """Make a contact a customer's."""
        self.books.customers.create(STORE, Profile(customer_id, OLDEST, NOW), NOW)
        macs = self.books.contacts.macs(STORE, [contact])
        self.books.contacts.table.commit(*self.books.contacts.changes(STORE, customer_id, (), macs))

    def unverify(self, contact: str, customer_id: str = CUSTOMER) -> None:
        """Take a contact from a customer."""
        macs = self.books.contacts.macs(STORE, [contact])
        self.books.contacts.table.commit(*self.books.contacts.changes(STORE, customer_id, macs, ()))

    def settle(self, order_id: str = ORDER, now: str = NOW) -> Order | None:
        """Decide an order anew from what is known now."""
        with self._checked():
            return settle_order(self.books, self.settings, order_id, now)

    def reject(self, order_id: str = ORDER) -> None:
        """A reviewer's no, under an Idempotency-Key of its own."""
        review = Review("rejected", "key:anna", NOW, self._request(), "no")
        with self._checked():
            _, repeated = reject_order(self.books, self.settings, order_id, "suspicious", review)
        assert not repeated

    def act(self, verdict: str, request: str, moment: str) -> tuple[Order, bool]:
        """A reviewer's act under this request: the order as it answers, and whether it was made before."""
        review = Review(verdict, "key:anna", moment, request, verdict, expected=self.order.calculated)
        with self._checked():
            match verdict:
                case "approved":
                    return approve_order(self.books, self.settings, ORDER, review, Role.OPERATOR)
                case "rejected":
                    return reject_order(self.books, self.settings, ORDER, "suspicious", review)
                case "held":
                    return hold_order(self.books, self.settings, ORDER, "to be looked at", review)
                case _:
                    return release_order(self.books, self.settings, ORDER, review)

    def spend(self, amount: int, customer_id: str = CUSTOMER) -> None:
        """Take money out of the balance, as a withdrawal does."""
        entry = Entry(f"adm:{self._request()}", Kind.MANUAL, -amount, "key:anna", payload_hash(Kind.MANUAL))
        with self._checked():
            outcome = self.books.ledger.post(Posting(STORE, customer_id, NOW, entries=(entry,)))
        assert isinstance(outcome, Posted), outcome

    def commit(self, decision: Decision) -> Order | Account | None:
        """Commit what a test decided itself."""
        with self._checked():
            return commit(self.books, STORE, self.orders.get(decision.order.order_id), decision, NOW)

    @contextmanager
    def before_writes(self, act: Callable[[], object]) -> Iterator[None]:
        """Let ``act`` happen before each write, as another worker would do it; not within itself."""

        def hook(_index: int, operation: str) -> None:
            if operation in WRITES:
                self.dynamo.faults.before_call = None
                act()
                self.dynamo.faults.before_call = hook

        self.dynamo.faults.before_call = hook
        try:
            yield
        finally:
            self.dynamo.faults.before_call = None

    # ---- what stands in it

    @property
    def settings(self) -> Settings:
        """The current settings, read as the worker reads them."""
        return self.books.stores.settings(STORE)

    @property
    def orders(self) -> dict[str, Order]:
        """Every order, by id."""
        found = (order_of(from_item(item)) for item in self._items("State", "ORDER"))
        return {order.order_id: order for order in found}

    @property
    def accounts(self) -> dict[str, Account]:
        """Every account, by customer."""
        found = (from_item(item) for item in self._items("State", "ACCOUNT"))
        return {_owner(item): account_of(_owner(item), item) for item in found}

    @property
    def entries(self) -> dict[str, dict[str, Entry]]:
        """The whole ledger: customer, cause, entry."""
        found: dict[str, dict[str, Entry]] = {}
        for item in map(from_item, self._items("Ledger")):
            found.setdefault(_owner(item), {})[item["sk"]] = entry_of(item)
        return found

    @property
    def order(self) -> Order:
        """The order that these tests are about."""
        return self.orders[ORDER]

    @property
    def account(self) -> Account:
        """The account of the customer that these tests are about."""
        return self.accounts.get(CUSTOMER, Account(CUSTOMER))

    @property
    def posted(self) -> dict[str, int]:
        """What each entry of that customer moved, by cause."""
        return {cause: entry.amount for cause, entry in self.entries.get(CUSTOMER, {}).items()}

    def _items(self, table: str, sk: str | None = None) -> Iterator[Any]:
        """The stored images, which nobody changes, where they stand: a copy of everything each time would be slow."""
        for partition in self.dynamo.engine.table(table).partitions.values():
            yield from partition.values() if sk is None else filter(None, [partition.get(sk)])

    def _request(self) -> str:
        return f"request-{next(self._requests)}"

    # ---- what holds in it; the numbers are those of the ledger design's invariants

    @contextmanager
    def _checked(self) -> Iterator[None]:
        """Check what was committed, also by a call that failed: a transaction is there wholly or not at all."""
        try:
            yield
        finally:
            self._check()

    def _check(self) -> None:
        if not self._writes:
            return
        calls: dict[int, dict[str, int]] = {}
        for write in self._writes:
            if write.table == "Ledger":
                assert write.old is None, "14: an entry never changes"
                assert write.new is not None, "14: an entry never goes"
                entry = entry_of(from_item(write.new))
                calls.setdefault(write.call, {})[entry.cause] = entry.amount
        self.postings += calls.values()
        self._writes.clear()
        orders, entries = self.orders.values(), self.entries
        accounts = self.accounts
        assert entries.keys() <= accounts.keys()
        for customer_id, account in accounts.items():
            theirs = [order for order in orders if _live(accounts, order.customer_id) == customer_id]
            self._check_account(account, list(entries.get(customer_id, {}).values()), theirs)
        for order in orders:
            owners = {order.customer_id or "", _live(accounts, order.customer_id) or ""}
            _check_order(order, [entry for owner in owners for entry in entries.get(owner, {}).values()])

    def _check_account(self, account: Account, entries: Sequence[Entry], orders: Sequence[Order]) -> None:
        assert account == replace(
            account,
            available=sum(entry.amount for entry in entries),
            reserved=sum(entry.reserved for entry in entries),
            credited=sum(entry.credited for entry in entries),
            debited=sum(entry.debited for entry in entries),
            shortfall=sum(entry.owed for entry in entries),
            version=len(entries),
            total_spent=sum(order.spent for order in orders),
            orders_count=sum(order.counted for order in orders),
        ), "1, 16: the account is not the sum of its entries and orders"
        assert account.available + account.reserved == account.credited - account.debited, "1"
        assert account.available >= 0 or Clawback.ALLOW_NEGATIVE in self._policies, "5: overdrawn"
        assert account.shortfall >= 0


def _owner(item: Mapping[str, Any]) -> str:
    """The customer of a partition; no id of these tests has a character that keys escape."""
    return str(item["pk"].rpartition("#")[2])


def _live(accounts: Mapping[str, Account], customer_id: str | None) -> str | None:
    """Whose figures a customer's orders count among."""
    account = accounts.get(customer_id or "")
    return customer_id if account is None or account.merged_into is None else _live(accounts, account.merged_into)


def _check_order(order: Order, entries: Iterable[Entry]) -> None:
    award = order.award or 0
    assert 0 <= order.target <= award, "6"
    assert min(order.owed, order.waived, order.taken) >= 0, "6"
    assert order.spent >= 0
    assert sum(share.award for share in order.calculation.lines) == order.calculation.award, "15"
    ours = [entry for entry in entries if entry.order_id == order.order_id]
    redeemed = [entry for entry in ours if entry.kind is Kind.REDEMPTION]
    assert sum(entry.owed - entry.amount for entry in redeemed) == order.redeemed - order.redemption_waived, "6"
    assert order.redeemed == redeemed_of(order, order.facts), "7"
    assert 0 <= order.redemption_owed + order.redemption_waived <= order.redeemed, "6"
    if order.status not in AWARDED:
        assert order.award is None
        assert not [entry for entry in ours if entry.kind in {Kind.ORDER, Kind.REVERSAL}], "2: without an award"
        return
    assert order.calculation.award == award, "15"
    assert order.target == target_of(order), "7"
    badge = {0: Status.PROCESSED, award: Status.REVERSED}.get(order.target, Status.PARTIALLY_REVERSED)
    assert order.status is badge
    assert sum(entry.amount for entry in ours if entry.kind is Kind.ORDER) == award, "2: awarded once"
    moved = [entry for entry in ours if entry.kind is Kind.REVERSAL]
    assert sum(entry.owed - entry.amount for entry in moved) == order.target - order.waived, "6"


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
