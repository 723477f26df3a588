"""Every model of the API, by reflection."""

from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cashback.domain.ledger import Kind
from cashback.domain.settings import DEFAULTS
from cashback.edge import (
    customer_models,
    group_job_models,
    group_models,
    models,
    order_models,
    payment_account_models,
    payout_models,
    scenario_models,
    store_models,
    webhook_models,
)
from cashback.edge.models import TYPES, Answer, Request, TransactionType
from cashback.edge.store_models import SettingsRequest
from cashback.edge.views import NOTES


def family(model: type[BaseModel]) -> list[type[BaseModel]]:
    below = [one for child in model.__subclasses__() for one in family(child)]
    return [model, *below]


def test_every_model_is_a_request_or_an_answer() -> None:
    shared, groups = (models, store_models, webhook_models), (group_job_models, group_models)
    modules = (*shared, *groups, customer_models, order_models, payment_account_models, payout_models, scenario_models)
    named = [value for module in modules for value in vars(module).values()]
    found = {value for value in named if isinstance(value, type) and issubclass(value, BaseModel)}
    assert found - {BaseModel} == {*family(Request), *family(Answer)}


@pytest.mark.parametrize("model", family(Request), ids=lambda model: model.__name__)
@pytest.mark.row("42", "S26")
def test_every_request_refuses_fields_it_does_not_know(model: type[BaseModel]) -> None:
    assert model.model_config.get("extra") == "forbid"
    assert model.model_config.get("frozen") is True


@pytest.mark.parametrize("model", family(Request), ids=lambda model: model.__name__)
@pytest.mark.row("96", "S9")
def test_no_request_names_its_store_but_the_one_that_creates_it(model: type[BaseModel]) -> None:
    assert "store_id" not in model.model_fields or model is store_models.CreateStore


def test_every_setting_may_be_given() -> None:
    assert set(SettingsRequest.model_fields) == set(DEFAULTS)


def test_every_setting_is_answered() -> None:
    assert {*DEFAULTS, "name", "currency", "timezone"} <= set(store_models.Settings.model_fields)


def test_every_kind_of_entry_has_a_type_and_a_note() -> None:
    assert set(TYPES) == set(NOTES) == set(Kind)
    assert TYPES[Kind.SCENARIO] == TYPES[Kind.MANUAL] == "manual"
    assert set(TYPES.values()) == set(get_args(TransactionType))


def test_asking_for_manual_transactions_asks_for_those_of_scenarios_too() -> None:
    kinds = customer_models.TransactionsQuery(type="manual").wanted().kinds
    assert kinds == {Kind.MANUAL, Kind.SCENARIO}
    assert customer_models.TransactionsQuery(type="order").wanted().kinds == {Kind.ORDER}
    assert customer_models.TransactionsQuery().wanted().kinds == set(Kind)


def test_what_is_not_sent_is_not_given() -> None:
    asked = store_models.ChangeStore.model_validate({"max_award": None, "earn_on": {"shipping": True}})
    assert asked.given() == {"max_award": None, "earn_on": {"shipping": True}}


def test_the_names_that_problems_may_repeat_are_those_of_requests() -> None:
    names = models.field_names()
    assert {"from", "limit", "tiers", "min_spent", "expected_amount", "order_id"} <= names
    assert "digest" not in names


def refusals(values: dict[str, Any]) -> list[str]:
    try:
        order_models.RejectOrder.model_validate(values)
    except ValueError as error:
        return [found["type"] for found in error.errors()]  # type: ignore[attr-defined]
    return []


@pytest.mark.parametrize(
    ("reason", "refusal"),
    [
        ("=cmd|' /C calc'!A0", []),
        ('line\r\n{"level":"ERROR"}', []),
        ("\x1b[31mred", []),
        ("<script>alert(1)</script>", []),
        ("é" * 1_000, []),
        ("a" * 1_001, ["length"]),
        ("a" * 100_000, ["length"]),
        ("", ["length"]),
        ("   ", ["length"]),
        (None, ["type"]),
    ],
)
@pytest.mark.row("81", "82")
def test_a_reason_is_taken_as_it_is_up_to_a_length(reason: Any, refusal: list[str]) -> None:
    assert refusals({"reason": reason}) == refusal
