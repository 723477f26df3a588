"""What shops tell: the delivery as it came, and what it turned out to say; ``orders.Told`` are all kinds."""

from typing import Final

from msgspec import Struct

from cashback.domain.products import Product
from cashback.domain.times import Instant

MAX_BODY: Final = 1_048_576
"""Bytes of a body, of a delivery as of an API call."""


class Delivery(Struct, frozen=True):
    """One accepted webhook: its signature was valid, nothing else is known of it.

    Only ``body`` was signed: ``topic`` and ``delivery_id`` are what the headers claim, hints and no facts.
    """

    store_id: str
    source: str
    topic: str
    delivery_id: str
    received_at: Instant
    body: bytes


class CustomerNews(Struct, frozen=True):
    """What one event says of a customer. Personal data: it belongs into PROFILE and never into ORDER, a queue or a log.

    The newest by ``occurred_at`` wins as a whole; None is a field the shop does not have, and ``tags`` None means that
    this event says nothing of them. ``created`` is true for the event of the registration itself.
    """

    customer_id: str
    occurred_at: Instant
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone: str | None = None
    phone_verified: bool = False
    birthday: str | None = None
    tags: tuple[str, ...] | None = None
    created: bool = False


class CustomerDeleted(Struct, frozen=True):
    """A shop deleted a person, who is to be forgotten here too."""

    customer_id: str
    occurred_at: Instant


class CustomersMerged(Struct, frozen=True):
    """A shop made two customers one: ``deleted_id`` is no more, all that was theirs is the kept one's."""

    kept_id: str
    deleted_id: str
    occurred_at: Instant


class DataRequested(Struct, frozen=True):
    """A person asked the shop for everything that is held of them."""

    customer_id: str
    request_id: str
    occurred_at: Instant


class StoreRedacted(Struct, frozen=True):
    """A shop has left its platform, which asks that all its customers be forgotten. ``shop_domain`` is the shop's name
    there, which nothing binds to a store of ours."""

    shop_domain: str
    occurred_at: Instant


class ProductNews(Struct, frozen=True):
    """What a shop says of a product of its catalogue."""

    product: Product


class ProductDeleted(Struct, frozen=True):
    """A shop took a product out of its catalogue."""

    product_id: str
    occurred_at: Instant


class Ignored(Struct, frozen=True):
    """An event that changes nothing, and the code that says why; it is counted, never retried."""

    reason: str
