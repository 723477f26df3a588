"""What requests and payouts do to a balance, against a model that knows no ledger."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cashback.adapters.dynamo.incentive_requests import IncentiveRequests
from cashback.adapters.dynamo.payouts import Payouts
from cashback.domain.api_keys import Role
from cashback.domain.audit import Origin
from cashback.domain.errors import DomainError, IdempotencyMismatch, InsufficientBalance, Invalid, StateConflict
from cashback.domain.incentive_requests import (
    Decided,
    FourEyes,
    IncentiveRequest,
    RequestNotApproved,
    RequestPaid,
    RequestStatus,
    RequestsWanted,
    ShortfallOpen,
    Signatory,
)
from cashback.domain.ledger import Account, Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.payment_accounts import AccountType, PaymentAccount
from cashback.domain.payouts import MOVES, Opening, Payout, PayoutStatus
from cashback.edge.deps import make_payout_books
from cashback.services.manage_payouts import NoPaymentAccount, change_payout, create_payout, read_payout
from cashback.services.manage_requests import create_request, decide_request, list_requests, read_request
from tests.unit.builders import CUSTOMER, HASH_KEY, NOW, ORIGIN, STORE, Shop, at
from tests.unit.people import OTHER, tell

ACCOUNT = PaymentAccount(
    payment_account_id="pac_1",
    customer_id=CUSTOMER,
    type=AccountType.DIGITAL,
    provider="PayPal",
    masks={"handle": "****.com"},
    sealed={"handle": b"sealed"},
    mac="mac",
    created_at=NOW,
    created_by="key:anna",
    asked_hash="asked",
)
ANNA, BERT = Signatory("anna"), Signatory("bert")


class Desk:
    """A shop whose customer asks for payments, and people who decide on them."""

    def __init__(self, balance: int = 0, **changes: Any) -> None:
        self.shop = Shop(**changes)
        self.work = make_payout_books(self.shop.books, cast("Any", self.shop.dynamo), "State", lambda: HASH_KEY)
        self.numbers = itertools.count(1)
        self.shop.verify("email:ada@example.com")
        self.work.books.payment_accounts.add(STORE, ACCOUNT)
        if balance:
            self.move(balance)

    @contextmanager
    def meanwhile(self, act: Callable[[], object]) -> Iterator[None]:
        """Let something happen before the next write, once."""
        acts = [act]

        def once() -> None:
            if acts:
                acts.pop()()

        with self.shop.before_writes(once):
            yield

    def move(self, amount: int, owed: int = 0) -> None:
        """Credit or debit the customer, or let them owe something."""
        entry = Entry(f"adm:{next(self.numbers)}", Kind.MANUAL, amount, "key:anna", payload_hash("x"), owed=owed)
        posted = self.shop.books.ledger.post(Posting(STORE, CUSTOMER, NOW, entries=(entry,)))
        assert isinstance(posted, Posted)

    def ask(
        self,
        amount: int,
        *,
        from_balance: bool = True,
        key: str | None = None,
        body: str = "body",
        by: Signatory = ANNA,
        actor: str = "key:anna",
    ) -> str:
        """Ask for a payment; return the id of the request."""
        name = key or f"ask{next(self.numbers)}"
        asked = IncentiveRequest(
            incentive_request_id=f"irq_{name}",
            customer_id=CUSTOMER,
            program="Friends",
            amount=amount,
            currency="USD",
            created_at=NOW,
            requested_by=actor,
            requester=by,
            request_hash=name,
            body_hash=body,
            from_balance=from_balance,
            held=amount if from_balance else 0,
        )
        made, _ = create_request(self.work, self.shop.settings, asked, Role.OPERATOR)
        return made.incentive_request_id

    def decide(self, request_id: str, status: RequestStatus, *, by: Signatory = BERT, key: str | None = None) -> bool:
        """Decide on a request; return whether this very call had done so before."""
        name = key or f"decide{next(self.numbers)}"
        decided = Decided(status, NOW, "key:bert", name, "body", None if status is RequestStatus.APPROVED else "why")
        return decide_request(self.work, self.shop.settings, request_id, decided, by)[1]

    def pay(self, request_id: str, *, key: str | None = None, body: str = "body", by: Origin = ORIGIN) -> str:
        """Make the payout of a request; return its id."""
        name = key or f"pay{next(self.numbers)}"
        opening = Opening(f"pay_{name}", None, by, name, body, at(0))
        return create_payout(self.work, STORE, request_id, None, opening)[0].payout_id

    def turn(self, payout_id: str, status: PayoutStatus, **more: Any) -> Payout:
        """Change the status of a payout."""
        wanted: dict[str, Any] = {"status": status, **more}
        if status is PayoutStatus.FAILED:
            wanted.setdefault("reason", "returned")
        return change_payout(self.work, STORE, payout_id, wanted, ORIGIN, NOW)

    @property
    def account(self) -> Account:
        """The customer's account, without the figures that money does not show in."""
        return self.shop.books.ledger.account(STORE, CUSTOMER)

    @property
    def money(self) -> tuple[int, int, int]:
        """What is available, reserved and owed."""
        return self.account.available, self.account.reserved, self.account.shortfall


