"""The operator's routes: stores, secrets, first keys."""

import json
from typing import Any

import pytest

from cashback.edge import deps
from tests.simulation.dynamo import Fault
from tests.unit.deployment import Deployment, Reply

STORES = "/platform/stores"
BODY = {"store_id": "demo", "name": "Demo", "currency": "USD", "timezone": "Europe/Berlin"}


def create(deployment: Deployment, **more: Any) -> Reply:
    return deployment.operator("POST", STORES, {**BODY, **more})


def test_a_store_is_made_with_a_key_and_secrets_that_are_shown_once(deployment: Deployment) -> None:
    made = create(deployment, webhook_secrets={"shopify": "the-shops-own"}).expect(201)
    assert made["api_key"].startswith("cbk_demo_")
    assert set(made["webhook_secrets"]) == {"woocommerce", "events"}
    assert made["webhook_secrets"]["events"].startswith("whsec_")
    assert deps.secrets().read("demo", "shopify") == ("the-shops-own",)
    for source, secret in made["webhook_secrets"].items():
        assert deps.secrets().read("demo", source) == (secret,)
    assert "the-shops-own" not in repr(deployment.everything())
    read = deployment.operator("GET", f"{STORES}/demo").expect(200)
    assert read == {name: made[name] for name in read}


def test_settings_may_be_given_at_once(deployment: Deployment) -> None:
    create(deployment, settings={"base_rate": "0.1", "max_award": "7.5"}).expect(201)
    assert deployment.stores.document("demo").document["max_award"] == "7.50"
    assert deployment.stores.settings("demo").base_rate.denominator == 10


@pytest.mark.parametrize(("currency", "amount", "written"), [("JPY", "100", "100"), ("KWD", "1.5", "1.500")])
def test_amounts_follow_the_currency(deployment: Deployment, currency: str, amount: str, written: str) -> None:
    create(deployment, currency=currency, settings={"max_award": amount}).expect(201)
    assert deployment.stores.document("demo").document["max_award"] == written


def test_the_same_id_again_is_409(deployment: Deployment) -> None:
    create(deployment).expect(201)
    before = deployment.everything()
    reply = create(deployment)
    assert (reply.status, reply.code) == (409, "already_exists")
    assert deployment.everything() == before


def test_the_same_call_again_is_answered_without_what_is_shown_once(deployment: Deployment) -> None:
    first = deployment.operator("POST", STORES, BODY, idempotency_key="k").expect(201)
    before = deployment.everything()
    again = deployment.operator("POST", STORES, BODY, idempotency_key="k")
    assert again.expect(201) == {**first, "api_key": None, "webhook_secrets": {}}
    assert again.headers["Idempotency-Replayed"] == ["true"]
    assert deployment.everything() == before


def test_another_body_under_the_same_key_is_409(deployment: Deployment) -> None:
    deployment.operator("POST", STORES, BODY, idempotency_key="k").expect(201)
    reply = deployment.operator("POST", STORES, {**BODY, "name": "Other"}, idempotency_key="k")
    assert (reply.status, reply.code) == (409, "idempotency_mismatch")


def test_of_two_creations_at_once_one_wins_whole(deployment: Deployment) -> None:
    deployment.alone = False
    faults = deployment.dynamo.faults
    replies: list[Reply] = []

    def meanwhile(_index: int, operation: str) -> None:
        if operation == "TransactWriteItems":
            faults.before_call = None
            replies.append(create(deployment, name="Second"))

    faults.before_call = meanwhile
    late = create(deployment, name="First")
    assert (replies[0].status, late.status) == (201, 409)
    assert deployment.stores.settings("demo").name == "Second"
    assert len(deps.api_keys().ring("demo").keys) == 1


def test_a_store_is_made_whole_or_not_at_all(deployment: Deployment) -> None:
    faults = deployment.dynamo.faults
    calls = []
    faults.before_call = lambda index, operation: calls.append((index, operation))
    create(deployment).expect(201)
    writing = [index for index, operation in calls if operation == "TransactWriteItems"]
    assert len(writing) == 1
    faults.before_call = None
    faults.script[faults.calls + writing[0]] = Fault.ERROR_BEFORE
    before = deployment.everything()
    assert create(deployment, store_id="second").status == 503
    assert deployment.everything() == before


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "€", "XXX", "XAU", "XTS", "USDX", "ZZZ", " USD", 840, None])
@pytest.mark.row("58")
def test_a_currency_that_is_none_is_422(deployment: Deployment, currency: Any) -> None:
    before = deployment.everything()
    reply = create(deployment, currency=currency)
    assert reply.status == 422
    assert reply.faults[0][0] == "currency"
    assert deployment.everything() == before


