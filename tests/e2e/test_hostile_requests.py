"""Requests made from the documentation, fitting and unfitting, by callers of every role: no 5xx, no answer that is not
documented, and nothing for who has no key or not the role."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, Phase, given, settings
from requests import PreparedRequest, Session
from requests.auth import AuthBase
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dev.client import Store, base64_hmac, standard_webhook_headers
from dev.project import ACCESS_KEY, REGION, SECRET_KEY
from tests.e2e.deployed import DeployedStack
from tests.e2e.full_store import CALLS, OPENAPI, OPERATIONS, ROLES, Call, FullStore, Operation, furnished, named
from tests.e2e.shop import Shop, problem

EXAMPLES = 6
"""Of fitting data for each route, and as many of unfitting data."""
OPEN = {"/v1/docs", "/v1/openapi.json"}
DOCUMENT = schemathesis.openapi.from_dict(OPENAPI)
DOCUMENT.config.generation.with_security_parameters = False
IN_ORDER = sorted(OPERATIONS, key=lambda one: (one[1].endswith("/close"), one[0] == "DELETE", -len(one[1])))
"""What takes something away last, and what is inside before what it is in."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

BEFORE_THE_ROLE = {400, 403, 404, 413, 415}
"""What a key is told that may not use the route: that, or what is wrong with the body or path of the request itself."""

UNSIGNED = {200, 401, 413, 415}
"""What a webhook is told that nobody signed: 200 is for WooCommerce's ping, a documented exception without effect."""


class Key(AuthBase):
    """An API key."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["authorization"] = f"Bearer {self.store.api_key}"
        return request


class Nobody(AuthBase):
    """No key."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


class Operator(AuthBase):
    """The operator's signature."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        signed = AWSRequest(request.method, request.url, dict(request.headers), request.body)
        SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "execute-api", REGION).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request


class Storefront(AuthBase):
    """The signature of a body as its source makes it."""

    def __init__(self, store: Store, source: str) -> None:
        self.secret, self.source = store.secrets[source], source

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        sent: Any = request.body or b""
        body = sent.encode() if isinstance(sent, str) else sent
        if self.source == "events":
            signed = standard_webhook_headers(self.secret, body)
        else:
            name = {"shopify": "x-shopify-hmac-sha256", "woocommerce": "x-wc-webhook-signature"}[self.source]
            signed = {name: base64_hmac(self.secret.encode(), body)}
        request.headers.update(signed)
        return request


@pytest.fixture(scope="module")
def victim(stack: DeployedStack, make_store: Callable[..., Store]) -> FullStore:
    """A store with everything, which may be changed and at last closed."""
    return furnished(Shop(stack, make_store()), make_store())


def callers(operation: Operation, full_store: FullStore) -> tuple[AuthBase, list[tuple[AuthBase, set[int]]]]:
    """Who may make a call for certain, and every other caller with what they are answered; where nothing is said, as
    those who may."""
    method, path = operation
    if path.startswith("/webhooks/"):
        return Storefront(full_store.shop.store, path.rpartition("/")[2]), [(Nobody(), UNSIGNED)]
    keys = {role: Key(full_store.keys[role]) for role in ROLES}
    if path.startswith("/platform/"):
        return Operator(), [(Nobody(), {403}), *((key, {403}) for key in keys.values())]
    documented = OPENAPI["paths"][path][method.lower()]
    if not documented["security"]:
        return Nobody(), [(key, set()) for key in keys.values()]
    lesser = ROLES[: ROLES.index(documented["x-required-role"])]
    others = [(keys[role], BEFORE_THE_ROLE if role in lesser else set()) for role in ROLES[:-1]]
    return keys["admin"], [(Nobody(), {401}), *others]


@pytest.mark.row("S8", "S26", "92", "94")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", IN_ORDER, ids=named)
def test_whatever_is_asked_the_answer_is_a_documented_one(
    victim: FullStore, operation: Operation, mode: GenerationMode
) -> None:
    if mode is GenerationMode.NEGATIVE and operation[1] in OPEN:
        return  # They take nothing that could be wrong.
    urls, session, turns = victim.shop.store.urls, Session(), itertools.count()
    is_webhook = operation[1].startswith("/webhooks/")
    base_url = urls.webhook_url if is_webhook else urls.api_url
    ids = {**victim.ids, "store_id": victim.shop.store.store_id}
    allowed, others = callers(operation, victim)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=DOCUMENT[operation[1]][operation[0]].as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        turn = next(turns)
        known = bool(case.path_parameters) and (is_webhook or turn % 2 == 1)
        if known:
            case.path_parameters.update({name: ids[name] for name in case.path_parameters})
        # A webhook that is signed is accepted whatever it holds, and ids of what is there are not unfitting.
        checks = CHECKS if known or is_webhook else [*CHECKS, negative_data_rejection]
        other, told = others[turn % len(others)]
        answer = case.call(base_url=base_url, session=session, auth=other)
        case.validate_response(answer, checks=CHECKS)
        assert not told or answer.status_code in told
        case.validate_response(case.call(base_url=base_url, session=session, auth=allowed), checks=checks)

    ask()


@pytest.mark.parametrize("operation", [one for one in CALLS if one[0] in {"POST", "PUT", "PATCH"}], ids=named)
def test_a_body_of_another_type_is_refused_as_documented_also_where_none_is_looked_for(
    full_store: FullStore, operation: Operation
) -> None:
    method, template = operation
    path, headers = full_store.path(template, Call()), {"content-type": "text/plain", "idempotency-key": "text"}
    if template.startswith("/v1/"):
        answer = full_store.foreign.api(method, path, b"hello", headers=headers)
        assert problem(answer, 415)["code"] == "unsupported_media_type"
    assert "415" in OPENAPI["paths"][template][method.lower()]["responses"]
