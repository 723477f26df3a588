"""Shopify's order, refund, customer and product bodies as facts of the domain. Source: the Admin REST resources of
these names.

Only the body was signed, so the body decides what it is. The topic is a hint, needed where the body is nothing but an
id.
"""

import re
from types import MappingProxyType
from typing import Any, Final

from cashback.domain.contacts import contacts_of, email_of, phone_of
from cashback.domain.facts import MAX_LINES, Body, Facts, Line
from cashback.domain.money import Currency
from cashback.domain.names import SHOPIFY
from cashback.domain.news import (
    CustomerDeleted,
    CustomerNews,
    CustomersMerged,
    DataRequested,
    Ignored,
    ProductDeleted,
    ProductNews,
    StoreRedacted,
)
from cashback.domain.orders import News, Told
from cashback.domain.products import Product
from cashback.domain.settings import Settings
from cashback.domain.times import OLDEST, Instant
from cashback.storefronts.fields import (
    MOST_REFUNDS,
    Unreadable,
    dated,
    fitting,
    flag,
    identifier,
    in_range,
    objects,
    optional_identifier,
    tags,
    text,
    time,
    whole,
)
from cashback.storefronts.shopify_refunds import money, refund, total

REGISTERED: Final = "customers/create"
PRODUCT_DELETED: Final = "products/delete"

TOPICS: Final = frozenset(
    {
        "orders/create",
        "orders/paid",
        "orders/updated",
        "orders/edited",
        "orders/cancelled",
        "orders/fulfilled",
        "refunds/create",
        REGISTERED,
        "customers/update",
        "customers/merge",
        "customers/redact",
        "customers/data_request",
        "shop/redact",
        "products/create",
        "products/update",
        PRODUCT_DELETED,
    }
)

_WAS_PAID: Final = frozenset({"paid", "partially_refunded", "refunded"})
_CHANNELS: Final = {"web": "website", "pos": "pos"}


_WRAPPERS: Final = frozenset({"order", "refund", "customer", "product"})
_CUSTOMER: Final = frozenset({"email", "first_name", "verified_email"})
_KEPT: Final = "admin_graphql_api_customer_kept_id"
_DELETED: Final = "admin_graphql_api_customer_deleted_id"
_GLOBAL_ID: Final = r"gid://shopify/Customer/([0-9]+)"
_MERGED: Final = "completed"
_STORE: Final = frozenset({"shop_id", "shop_domain"})
_PRODUCT: Final = frozenset({"id", "product_type", "tags"})
"""Without its type and tags the rules could not go by a product."""


def normalise(topic: str, payload: dict[str, Any], settings: Settings, received_at: Instant | None = None) -> Told:
    """Say what a body means; ``Ignored`` with a reason where it means nothing or cannot be understood.

    ``received_at`` stands in for the time of a body that has none.
    """
    payload = _unwrapped(payload)
    try:
        if topic and topic not in TOPICS and not (topic.startswith("orders/") and _is_order(payload)):
            return Ignored("topic_unknown")
        if "order_edit" in payload:
            return Ignored("no_totals")
        if _is_order(payload):
            return _order_news(payload, settings, received_at)
        if "order_id" in payload and "refund_line_items" in payload:
            return _refund_news(payload, settings.currency)
        if _is_product(payload):
            return ProductNews(_product(payload, received_at))
        if _is_customer(payload):
            return _customer(payload, received_at, created=topic == REGISTERED)
        if payload.keys() == {"id"} and topic == PRODUCT_DELETED and received_at is not None:
            return ProductDeleted(identifier(payload["id"]), received_at)
        if _KEPT in payload and _DELETED in payload:
            return _merge(payload, received_at)
        if payload.keys() >= _STORE:
            return _privacy(payload, received_at)
    except Unreadable as error:
        return Ignored(error.reason)
    return Ignored("topic_shape")


