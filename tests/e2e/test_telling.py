"""From an award on the deployed stack to whoever is told of it: the bus, the customer's phone, the shop's endpoint."""

import base64
import hmac
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from cashback.adapters.dynamo.notices import Notices
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.seals import Seals
from cashback.adapters.webhook_sender import WebhookSender
from cashback.domain.times import instant
from cashback.edge.deps import make_books, make_endpoint_books
from cashback.services.books import Desk
from cashback.services.deliver_webhook import attempt_delivery
from dev.client import wait_until
from dev.deploy import EMAIL_SENDER
from tests.e2e.deployed import DeployedStack
from tests.e2e.scenarios import Buyer, Purchase, emails, tell, texts_to
from tests.e2e.shop import Shop

if TYPE_CHECKING:
    from email.message import Message

HOST: Final = "shop.cashback-tests.invalid"
"""A name that no resolver knows."""

PATH: Final = "/v1/webhook-deliveries"

WAIT = 120
"""Seconds in which something is told: behind all that the tests before had to tell, on a machine that is busy."""


class Receiver:
    """An endpoint of a shop on this machine, over TLS: what it was posted."""

    def __init__(self, folder: Path) -> None:
        key, made = folder / "key.pem", folder / "cert.pem"
        asked = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=shop"]
        names = ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", str(key), "-out", str(made)]
        subprocess.run([*asked, *names], check=True, capture_output=True)
        self.posts: list[tuple[str, Message, bytes]] = []
        self.trusting = ssl.create_default_context(cafile=made)
        self.server = HTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append((self.path, self.headers, self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    @property
    def sender(self) -> WebhookSender:
        """The sender of production, which finds this machine under the name and may call it."""
        port: int = self.server.server_address[1]
        return WebhookSender(lambda *_: ["127.0.0.1"], lambda _: True, lambda: self.trusting, port)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


def desk(stack: DeployedStack, sender: WebhookSender) -> Desk:
    """What the notifier works on, on the deployed tables and key, with another way out."""
    client, table = stack.client("dynamodb"), stack.state_table
    unused: Any = None
    books = make_books(client, stack.ledger_table, table, lambda: b"")
    seals = Seals(lambda: stack.client("kms"), stack.secrets_key_id)
    outgoing = make_endpoint_books(client, table, seals, lambda: unused)
    return Desk(books, outgoing, Notices(StateTable(client, table)), unused, lambda: sender)


def deliveries(shop: Shop) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = shop.store.api("GET", PATH).expect(200)["items"]
    return items


def attempted(shop: Shop, count: int = 1) -> list[dict[str, Any]]:
    """The deliveries of a shop, once so many have had their first attempt."""
    wait_until(lambda: sum(bool(one["history"]) for one in deliveries(shop)) == count, seconds=WAIT)
    return deliveries(shop)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "Hello Ada, you received 1.00 USD cashback. Your balance is 1.00 USD."),
        ({"order_credited": {"channel": "sms", "template": "{{amount}}!"}}, "1.00 USD!"),
        ({"order_credited": {"enabled": False}}, None),
    ],
)
def test_an_award_reaches_the_customers_phone_as_the_settings_say(
    new_shop: Callable[..., Shop], settings: dict[str, Any], said: str | None
) -> None:
    shop = new_shop(notifications=settings) if settings else new_shop()
    order, marker = Purchase(), Purchase(Buyer(phone=None))
    tell(shop, order.event("paid"), marker.event("paid"))
    wait_until(lambda: len(told_of(shop, "CashbackAwarded")) == 2, seconds=WAIT)
    assert texts_to(shop.stack, order.phone) == ([said] if said else [])
    outcome = {line["customer"] for line in told_of(shop, "CashbackAwarded")}
    assert outcome == ({"sent", "no_recipient"} if said else {"off"})


def told_of(shop: Shop, kind: str) -> list[dict[str, Any]]:
    """What the notifier said of a shop's events of a kind."""
    lines = [json.loads(line) for line in shop.stack.lines("notifier", "event_told") if line.startswith("{")]
    return [line for line in lines if (line["store"], line["kind"]) == (shop.store.store_id, kind)]


