"""Who was paid is forgotten, once nothing is on its way to them: no name, no words and no account stay anywhere."""

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.incentive_requests import IncentiveRequests
from cashback.adapters.dynamo.payouts import Payouts, line_of
from cashback.domain.customers import Profile
from cashback.domain.errors import CustomerNotFound, PayoutLive
from cashback.domain.incentive_requests import Decided, RequestStatus, Signatory
from cashback.domain.payouts import Opening, PayoutStatus
from cashback.edge import deps
from cashback.services import erase_payouts
from cashback.services.close_store import close_store, erase_store
from cashback.services.manage_payouts import change_payout, create_payout
from cashback.services.manage_requests import decide_request
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE
from tests.unit.deployment import Deployment, function
from tests.unit.people import ADA, OTHER, erase, merge, profile, tell
from tests.unit.test_payout_search import Searching
from tests.unit.test_worker import record

if TYPE_CHECKING:
    from collections.abc import Callable

READ: Final[dict[str, "Callable[[Any], Any]"]] = {
    "PAYOUT": Payouts.unpack,
    "REQUEST": IncentiveRequests.unpack,
    "AUDIT": line_of,
}
PRIVATE: Final = ("Ada", "Brandt", "a secret word", "secret reason", "b'sealed'")


class Archive(Searching):
    """An office that paid a person with a name, and wrote of them wherever it can be done."""

    def __init__(self) -> None:
        super().__init__()
        for customer_id in (CUSTOMER, OTHER):
            tell(self.shop, customer_id, **ADA)

    def paid(self, of: str = CUSTOMER, status: PayoutStatus = PayoutStatus.FAILED) -> str:
        """A payout of the balance, with words in every field and line."""
        payout_id = self.payout(100, of=of)
        request = self.request(payout_id)
        written = Decided(RequestStatus.CANCELLED, NOW, "key:bert", "x", "b", "secret reason")
        table = self.work.requests.table
        told = {"description": "a secret word", "decisions": (*request.decisions, written), "rev": request.rev + 1}
        table.commit(self.work.requests.write(STORE, type(request)(**{**fields(request), **told})))
        self.edit(payout_id, description="a secret word")
        self.edit(payout_id, description="Ada Brandt called")
        if status is not PayoutStatus.PENDING:
            self.turn(payout_id, status, **({"reason": "secret reason"} if status is PayoutStatus.FAILED else {}))
        return payout_id

    def request(self, payout_id: str) -> Any:
        return self.work.requests.get(STORE, self.read(payout_id).incentive_request_id)

    def everything(self) -> str:
        """All that stands in the tables, unpacked."""
        items = [from_item(item) for name in ("State", "Ledger") for item in self.shop.dynamo.items(name)]
        kinds = [(item["sk"].partition("#")[0], item) for item in items if "document" in item]
        return repr(items) + repr([READ[kind](item) for kind, item in kinds if kind in READ])


def fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


@pytest.mark.row("S22")
def test_nothing_personal_is_left_on_requests_payouts_and_their_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase_payouts, "_LINES_AT_ONCE", 2)
    office = Archive()
    payouts = [office.paid(), office.paid(OTHER), office.paid(status=PayoutStatus.SUCCESS)]
    office.shop.books.ledger.merge(STORE, OTHER, CUSTOMER, NOW, "shop")
    office.project()
    before = office.everything()
    assert [word for word in PRIVATE if word not in before] == []
    assert set(office.find("brandt secret")) | set(office.find("brandt called")) == set(payouts)
    money = office.money
    assert erase(office.shop).changed
    office.project()
    left = office.everything()
    assert [word for word in PRIVATE if word in left] == []
    assert office.find("brandt") == office.find("secret") == []
    assert office.find(CUSTOMER) != [], "the id stays"
    payout = office.read(payouts[0])
    assert (payout.username, payout.account.masked, payout.status) == (CUSTOMER, "****.com", PayoutStatus.FAILED)
    assert office.money == money
    lines, _ = office.work.payouts.history(STORE, payouts[0], 10)
    assert [line.number for line in lines] == [4, 3, 2, 1]
    assert lines[0].after == {"status": "failed"}


