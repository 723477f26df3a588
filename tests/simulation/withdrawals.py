"""Customers of a world who ask for payments, the admins who decide and tell what became of them, and what must hold of
all that. Two admins may turn one payout at once, and a refund may take what was paid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.incentive_requests import IncentiveRequests
from cashback.adapters.dynamo.payouts import Payouts, line_of
from cashback.domain import causes
from cashback.domain.api_keys import Role
from cashback.domain.audit import Origin
from cashback.domain.customers import Profile
from cashback.domain.errors import DomainError
from cashback.domain.incentive_requests import Decided, IncentiveRequest, RequestStatus, Signatory
from cashback.domain.ledger import EntryStatus, Kind
from cashback.domain.payment_accounts import AccountType, PaymentAccount
from cashback.domain.payout_reports import Outcome, ReportRow
from cashback.domain.payouts import AuditLine, Opening, Payout, PayoutStatus
from cashback.domain.times import instant, moment
from cashback.services.manage_payouts import change_payout, create_payout
from cashback.services.manage_requests import create_request, decide_request
from cashback.services.reconcile_payouts import reconcile_payouts
from tests.simulation.persons import STORE, Adjustment, Person

if TYPE_CHECKING:
    from collections import defaultdict
    from collections.abc import Callable, Iterator

    from cashback.domain.ledger import Account, Entry
    from tests.simulation.world import World

ADMINS: Final = ("anna", "bert")

SHARE: Final = 0.06
"""Of the worlds, those in which hardly anything is done but pay one customer, by several admins at once."""

REFERENCES: Final = ("ref-1", "ref-2", "ref-3")
_WORDS: Final = ("SUCCESS", "SUCCESS", "RETURNED", "RETURNED", "PENDING", "SOON")
_AUDITED: Final = ("status", "external_reference")
_TURNS: Final = (*PayoutStatus, PayoutStatus.SUCCESS, PayoutStatus.FAILED)


def is_office(seed: int) -> bool:
    return Random(f"{seed}/office").random() < SHARE


@dataclass(slots=True)
class Withdrawal(Person):
    """One request, its decisions and its payouts. Each call has a key and is repeated; turning a payout has none."""

    number: int
    customer_id: str
    amount: int
    from_balance: bool
    payout_ids: list[str] = field(default_factory=list)
    told: list[Payout] = field(default_factory=list)
    """Payouts as they were answered."""

    @property
    def request_id(self) -> str:
        """The id of the request, which its key decides."""
        return f"irq_{self.number}"

    def act(self, world: World) -> None:
        """Make some of the calls, in the order in which they make sense more often than not."""
        steps = (self._ask, self._decide, self._pay, self._turn, self._turn)
        begin = world.random.randrange(len(steps)) if world.answers[f"ask:{self.number}"] else 0
        for step in steps[begin:]:
            step(world)

    def settle(self, world: World) -> None:
        """Tell of every payment that it has arrived, also of one that nobody was answered about: an erasure waits for
        no longer than its message is kept."""
        request = world.books.requests.get(STORE, self.request_id)
        for payout_id in request.payout_ids if request is not None else ():
            payout = world.payouts.payouts.get(STORE, payout_id)
            if payout is not None and payout.is_live:
                self._change(world, payout_id, {"status": "success"})

    def _ask(self, world: World) -> None:
        key, now = f"ask:{self.number}", world.now()
        asked = IncentiveRequest(
            incentive_request_id=self.request_id,
            customer_id=self.customer_id,
            program="Friends",
            amount=self.amount,
            currency="USD",
            created_at=now,
            requested_by="anna",
            requester=Signatory("anna"),
            request_hash=key,
            body_hash="body",
            from_balance=self.from_balance,
            held=self.amount if self.from_balance else 0,
        )
        with world.answering(key):
            world.books.customers.create(STORE, Profile(self.customer_id, "", now), now)
            world.books.payment_accounts.add(STORE, _account(self.customer_id))
            try:
                create_request(world.payouts, world.books.stores.settings(STORE), asked, Role.ADMIN)
            except DomainError as error:
                if error.code not in {"insufficient_balance", "shortfall_open"}:
                    raise
                world.answers[key].add(error.code)
                return
            world.answers[key].add("asked")

    def _decide(self, world: World) -> None:
        verdict = world.random.choice((*["approved"] * 5, "rejected", "cancelled"))
        key = f"{verdict}:{self.number}"
        reason = None if verdict == "approved" else "no"
        with world.answering(key):
            decided = Decided(RequestStatus(verdict), world.now(), "bert", key, "body", reason)
            settings = world.books.stores.settings(STORE)
            request, _ = decide_request(world.payouts, settings, self.request_id, decided, Signatory("bert"))
            made = request.decided_by(key)
            assert made is not None
            world.answers[key].add(made.status)

    def _pay(self, world: World) -> None:
        payout_id = f"pay_{self.number}_{len(self.payout_ids)}"
        if self.payout_ids and world.random.random() < 0.5:
            payout_id = world.random.choice(self.payout_ids)
        with world.answering(payout_id):
            origin = _origin(world)
            opening = Opening(payout_id, None, origin, f"key:{payout_id}", "body", world.now())
            payout, _ = create_payout(world.payouts, STORE, self.request_id, None, opening)
            world.answers[payout_id].add(payout.payout_id)
            if payout_id not in self.payout_ids:
                self.payout_ids.append(payout_id)

    def _turn(self, world: World) -> None:
        if not self.payout_ids:
            return
        status = world.random.choice(_TURNS)
        wanted: dict[str, Any] = {"status": status}
        if status is PayoutStatus.FAILED:
            wanted["reason"] = "returned"
        if world.random.random() < 0.2:
            wanted["external_reference"] = world.random.choice(REFERENCES)
        # No such move, or somebody was first: both are answers.
        with world.answering("turn"):
            self._change(world, world.random.choice(self.payout_ids), wanted)

    def _change(self, world: World, payout_id: str, wanted: dict[str, Any]) -> None:
        changed = change_payout(world.payouts, STORE, payout_id, wanted, _origin(world), world.now())
        assert all(getattr(changed, name) == value for name, value in wanted.items())
        self.told.append(changed)


@dataclass(slots=True)
class Spending(Person):
    """Somebody whose balance goes up and down all the time, so that a payment that was returned is spent already."""

    customer_id: str
    calls: int = 0

    def act(self, world: World) -> None:
        """Take all there is, or credit or debit something, under a key of its own each time."""
        self.calls += 1
        amount = world.random.choice((0, 0, -500, 100, 700, 700))
        Adjustment(f"spent{self.calls}", self.customer_id, amount, absolute=not amount).act(world)

    def again(self, world: World) -> None:
        """Nothing is spent in the calm."""


@dataclass(slots=True)
class Reporting(Person):
    """A provider who reports what became of payouts, in files that come again, and an admin who is in a hurry."""

    withdrawals: list[Withdrawal]
    files: list[tuple[ReportRow, ...]] = field(default_factory=list)

    def act(self, world: World) -> None:
        """Report a file, a new one or one of before."""
        if not self.files or world.random.random() < 0.6:
            self.files.append(tuple(self._rows(world)))
        with world.answering("report"):
            self._report(world, world.random.choice(self.files), lambda: world.random.random() < 0.95)

    def again(self, world: World) -> None:
        """Report each file until it is settled: from then on it changes nothing."""
        for rows in self.files:
            self._report(world, rows, lambda: True)
            outcomes = self._report(world, rows, lambda: True)
            assert not {Outcome.UPDATED, Outcome.BUSY} & outcomes

    def _report(self, world: World, rows: tuple[ReportRow, ...], has_time: Callable[[], bool]) -> set[Outcome]:
        settings = world.books.stores.settings(STORE)
        report = reconcile_payouts(world.payouts, settings, rows, _origin(world), world.now(), has_time)
        assert [verdict.row for verdict in report.verdicts] == [row.number for row in rows]
        return {verdict.outcome for verdict in report.verdicts}

    def _rows(self, world: World) -> Iterator[ReportRow]:
        random = world.random
        made = [(payout_id, one.amount) for one in self.withdrawals for payout_id in one.payout_ids]
        made.append(("pay_unknown", 100))
        for number, (payout_id, amount) in enumerate(random.sample(made, random.randint(1, len(made)))):
            reference = random.choice(REFERENCES) if random.random() < 0.2 else None
            at = moment(world.now()) - timedelta(minutes=random.choice((0, 0, 1, 60)))
            word = random.choice(_WORDS)
            yield ReportRow(number, reference, payout_id, f"{amount / 100:.2f}", "USD", word, instant(at))


def withdrawals(world: World) -> list[Person]:
    """Draw who asks for what."""
    random = world.random
    asked = [
        Withdrawal(n, random.choice(world.customers), random.choice((50, 200, 500, 1_500)), random.random() < 0.85)
        for n in range(random.randint(1, 3))
    ]
    funds = [Adjustment(f"fund{n}", one.customer_id, 2_000) for n, one in enumerate(asked)]
    reporting = Reporting(asked)
    return [*funds, *asked, *asked, reporting, reporting]


def office(world: World) -> list[Person]:
    """Several payments to one customer, whose balance moves beside them, and a provider who reports of them."""
    random, customer_id = world.random, world.customers[0]
    asked = [Withdrawal(n, customer_id, random.choice((300, 500, 1_500)), True) for n in range(random.randint(2, 3))]
    reporting = Reporting(asked)
    return [Adjustment("fund", customer_id, 2_000), *asked * 3, *[Spending(customer_id)] * 2, *[reporting] * 2]


def _origin(world: World) -> Origin:
    """Whose call this is; no two calls have one id."""
    origin = Origin(world.random.choice(ADMINS), f"r{len(world.callers)}", "-")
    world.callers[origin.request_id] = origin.actor
    return origin


def _account(customer_id: str) -> PaymentAccount:
    return PaymentAccount(
        payment_account_id=f"pac_{customer_id}",
        customer_id=customer_id,
        type=AccountType.DIGITAL,
        provider="PayPal",
        masks={"handle": "****.com"},
        sealed={},
        mac=f"mac of {customer_id}",
        created_at="2026-01-01T00:00:00.000000Z",
        created_by="anna",
        asked_hash="asked",
    )


def violations(
    world: World,
    accounts: dict[str, Account],
    entries: defaultdict[str, list[Entry]],
    living: Callable[[str | None], str | None],
) -> Iterator[str]:
    """Everything that does not hold of requests and payouts."""
    requests, payouts, lines = documents(world)
    held = dict.fromkeys(accounts, 0)
    posted = [one for some in entries.values() for one in some if one.status is EntryStatus.POSTED]
    moved = [one for one in posted if one.kind is Kind.PAYOUT]
    for request in requests.values():
        owner = living(request.customer_id)
        assert owner is not None
        held[owner] += request.held
        own = [payout for payout in payouts.values() if payout.incentive_request_id == request.incentive_request_id]
        yield from _request(request, own, moved)
    for customer_id, account in accounts.items():
        if account.reserved != held[customer_id]:
            yield f"1: {account.reserved} is reserved of {customer_id}, requests hold {held[customer_id]}"
    told = {id(one): one for one in world.persons if isinstance(one, Withdrawal)}
    answers = [payout for one in told.values() for payout in one.told]
    for payout in payouts.values():
        answered = [one for one in answers if one.payout_id == payout.payout_id]
        yield from _audited(payout, lines[payout.payout_id], answered)
        yield from _signed(
            world, lines[payout.payout_id], [entry for entry in moved if entry.payout_id == payout.payout_id]
        )
    for reference in REFERENCES:
        named = sorted(one.payout_id for one in payouts.values() if one.external_reference == reference)
        if sorted(world.payouts.payouts.referred(STORE, reference)) != named:
            yield f"payouts: {reference} is that of {named}, and does not find them"


def paid_out(world: World) -> int:
    """What balances gave that did arrive, as the payouts say."""
    _, payouts, _ = documents(world)
    return sum(one.amount for one in payouts.values() if one.status is PayoutStatus.SUCCESS and one.from_balance)


def _request(request: IncentiveRequest, payouts: list[Payout], moved: list[Entry]) -> Iterator[str]:
    name = request.incentive_request_id
    if sorted(request.payout_ids) != sorted(payout.payout_id for payout in payouts):
        yield f"payouts: {name} knows {request.payout_ids}, there are {[one.payout_id for one in payouts]}"
    active = [payout.payout_id for payout in payouts if payout.status is not PayoutStatus.FAILED]
    if active != ([request.active_payout_id] if request.active_payout_id else []):
        yield f"payouts: {name} has {active}, and says {request.active_payout_id}"
    paid = sum(one.amount for one in payouts if one.status is PayoutStatus.SUCCESS and one.from_balance)
    is_open = request.status in {RequestStatus.REQUESTED, RequestStatus.APPROVED}
    waits = is_open and not paid and (bool(active) or not payouts)
    expected = request.amount if request.from_balance and waits else 0
    if request.held != expected:
        yield f"payouts: {name} ({request.status}) holds {request.held} and not {expected}"
    begins = (causes.request_hold(name).removesuffix("hold"), *(f"pay:{one.payout_id}:" for one in payouts))
    own = [entry for entry in moved if entry.cause.startswith(begins)]
    if sum(entry.reserved for entry in own) != request.held:
        yield f"1: the entries of {name} reserve {sum(entry.reserved for entry in own)}, it holds {request.held}"
    gone = -sum(entry.amount + entry.reserved - entry.owed for entry in own)
    if gone != paid:
        yield f"payouts: {paid} of {name} was paid, its entries say {gone}"


def _audited(payout: Payout, lines: list[AuditLine], answered: list[Payout]) -> Iterator[str]:
    """The lines of its audit tell all that a payout has been, and so do the answers to those who changed it."""
    if [line.number for line in lines] != list(range(1, payout.step + 1)):
        yield f"payouts: {payout.payout_id} is at step {payout.step}, its audit has {[one.number for one in lines]}"
        return
    stood: dict[str, Any] = {}
    by_step = []
    for line in lines:
        for name in _AUDITED:
            if name in line.before and line.before[name] != stood.get(name):
                yield f"payouts: line {line.number} of {payout.payout_id} begins at {line.before}, not {stood}"
        stood = {**stood, **line.after}
        by_step.append([stood.get(name) for name in _AUDITED])
    for one in (*answered, payout):
        if [getattr(one, name) for name in _AUDITED] != by_step[one.step - 1]:
            yield f"payouts: {payout.payout_id} was {one.status} at step {one.step}, its audit says {by_step}"


def _signed(world: World, lines: list[AuditLine], entries: list[Entry]) -> Iterator[str]:
    """Each line of an audit is by who made the call, and so is what the call moved."""
    for line in lines:
        if line.actor != world.callers.get(line.request_id):
            yield f"payouts: {line} is by another than {world.callers.get(line.request_id)}"
    for entry in entries:
        number = int(entry.cause.split(":")[2])
        if number > len(lines) or lines[number - 1].actor != entry.actor:
            yield f"payouts: {entry.cause} is by {entry.actor}, and its line is not"


def documents(
    world: World,
) -> tuple[dict[str, IncentiveRequest], dict[str, Payout], dict[str, list[AuditLine]]]:
    """Read requests, payouts and their audit, by no call."""
    requests, payouts, lines = {}, {}, {}
    for partition in world.dynamo.engine.table("State").partitions.values():
        if "REQUEST" in partition:
            request = IncentiveRequests.unpack(from_item(partition["REQUEST"]))
            requests[request.incentive_request_id] = request
        if "PAYOUT" in partition:
            payout = Payouts.unpack(from_item(partition["PAYOUT"]))
            payouts[payout.payout_id] = payout
            told = sorted((sk, item) for sk, item in partition.items() if str(sk).startswith("AUDIT#"))
            lines[payout.payout_id] = [line_of(from_item(item)) for _, item in told]
    return requests, payouts, lines
