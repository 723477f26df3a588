"""Holding and releasing: an order is set aside and comes back, and is decided once all the same."""

from copy import replace
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cashback.domain.errors import StateConflict
from cashback.domain.orders import AWARDED, DECIDING, News, Order, Status
from cashback.domain.times import moment
from cashback.services.record_order import record_order
from tests.unit import builders
from tests.unit.builders import NOW, ORDER, Shop, line, paid, refund, units
from tests.unit.deployment import Deployment, Reply

PATH = f"/v1/orders/{ORDER}"
VERDICTS = ("approved", "rejected", "held", "released")


@pytest.fixture
def admin(deployment: Deployment) -> str:
    return deployment.create_store(settings={"auto_processing": False, "base_rate": "0.1"})


def record(deployment: Deployment, news: News) -> None:
    record_order(deployment.books, deployment.stores.settings("demo"), news, NOW)


def act(deployment: Deployment, key: str, action: str, body: Any = None, request: str | None = None) -> Reply:
    headers = {} if request is None else {"idempotency_key": request}
    return deployment.call("POST", f"{PATH}/{action}", body, key=key, **headers)


def stored(deployment: Deployment) -> Order:
    order = deployment.books.orders.get("demo", ORDER)
    assert order is not None
    return order


def without_customer(deployment: Deployment, status: Status) -> None:
    """The order as it stands while nobody knows whose it is."""
    order = stored(deployment)
    doubtful = replace(order, rev=order.rev + 1, status=status, reason="ambiguous_contact", customer_id=None)
    assert deployment.books.orders.save("demo", doubtful) is None


