"""Every body in the folder of third-party samples: parsed, recorded, and with the right end."""

import json
from typing import Any

import pytest

from cashback.domain.errors import SignatureInvalid
from cashback.storefronts import signatures
from tests import third_party
from tests.third_party import BALANCES, DELIVERIES, ORDERS, VECTOR, body_of, document, said
from tests.unit.deployment import Deployment, function
from tests.unit.test_worker import record


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value["amount"] if value.keys() == {"amount", "currency"} else {k: plain(v) for k, v in value.items()}
    return value


def test_every_file_of_the_folder_is_told_to_the_worker() -> None:
    files = {path.name for path in third_party.folder().iterdir()} - third_party.NOT_BODIES
    assert files == {told.name for told in DELIVERIES}


def test_each_body_goes_through_parsing_and_record_and_ends_right(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    third_party.folder()
    key = deployment.create_store(settings=dict(third_party.SETTINGS))
    verdicts = []
    for told in DELIVERIES:
        capsys.readouterr()
        message = record(told.source, body_of(told), told.topic)
        assert function("event_worker").handler({"Records": [message]}, None) == {"batchItemFailures": []}, told
        verdict, *_ = (json.loads(text) for text in capsys.readouterr().out.splitlines())
        verdicts.append((told.name, said(verdict)))
    assert verdicts == [(told.name, told.verdict) for told in DELIVERIES]
    for order_id, expected in ORDERS.items():
        order = plain(deployment.call("GET", f"/v1/orders/{order_id}", key=key).expect(200))
        assert {name: order[name] for name in expected} == expected, order_id
    balances = {name: deployment.call("GET", f"/v1/customers/{name}/balance", key=key) for name in BALANCES}
    assert {name: plain(answer.expect(200))["available"] for name, answer in balances.items()} == BALANCES
    product = deployment.call("GET", "/v1/products/18", key=key).expect(200)
    assert (product["title"], product["categories"]) == ("Perpemint", ["Uncategorized"])


def test_what_was_recorded_with_its_headers_is_read_as_signed_and_no_longer_by_its_bytes() -> None:
    """The samples went through another JSON printer, so that no signature can be right; each is found and refused."""
    wrapped = [told for told in DELIVERIES if told.name.endswith(".webhook.json") and not told.changes]
    third_party.folder()
    assert len(wrapped) == 10
    for told in wrapped:
        recorded = document(told.name)
        assert recorded["topic"] == told.topic
        claim = signatures.read_claim(told.source, recorded["headers"])
        with pytest.raises(SignatureInvalid):
            signatures.verify(claim, body_of(told), ("a secret that nobody knows",), 0)


def test_the_vector_of_standard_webhooks_is_right_at_its_time_and_with_its_body() -> None:
    vector = document(VECTOR)
    headers = {name: vector[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")}
    claim = signatures.read_claim("events", headers)
    at = int(vector["webhook-timestamp"])
    signatures.verify(claim, vector["body"].encode(), (vector["secret"],), at)
    with pytest.raises(SignatureInvalid):
        signatures.verify(claim, vector["body"].encode() + b" ", (vector["secret"],), at)