def test_a_reversal_reaches_the_customers_mailbox_where_the_settings_want_it(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(notifications={"order_reversed": {"channel": "email"}})
    shop.stack.client("ses").verify_email_identity(EmailAddress=EMAIL_SENDER)
    order = Purchase()
    address = f"{order.order_id.lower()}@example.com"
    refund = order.refunded("20.00")
    known = refund["data"]["order"]["customer"] | {"email": address}
    refund["data"]["order"]["customer"] = known
    tell(shop, order.event("paid", customer=known), refund)
    wait_until(lambda: address in emails(shop.stack), seconds=WAIT)
    assert "1.00 USD cashback was taken back after a refund" in emails(shop.stack)


def test_an_adjustment_reaches_the_customers_device_where_no_channel_is_named(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(notifications={"balance_adjusted": {}})
    sns = shop.stack.client("sns")
    app = sns.create_platform_application(Name=shop.store.store_id, Platform="GCM", Attributes={})
    device = sns.create_platform_endpoint(PlatformApplicationArn=app["PlatformApplicationArn"], Token="token")
    body = {"customer_id": "C-1", "name": "Ada", "phone": Buyer().phone, "push_endpoint": device["EndpointArn"]}
    shop.store.api("POST", "/v1/customers", body).expect(201)
    shop.store.post("/v1/customers/C-1/adjustments", {"amount": "2.00"}).expect(201)
    (told,) = wait_until(lambda: told_of(shop, "BalanceAdjusted"), seconds=WAIT)
    assert told["customer"] == "sent"
    assert texts_to(shop.stack, body["phone"]) == []


def test_an_award_is_posted_to_the_shops_endpoint_signed_with_the_secret_that_the_shop_was_given(
    shop: Shop, receiver: Receiver
) -> None:
    """The deployed notifier finds no such host, and keeps that. Six minutes later its next attempt is made here, from
    what it wrote and with the secret that only the key can open, by a sender that may call this machine."""
    asked = {"url": f"https://{HOST}/in?shop=1", "events": ["CashbackAwarded"]}
    made = shop.store.api("POST", "/v1/webhook-endpoints", asked).expect(201)
    order = Purchase()
    tell(shop, order.event("paid"))
    (first,) = attempted(shop)
    assert (first["status"], first["event"], first["attempts"]) == ("pending", "CashbackAwarded", 1)
    assert first["error"] == "name_unresolved"
    later = instant(datetime.now(UTC) + timedelta(minutes=6))
    delivery_id = first["webhook_delivery_id"]
    told = attempt_delivery(desk(shop.stack, receiver.sender), shop.store.store_id, delivery_id, lambda: later)
    assert told == ("204", None)
    ((path, headers, body),) = receiver.posts
    assert (path, headers["host"], headers["webhook-id"]) == ("/in?shop=1", HOST, delivery_id)
    key = base64.b64decode(made["secret"].removeprefix("whsec_"))
    signed = f"{delivery_id}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    event = json.loads(body)
    assert (event["type"], event["data"]["order_id"]) == ("CashbackAwarded", order.order_id)
    assert event["data"]["amount"] == {"amount": "1.00", "currency": "USD"}
    (last,) = deliveries(shop)
    assert (last["status"], last["attempts"], last["response_code"]) == ("delivered", 2, 204)


@pytest.mark.row("S32")
def test_an_address_of_this_network_is_never_called(shop: Shop) -> None:
    refused = shop.store.api("POST", "/v1/webhook-endpoints", {"url": "https://127.0.0.1/in"})
    assert refused.status == 422
    shop.store.api("POST", "/v1/webhook-endpoints", {"url": "https://localhost.localdomain/in"}).expect(201)
    tell(shop, Purchase().event("paid"))
    (first,) = attempted(shop)
    assert first["error"] in {"address_refused", "name_unresolved"}