def approved(desk: Desk, amount: int, *, from_balance: bool = True) -> str:
    request_id = desk.ask(amount, from_balance=from_balance)
    desk.decide(request_id, RequestStatus.APPROVED)
    return request_id


def test_a_withdrawal_reserves_its_amount_until_it_arrives() -> None:
    desk = Desk(1_000)
    request_id = desk.ask(400)
    assert desk.money == (600, 400, 0)
    desk.decide(request_id, RequestStatus.APPROVED)
    payout_id = desk.pay(request_id)
    desk.turn(payout_id, PayoutStatus.ON_PROCESS)
    assert desk.money == (600, 400, 0)
    desk.turn(payout_id, PayoutStatus.SUCCESS)
    assert desk.money == (600, 0, 0)
    assert (desk.account.credited, desk.account.debited) == (1_000, 400)


@pytest.mark.parametrize("turned_down", ["rejected", "cancelled"])
def test_a_request_that_is_turned_down_gives_its_amount_back(turned_down: str) -> None:
    desk = Desk(1_000)
    request_id = desk.ask(400)
    if turned_down == "cancelled":
        desk.decide(request_id, RequestStatus.APPROVED)
    desk.decide(request_id, RequestStatus(turned_down))
    assert desk.money == (1_000, 0, 0)
    assert desk.account.debited == 0


def test_an_incentive_earned_elsewhere_moves_no_balance() -> None:
    desk = Desk(1_000)
    payout_id = desk.pay(approved(desk, 5_000, from_balance=False))
    for status in (PayoutStatus.SUCCESS, PayoutStatus.FAILED, PayoutStatus.SUCCESS):
        desk.turn(payout_id, status)
        assert desk.money == (1_000, 0, 0)


def test_a_payment_that_comes_back_is_credited_and_one_that_arrives_late_is_taken_again() -> None:
    desk = Desk(1_000)
    payout_id = desk.pay(approved(desk, 400))
    desk.turn(payout_id, PayoutStatus.SUCCESS)
    desk.turn(payout_id, PayoutStatus.FAILED)
    assert desk.money == (1_000, 0, 0)
    desk.turn(payout_id, PayoutStatus.SUCCESS)
    assert desk.money == (600, 0, 0)
    assert (desk.account.credited, desk.account.debited) == (1_000, 400)


@pytest.mark.parametrize(("left", "owed"), [(400, 0), (399, 1), (1, 399), (0, 400)])
def test_a_late_success_takes_what_is_there_and_the_rest_is_owed(left: int, owed: int) -> None:
    desk = Desk(1_000)
    payout_id = desk.pay(approved(desk, 400))
    desk.turn(payout_id, PayoutStatus.FAILED)
    desk.move(left - 1_000)
    desk.turn(payout_id, PayoutStatus.SUCCESS)
    assert desk.money == (0, 0, owed)
    desk.turn(payout_id, PayoutStatus.FAILED)
    assert desk.money == (400 - owed, 0, 0), "what came back repaid what was owed"
    assert desk.account.available == desk.account.credited - desk.account.debited