def _unwrapped(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the resource itself where it is wrapped in its name, as the API's answers are."""
    if len(payload) != 1:
        return payload
    ((name, inner),) = payload.items()
    return inner if name in _WRAPPERS and isinstance(inner, dict) else payload


def _is_order(payload: dict[str, Any]) -> bool:
    """Tell an order from drafts and checkouts, which have lines too but no financial status."""
    return "line_items" in payload and "financial_status" in payload


def _is_customer(payload: dict[str, Any]) -> bool:
    others = "order_id" in payload or "line_items" in payload
    return "id" in payload and not others and not _CUSTOMER.isdisjoint(payload)


def _is_product(payload: dict[str, Any]) -> bool:
    """Tell a product from what is like it: a collection has no type, and what was left out of a body is unknown."""
    return payload.keys() >= _PRODUCT


def _merge(payload: dict[str, Any], received_at: Instant | None) -> CustomersMerged | Ignored:
    """Read that two customers became one; the job may also say that it began, or that it failed."""
    if payload.get("status") != _MERGED:
        return Ignored("merge_not_completed")
    kept, deleted = _global_id(payload[_KEPT]), _global_id(payload[_DELETED])
    if kept == deleted:
        return Ignored("merge_into_itself")
    return CustomersMerged(kept, deleted, _told_at(received_at))


def _privacy(payload: dict[str, Any], received_at: Instant | None) -> Told:
    """Read one of the three requests that privacy laws make of an app; each has a shape of its own and no time."""
    person, request = payload.get("customer"), payload.get("data_request")
    if isinstance(person, dict) and "orders_to_redact" in payload:
        return CustomerDeleted(identifier(person.get("id")), _told_at(received_at))
    if isinstance(person, dict) and isinstance(request, dict):
        return DataRequested(identifier(person.get("id")), identifier(request.get("id")), _told_at(received_at))
    shop_domain = text(payload["shop_domain"])
    if payload.keys() != _STORE or shop_domain is None:
        return Ignored("topic_shape")
    return StoreRedacted(shop_domain, _told_at(received_at))


def _global_id(value: object) -> str:
    found = re.fullmatch(_GLOBAL_ID, value) if isinstance(value, str) else None
    if found is None:
        raise Unreadable("id_invalid")
    return identifier(found[1])


def _told_at(received_at: Instant | None) -> Instant:
    """The time of a body that has none."""
    if received_at is None:
        raise Unreadable("time_invalid")
    return received_at


def _order_news(order: dict[str, Any], settings: Settings, received_at: Instant | None) -> News | Ignored:
    if flag(order.get("test")):
        return Ignored("test_order")
    order_id = identifier(order.get("id"))
    updated_at = time(order.get("updated_at")) or time(order.get("created_at")) or received_at
    if updated_at is None:
        raise Unreadable("time_invalid")
    embedded = objects(order.get("refunds"))
    if len(embedded) > MOST_REFUNDS:
        raise Unreadable("too_many_refunds")
    refunds = [refund(part, settings.currency) for part in embedded]
    buyer = order.get("customer")
    customer = _customer(buyer, OLDEST) if isinstance(buyer, dict) and buyer.get("id") is not None else None
    status, cancelled_at = text(order.get("financial_status")), time(order.get("cancelled_at"))
    facts = Facts(
        body=_body(order, updated_at, customer, settings),
        paid=status in _WAS_PAID,
        completed=order.get("fulfillment_status") == "fulfilled",
        cancelled=cancelled_at is not None or status == "voided",
        refunds=MappingProxyType({part.refund_id: part for part in refunds}),
    )
    facts = dated(facts, updated_at, cancelled=cancelled_at)
    guest = frozenset() if customer else _guest(order)
    return News(order_id, SHOPIFY, facts, customer, guest, of_regular=_is_of_regular(order))


def _is_of_regular(order: dict[str, Any]) -> bool:
    """Tell whether the customer is of an earlier day than the order, by the shop's clock. Only a hint, so that neither
    need be a time."""
    person = order.get("customer")
    since, at = person.get("created_at") if isinstance(person, dict) else None, order.get("created_at")
    return isinstance(since, str) and isinstance(at, str) and "" < since[:10] < at[:10]


def _guest(order: dict[str, Any]) -> frozenset[str]:
    """Return what a guest can be recognised by: what the order says itself, else the address or the nameless buyer."""
    places = (order, order.get("billing_address"), order.get("customer"))
    told = [place for place in places if isinstance(place, dict)]
    emails = (text(place.get(name)) for place in told for name in ("email", "contact_email"))
    phones = (text(place.get("phone")) for place in told)
    return contacts_of(next(filter(email_of, emails), None), next(filter(phone_of, phones), None))


def _refund_news(payload: dict[str, Any], currency: Currency) -> News:
    part = refund(payload, currency)
    return News(identifier(payload.get("order_id")), SHOPIFY, Facts(refunds=MappingProxyType({part.refund_id: part})))


def _body(order: dict[str, Any], updated_at: Instant, customer: CustomerNews | None, settings: Settings) -> Body:
    currency = settings.currency
    goods = [line for line in objects(order.get("line_items")) if not _is_tip(line)]
    deliveries = [line for line in objects(order.get("shipping_lines")) if not flag(line.get("is_removed"))]
    shipping = sum(_discounted(line, money(line, "price", currency) or 0, currency) for line in deliveries)
    tax_lines = order.get("tax_lines")
    tax = money(order, "total_tax", currency) if tax_lines is None else total(objects(tax_lines), "price", currency)
    source_name = text(order.get("source_name")) or ""
    return Body(
        updated_at=updated_at,
        created_at=time(order.get("created_at")) or updated_at,
        currency=text(order.get("currency")) or "",
        lines=fitting(_line(line, currency) for line in goods[:MAX_LINES]),
        total=money(order, "total_price", currency),
        shipping=in_range(shipping, currency),
        shipping_tax=in_range(sum(_tax(line, currency) for line in deliveries), currency),
        tax=in_range(tax or 0, currency),
        tips_and_fees=in_range(_tips_and_fees(order, currency), currency),
        taxes_included=flag(order.get("taxes_included")),
        customer_id=customer.customer_id if customer else None,
        customer_tags=(customer.tags if customer else None) or (),
        paid=text(order.get("financial_status")) in _WAS_PAID,
        channel=_CHANNELS.get(source_name, source_name),
        delivery_type="delivery" if deliveries else "pickup",
        payment_methods=_gateways(order),
        line_count=len(goods),
    )


def _line(line: dict[str, Any], currency: Currency) -> Line:
    """Read a line as sold. What it was discounted by stands in its allocations only: ``total_discount`` leaves out
    what was taken off the whole order."""
    price, quantity = money(line, "price", currency), whole(line.get("quantity"))
    if price is None:
        raise Unreadable("amount_invalid")
    left = line.get("current_quantity")
    return Line(
        line_id=identifier(line.get("id")),
        quantity=quantity,
        gross=in_range(_discounted(line, price * quantity, currency), currency),
        current_quantity=quantity if left is None else whole(left),
        tax=in_range(_tax(line, currency), currency),
        product_id=optional_identifier(line.get("product_id")),
        sku=text(line.get("sku")),
        vendor=text(line.get("vendor")),
        gift_card=flag(line.get("gift_card")),
    )


def _is_tip(line: dict[str, Any]) -> bool:
    """Tell a tip, which is listed as a line but counted in ``total_tip_received`` and never earns."""
    return bool(line.get("tip") or line.get("tip_payment_gateway") or line.get("tip_payment_method"))


def _discounted(line: dict[str, Any], price: int, currency: Currency) -> int:
    """Return a price less its discounts; one below zero is none, because nothing may earn more than its price."""
    return price - max(0, total(objects(line.get("discount_allocations")), "amount", currency))


def _tax(line: dict[str, Any], currency: Currency) -> int:
    return total(objects(line.get("tax_lines")), "price", currency)


def _tips_and_fees(order: dict[str, Any], currency: Currency) -> int:
    """Return tips, duties and additional fees, as they were when ``total_price`` was."""
    added = money(order, "total_tip_received", currency) or 0
    for name in ("total_duties", "total_additional_fees"):
        original = money(order, f"original_{name}", currency)
        added += (money(order, f"current_{name}", currency) if original is None else original) or 0
    return added


def _gateways(order: dict[str, Any]) -> tuple[str, ...]:
    names = order.get("payment_gateway_names")
    listed = names if isinstance(names, list) else [order.get("gateway")]
    return tuple(name for name in (text(entry) for entry in listed) if name)


def _customer(customer: dict[str, Any], heard_at: Instant | None, *, created: bool = False) -> CustomerNews:
    """Read a person as of their own ``updated_at``; a mere mention in an order is older than any other news."""
    occurred_at = time(customer.get("updated_at")) or heard_at or time(customer.get("created_at"))
    if occurred_at is None:
        raise Unreadable("time_invalid")
    names = (text(customer.get(part)) for part in ("first_name", "last_name"))
    email = text(customer.get("email"))
    return CustomerNews(
        customer_id=identifier(customer.get("id")),
        occurred_at=occurred_at,
        name=" ".join(name.strip() for name in names if name) or None,
        email=email,
        email_verified=email is not None and flag(customer.get("verified_email")),
        phone=text(customer.get("phone")),
        tags=tags(customer.get("tags")),
        created=created,
    )


def _product(product: dict[str, Any], received_at: Instant | None) -> Product:
    """Read a product, whose one category is its type."""
    updated_at = time(product.get("updated_at")) or time(product.get("created_at")) or received_at
    if updated_at is None:
        raise Unreadable("time_invalid")
    category = text(product.get("product_type"))
    return Product(
        product_id=identifier(product.get("id")),
        updated_at=updated_at,
        title=text(product.get("title")),
        vendor=text(product.get("vendor")),
        categories=(category,) if category else (),
        tags=tags(product.get("tags")) or (),
    )
