"""WooCommerce's order, customer and product bodies as facts of the domain. Source: the REST resources (v3) of these
names, which its webhooks send.

Only the body was signed, so it decides what it is; the topic is a hint, needed where the body is nothing but an id.
"""

from types import MappingProxyType
from typing import Any, Final

from cashback.domain.contacts import contacts_of
from cashback.domain.facts import MAX_LINES, Body, Facts, Line, Refund
from cashback.domain.money import Currency
from cashback.domain.names import WOOCOMMERCE
from cashback.domain.news import CustomerNews, Ignored, ProductDeleted, ProductNews
from cashback.domain.orders import News, Told
from cashback.domain.products import MOST_CATEGORIES, MOST_TAGS, Product
from cashback.domain.settings import Settings
from cashback.domain.times import OLDEST, Instant
from cashback.storefronts.fields import (
    MOST_REFUNDS,
    Unreadable,
    amount,
    dated,
    fitting,
    identifier,
    in_range,
    objects,
    optional_identifier,
    text,
    time,
    whole,
)
from cashback.storefronts.wordpress import unescaped

REGISTERED: Final = "customer.created"

TOPICS: Final = frozenset(
    {
        "order.created",
        "order.updated",
        "order.deleted",
        "order.restored",
        REGISTERED,
        "customer.updated",
        "customer.deleted",
        "product.created",
        "product.updated",
        "product.deleted",
        "product.restored",
    }
)

_REFUNDED: Final = "refunded"
_COMPLETED: Final = "completed"
_WAS_PAID: Final = frozenset({"processing", _COMPLETED, _REFUNDED})
"""Statuses an order only has once it was paid. Any other (pending, on-hold, failed, trash, a plugin's own) waits."""
_DRAFTS: Final = frozenset({"auto-draft", "checkout-draft"})

_CHANNELS: Final = {"checkout": "website", "store-api": "website", "rest-api": "api"}
"""``store-api`` is the checkout built of blocks."""
_PICKUP: Final = frozenset({"local_pickup", "pickup_location"})

_CUSTOMER: Final = frozenset({"email", "first_name", "username"})
_PRODUCT: Final = frozenset({"id", "catalog_visibility", "categories", "tags"})
"""Without its categories and tags the rules could not go by a product."""


def normalise(topic: str, payload: dict[str, Any], settings: Settings, received_at: Instant | None = None) -> Told:
    """Say what a body means; ``Ignored`` with a reason where it means nothing or cannot be understood.

    ``received_at`` stands in for the time of a body that has none.
    """
    try:
        if "code" in payload and "message" in payload:
            return Ignored("error_body")
        if topic and topic not in TOPICS and not (topic.startswith("order.") and _is_order(payload)):
            return Ignored("topic_unknown")
        if _is_order(payload):
            return _order_news(payload, settings, received_at)
        if _is_product(payload):
            return _product_news(payload, received_at)
        if _is_customer(payload):
            return _customer_news(payload, received_at, created=topic == REGISTERED)
        if payload.keys() == {"id"}:
            return _deleted(topic, payload, received_at)
    except Unreadable as error:
        return Ignored(error.reason)
    return Ignored("topic_shape")


def _is_order(payload: dict[str, Any]) -> bool:
    """Tell an order from a refund, which has no status, and from a subscription, which has a period."""
    return "line_items" in payload and "status" in payload and "billing_period" not in payload


def _is_product(payload: dict[str, Any]) -> bool:
    return payload.keys() >= _PRODUCT


def _is_customer(payload: dict[str, Any]) -> bool:
    return "id" in payload and "line_items" not in payload and not _CUSTOMER.isdisjoint(payload)