def test_a_late_success_counts_what_came_meanwhile() -> None:
    desk = Desk(400)
    payout_id = desk.pay(approved(desk, 400))
    desk.turn(payout_id, PayoutStatus.FAILED)
    desk.move(-400)
    credits_to_come = [100, 100]

    def credit() -> None:
        if credits_to_come:
            desk.move(credits_to_come.pop())

    with desk.shop.before_writes(credit):
        desk.turn(payout_id, PayoutStatus.SUCCESS)
    assert desk.money == (0, 0, 200)


def test_a_late_success_of_a_merged_customer_takes_what_the_kept_one_has_and_the_rest_is_owed() -> None:
    desk = Desk(1_000)
    payout_id = desk.pay(approved(desk, 400))
    desk.turn(payout_id, PayoutStatus.FAILED)
    desk.move(-950)
    tell(desk.shop, OTHER)
    assert isinstance(desk.shop.books.ledger.merge(STORE, CUSTOMER, OTHER, NOW, "shop:shopify"), Posted)
    assert desk.turn(payout_id, PayoutStatus.SUCCESS).status is PayoutStatus.SUCCESS
    kept = desk.shop.accounts[OTHER]
    assert (kept.available, kept.reserved, kept.shortfall) == (0, 0, 350)
    assert desk.money == (0, 0, 0)


def test_a_release_repays_what_the_customer_owes() -> None:
    desk = Desk(400)
    request_id = desk.ask(400)
    desk.move(0, owed=300)
    desk.decide(request_id, RequestStatus.REJECTED)
    assert desk.money == (100, 0, 0)


@pytest.mark.row("I12")
def test_who_owes_something_reserves_nothing() -> None:
    desk = Desk(400)
    desk.move(0, owed=1)
    with pytest.raises(ShortfallOpen):
        desk.ask(100)
    assert desk.money == (400, 0, 1)


def test_a_refused_request_is_refused_for_ever() -> None:
    desk = Desk(100)
    for _ in range(2):
        with pytest.raises(InsufficientBalance):
            desk.ask(101, key="same")
        desk.move(1_000)
    assert list_requests(desk.work, STORE, RequestsWanted(customer_id=CUSTOMER), 10, None) == ([], None)


def test_a_refused_payout_is_refused_for_ever_whatever_becomes_of_its_request() -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    desk.turn(desk.pay(request_id), PayoutStatus.FAILED)
    desk.move(-1)

    def refuse(*, replayed: bool) -> None:
        with pytest.raises(InsufficientBalance) as refused:
            desk.pay(request_id, key="same")
        assert refused.value.replayed is replayed
        with pytest.raises(IdempotencyMismatch):
            desk.pay(request_id, key="same", body="other")

    refuse(replayed=False)
    desk.move(1)
    refuse(replayed=True)
    another = desk.pay(request_id)
    refuse(replayed=True)
    desk.turn(another, PayoutStatus.FAILED)
    desk.work.books.payment_accounts.forget(STORE, CUSTOMER, NOW)
    refuse(replayed=True)
    desk.decide(request_id, RequestStatus.CANCELLED)
    refuse(replayed=True)
    assert desk.money == (400, 0, 0)


def test_who_is_said_to_act_makes_no_other_call() -> None:
    desk = Desk(400)
    others = replace(ORIGIN, actor="key:zoe")
    with pytest.raises(InsufficientBalance):
        desk.ask(401, key="large")
    with pytest.raises(InsufficientBalance):
        desk.ask(401, key="large", actor="key:zoe")
    assert desk.ask(400, key="small") == desk.ask(400, key="small", actor="key:zoe")
    desk.decide("irq_small", RequestStatus.APPROVED)
    desk.turn(desk.pay("irq_small"), PayoutStatus.FAILED)
    desk.move(-1)
    for by in (ORIGIN, others):
        with pytest.raises(InsufficientBalance):
            desk.pay("irq_small", key="refused", by=by)
    desk.move(1)
    assert desk.pay("irq_small", key="made") == desk.pay("irq_small", key="made", by=others)


