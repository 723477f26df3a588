"""A shop that pays several customers, on the simulated tables."""

from copy import replace
from typing import Any, Final

from cashback.adapters.dynamo.codec import from_item
from cashback.domain.api_keys import Role
from cashback.domain.customers import Profile
from cashback.domain.incentive_requests import Decided, IncentiveRequest, RequestStatus, Signatory
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.payouts import Opening, Payout
from cashback.services.manage_payouts import change_payout, create_payout, read_payout
from cashback.services.manage_requests import create_request, decide_request
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE, at
from tests.unit.test_payout_money import ACCOUNT, Desk

OTHER: Final = "7002"
CUSTOMERS: Final = (CUSTOMER, OTHER, "7003")


class Office(Desk):
    """Three customers with a balance and an account each, and their payouts."""

    def __init__(self, balance: int = 1_000) -> None:
        super().__init__(balance)
        for one in CUSTOMERS[1:]:
            assert self.shop.books.customers.create(STORE, Profile(one, NOW, NOW), NOW)
            assert self.work.books.payment_accounts.add(STORE, replace(ACCOUNT, customer_id=one, mac=one))
            self.give(one, balance)

    def give(self, customer_id: str, amount: int) -> None:
        """Credit or debit a customer."""
        entry = Entry(f"adm:{next(self.numbers)}", Kind.MANUAL, amount, "key:anna", payload_hash("x"))
        posted = self.shop.books.ledger.post(Posting(STORE, customer_id, NOW, entries=(entry,)))
        assert isinstance(posted, Posted)

    def payout(
        self, amount: int = 100, reference: str | None = None, *, of: str = CUSTOMER, from_balance: bool = True
    ) -> str:
        """Make a payout with a reference; return its id."""
        name = str(next(self.numbers))
        asked = IncentiveRequest(
            incentive_request_id=f"irq_{name}",
            customer_id=of,
            program="Friends",
            amount=amount,
            currency="USD",
            created_at=NOW,
            requested_by="key:anna",
            requester=Signatory("anna"),
            request_hash=name,
            body_hash="body",
            from_balance=from_balance,
            held=amount if from_balance else 0,
        )
        create_request(self.work, self.shop.settings, asked, Role.ADMIN)
        yes = Decided(RequestStatus.APPROVED, NOW, "key:bert", f"yes{name}", "body")
        decide_request(self.work, self.shop.settings, asked.incentive_request_id, yes, Signatory("bert"))
        return self.pay_again(asked.incentive_request_id, reference)

    def pay_again(self, request_id: str, reference: str | None = None) -> str:
        """Make another payout of a request."""
        opening = Opening(f"pay_{next(self.numbers)}", None, ORIGIN, "pay", "body", at(0))
        made, _ = create_payout(self.work, STORE, request_id, None, opening)
        if reference is not None:
            change_payout(self.work, STORE, made.payout_id, {"external_reference": reference}, ORIGIN, NOW)
        return made.payout_id

    def read(self, payout_id: str) -> Payout:
        return read_payout(self.work, STORE, payout_id)

    def tables(self) -> dict[tuple[str, str, str], Any]:
        """All that stands in both tables."""
        items = [(name, from_item(item)) for name in ("State", "Ledger") for item in self.shop.dynamo.items(name)]
        return {(name, item["pk"], item["sk"]): item for name, item in items}

    def balances(self) -> list[tuple[int, int, int]]:
        accounts = [self.shop.books.ledger.account(STORE, one) for one in CUSTOMERS]
        return [(one.available, one.reserved, one.shortfall) for one in accounts]