def _product_news(product: dict[str, Any], received_at: Instant | None) -> ProductNews | ProductDeleted | Ignored:
    """Read a product. A variation is none: lines name the product it belongs to, which alone has categories."""
    if product.get("type") == "variation":
        return Ignored("product_variation")
    product_id = identifier(product.get("id"))
    updated_at = time(product.get("date_modified_gmt")) or time(product.get("date_created_gmt")) or received_at
    if updated_at is None:
        raise Unreadable("time_invalid")
    if product.get("status") == "trash":
        return ProductDeleted(product_id, updated_at)
    return ProductNews(
        Product(
            product_id=product_id,
            updated_at=updated_at,
            title=_name(product),
            categories=_terms(product.get("categories"), MOST_CATEGORIES),
            tags=_terms(product.get("tags"), MOST_TAGS),
        )
    )


def _terms(value: object, most: int) -> tuple[str, ...]:
    """Read the names of categories or tags."""
    terms = objects(value)
    if len(terms) > most:
        raise Unreadable("too_many_terms")
    return tuple(name for name in map(_name, terms) if name)


def _name(named: dict[str, Any]) -> str | None:
    """Read a name, which WordPress stores and sends escaped."""
    name = named.get("name")
    return text(unescaped(name)) if isinstance(name, str) else None


def _deleted(topic: str, payload: dict[str, Any], received_at: Instant | None) -> ProductDeleted | Ignored:
    """Read the body of a deletion, nothing but ``{"id": 7}``: here alone the topic decides, which was not signed.

    To erase a person cannot be undone, so it must not hang on such a hint. An order in the bin was neither cancelled
    nor refunded, and it may be restored: its cashback stays as it is.
    """
    if topic == "product.deleted" and received_at is not None:
        return ProductDeleted(identifier(payload["id"]), received_at)
    if topic == "customer.deleted":
        return Ignored("erase_unsigned")
    return Ignored("order_deleted" if topic == "order.deleted" else "topic_shape")


def _order_news(order: dict[str, Any], settings: Settings, received_at: Instant | None) -> News | Ignored:
    status = text(order.get("status"))
    if status in _DRAFTS:
        return Ignored("draft_order")
    order_id = identifier(order.get("id"))
    created_at = time(order.get("date_created_gmt"))
    updated_at = time(order.get("date_modified_gmt")) or created_at or received_at
    if updated_at is None:
        raise Unreadable("time_invalid")
    listed = order.get("refunds")
    if len(objects(listed)) > MOST_REFUNDS:
        raise Unreadable("too_many_refunds")
    refunds = {part.refund_id: part for part in (_refund(part, settings.currency) for part in objects(listed))}
    customer = _buyer(order)
    facts = Facts(
        body=Body(
            updated_at=updated_at,
            created_at=created_at or updated_at,
            customer_id=customer.customer_id if customer else None,
            paid=status in _WAS_PAID,
            refund_ids=None if listed is None else frozenset(refunds),
            **_priced(order, settings.currency, all_gone=status == _REFUNDED),
        ),
        paid=status in _WAS_PAID,
        completed=status == _COMPLETED,
        cancelled=status == "cancelled",
        refunds=MappingProxyType(refunds),
    )
    facts = dated(facts, updated_at, paid=_noted(order, "date_paid_gmt"), completed=_noted(order, "date_completed_gmt"))
    return News(order_id, WOOCOMMERCE, facts, customer, frozenset() if customer else _guest(order))


def _noted(order: dict[str, Any], name: str) -> Instant | None:
    """Read a time that no cashback depends on: a senseless one, as of a date that was never set, makes no order
    unreadable."""
    try:
        return time(order.get(name))
    except Unreadable:
        return None


def _guest(order: dict[str, Any]) -> frozenset[str]:
    """Return what a guest can be recognised by: the address of the bill."""
    billing = order.get("billing")
    address = billing if isinstance(billing, dict) else {}
    return contacts_of(text(address.get("email")), text(address.get("phone")))