def test_the_reason_of_a_failure_may_be_put_right() -> None:
    desk = Desk(400)
    payout_id = desk.pay(approved(desk, 400))
    failed = desk.turn(payout_id, PayoutStatus.FAILED, reason="RETURNED")
    assert desk.turn(payout_id, PayoutStatus.FAILED, reason="RETURNED") == failed
    after = desk.turn(payout_id, PayoutStatus.FAILED, reason="the account is closed")
    assert (after.reason, after.status, after.occurred_at) == (
        "the account is closed",
        PayoutStatus.FAILED,
        failed.occurred_at,
    )
    (line, *_), _ = desk.work.payouts.history(STORE, payout_id, 10)
    assert (line.before, line.after) == ({"reason": "RETURNED"}, {"reason": "the account is closed"})
    assert desk.money == (400, 0, 0)
    with pytest.raises(Invalid):
        change_payout(desk.work, STORE, payout_id, {"reason": None}, ORIGIN, NOW)


def test_a_new_payout_after_a_failed_one_holds_again() -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    first = desk.pay(request_id)
    desk.turn(first, PayoutStatus.FAILED)
    assert desk.money == (400, 0, 0)
    second = desk.pay(request_id)
    assert desk.money == (0, 400, 0)
    assert read_payout(desk.work, STORE, second).replaces == first
    with pytest.raises(RequestPaid) as paid:
        desk.turn(first, PayoutStatus.SUCCESS)
    assert paid.value.payout_id == second


def test_a_new_payout_that_the_balance_refuses_leaves_the_request_approved() -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    desk.turn(desk.pay(request_id), PayoutStatus.FAILED)
    desk.move(-1)
    with pytest.raises(InsufficientBalance):
        desk.pay(request_id)
    assert read_request(desk.work, STORE, request_id).status is RequestStatus.APPROVED
    desk.move(1)
    desk.pay(request_id)


def test_a_request_has_one_payout_that_has_not_failed() -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    payout_id = desk.pay(request_id)
    with pytest.raises(RequestPaid) as paid:
        desk.pay(request_id)
    assert paid.value.payout_id == payout_id
    with pytest.raises(RequestPaid):
        desk.decide(request_id, RequestStatus.CANCELLED)


@pytest.mark.parametrize("status", [RequestStatus.REQUESTED, RequestStatus.REJECTED, RequestStatus.CANCELLED])
def test_a_payout_needs_an_approved_request(status: RequestStatus) -> None:
    desk = Desk(400)
    request_id = desk.ask(400)
    if status is RequestStatus.CANCELLED:
        desk.decide(request_id, RequestStatus.APPROVED)
    if status is not RequestStatus.REQUESTED:
        desk.decide(request_id, status)
    with pytest.raises(RequestNotApproved):
        desk.pay(request_id)


def test_of_a_payout_and_a_cancellation_at_once_one_is_refused() -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    with desk.meanwhile(lambda: desk.decide(request_id, RequestStatus.CANCELLED)), pytest.raises(RequestNotApproved):
        desk.pay(request_id)
    assert desk.money == (400, 0, 0)


def test_of_an_approval_and_a_rejection_at_once_one_is_refused() -> None:
    desk = Desk(400)
    request_id = desk.ask(400)
    with desk.meanwhile(lambda: desk.decide(request_id, RequestStatus.REJECTED)), pytest.raises(StateConflict):
        desk.decide(request_id, RequestStatus.APPROVED)
    assert read_request(desk.work, STORE, request_id).status is RequestStatus.REJECTED


def test_a_failure_decided_before_a_success_was_told_does_not_undo_it() -> None:
    desk = Desk(1_000)
    payout_id = desk.pay(approved(desk, 400))
    with (
        desk.meanwhile(lambda: desk.turn(payout_id, PayoutStatus.SUCCESS)),
        pytest.raises(StateConflict, match="changed meanwhile"),
    ):
        desk.turn(payout_id, PayoutStatus.FAILED)
    assert read_payout(desk.work, STORE, payout_id).status is PayoutStatus.SUCCESS
    assert desk.money == (600, 0, 0)


