"""Answers that are kept whole: the first is given for ever, and the longest fits."""

import random
import string

import pytest

from cashback.adapters.dynamo import store_keys
from cashback.domain.errors import Busy, IdempotencyMismatch
from cashback.domain.orders import Status
from cashback.edge import models, order_models
from cashback.services.answer_once import answer_once
from tests.simulation.faults import Crash, Fault
from tests.simulation.values import MAX_ITEM_BYTES, size_of
from tests.unit.builders import NOW, STORE, Shop

REQUEST, BODY = "request", "body"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def ask(shop: Shop, text: str, *, body: str = BODY, final: bool = True, request: str = REQUEST) -> tuple[str, bool]:
    return answer_once(shop.books, STORE, request, body, lambda: (text, final))


def test_the_first_answer_is_given_for_ever(shop: Shop) -> None:
    assert ask(shop, "first") == ("first", False)
    assert ask(shop, "second") == ("first", True)
    assert ask(shop, "other", request="another") == ("other", False)


def test_another_body_is_a_mismatch_before_anything_is_done(shop: Shop) -> None:
    def act() -> tuple[str, bool]:
        raise AssertionError("it was done")

    ask(shop, "first")
    with pytest.raises(IdempotencyMismatch):
        answer_once(shop.books, STORE, REQUEST, "other", act)


def test_an_answer_that_is_not_final_is_forgotten_but_its_body_is_not(shop: Shop) -> None:
    assert ask(shop, "busy", final=False) == ("busy", False)
    with pytest.raises(IdempotencyMismatch):
        ask(shop, "x", body="other")
    assert ask(shop, "done") == ("done", False)
    assert ask(shop, "again") == ("done", True)


def test_a_run_that_was_cut_off_is_made_again(shop: Shop) -> None:
    def killed() -> tuple[str, bool]:
        raise Crash

    with pytest.raises(Crash):
        answer_once(shop.books, STORE, REQUEST, BODY, killed)
    with pytest.raises(IdempotencyMismatch):
        ask(shop, "x", body="other")
    assert ask(shop, "done") == ("done", False)


@pytest.mark.row("71")
def test_of_two_runs_at_once_both_give_the_answer_that_was_kept_first(shop: Shop) -> None:
    def overtaken() -> tuple[str, bool]:
        assert ask(shop, "first") == ("first", False)
        return "second", True

    assert answer_once(shop.books, STORE, REQUEST, BODY, overtaken) == ("first", True)
    assert ask(shop, "third") == ("first", True)


@pytest.mark.parametrize("call", [1, 2])
def test_an_answer_whose_keeping_is_in_doubt_may_be_asked_for_again(shop: Shop, call: int) -> None:
    shop.dynamo.faults.script = {shop.dynamo.faults.calls + call: Fault.LOST_AFTER}
    with pytest.raises(Busy):
        ask(shop, "first")
    text, _ = ask(shop, "second")
    assert text == {1: "second", 2: "first"}[call]
    assert ask(shop, "third") == (text, True)


def test_answers_of_one_store_are_not_those_of_another(shop: Shop) -> None:
    ask(shop, "first")
    assert shop.books.answers.begin("other", REQUEST, "other body") is None


# ---- the longest


RANDOM = random.Random(7)
IDS = string.ascii_letters + string.digits + "._~:@+-"
EVERYTHING = "".join(map(chr, range(0x10000, 0x1F000)))
USD = models.Amount(amount="-999999999999.99", currency="USD")


def noise(length: int, letters: str) -> str:
    """Text of which nothing can be compressed but its alphabet."""
    return "".join(RANDOM.choices(letters, k=length))


def longest_order(order_id: str) -> models.Order:
    review = models.OrderReview(
        verdict="approved",
        actor=noise(100, string.printable[:94]) + f" (key:key_{noise(26, IDS)})",
        at=NOW,
        expected_amount=USD,
        amount=USD,
        comment=None,
        seconds_to_decision=10**9,
    )
    return models.Order(
        order_id=order_id,
        source="woocommerce",
        status=Status.PARTIALLY_REVERSED,
        status_label="Partially reversed",
        badge="Partially reversed",
        reason=noise(100, IDS),
        customer_id=noise(200, IDS),
        total=USD,
        tier=noise(200, EVERYTHING),
        rate="0.123456",
        calculated=USD,
        calculated_before_refunds=USD,
        award=USD,
        mode="automatic",
        queued_at=NOW,
        created_at=NOW,
        review=review,
    )


def kept_size(shop: Shop, text: str) -> int:
    assert ask(shop, text) == (text, False)
    assert ask(shop, "") == (text, True)
    place = store_keys.answer(STORE, REQUEST)
    (item,) = [item for item in shop.dynamo.items("State") if item["pk"]["S"] == place.pk]
    return sum(len(name) + size_of(value) for name, value in item.items())


def test_a_hundred_of_the_longest_approvals_fit_into_an_item(shop: Shop) -> None:
    ids = [noise(200, IDS) for _ in range(100)]
    made = [
        order_models.OrderApproval(order_id=order_id, outcome="approved", status=200, order=longest_order(order_id))
        for order_id in ids
    ]
    size = kept_size(shop, order_models.OrderApprovals(results=made).model_dump_json())
    assert size < MAX_ITEM_BYTES


def test_a_hundred_of_the_longest_imports_fit_into_an_item(shop: Shop) -> None:
    made = [
        order_models.ImportedOrder(
            index=index,
            order_id=noise(200, IDS),
            outcome="unchanged",
            reason=noise(1_000, EVERYTHING),
            status=Status.PARTIALLY_REVERSED,
            status_label="Partially reversed",
        )
        for index in range(100)
    ]
    size = kept_size(shop, order_models.ImportedOrders(results=made).model_dump_json())
    assert size < MAX_ITEM_BYTES