@pytest.mark.row("58")
def test_an_unknown_currency_has_its_code(deployment: Deployment) -> None:
    assert create(deployment, currency="XXX").code == "currency_unknown"
    body = {name: value for name, value in BODY.items() if name != "currency"}
    assert deployment.operator("POST", STORES, body).faults == [("currency", "required")]


@pytest.mark.parametrize("store_id", ["ab", "a" * 41, "-abc", "Abc", "a_b", "a#b", "a/b", "é", "", 1, None])
def test_a_store_id_that_is_none_is_422(deployment: Deployment, store_id: Any) -> None:
    reply = create(deployment, store_id=store_id)
    assert (reply.status, reply.faults[0][0]) == (422, "store_id")


@pytest.mark.parametrize(
    "secrets",
    [
        {"shopify": ""},
        {"shopify": "a" * 256},
        {"shopify": " "},
        {"magento": "some-secret"},
        {"events": "not-a-whsec"},
        {"events": "whsec_@@@@@@@@"},
        {"events": "whsec_c2hvcnQ="},
        {"woocommerce": None},
    ],
    ids=str,
)
def test_a_secret_that_cannot_sign_is_422(deployment: Deployment, secrets: dict[str, Any]) -> None:
    reply = create(deployment, webhook_secrets=secrets)
    assert reply.status == 422
    assert deployment.everything() == []


def test_bad_settings_make_no_store(deployment: Deployment) -> None:
    reply = create(deployment, settings={"base_rate": "2"})
    assert (reply.status, reply.faults) == (422, [("base_rate", "rate_range")])
    assert deployment.everything() == []


def test_an_unknown_store_is_404(deployment: Deployment) -> None:
    for call in (
        ("GET", f"{STORES}/absent", None),
        ("POST", f"{STORES}/absent/webhook-secrets", {"source": "shopify"}),
        ("POST", f"{STORES}/absent/api-keys", {"name": "x", "role": "admin"}),
    ):
        assert deployment.operator(*call).status == 404
    assert deployment.everything() == []


def test_a_rotated_secret_leaves_the_one_before_it_valid(deployment: Deployment) -> None:
    first = create(deployment).expect(201)["webhook_secrets"]["shopify"]
    path = f"{STORES}/demo/webhook-secrets"
    second = deployment.operator("POST", path, {"source": "shopify"}).expect(201)["secret"]
    assert deps.secrets().read("demo", "shopify") == (second, first)


def test_the_one_before_it_may_be_dropped_at_once(deployment: Deployment) -> None:
    create(deployment).expect(201)
    body = {"source": "shopify", "secret": "the-shops-own", "keep_previous": False}
    answer = deployment.operator("POST", f"{STORES}/demo/webhook-secrets", body).expect(201)
    assert answer == {"store_id": "demo", "source": "shopify", "secret": None}
    assert deps.secrets().read("demo", "shopify") == ("the-shops-own",)


def test_an_operator_may_give_a_store_that_lost_its_keys_a_new_one(deployment: Deployment) -> None:
    create(deployment).expect(201)
    body = {"name": "rescue", "role": "admin"}
    made = deployment.operator("POST", f"{STORES}/demo/api-keys", body).expect(201)
    assert deployment.call("GET", "/v1/store", key=made["api_key"]).expect(200)["store_id"] == "demo"


def test_the_keys_of_a_deployment_are_made_once(deployment: Deployment) -> None:
    create(deployment).expect(201)
    made = dict(deployment.ssm.values)
    assert set(json.loads(made["keys_parameter"])) == {"cursor", "hash"}
    create(deployment, store_id="second").expect(201)
    assert deployment.ssm.values == made
    keys = deps.deployment_keys()
    assert len(keys.cursor) == len(keys.hash) == 32
    assert keys.cursor != keys.hash
