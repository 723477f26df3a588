"""The routes of incentive requests and payouts: what they answer, whom they refuse, and that a refusal does nothing."""

import itertools
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from cashback.domain.audit import Origin
from cashback.domain.customers import Profile
from cashback.domain.ledger import Entry, Kind, Posted, Posting, payload_hash
from cashback.domain.payouts import wordless
from cashback.edge import deps, payout_requests
from cashback.edge.clock import now
from cashback.services.close_store import close_store
from cashback.services.search_payouts import index_payout
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, Reply, function, token, unreachable

REQUESTS, PAYOUTS = "/v1/incentive-requests", "/v1/payouts"
BODY = {"customer_id": "c1", "program": "Friends", "amount": "40.00", "from_balance": True}
ACCOUNT = {"type": "digital", "provider": "PayPal", "handle": "ada@example.com"}
NO = {"reason": "no"}


@dataclass
class Office:
    """A store whose customer has money and an account, and the people who pay them."""

    deployment: Deployment
    admin: str
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def call(self, method: str, path: str, body: Any = None, *, by: str = "", k: str = "", **headers: str) -> Reply:
        """Call a route as the admin, with an Idempotency-Key of its own, unless said otherwise."""
        named = {"idempotency_key": k or f"k{next(self.numbers)}", **headers}
        return self.deployment.call(method, path, body, key=by or self.admin, **named)

    def ask(self, **changes: Any) -> str:
        """Ask for a payment; the path of the request."""
        return f"{REQUESTS}/{self.call('POST', REQUESTS, {**BODY, **changes}).expect(201)['incentive_request_id']}"

    def approved(self, **changes: Any) -> str:
        """The same, approved; its id."""
        path = self.ask(**changes)
        return str(self.call("POST", f"{path}/approve").expect(200)["incentive_request_id"])

    def pay(self, **changes: Any) -> str:
        """A payout of a new approved request; its path."""
        return self.paid(self.approved(**changes))

    def paid(self, request_id: str) -> str:
        """A payout of a request; its path."""
        return f"{PAYOUTS}/{self.call('POST', PAYOUTS, {'incentive_request_id': request_id}).expect(201)['payout_id']}"

    def turn(self, path: str, status: str, **more: Any) -> Reply:
        """Change the status of a payout."""
        return self.call(
            "PATCH", path, {"status": status, **({"reason": "lost"} if status == "failed" else {}), **more}
        )

    def move(self, amount: int, owed: int = 0, customer_id: str = "c1") -> None:
        """Credit or debit a customer, or let them owe something."""
        entry = Entry(f"adm:{next(self.numbers)}", Kind.MANUAL, amount, "key:x", payload_hash("x"), owed=owed)
        posted = self.deployment.books.ledger.post(Posting("demo", customer_id, NOW, entries=(entry,)))
        assert isinstance(posted, Posted)

    def add(self, customer_id: str, handle: str = "ada@example.com") -> str:
        """A customer who has an account; the account's id."""
        assert self.deployment.books.customers.create("demo", Profile(customer_id, NOW, NOW, name="Ada"), NOW)
        path = f"/v1/customers/{customer_id}/payment-accounts"
        return str(self.call("POST", path, {**ACCOUNT, "handle": handle}).expect(201)["payment_account_id"])

    def key(self, role: str) -> str:
        return self.deployment.make_key(self.admin, role)

    @property
    def money(self) -> tuple[str, ...]:
        """What is available, reserved and owed, as the API shows it."""
        balance = self.call("GET", "/v1/customers/c1/balance").expect(200)
        return tuple(balance[name]["amount"] for name in ("available", "reserved", "shortfall"))

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Amount and note of each transaction of a payout, the oldest first."""
        path = "/v1/customers/c1/transactions?type=payout&include_zero=true"
        items = self.call("GET", path).expect(200)["items"]
        return [(item["amount"]["amount"], item["note"]) for item in sorted(items, key=lambda one: one["created_at"])]

    def items(self, path: str) -> list[Any]:
        found = self.call("GET", path).expect(200)["items"]
        assert isinstance(found, list)
        return found


@pytest.fixture
def office(deployment: Deployment) -> Office:
    made = Office(deployment, deployment.create_store(settings={"adjust_limit": "100.00"}))
    made.add("c1")
    made.move(10_000)
    return made


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def ids(items: list[Any]) -> list[str]:
    return [item.get("payout_id") or item["incentive_request_id"] for item in items]


# ---- what people do


def test_a_request_says_what_is_asked_for_and_who_decided(office: Office) -> None:
    made = office.call("POST", REQUESTS, {**BODY, "description": "a gift"}, x_actor="ann").expect(201)
    assert made["incentive_request_id"].startswith("irq_")
    assert made["created_by"].startswith("ann (key:")
    assert made["created_at"] == made["updated_at"]
    told = ("customer_id", "program", "status", "status_label", "from_balance", "description", "decisions")
    assert [made[name] for name in told] == ["c1", "Friends", "requested", "Requested", True, "a gift", []]
    assert (made["amount"], made["held"]) == (usd("40.00"), usd("40.00"))
    assert (made["payout_ids"], made["active_payout_id"]) == ([], None)
    path = f"{REQUESTS}/{made['incentive_request_id']}"
    approved = office.call("POST", f"{path}/approve", x_actor="bob").expect(200)
    cancelled = office.call("POST", f"{path}/cancel", {"reason": "moved away"}).expect(200)
    assert office.call("GET", path).expect(200) == cancelled
    assert cancelled["decisions"][0] == approved["decisions"][0]
    assert [(one["status_label"], one["reason"]) for one in cancelled["decisions"]] == [
        ("Approved", None),
        ("Cancelled", "moved away"),
    ]
    assert approved["decisions"][0]["actor"].startswith("bob (key:")
    assert (cancelled["held"], cancelled["updated_at"]) == (usd("0.00"), cancelled["decisions"][1]["at"])


def test_a_payout_copies_all_of_it_from_the_request_and_the_account(office: Office) -> None:
    request_id = office.approved()
    made = office.call("POST", PAYOUTS, {"incentive_request_id": request_id, "description": "May"}).expect(201)
    assert made["payout_id"].startswith("pay_")
    assert (made["incentive_request_id"], made["customer_id"], made["username"]) == (request_id, "c1", "Ada")
    assert (made["status"], made["status_label"], made["amount"]) == ("pending", "Pending", usd("40.00"))
    assert (made["description"], made["external_reference"], made["fee"], made["reason"]) == ("May", None, None, None)
    assert made["account"].pop("payment_account_id").startswith("pac_")
    assert made["account"] == {
        "type": "digital",
        "type_label": "Digital payment",
        "provider": "PayPal",
        "masked": "****.com",
        "fields": None,
    }
    assert (made["replaces"], made["created_at"]) == (None, made["updated_at"])
    request = office.call("GET", f"{REQUESTS}/{request_id}").expect(200)
    assert (request["payout_ids"], request["active_payout_id"]) == ([made["payout_id"]], made["payout_id"])


def test_a_payout_goes_to_the_account_that_is_named(office: Office) -> None:
    path = "/v1/customers/c1/payment-accounts"
    bank = {"type": "bank", "holder": "Ada", "iban": "DE89 3704 0044 0532 0130 00"}
    account_id = office.call("POST", path, bank).expect(201)["payment_account_id"]
    body = {"incentive_request_id": office.approved(), "payment_account_id": account_id}
    account = office.call("POST", PAYOUTS, body).expect(201)["account"]
    assert (account["type"], account["type_label"], account["masked"]) == ("bank", "Bank transfer", "****3000")


def test_every_status_moves_the_money_and_the_history_says_so(office: Office) -> None:
    path = office.pay()
    for status, label, money in (
        ("on_process", "On Process", ("60.00", "40.00", "0.00")),
        ("success", "Success", ("60.00", "0.00", "0.00")),
        ("failed", "Failed", ("100.00", "0.00", "0.00")),
        ("success", "Success", ("60.00", "0.00", "0.00")),
    ):
        changed = office.turn(path, status).expect(200)
        assert (changed["status"], changed["status_label"]) == (status, label)
        assert changed["reason"] == ("lost" if status == "failed" else None)
        assert office.money == money
    assert office.notes == [
        ("-40.00", "Reserved for a payout"),
        ("0.00", "Paid out"),
        ("40.00", "Payment that came back"),
        ("-40.00", "Paid out"),
    ]
    lines = office.items(f"{path}/history")
    assert [line["number"] for line in lines] == [5, 4, 3, 2, 1]
    assert lines[1]["before"] == {"status": "success", "reason": None}
    assert lines[1]["after"] == {"status": "failed", "reason": "lost"}
    assert (lines[4]["before"], lines[4]["after"]) == ({}, {"status": "pending"})
    assert all(line["actor"].startswith("key:") and line["request_id"] for line in lines)


def test_what_is_given_back_says_so_and_a_new_payout_holds_again(office: Office) -> None:
    request_id = office.approved()
    first = office.paid(request_id)
    office.turn(first, "failed").expect(200)
    second = office.call("GET", office.paid(request_id)).expect(200)
    assert second["replaces"] == first.rpartition("/")[2]
    assert office.notes == [
        ("-40.00", "Reserved for a payout"),
        ("40.00", "Reserved for a payout, given back"),
        ("-40.00", "Reserved for a payout"),
    ]
    late = office.turn(first, "success")
    assert (late.status, late.code, late.json["payout_id"]) == (409, "payout_exists", second["payout_id"])


def test_details_of_a_payment_are_told_changed_and_cleared(office: Office) -> None:
    path = office.pay()
    told = {"external_reference": " TX-1 ", "fee": 0.5, "description": "by hand"}
    changed = office.call("PATCH", path, told).expect(200)
    assert (changed["external_reference"], changed["fee"], changed["description"]) == ("TX-1", usd("0.50"), "by hand")
    assert (changed["amount"], changed["status"]) == (usd("40.00"), "pending")
    office.call("PATCH", path, {"external_reference": "TX-2"}).expect(200)
    payouts = deps.payout_books().payouts
    assert [payouts.referred("demo", one) for one in ("TX-1", "TX-2")] == [[], [path.rpartition("/")[2]]]
    cleared = office.call("PATCH", path, dict.fromkeys(told)).expect(200)
    assert (cleared["external_reference"], cleared["fee"], cleared["description"]) == (None, None, None)
    newest, _, first, _ = office.items(f"{path}/history")
    assert newest["before"] == {"external_reference": "TX-2", "description": "by hand", "fee": usd("0.50")}
    assert first["after"]["fee"] == usd("0.50")


@pytest.mark.parametrize("status", ["pending", "on_process", "success", "failed"])
def test_what_is_so_already_changes_nothing(office: Office, status: str) -> None:
    path = office.pay()
    if status != "pending":
        office.turn(path, status).expect(200)
    before, shown = office.deployment.everything(), office.call("GET", path).expect(200)
    for again in ({"status": status}, {"status": status, "fee": None}, {}):
        assert office.call("PATCH", path, again).expect(200) == shown
    assert office.deployment.everything() == before


# ---- what is refused


LONG = "x" * 1_001


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"amount": "0"}, ("amount", "amount_zero")),
        ({"amount": "-0.00"}, ("amount", "amount_zero")),
        ({"amount": "-1.00"}, ("amount", "amount_negative")),
        ({"amount": "1.005"}, ("amount", "amount_precision")),
        ({"amount": "1e2"}, ("amount", "amount_format")),
        ({"amount": "NaN"}, ("amount", "amount_format")),
        ({"amount": True}, ("amount", "amount_format")),
        ({"amount": None}, ("amount", "amount_format")),
        ({"amount": "1" * 13}, ("amount", "amount_too_large")),
        ({"customer_id": ""}, ("customer_id", "id_length")),
        ({"customer_id": "a#b"}, ("customer_id", "id_charset")),
        ({"customer_id": 7}, ("customer_id", "type")),
        ({"program": ""}, ("program", "length")),
        ({"program": "x" * 201}, ("program", "length")),
        ({"program": "\ud800"}, ("program", "string_unicode")),
        ({"from_balance": "yes"}, ("from_balance", "type")),
        ({"from_balance": None}, ("from_balance", "type")),
        ({"description": LONG}, ("description", "length")),
        ({"currency": "USD"}, ("body", "field_unknown")),
        ({"held": "0"}, ("body", "field_unknown")),
    ],
)
@pytest.mark.row("44", "45")
def test_a_request_that_is_none_is_422(office: Office, changes: dict[str, Any], fault: tuple[str, str]) -> None:
    before = office.deployment.everything()
    refused = office.call("POST", REQUESTS, {**BODY, **changes})
    assert (refused.status, refused.code, refused.faults) == (422, fault[1], [fault])
    assert office.deployment.everything() == before


@pytest.mark.parametrize("missing", ["customer_id", "program", "amount"])
def test_what_a_request_needs_is_named(office: Office, missing: str) -> None:
    refused = office.call("POST", REQUESTS, {name: value for name, value in BODY.items() if name != missing})
    assert (refused.status, refused.faults) == (422, [(missing, "required")])


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"incentive_request_id": "r", "amount": "1.00"}, ("body", "field_unknown")),
        ({"incentive_request_id": "r", "currency": "USD"}, ("body", "field_unknown")),
        ({"incentive_request_id": "r", "status": "success"}, ("body", "field_unknown")),
        ({"incentive_request_id": "r", "description": LONG}, ("description", "length")),
        ({"incentive_request_id": "a/b"}, ("incentive_request_id", "id_charset")),
        ({"incentive_request_id": "r", "payment_account_id": ""}, ("payment_account_id", "id_length")),
        ({}, ("incentive_request_id", "required")),
    ],
)
def test_a_payout_that_is_none_is_422(office: Office, body: dict[str, Any], fault: tuple[str, str]) -> None:
    before = office.deployment.everything()
    refused = office.call("POST", PAYOUTS, body)
    assert (refused.status, refused.code) == (422, fault[1])
    # ``amount`` and ``currency`` are nobody's fields here, and a caller's own key is not repeated.
    assert refused.faults == [fault]
    assert office.deployment.everything() == before


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"status": "paid"}, ("status", "enum")),
        ({"status": "Success"}, ("status", "enum")),
        ({"status": None}, ("status", "enum")),
        ({"status": "failed"}, ("reason", "reason_required")),
        ({"status": "failed", "reason": ""}, ("reason", "length")),
        ({"status": "failed", "reason": "  "}, ("reason", "length")),
        ({"status": "failed", "reason": LONG}, ("reason", "length")),
        ({"status": "failed", "reason": None}, ("reason", "type")),
        ({"status": "success", "reason": "why"}, ("reason", "reason_without_failure")),
        ({"reason": "why"}, ("reason", "reason_without_failure")),
        ({"fee": "-0.01"}, ("fee", "amount_negative")),
        ({"fee": "0.001"}, ("fee", "amount_precision")),
        ({"fee": "free"}, ("fee", "amount_format")),
        ({"external_reference": ""}, ("external_reference", "length")),
        ({"external_reference": "x" * 256}, ("external_reference", "length")),
        ({"description": 5}, ("description", "type")),
        ({"amount": "1.00"}, ("body", "field_unknown")),
        ({"username": "Eve"}, ("body", "field_unknown")),
        ({"account": {}}, ("body", "field_unknown")),
    ],
)
def test_a_change_that_is_none_is_422(office: Office, body: dict[str, Any], fault: tuple[str, str]) -> None:
    path = office.pay()
    before = office.deployment.everything()
    refused = office.call("PATCH", path, body)
    assert (refused.status, refused.code, refused.faults) == (422, fault[1], [fault])
    assert office.deployment.everything() == before


@pytest.mark.parametrize("act", ["reject", "cancel"])
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({}, ("reason", "required")),
        ({"reason": ""}, ("reason", "length")),
        ({"reason": None}, ("reason", "type")),
        ({"reason": LONG}, ("reason", "length")),
        ({"reason": "no", "amount": "1"}, ("body", "field_unknown")),
    ],
)
def test_a_no_says_why(office: Office, act: str, body: Any, fault: tuple[str, str]) -> None:
    path = office.ask()
    before = office.deployment.everything()
    refused = office.call("POST", f"{path}/{act}", body)
    assert (refused.status, refused.faults) == (422, [fault])
    assert office.deployment.everything() == before


def test_a_no_without_a_body_is_422(office: Office) -> None:
    assert office.call("POST", f"{office.ask()}/reject").status == 422


def test_a_yes_says_nothing_else(office: Office) -> None:
    refused = office.call("POST", f"{office.ask()}/approve", {"amount": "1.00"})
    assert (refused.status, refused.code) == (422, "field_unknown")


@pytest.mark.parametrize("path", [REQUESTS, PAYOUTS])
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        *((f"limit={size}", ("limit", "enum")) for size in ("7", "0", "1", "100", "-5", "05", "5.0", "", "%D9%A5")),
        ("limit=5&limit=10", ("limit", "parameter_repeated")),
        ("status=paid", ("status", "enum")),
        ("status=", ("status", "enum")),
        ("customer_id=a%23b", ("customer_id", "id_charset")),
        ("sort=amount", ("query", "parameter_unknown")),
    ],
)
def test_a_list_has_four_page_sizes_and_filters_of_its_own(
    office: Office, path: str, query: str, fault: tuple[str, str]
) -> None:
    refused = office.call("GET", f"{path}?{query}")
    assert (refused.status, refused.code, refused.faults[0]) == (422, fault[1], fault)


@pytest.mark.parametrize("path", [REQUESTS, PAYOUTS])
def test_a_cursor_is_good_for_its_own_list_only(office: Office, path: str) -> None:
    for _ in range(6):
        office.pay(amount="1.00")
    cursor = office.call("GET", f"{path}?limit=5").expect(200)["next_cursor"]
    other = {REQUESTS: PAYOUTS, PAYOUTS: REQUESTS}[path]
    for wrong in (f"{path}?cursor={cursor}x", f"{other}?cursor={cursor}", f"{path}?customer_id=c1&cursor={cursor}"):
        assert office.call("GET", wrong).code == "page_token_invalid"
    assert len(office.items(f"{path}?limit=5&cursor={cursor}")) == 1


def refusals(office: Office) -> dict[str, tuple[Reply, int, str]]:
    """What the state of things refuses: the answer, its status and its code."""
    fresh, request_id = office.ask(), office.approved()
    path, rejected = office.paid(request_id), office.ask(amount="1.00")
    office.call("POST", f"{rejected}/reject", NO).expect(200)
    office.add("c2")
    office.call("DELETE", f"/v1/customers/c2/payment-accounts/{only_account(office, 'c2')}").expect(204)
    poor = office.approved(customer_id="c2", from_balance=False)
    paid = office.pay(amount="1.00")
    office.turn(paid, "success").expect(200)

    def pay(request: str, **more: Any) -> Reply:
        return office.call("POST", PAYOUTS, {"incentive_request_id": request.rpartition("/")[2], **more})

    def decide(path: str, act: str) -> Reply:
        return office.call("POST", f"{path}/{act}", None if act == "approve" else NO)

    before = office.deployment.everything()
    found = {
        "unapproved": (pay(fresh), 409, "request_not_approved"),
        "rejected": (pay(rejected), 409, "request_not_approved"),
        "no account": (pay(poor), 409, "no_payment_account"),
        "another customer's account": (pay(poor, payment_account_id=only_account(office, "c1")), 404, "not_found"),
        "unknown account": (pay(poor, payment_account_id="pac_none"), 404, "not_found"),
        "unknown request": (pay("irq_none"), 404, "not_found"),
        "second payout": (pay(request_id), 409, "payout_exists"),
        "cancelled with a payout": (decide(f"{REQUESTS}/{request_id}", "cancel"), 409, "payout_exists"),
        "approved twice": (decide(f"{REQUESTS}/{request_id}", "approve"), 409, "state_conflict"),
        "rejected once approved": (decide(f"{REQUESTS}/{request_id}", "reject"), 409, "state_conflict"),
        "approved once rejected": (decide(rejected, "approve"), 409, "state_conflict"),
        "cancelled before approved": (decide(fresh, "cancel"), 409, "state_conflict"),
        "back to pending": (office.turn(paid, "pending"), 409, "state_conflict"),
        "success to on process": (office.turn(paid, "on_process"), 409, "state_conflict"),
        "unknown customer": (office.call("POST", REQUESTS, {**BODY, "customer_id": "c9"}), 404, "not_found"),
        "unknown payout": (office.turn(f"{PAYOUTS}/pay_none", "success"), 404, "not_found"),
        "history of an unknown payout": (office.call("GET", f"{PAYOUTS}/pay_none/history"), 404, "not_found"),
        "approval of an unknown request": (decide(f"{REQUESTS}/irq_none", "approve"), 404, "not_found"),
    }
    assert office.deployment.everything() == before
    for reply in (found["second payout"][0], found["cancelled with a payout"][0]):
        assert reply.json["payout_id"] == path.rpartition("/")[2]
    return found


def only_account(office: Office, customer_id: str) -> str:
    (account,) = office.items(f"/v1/customers/{customer_id}/payment-accounts")
    return str(account["payment_account_id"])


@pytest.mark.row("99")
def test_what_the_state_of_things_refuses_changes_nothing(office: Office) -> None:
    for what, (reply, status, code) in refusals(office).items():
        assert (reply.status, reply.code) == (status, code), what


def test_more_than_there_is_is_refused_for_ever(office: Office) -> None:
    body = {**BODY, "amount": "100.01"}
    first = office.call("POST", REQUESTS, body, k="same")
    assert (first.status, first.code) == (409, "insufficient_balance")
    assert "Idempotency-Replayed" not in first.headers
    office.move(100_000)
    again = office.call("POST", REQUESTS, body, k="same")
    assert (again.status, again.code, again.headers["Idempotency-Replayed"]) == (409, "insufficient_balance", ["true"])
    assert (office.items(REQUESTS), office.money) == ([], ("1100.00", "0.00", "0.00"))
    assert office.notes == [("-100.01", "Reserved for a payout")]


def test_who_owes_something_is_refused_for_ever(office: Office) -> None:
    office.move(0, owed=100)
    first, again = (office.call("POST", REQUESTS, BODY, k="same") for _ in range(2))
    assert (first.code, again.code) == ("shortfall_open", "shortfall_open")
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == ["true"]


@pytest.mark.row("S16")
def test_a_request_above_the_limit_needs_an_admin(office: Office) -> None:
    operator = office.key("operator")
    large = {**BODY, "amount": "100.01"}
    before = office.deployment.everything()
    for from_balance in (True, False):
        refused = office.call("POST", REQUESTS, {**large, "from_balance": from_balance}, by=operator)
        assert (refused.status, refused.code) == (403, "forbidden")
    assert office.deployment.everything() == before
    office.call("POST", REQUESTS, {**BODY, "amount": "100.00"}, by=operator).expect(201)
    office.call("POST", REQUESTS, {**large, "from_balance": False}).expect(201)


def test_a_refusal_stays_what_it_was_whatever_the_limit_is_now(office: Office) -> None:
    operator, body = office.key("operator"), {**BODY, "amount": "99.00"}
    office.move(-9_900)
    for limit in ("99.00", "1.00"):
        version = office.call("GET", "/v1/store").expect(200)["version"]
        office.call("PATCH", "/v1/store", {"adjust_limit": limit}, if_match=str(version)).expect(200)
        assert office.call("POST", REQUESTS, body, by=operator, k="same").code == "insufficient_balance"


@pytest.mark.row("97", "S15")
def test_four_eyes_are_two_keys(deployment: Deployment) -> None:
    office = Office(deployment, deployment.create_store(settings={"four_eyes": True}))
    office.add("c1")
    path = office.ask(from_balance=False)
    before = deployment.everything()
    for person in ("ann", "bob"):
        refused = office.call("POST", f"{path}/approve", x_actor=person)
        assert (refused.status, refused.code) == (403, "four_eyes")
    assert deployment.everything() == before
    office.call("POST", f"{path}/approve", by=office.key("operator")).expect(200)


def test_an_approval_that_four_eyes_refused_may_still_be_a_no(deployment: Deployment) -> None:
    office = Office(deployment, deployment.create_store(settings={"four_eyes": True}))
    office.add("c1")
    path = office.ask(from_balance=False)
    assert office.call("POST", f"{path}/reject", NO).expect(200)["status"] == "rejected"


# ---- the same call again


def posts(office: Office) -> list[tuple[str, Any, Any]]:
    """Every POST: path, body, and another body."""
    return [
        (REQUESTS, BODY, {**BODY, "amount": "41.00"}),
        (f"{office.ask()}/approve", {}, None),
        (f"{office.ask()}/reject", NO, {"reason": "other"}),
        (f"{REQUESTS}/{office.approved()}/cancel", NO, {"reason": "other"}),
        (PAYOUTS, {"incentive_request_id": office.approved(from_balance=False)}, {"incentive_request_id": "other"}),
    ]


def test_a_repeated_call_gets_the_first_answer_and_does_nothing(office: Office) -> None:
    office.move(100_000)
    for path, body, other in posts(office):
        first = office.call("POST", path, body, k="same")
        before = office.deployment.everything()
        again = office.call("POST", path, body, k="same", x_actor="somebody")
        assert (again.status, again.json) == (first.status, first.json), path
        assert first.status in {200, 201}
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == ["true"]
        if other is not None:
            refused = office.call("POST", path, other, k="same")
            assert (refused.status, refused.code) == (409, "idempotency_mismatch"), path
        assert office.deployment.everything() == before


def test_every_post_needs_a_key(office: Office) -> None:
    office.move(100_000)
    calls = posts(office)
    before = office.deployment.everything()
    for path, body, _ in calls:
        refused = office.deployment.call("POST", path, body, key=office.admin)
        assert (refused.status, refused.code) == (400, "idempotency_key_required")
    assert office.deployment.everything() == before


# ---- who may


def test_a_viewer_reads_and_does_nothing_else(office: Office) -> None:
    viewer, request, payout = office.key("viewer"), office.ask(), office.pay()
    for path in (REQUESTS, request, PAYOUTS, payout, f"{payout}/history"):
        office.call("GET", path, by=viewer).expect(200)
    before = office.deployment.everything()
    for method, path, body in (
        ("POST", REQUESTS, BODY),
        ("POST", f"{request}/approve", None),
        ("POST", f"{request}/reject", NO),
        ("POST", f"{request}/cancel", NO),
        ("POST", PAYOUTS, {"incentive_request_id": "r"}),
        ("PATCH", payout, {"status": "success"}),
    ):
        refused = office.call(method, path, body, by=viewer)
        assert (refused.status, refused.code) == (403, "forbidden"), path
    assert office.deployment.everything() == before


def test_an_account_is_seen_in_clear_by_an_admin_only_and_the_audit_says_so(office: Office) -> None:
    path = office.pay()
    before = office.deployment.everything()
    for role in ("viewer", "operator"):
        key = office.key(role)
        before = office.deployment.everything()
        assert office.call("GET", f"{path}?unmasked=true", by=key).status == 403
        assert office.deployment.everything() == before
    shown = office.call("GET", f"{path}?unmasked=true").expect(200)
    assert shown["account"]["fields"] == {"handle": "ada@example.com"}
    act = office.items("/v1/audit")[0]
    assert (act["what"], act["target"]) == ("payout_account_read", shown["payout_id"])
    assert "ada@example.com" not in str(act)
    before = office.deployment.everything()
    assert office.call("GET", f"{path}?unmasked=false").expect(200)["account"]["fields"] is None
    assert office.deployment.everything() == before


def test_an_account_whose_reading_is_not_written_down_is_not_shown(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = office.pay()

    def put_item(**_: Any) -> None:
        raise unreachable("PutItem")

    monkeypatch.setattr(office.deployment.dynamo, "put_item", put_item)
    refused = office.call("GET", f"{path}?unmasked=true")
    assert (refused.status, refused.code) == (503, "busy")
    assert "ada@example.com" not in refused.text


def test_a_flag_is_true_or_false(office: Office) -> None:
    refused = office.call("GET", f"{office.pay()}?unmasked=yes")
    assert (refused.status, refused.faults) == (422, [("unmasked", "enum")])


def test_an_account_outlives_its_deletion_and_ends_with_an_erasure(office: Office) -> None:
    path = office.pay()
    office.call("DELETE", f"/v1/customers/c1/payment-accounts/{only_account(office, 'c1')}").expect(204)
    shown = office.call("GET", f"{path}?unmasked=true").expect(200)
    assert shown["account"]["fields"] == {"handle": "ada@example.com"}
    payouts = deps.payout_books().payouts
    payout = payouts.get("demo", shown["payout_id"])
    assert payout is not None
    erased = wordless(payout)
    assert erased is not None
    assert payouts.save(payouts.write("demo", erased))
    left = office.call("GET", f"{path}?unmasked=true").expect(200)
    assert (left["account"]["fields"], left["account"]["masked"], left["username"]) == ({}, "****.com", "c1")


def test_another_store_has_none_of_it(office: Office) -> None:
    request, payout = office.ask(), office.pay()
    foreign = office.deployment.create_store("other")
    before = office.deployment.everything()
    for method, path, body in (
        ("GET", request, None),
        ("POST", f"{request}/approve", None),
        ("POST", f"{request}/reject", NO),
        ("POST", f"{request}/cancel", NO),
        ("POST", PAYOUTS, {"incentive_request_id": request.rpartition("/")[2]}),
        ("GET", payout, None),
        ("GET", f"{payout}?unmasked=true", None),
        ("GET", f"{payout}/history", None),
        ("PATCH", payout, {"status": "success"}),
        ("POST", REQUESTS, BODY),
    ):
        refused = office.call(method, path, body, by=foreign)
        assert (refused.status, refused.code) == (404, "not_found"), (method, path)
    for path in (REQUESTS, PAYOUTS, f"{REQUESTS}?customer_id=c1", f"{PAYOUTS}?customer_id=c1"):
        assert office.call("GET", path, by=foreign).expect(200)["items"] == []
    assert office.deployment.everything() == before


def test_a_closed_store_asks_for_and_pays_nothing(office: Office) -> None:
    request, payout = office.ask(), office.pay()
    office.deployment.operator("POST", "/platform/stores/demo/close", {"reason": "gone"}).expect(200)
    before = office.deployment.everything()
    for method, path, body in (
        ("POST", REQUESTS, BODY),
        ("POST", f"{request}/approve", None),
        ("POST", PAYOUTS, {"incentive_request_id": request.rpartition("/")[2]}),
        ("PATCH", payout, {"status": "success"}),
    ):
        assert office.call(method, path, body).status == 409, path
    assert office.deployment.everything() == before


# ---- lists


def test_lists_are_newest_first_by_status_and_in_pages(office: Office) -> None:
    paths = [office.pay(amount="1.00") for _ in range(7)]
    for path in paths[::2]:
        office.turn(path, "success").expect(200)
    whole = ids(office.items(PAYOUTS))
    assert whole == [path.rpartition("/")[2] for path in reversed(paths)]
    assert ids(office.items(f"{PAYOUTS}?status=success&limit=50")) == whole[::2]
    assert ids(office.items(f"{PAYOUTS}?status=pending")) == whole[1::2]
    assert office.items(f"{PAYOUTS}?status=on_process") == []
    assert len(office.items(f"{REQUESTS}?status=approved")) == 7
    assert office.items(f"{REQUESTS}?status=requested") == []
    for path in (PAYOUTS, f"{PAYOUTS}?customer_id=c1", REQUESTS, f"{REQUESTS}?customer_id=c1"):
        mark = "&" if "?" in path else "?"
        first = office.call("GET", f"{path}{mark}limit=5").expect(200)
        second = office.call("GET", f"{path}{mark}limit=5&cursor={first['next_cursor']}").expect(200)
        assert ids([*first["items"], *second["items"]]) == ids(office.items(path))
        assert [len(page["items"]) for page in (first, second)] == [5, 2]
        assert second["next_cursor"] is None


def test_lists_of_a_customer_hold_their_own_and_of_whom_was_merged_into_them(office: Office) -> None:
    office.add("c2", "bea@example.com")
    office.move(1_000, customer_id="c2")
    mine, other = office.pay(), office.pay(customer_id="c2", amount="1.00")
    for customer_id, path in (("c1", mine), ("c2", other)):
        assert ids(office.items(f"{PAYOUTS}?customer_id={customer_id}")) == [path.rpartition("/")[2]]
        assert len(office.items(f"{REQUESTS}?customer_id={customer_id}&status=approved")) == 1
    office.deployment.books.ledger.merge("demo", "c2", "c1", NOW, "key:x")
    assert ids(office.items(f"{PAYOUTS}?customer_id=c1")) == [one.rpartition("/")[2] for one in (other, mine)]
    assert len(office.items(f"{REQUESTS}?customer_id=c1")) == 2
    assert office.items(f"{PAYOUTS}?customer_id=c1&status=failed") == []
    office.turn(other, "success").expect(200)
    assert office.money == ("69.00", "40.00", "0.00")


def test_a_history_comes_in_pages(office: Office) -> None:
    path = office.pay()
    for fee in range(1, 12):
        office.call("PATCH", path, {"fee": fee}).expect(200)
    first = office.call("GET", f"{path}/history?limit=11").expect(200)
    second = office.call("GET", f"{path}/history?limit=11&cursor={first['next_cursor']}").expect(200)
    assert [line["number"] for line in [*first["items"], *second["items"]]] == list(range(12, 0, -1))
    assert second["next_cursor"] is None


def test_amounts_have_the_decimals_of_the_currency(deployment: Deployment) -> None:
    office = Office(deployment, deployment.create_store(currency="JPY"))
    office.add("c1")
    refused = office.call("POST", REQUESTS, {**BODY, "amount": "1.0", "from_balance": False})
    assert refused.faults == [("amount", "amount_precision")]
    path = office.pay(amount=500, from_balance=False)
    changed = office.call("PATCH", path, {"fee": 10}).expect(200)
    assert (changed["amount"]["amount"], changed["fee"]["amount"]) == ("500", "10")


# ---- search


def test_payouts_are_found_by_words_together_with_filters(office: Office) -> None:
    paths = [office.pay(amount="1.00") for _ in range(7)]
    office.call("PATCH", paths[2], {"external_reference": "PP-77"}).expect(200)
    office.turn(paths[2], "success").expect(200)
    for path in paths:
        index_payout(deps.payout_books(), "demo", path.rpartition("/")[2], None)
    found = [path.rpartition("/")[2] for path in reversed(paths)]
    assert ids(office.items(f"{PAYOUTS}?q=ADA%20pay")) == found
    assert ids(office.items(f"{PAYOUTS}?q=pp-7")) == ids(office.items(f"{PAYOUTS}?q=ad&status=success")) == [found[4]]
    assert office.items(f"{PAYOUTS}?q=pp&status=failed") == office.items(f"{PAYOUTS}?q=ada&customer_id=other") == []
    first = office.call("GET", f"{PAYOUTS}?q=ada&limit=5").expect(200)
    second = office.call("GET", f"{PAYOUTS}?q=ada&limit=5&cursor={first['next_cursor']}").expect(200)
    assert ids([*first["items"], *second["items"]]) == found
    assert second["next_cursor"] is None
    other = office.call("GET", f"{PAYOUTS}?q=pp&limit=5&cursor={first['next_cursor']}")
    assert (other.status, other.code) == (400, "page_token_invalid")


@pytest.mark.parametrize(
    ("q", "code"), [("a", "q_too_short"), ("-", "q_too_short"), ("", "length"), ("x" * 201, "length")]
)
def test_a_search_for_nothing_is_refused(office: Office, q: str, code: str) -> None:
    refused = office.call("GET", f"{PAYOUTS}?q={q}")
    assert (refused.status, refused.faults) == (422, [("q", code)])


# ---- reports of providers

TODAY = now()[:10]
HEADER = "reference,payout_id,amount,currency,status,occurred_at"


def report(office: Office, text: str, k: str = "report", content_type: str = "text/csv", by: str = "") -> Reply:
    granted = function("authorizer").handler(token(by or office.admin), None)["context"]
    headers = {"idempotency_key": k}
    send = office.deployment.send
    return send("POST", f"{PAYOUTS}/reconcile", text, headers, authorizer=granted, content_type=content_type)


def test_a_report_settles_what_it_names_and_is_answered_once(office: Office) -> None:
    first, second = (office.pay(amount="1.00").rpartition("/")[2] for _ in range(2))
    text = f"{HEADER}\nR1,{first},1.00,USD,COMPLETED,{TODAY}\nR9,,1.00,USD,COMPLETED,{TODAY}\n"
    told = report(office, text).expect(200)
    assert told["updated"] == [{"row": 2, "payout_id": first, "code": None}]
    assert told["missing_here"] == [{"row": 3, "payout_id": None, "code": None}]
    assert (told["missing_there"], told["more"], told["matched"], told["busy"]) == ([second], False, [], [])
    assert office.call("GET", f"{PAYOUTS}/{first}").expect(200)["external_reference"] == "R1"
    before = office.deployment.everything()
    again = report(office, text)
    assert (again.expect(200), again.headers["Idempotency-Replayed"]) == (told, ["true"])
    assert report(office, text + f"R2,,1.00,USD,PAID,{TODAY}\n").code == "idempotency_mismatch"
    assert office.deployment.everything() == before
    assert report(office, text, "later").expect(200)["matched"] == [{"row": 2, "payout_id": first, "code": None}]


def test_a_report_for_which_there_was_no_time_goes_on_under_the_same_key(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout_id = office.pay(amount="1.00").rpartition("/")[2]
    text = f"{HEADER}\n,{payout_id},1.00,USD,COMPLETED,{TODAY}\n"
    with monkeypatch.context() as hurried:
        hurried.setattr(payout_requests, "REPORT_TIME", timedelta(0))
        assert len(report(office, text).expect(200)["busy"]) == 1
    told = report(office, text)
    assert "Idempotency-Replayed" not in told.headers
    assert [one["payout_id"] for one in told.expect(200)["updated"]] == [payout_id]
    assert report(office, text).headers["Idempotency-Replayed"] == ["true"]


@pytest.mark.parametrize(
    ("text", "content_type", "status", "code"),
    [
        ("reference,amount\nR1,1.00\n", "text/csv", 422, "csv_columns"),
        (HEADER, "text/csv", 422, "csv_empty"),
        ("{}", "application/json", 422, "csv_required"),
        (HEADER, "text/plain", 415, "unsupported_media_type"),
    ],
)
def test_a_report_of_another_shape_changes_nothing(
    office: Office, text: str, content_type: str, status: int, code: str
) -> None:
    before = office.deployment.everything()
    refused = report(office, text, content_type=content_type)
    told = refused.faults[0][1] if status == 422 else refused.code
    assert (refused.status, told) == (status, code)
    assert office.deployment.everything() == before


def test_a_report_to_a_closed_store_or_by_a_viewer_is_refused(office: Office) -> None:
    text = f"{HEADER}\nR1,,1.00,USD,PAID,{TODAY}\n"
    assert report(office, text, by=office.key("viewer")).status == 403
    close_store(office.deployment.books, "demo", "the end", Origin("iam:ops", "r", "-"), NOW)
    before = office.deployment.everything()
    assert report(office, text).status == 409
    assert office.deployment.everything() == before


def test_payment_accounts_are_sealed_under_their_own_key(office: Office) -> None:
    assert office.deployment
    assert deps.books().seals.key_id == "accounts_key_id"
    assert deps.seals().key_id == "secrets_key_id"