def test_an_erasure_told_again_writes_nothing() -> None:
    office = Archive()
    office.paid()
    erase(office.shop)
    before = office.tables()
    assert not erase(office.shop).changed
    assert office.tables() == before


@pytest.mark.parametrize("status", [PayoutStatus.PENDING, PayoutStatus.ON_PROCESS])
def test_nobody_is_erased_while_a_payment_to_them_is_on_its_way(status: PayoutStatus) -> None:
    office = Archive()
    payout_id = office.paid(OTHER, status)
    office.shop.books.ledger.merge(STORE, OTHER, CUSTOMER, NOW, "shop")
    before = office.tables()
    with pytest.raises(PayoutLive) as live:
        erase(office.shop)
    assert live.value.members == {"payout_id": payout_id}
    assert office.tables() == before
    office.turn(payout_id, PayoutStatus.SUCCESS)
    assert erase(office.shop).changed
    assert "a secret word" not in office.everything()


def test_of_who_is_merged_into_an_erased_customer_only_what_a_payment_needs_waits_for_it() -> None:
    office = Archive()
    payout_id = office.paid(OTHER, PayoutStatus.ON_PROCESS)
    erase(office.shop)
    with pytest.raises(PayoutLive):
        merge(office.shop)
    gone = profile(office.shop, OTHER)
    assert (gone.merged_into, gone.name, gone.email, gone.contacts) == (CUSTOMER, None, None, ())
    office.turn(payout_id, PayoutStatus.SUCCESS)
    merge(office.shop)
    assert [word for word in PRIVATE if word in office.everything()] == []


def test_an_erasure_looks_for_payments_on_their_way_in_one_read_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Archive()
    for _ in range(5):
        office.turn(office.payout(10), PayoutStatus.SUCCESS)
    reads: list[Any] = []
    read = office.shop.dynamo.batch_get_item

    def counted(**asked: Any) -> Any:
        reads.append(asked)
        return read(**asked)

    monkeypatch.setattr(office.shop.dynamo, "batch_get_item", counted)
    erase_payouts.check_none_live(office.work.books, STORE, [CUSTOMER])
    assert len(reads) == 2, "requests, and their payouts"


def test_a_payout_that_is_made_at_the_moment_of_the_erasure_can_still_be_paid() -> None:
    office = Archive()
    request_id = office.read(office.paid()).incentive_request_id
    made: list[str] = []

    def meanwhile() -> None:
        if not made:
            yes = Decided(RequestStatus.APPROVED, NOW, "key:bert", "yes", "body")
            asked = office.ask(50)
            decide_request(office.work, office.shop.settings, asked, yes, Signatory("bert"))
            opening = Opening("pay_late", None, ORIGIN, "late", "body", NOW)
            made.append(create_payout(office.work, STORE, asked, None, opening)[0].payout_id)

    with office.shop.before_writes(meanwhile), pytest.raises(PayoutLive):
        erase(office.shop)
    assert office.read(made[0]).account.sealed == {"handle": b"sealed"}
    assert request_id in office.everything()
    assert "a secret word" not in office.everything(), "the rest is done"
    office.turn(made[0], PayoutStatus.SUCCESS)
    erase(office.shop)
    assert [word for word in PRIVATE if word in office.everything()] == []


def test_a_payout_that_is_changed_at_the_moment_of_the_erasure_keeps_the_change() -> None:
    office = Archive()
    payout_id = office.paid(status=PayoutStatus.SUCCESS)
    acts = iter([1])

    def meanwhile() -> None:
        if office.shop.account.erased_at is not None:
            for _ in acts:
                change_payout(office.work, STORE, payout_id, {"external_reference": "R1"}, ORIGIN, NOW)

    with office.shop.before_writes(meanwhile):
        erase(office.shop)
    assert office.read(payout_id).external_reference == "R1"
    assert [word for word in PRIVATE if word in office.everything()] == []