def test_a_held_order_says_why_and_moves_no_money(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    before = deployment.dynamo.items("Ledger")
    order = act(deployment, admin, "hold", {"reason": "call them", "comment": "who?"}).expect(200)
    assert (order["status"], order["status_label"], order["reason"]) == ("held", "Held", "call them")
    assert (order["award"]["amount"], order["review"]) == ("10.00", None)
    assert deployment.dynamo.items("Ledger") == before
    detail = deployment.call("GET", PATH, key=admin).expect(200)
    assert [(step["status"], step["reason"]) for step in detail["history"]] == [
        ("pending", "manual_review"),
        ("held", "call them"),
    ]


def test_a_released_order_is_pending_and_was_queued_when_it_first_was(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    queued_at = stored(deployment).queued_at
    assert queued_at is not None
    act(deployment, admin, "hold", {"reason": "call them"}).expect(200)
    order = act(deployment, admin, "release", {"comment": "called"}).expect(200)
    assert (order["status"], order["reason"], order["queued_at"]) == ("pending", "released", queued_at)
    approved = act(deployment, admin, "approve", {"expected_amount": "10.00"}, "k").expect(200)
    decided = int((moment(approved["review"]["at"]) - moment(queued_at)).total_seconds())
    assert approved["review"]["seconds_to_decision"] == decided


def test_every_act_is_shown_and_only_a_decision_says_how_long_it_took(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    act(deployment, admin, "hold", {"reason": "call them", "comment": "one"}).expect(200)
    act(deployment, admin, "release", {"comment": "two"}).expect(200)
    act(deployment, admin, "reject", {"reason": "fraud", "comment": "three"}, "k").expect(200)
    detail = deployment.call("GET", PATH, key=admin).expect(200)
    assert [(made["verdict"], made["comment"]) for made in detail["reviews"]] == [
        ("held", "one"),
        ("released", "two"),
        ("rejected", "three"),
    ]
    assert [made["seconds_to_decision"] is None for made in detail["reviews"]] == [True, True, False]
    assert all(made["actor"].startswith("key:key_") for made in detail["reviews"])
    assert detail["review"] == detail["reviews"][-1]


def test_an_order_held_by_the_engine_is_released_for_review(deployment: Deployment, admin: str) -> None:
    deployment.call("PATCH", "/v1/store", {"hold_over_award": "9"}, key=admin, if_match="1").expect(200)
    record(deployment, paid(line(gross=10_000)))
    assert stored(deployment).status is Status.HELD
    assert act(deployment, admin, "release", {}).expect(200)["status"] == "pending"
    record(deployment, paid(line(gross=10_000, quantity=2), second=5))
    assert stored(deployment).status is Status.PENDING, "what a person released is not held again"


def test_a_release_needs_no_body(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    act(deployment, admin, "hold", {"reason": "call them"}).expect(200)
    assert act(deployment, admin, "release").expect(200)["status"] == "pending"


@pytest.mark.parametrize(
    ("first", "then", "state"),
    [
        ([], "release", "pending"),
        ([("hold", {"reason": "a"})], "hold", "held"),
        ([("approve", {"expected_amount": "10.00"})], "hold", "processed"),
        ([("approve", {"expected_amount": "10.00"})], "release", "processed"),
        ([("reject", {"reason": "a"})], "hold", "rejected"),
        ([("reject", {"reason": "a"})], "release", "rejected"),
    ],
    ids=lambda part: str(part)[:30],
)
def test_an_act_that_does_not_fit_the_state_is_409_and_names_it(
    deployment: Deployment, admin: str, first: list[tuple[str, Any]], then: str, state: str
) -> None:
    record(deployment, paid(line(gross=10_000)))
    for n, (action, body) in enumerate(first):
        act(deployment, admin, action, body, f"k{n}").expect(200)
    before = deployment.everything()
    reply = act(deployment, admin, then, {"reason": "b"} if then == "hold" else {}, "other")
    assert (reply.status, reply.code, reply.json["detail"]) == (409, "state_conflict", f"the order is {state}")
    assert deployment.everything() == before


def test_what_waits_for_no_person_is_not_held(deployment: Deployment, admin: str) -> None:
    record(deployment, builders.news(builders.body(line())))
    reply = act(deployment, admin, "hold", {"reason": "a"})
    assert (reply.code, reply.json["detail"]) == ("state_conflict", "the order is awaiting")


@pytest.mark.parametrize(("action", "body"), [("release", {}), ("approve", {"expected_amount": "10.00"})])
def test_an_order_of_nobody_is_neither_released_nor_credited(
    deployment: Deployment, admin: str, action: str, body: Any
) -> None:
    record(deployment, paid(line(gross=10_000)))
    without_customer(deployment, Status.HELD)
    before = deployment.everything()
    reply = act(deployment, admin, action, body, "k")
    assert (reply.status, reply.code) == (409, "state_conflict")
    assert reply.json["detail"] == "the order is held and has no customer"
    assert deployment.everything() == before


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": None}, {"reason": " "}, {"reason": "x" * 1_001}, None])
def test_a_hold_needs_a_reason(deployment: Deployment, admin: str, body: Any) -> None:
    record(deployment, paid(line(gross=10_000)))
    before = deployment.everything()
    assert act(deployment, admin, "hold", body).status == 422
    assert deployment.everything() == before


@pytest.mark.parametrize("action", ["hold", "release"])
def test_a_viewer_neither_holds_nor_releases(deployment: Deployment, admin: str, action: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    viewer = deployment.make_key(admin, "viewer")
    assert act(deployment, viewer, action, {"reason": "a"}).code == "forbidden"


@pytest.mark.parametrize("action", ["hold", "release"])
def test_an_order_that_is_not_there_is_neither_held_nor_released(
    deployment: Deployment, admin: str, action: str
) -> None:
    assert act(deployment, admin, action, {"reason": "a"} if action == "hold" else {}).status == 404


def test_a_repeated_act_gets_the_first_answer_whatever_became_of_the_order(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    held = act(deployment, admin, "hold", {"reason": "a"}, "h")
    released = act(deployment, admin, "release", {}, "r")
    act(deployment, admin, "hold", {"reason": "b"}, "h2").expect(200)
    act(deployment, admin, "approve", {"expected_amount": "10.00"}, "a").expect(200)
    before = deployment.everything()
    for first, action, body, key in ((held, "hold", {"reason": "a"}, "h"), (released, "release", {}, "r")):
        again = act(deployment, admin, action, body, key)
        assert again.expect(200) == first.expect(200)
        assert again.headers["Idempotency-Replayed"] == ["true"]
        assert "Idempotency-Replayed" not in first.headers
    assert deployment.everything() == before


def test_an_approval_repeated_after_a_refund_shows_the_order_as_it_was_approved(
    deployment: Deployment, admin: str
) -> None:
    sold = line(gross=10_000, quantity=4)
    record(deployment, paid(sold))
    first = act(deployment, admin, "approve", {"expected_amount": "10.00"}, "a").expect(200)
    record(deployment, paid(sold, refunds=[refund("r1", units("1", 1, 2_500))]))
    assert act(deployment, admin, "approve", {"expected_amount": "10.00"}, "a").expect(200) == first


@pytest.mark.parametrize("action", ["hold", "release"])
def test_the_same_key_with_another_body_is_a_mismatch(deployment: Deployment, admin: str, action: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    act(deployment, admin, "hold", {"reason": "a"}, "k").expect(200)
    act(deployment, admin, "release", {}, "k").expect(200)
    body = {"reason": "a", "comment": "x"} if action == "hold" else {"comment": "x"}
    assert act(deployment, admin, action, body, "k").code == "idempotency_mismatch"


def test_acts_without_a_key_are_never_repetitions(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    for _ in range(2):
        act(deployment, admin, "hold", {"reason": "a"}).expect(200)
        act(deployment, admin, "release", {}).expect(200)
    assert len(stored(deployment).reviews) == 4


def test_a_held_order_that_is_cancelled_is_rejected(deployment: Deployment, admin: str) -> None:
    record(deployment, paid(line(gross=10_000)))
    act(deployment, admin, "hold", {"reason": "a"}).expect(200)
    record(deployment, builders.news(cancelled=True))
    assert act(deployment, admin, "release", {}).json["detail"] == "the order is rejected"


NEXT = {
    ("pending", "held"): "held",
    ("held", "released"): "pending",
    ("pending", "approved"): "processed",
    ("held", "approved"): "processed",
    ("pending", "rejected"): "rejected",
    ("held", "rejected"): "rejected",
}


@examples(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(VERDICTS), st.integers(0, 3)), max_size=12))
def test_acts_in_any_order_with_any_repetition_decide_once(acts: list[tuple[str, int]]) -> None:
    store = Shop(auto_processing=False, base_rate="0.1")
    store.hear(paid(line(gross=10_000)))
    state, answers = "pending", dict[str, Order]()
    for second, (verdict, n) in enumerate(acts):
        request = f"{verdict}-{n}"
        if request in answers:
            order, repeated = store.act(verdict, request, builders.at(second))
            first = answers[request]
            assert repeated
            assert (order.status, order.reason, order.award) == (first.status, first.reason, first.award)
            assert (order.reviews, order.review) == (first.reviews, first.review)
        elif (state, verdict) in NEXT:
            answers[request], repeated = store.act(verdict, request, builders.at(second))
            state = NEXT[state, verdict]
            assert not repeated
        else:
            with pytest.raises(StateConflict, match=state):
                store.act(verdict, request, builders.at(second))
        assert store.order.status == state
    event(state)
    assert sum(review.verdict in DECIDING for review in store.order.reviews) == (state in {"processed", "rejected"})
    assert list(store.posted.values()) == ([1_000] if store.order.status in AWARDED else [])
    assert len(store.order.reviews) == len(answers)
    assert store.order.queued_at == NOW