def _priced(order: dict[str, Any], currency: Currency, *, all_gone: bool) -> dict[str, Any]:
    """Return the fields of a body that say what was sold, for how much and how. All amounts are without tax, whatever
    ``prices_include_tax`` says: it is about what the shop shows.

    A fee below nothing is a discount of nobody knows what. It is left out, so that the lines exceed the total and a
    person looks at the order.
    """
    goods = objects(order.get("line_items"))
    deliveries = objects(order.get("shipping_lines"))
    methods = {(text(line.get("method_id")) or "").partition(":")[0] for line in deliveries}
    method = text(order.get("payment_method"))
    created_via = text(order.get("created_via")) or ""
    fees = (amount(line.get("total"), currency) or 0 for line in objects(order.get("fee_lines")))
    return {
        "currency": text(order.get("currency")) or "",
        "lines": fitting(_line(line, currency, all_gone=all_gone) for line in goods[:MAX_LINES]),
        "total": amount(order.get("total"), currency),
        "shipping": amount(order.get("shipping_total"), currency) or 0,
        "shipping_tax": amount(order.get("shipping_tax"), currency) or 0,
        "tax": amount(order.get("total_tax"), currency) or 0,
        "tips_and_fees": in_range(sum(max(0, fee) for fee in fees), currency),
        "channel": _CHANNELS.get(created_via, created_via),
        "delivery_type": "pickup" if methods <= _PICKUP else "delivery",
        "payment_methods": (method,) if method else (),
        "line_count": len(goods),
    }


def _line(line: dict[str, Any], currency: Currency, *, all_gone: bool) -> Line:
    """Read a line as sold: ``total`` is what was paid for all its units, discounts taken off.

    Of an order whose status is refunded nothing is left, whether or not its refunds are listed.
    """
    quantity, total = whole(line.get("quantity")), amount(line.get("total"), currency)
    if total is None:
        raise Unreadable("amount_invalid")
    product_id = optional_identifier(line.get("product_id"))
    return Line(
        line_id=identifier(line.get("id")),
        quantity=quantity,
        gross=total,
        current_quantity=0 if all_gone else quantity,
        tax=amount(line.get("total_tax"), currency) or 0,
        product_id=None if product_id == "0" else product_id,
        sku=text(line.get("sku")),
    )


def _refund(part: dict[str, Any], currency: Currency) -> Refund:
    """Read a refund, of which an order says no more than the amount: negative, tax and shipping included."""
    total = amount(part.get("total"), currency)
    if total is None:
        raise Unreadable("amount_invalid")
    if total > 0:
        raise Unreadable("refund_negative")
    return Refund(identifier(part.get("id")), money=-total)


def _buyer(order: dict[str, Any]) -> CustomerNews | None:
    """Read the person of an order, whose mere mention is older than any other news; None for a guest, whose id is 0."""
    customer_id = optional_identifier(order.get("customer_id"))
    billing = order.get("billing")
    if customer_id in {None, "0"}:
        return None
    return _person(customer_id or "", billing if isinstance(billing, dict) else {}, {}, OLDEST)


def _customer_news(customer: dict[str, Any], received_at: Instant | None, *, created: bool) -> CustomerNews:
    changed_at = time(customer.get("date_modified_gmt")) or time(customer.get("date_created_gmt")) or received_at
    if changed_at is None:
        raise Unreadable("time_invalid")
    billing = customer.get("billing")
    address = billing if isinstance(billing, dict) else {}
    return _person(identifier(customer.get("id")), customer, address, changed_at, created=created)


def _person(
    customer_id: str, named: dict[str, Any], address: dict[str, Any], changed_at: Instant, *, created: bool = False
) -> CustomerNews:
    """Read a person; what they are not named by, their address may say. WooCommerce verifies neither e-mail nor phone
    and has no tags."""

    def said(name: str) -> str | None:
        return text(named.get(name)) or text(address.get(name))

    names = (said(part) for part in ("first_name", "last_name"))
    return CustomerNews(
        customer_id=customer_id,
        occurred_at=changed_at,
        name=" ".join(name.strip() for name in names if name) or None,
        email=said("email"),
        phone=said("phone"),
        created=created,
    )