# ---- by the API, by a shop, and with a store


def pay(deployment: Deployment, key: str, customer_id: str = "C-7") -> str:
    """A customer of the store ``demo`` to whom a payment is on its way; return its id."""
    deployment.books.customers.create("demo", Profile(customer_id, NOW, NOW, name="Ada Brandt"), NOW)
    account = {"type": "digital", "provider": "PayPal", "handle": "ada@example.com"}
    deployment.call("POST", f"/v1/customers/{customer_id}/payment-accounts", account, key=key).expect(201)
    asked = {"customer_id": customer_id, "program": "Friends", "amount": "5.00", "description": "a secret word"}
    made = deployment.call("POST", "/v1/incentive-requests", asked, key=key, idempotency_key="r").expect(201)
    request_id = made["incentive_request_id"]
    path = f"/v1/incentive-requests/{request_id}/approve"
    deployment.call("POST", path, {}, key=key, idempotency_key="a").expect(200)
    body = {"incentive_request_id": request_id, "description": "a secret word"}
    paid = deployment.call("POST", "/v1/payouts", body, key=key, idempotency_key="p").expect(201)
    return str(paid["payout_id"])


def kept(deployment: Deployment) -> str:
    """What stands in the packed documents and elsewhere of requests and payouts."""
    books = deps.make_payout_books(deployment.books, deployment.dynamo, "State", lambda: b"")  # type: ignore[arg-type]
    requests = list(books.requests.of_customer("demo", "C-7"))
    payouts = books.payouts.get_many("demo", [one for request in requests for one in request.payout_ids])
    lines = [books.payouts.history("demo", payout.payout_id, 10) for payout in payouts]
    return repr([requests, payouts, lines])


def test_the_api_says_which_payment_an_erasure_waits_for(deployment: Deployment) -> None:
    key = deployment.create_store()
    payout_id = pay(deployment, key)
    before = deployment.everything()
    reply = deployment.call("DELETE", "/v1/customers/C-7", key=key)
    assert (reply.status, reply.code, reply.json["payout_id"]) == (409, "payout_live", payout_id)
    assert deployment.everything() == before
    deployment.call("PATCH", f"/v1/payouts/{payout_id}", {"status": "success"}, key=key).expect(200)
    deployment.call("DELETE", "/v1/customers/C-7", key=key).expect(204)
    assert "secret" not in kept(deployment)


def test_a_shops_deletion_goes_back_to_its_queue_until_the_payment_has_ended(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    key = deployment.create_store()
    payout_id = pay(deployment, key)
    late = "2099-01-01T00:00:00Z"
    told = {"type": "customer.deleted", "occurred_at": late, "data": {"customer": {"customer_id": "C-7"}}}
    event = {"Records": [record("events", json.dumps(told).encode())]}
    before = deployment.everything()
    capsys.readouterr()
    assert function("event_worker").handler(event, None) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    said, *_ = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (said["event"], said["code"]) == ("event_retried", "payout_live")
    assert deployment.everything() == before
    deployment.call("PATCH", f"/v1/payouts/{payout_id}", {"status": "success"}, key=key).expect(200)
    assert function("event_worker").handler(event, None) == {"batchItemFailures": []}
    assert "secret" not in kept(deployment)


def test_a_closed_store_is_erased_whatever_is_on_its_way(deployment: Deployment) -> None:
    pay(deployment, deployment.create_store())
    close_store(deployment.books, "demo", "the end", ORIGIN, NOW)
    for _ in range(30):
        erase_store(deployment.books, deps.api_keys(), "demo", NOW)
    assert "secret" not in kept(deployment)
    assert "Ada" not in kept(deployment)


def test_no_payout_is_made_for_who_was_erased() -> None:
    office = Archive()
    request_id = office.request(office.paid()).incentive_request_id
    erase(office.shop)
    opening = Opening("pay_late", None, ORIGIN, "late", "body", NOW)
    with pytest.raises(CustomerNotFound):
        create_payout(office.work, STORE, request_id, None, opening)