def test_the_same_call_twice_at_once_makes_one_payout() -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    with desk.meanwhile(lambda: desk.pay(request_id, key="same")):
        assert desk.pay(request_id, key="same") == "pay_same"
    assert desk.money == (0, 400, 0)


def test_the_same_call_that_saw_the_request_before_its_approval_answers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(400)
    request_id = desk.ask(400)
    seen = read_request(desk.work, STORE, request_id)
    desk.decide(request_id, RequestStatus.APPROVED)
    read = IncentiveRequests.get

    def late(*_: object) -> IncentiveRequest:
        """What stood before; meanwhile the other call is made, from what stands."""
        monkeypatch.setattr(IncentiveRequests, "get", read)
        assert desk.pay(request_id, key="same") == "pay_same"
        return seen

    monkeypatch.setattr(IncentiveRequests, "get", late)
    assert desk.pay(request_id, key="same") == "pay_same"
    assert desk.money == (0, 400, 0)


def test_the_same_call_that_found_no_payout_before_the_approval_answers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(400)
    request_id = desk.ask(400)
    read = Payouts.get

    def paid_meanwhile(table: Payouts, store_id: str, document_id: str) -> Payout | None:
        """What stood before; then the request is approved and paid."""
        monkeypatch.setattr(Payouts, "get", read)
        desk.decide(request_id, RequestStatus.APPROVED)
        assert desk.pay(request_id, key="same") == document_id
        return None

    monkeypatch.setattr(Payouts, "get", paid_meanwhile)
    assert desk.pay(request_id, key="same") == "pay_same"
    assert desk.money == (0, 400, 0)


def test_the_same_call_whose_customer_was_forgotten_after_the_payout_answers_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    read = Payouts.get

    def paid_meanwhile(table: Payouts, store_id: str, document_id: str) -> Payout | None:
        """What stood before; then the request is paid, and the customer has no account any more."""
        monkeypatch.setattr(Payouts, "get", read)
        assert desk.pay(request_id, key="same") == document_id
        desk.work.books.payment_accounts.forget(STORE, CUSTOMER, NOW)
        return None

    monkeypatch.setattr(Payouts, "get", paid_meanwhile)
    assert desk.pay(request_id, key="same") == "pay_same"
    with pytest.raises(RequestPaid):
        desk.pay(request_id, key="another")
    assert desk.money == (0, 400, 0)


def test_the_same_call_whose_payout_failed_meanwhile_answers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(400)
    request_id = approved(desk, 400)
    read = IncentiveRequests.get

    def paid_meanwhile(table: IncentiveRequests, store_id: str, document_id: str) -> IncentiveRequest | None:
        monkeypatch.setattr(IncentiveRequests, "get", read)
        desk.turn(desk.pay(request_id, key="same"), PayoutStatus.FAILED)
        desk.move(-400)
        return read(table, store_id, document_id)

    monkeypatch.setattr(IncentiveRequests, "get", paid_meanwhile)
    assert desk.pay(request_id, key="same") == "pay_same"
    assert desk.money == (0, 0, 0)


def test_a_payout_needs_an_account() -> None:
    desk = Desk(400)
    desk.work.books.payment_accounts.forget(STORE, CUSTOMER, NOW)
    with pytest.raises(NoPaymentAccount):
        desk.pay(approved(desk, 400))


@pytest.mark.parametrize(
    ("asked", "approves", "are_two"),
    [
        (Signatory("k1"), Signatory("k1"), False),
        (Signatory("k1"), Signatory("k2"), True),
        (Signatory("k1", "Ann"), Signatory("k1", "Bob"), True),
        (Signatory("k1", "Ann"), Signatory("k2", "Bob"), True),
        (Signatory("k1", "Ann"), Signatory("k2", "ANN"), False),
        (Signatory("k1", "Ann"), Signatory("k1"), False),
        (Signatory("k1"), Signatory("k1", "Bob"), False),
        (Signatory("k1"), Signatory("k2", "Bob"), True),
    ],
    ids=str,
)
@pytest.mark.row("S15")
def test_four_eyes_are_two_persons_and_two_keys_where_one_is_not_named(
    asked: Signatory, approves: Signatory, are_two: bool
) -> None:
    desk = Desk(400, four_eyes=True)
    request_id = desk.ask(400, by=asked)
    if are_two:
        desk.decide(request_id, RequestStatus.APPROVED, by=approves)
        return
    with pytest.raises(FourEyes):
        desk.decide(request_id, RequestStatus.APPROVED, by=approves)
    assert read_request(desk.work, STORE, request_id).status is RequestStatus.REQUESTED


