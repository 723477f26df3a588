"""Talk to a deployed stack: as its operator, as a shop's admin, and as a storefront that sends signed webhooks.

Used by `make up`, the demo and the end-to-end tests.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from dev.project import ACCESS_KEY, REGION, SECRET_KEY

POOL = urllib3.PoolManager(maxsize=32, retries=False, timeout=urllib3.Timeout(connect=5, read=60))
SOURCES = ("shopify", "woocommerce", "events")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever the status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, which must be JSON; amounts are strings already."""
        return json.loads(self.body)

    def expect(self, *statuses: int) -> Any:
        """The body's JSON, if the status is one of these."""
        if self.status not in statuses:
            raise UnexpectedAnswerError(f"{self.status} where {statuses} was expected: {self.body[:500]!r}")
        return self.json() if self.body else None


class UnexpectedAnswerError(AssertionError):
    """The stack answered with another status than the caller needs."""


@dataclass(frozen=True, slots=True)
class Urls:
    """Where a stack's two APIs are: before /v1 and /platform, and before /webhooks."""

    api_url: str
    webhook_url: str


@dataclass(frozen=True, slots=True)
class Store:
    """One store, with everything that its admins and its storefronts hold."""

    urls: Urls
    store_id: str
    api_key: str
    secrets: Mapping[str, str]

    def api(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Call the admin API with the store's key; `path` begins with /v1. A body that is not bytes is sent as JSON."""
        sent = {"authorization": f"Bearer {self.api_key}", **(headers or {})}
        return send(method, self.urls.api_url + path, body, sent)

    def post(
        self, path: str, body: Any = None, *, key: str | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST with an Idempotency-Key, a new one unless given."""
        return self.api("POST", path, body, headers={"idempotency-key": key or uuid.uuid4().hex, **(headers or {})})

    def shopify(self, topic: str, payload: Any, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Deliver a signed Shopify webhook."""
        body = as_bytes(payload)
        signed = shopify_headers(self.secrets["shopify"], topic, body)
        return self.deliver("shopify", body, {**signed, **(headers or {})})

    def woocommerce(self, topic: str, payload: Any) -> Answer:
        """Deliver a signed WooCommerce webhook."""
        body = as_bytes(payload)
        return self.deliver("woocommerce", body, woocommerce_headers(self.secrets["woocommerce"], topic, body))

    def event(self, payload: Any) -> Answer:
        """Deliver an event of our own contract, signed as Standard Webhooks says."""
        body = as_bytes(payload)
        return self.deliver("events", body, standard_webhook_headers(self.secrets["events"], body))

    def deliver(self, source: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send these very bytes and headers to the store's webhook."""
        return send("POST", f"{self.urls.webhook_url}/webhooks/{self.store_id}/{source}", body, headers)


@dataclass(frozen=True, slots=True)
class Platform:
    """The operator: signs with AWS credentials, creates stores."""

    urls: Urls
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY
    region: str = REGION

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        """Call a /platform route with a SigV4 signature of the service execute-api."""
        url = self.urls.api_url + path
        data = None if body is None else as_bytes(body)
        request = AWSRequest(method=method, url=url, data=data, headers={"content-type": "application/json"})
        credentials = Credentials(self.access_key, self.secret_key)
        SigV4Auth(credentials, "execute-api", self.region).add_auth(request)
        return send(method, url, data, dict(request.headers.items()))

    def create_store(self, store_id: str, **fields: Any) -> Store:
        """A new store, with its first admin key and its secrets, which are shown only now."""
        body = {"store_id": store_id, "name": store_id, "currency": "USD", "timezone": "Europe/Berlin", **fields}
        made = self.call("POST", "/platform/stores", body).expect(201)
        return Store(
            self.urls, store_id, made["api_key"], {**body.get("webhook_secrets", {}), **made["webhook_secrets"]}
        )

    def has_store(self, store_id: str) -> bool:
        """Whether there is such a store."""
        answer = self.call("GET", f"/platform/stores/{store_id}")
        answer.expect(200, 404)
        return answer.status == 200

    def take_over_store(self, store_id: str) -> Store:
        """An existing store with a new admin key and new secrets, for when the first ones are lost."""
        path = f"/platform/stores/{store_id}"
        key = self.call("POST", f"{path}/api-keys", {"name": "make up", "role": "admin"}).expect(201)
        secrets = {
            source: self.call("POST", f"{path}/webhook-secrets", {"source": source}).expect(200, 201)["secret"]
            for source in SOURCES
        }
        return Store(self.urls, store_id, key["api_key"], secrets)


def send(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One HTTP request, sent once. A body that is not bytes goes as JSON."""
    data = None if body is None else as_bytes(body)
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if data is not None:
        sent.setdefault("content-type", "application/json")
    answer = POOL.request(method, url, body=data, headers=sent, redirect=False)
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)


def in_path(item_id: str) -> str:
    """An id of an answer as it stands in a path: escaped, also where its store's shop needed it escaped already."""
    return quote(item_id, safe="")


def as_bytes(payload: Any) -> bytes:
    """The bytes of a body; bytes stay as they are."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def shopify_headers(secret: str, topic: str, body: bytes) -> dict[str, str]:
    """The signature of the raw body, and what else Shopify sends."""
    return {
        "x-shopify-hmac-sha256": base64_hmac(secret.encode(), body),
        "x-shopify-topic": topic,
        "x-shopify-webhook-id": str(uuid.uuid4()),
        "x-shopify-triggered-at": time.strftime("%Y-%m-%dT%H:%M:%S.000000000Z", time.gmtime()),
    }


def woocommerce_headers(secret: str, topic: str, body: bytes) -> dict[str, str]:
    """The signature of the raw body, and what else WooCommerce sends."""
    resource, _, event = topic.partition(".")
    return {
        "x-wc-webhook-signature": base64_hmac(secret.encode(), body),
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-resource": resource,
        "x-wc-webhook-event": event,
        "x-wc-webhook-delivery-id": uuid.uuid4().hex,
    }


def standard_webhook_headers(secret: str, body: bytes, *, sent_at: int | None = None) -> dict[str, str]:
    """Standard Webhooks: the signature covers the id and the time too."""
    message_id, timestamp = f"msg_{uuid.uuid4().hex}", str(int(time.time()) if sent_at is None else sent_at)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64_hmac(key, signed)}",
    }


def base64_hmac(key: bytes, message: bytes) -> str:
    """HMAC-SHA256, base64."""
    return base64.b64encode(hmac.digest(key, message, hashlib.sha256)).decode()


def wait_until[T](look: Callable[[], T], *, seconds: float = 20) -> T:
    """The first true value that `look` gives, asked for often; the error of a time-out names what it gave last."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {seconds} s; seen last: {seen!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return seen