@pytest.mark.parametrize("before", list(PayoutStatus))
@pytest.mark.parametrize("after", list(PayoutStatus))
@pytest.mark.row("99")
def test_every_move_of_a_payout_is_made_or_refused(before: PayoutStatus, after: PayoutStatus) -> None:
    desk = Desk(400)
    payout_id = desk.pay(approved(desk, 400))
    if before is not PayoutStatus.PENDING:
        desk.turn(payout_id, before)
    stands = read_payout(desk.work, STORE, payout_id)
    if after in MOVES[before]:
        assert desk.turn(payout_id, after).status is after
    elif after is before:
        assert change_payout(desk.work, STORE, payout_id, {"status": after}, ORIGIN, NOW) == stands
    else:
        with pytest.raises(StateConflict):
            desk.turn(payout_id, after)
        assert read_payout(desk.work, STORE, payout_id) == stands


def test_a_failure_says_why_and_nothing_else_does() -> None:
    desk = Desk(400)
    payout_id = desk.pay(approved(desk, 400))
    for wanted in ({"status": "failed"}, {"reason": "why"}, {"status": "success", "reason": "why"}):
        with pytest.raises(Invalid):
            change_payout(desk.work, STORE, payout_id, wanted, ORIGIN, NOW)
    assert desk.money == (0, 400, 0)


ACTS = ("ask", "approved", "rejected", "cancelled", "pay", "on_process", "success", "failed", "credit", "debit")


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 3), st.integers(1, 300), st.booleans()), max_size=40))
def test_whatever_people_do_the_books_balance(acts: list[tuple[str, int, int, bool]]) -> None:
    desk = Desk(500)
    requests: list[str] = []
    payouts: list[str] = []
    given = 500
    for name, which, amount, from_balance in acts:
        before = desk.account
        try:
            match name:
                case "ask":
                    requests.append(desk.ask(amount, from_balance=from_balance))
                case "pay":
                    payouts.append(desk.pay(requests[which]))
                case "credit":
                    desk.move(amount)
                case "debit":
                    desk.move(-min(amount, desk.account.available))
                case "approved" | "rejected" | "cancelled":
                    desk.decide(requests[which], RequestStatus(name))
                case _:
                    desk.turn(payouts[which], PayoutStatus(name))
        except (DomainError, IndexError):
            assert replace(desk.account, version=0) == replace(before, version=0), "a refusal moves nothing"
            continue
        given += {"credit": amount, "debit": desk.account.available - before.available}.get(name, 0)
        check_books(desk, requests, payouts, given)


def check_books(desk: Desk, requests: list[str], payouts: list[str], given: int) -> None:
    """What holds of requests, payouts and the account at any moment: what was given is there, held, or was paid, but
    for what is owed."""
    account = desk.account
    held = [read_request(desk.work, STORE, one) for one in requests]
    assert account.reserved == sum(request.held for request in held)
    assert account.available + account.reserved == account.credited - account.debited
    assert min(account.available, account.reserved, account.shortfall, account.credited, account.debited) >= 0
    for request in held:
        active = [one for one in payouts if one == request.active_payout_id]
        assert (request.active_payout_id is None) is (active == [])
        assert request.held in {0, request.amount}
    paid = 0
    for payout_id in payouts:
        payout = read_payout(desk.work, STORE, payout_id)
        request = read_request(desk.work, STORE, payout.incentive_request_id)
        is_active = payout.status is not PayoutStatus.FAILED
        assert (request.active_payout_id == payout_id) is is_active
        if payout.is_live and payout.from_balance:
            assert request.held == payout.amount
        if payout.status is PayoutStatus.SUCCESS:
            assert request.held == 0
            paid += payout.amount if payout.from_balance else 0
    assert given == account.available + account.reserved - account.shortfall + paid
