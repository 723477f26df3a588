"""Our own events as news of the domain, for shops that no storefront of this project reads. The contract is
docs/events.schema.json; an event that breaks it is ignored whole, with the reason.
"""

from types import MappingProxyType
from typing import Any, Final

from cashback.domain.contacts import contacts_of
from cashback.domain.facts import MAX_LINES, Body, Facts, Line, Refund, RefundLine
from cashback.domain.names import EVENTS
from cashback.domain.news import CustomerDeleted, CustomerNews, Ignored
from cashback.domain.orders import News, Told
from cashback.domain.settings import Settings
from cashback.domain.times import OLDEST, Instant
from cashback.storefronts.contract import Reader
from cashback.storefronts.fields import MOST_REFUNDS, Unreadable, dated, fitting, in_range, whole

CREATED: Final = "order.created"
PAID: Final = "order.paid"
COMPLETED: Final = "order.completed"
CANCELLED: Final = "order.cancelled"
REFUNDED: Final = "order.refunded"
CUSTOMER_CREATED: Final = "customer.created"
CUSTOMER_UPDATED: Final = "customer.updated"
CUSTOMER_DELETED: Final = "customer.deleted"
REVIEWED: Final = "review.created"

_ORDERS: Final = frozenset({CREATED, PAID, COMPLETED, CANCELLED, REFUNDED})
TYPES: Final = _ORDERS | {CUSTOMER_CREATED, CUSTOMER_UPDATED, CUSTOMER_DELETED, REVIEWED}

_STATUSES: Final = frozenset({"created", "paid", "completed", "cancelled"})

_EVENT: Final = frozenset({"type", "occurred_at", "data"})
_ORDER: Final = frozenset(
    {
        "order_id",
        "status",
        "created_at",
        "paid_at",
        "updated_at",
        "currency",
        "total",
        "source",
        "delivery_type",
        "customer",
        "lines",
        "shipping",
        "tax",
        "paid_with_cashback",
        "payment_method",
        "test",
    }
)
_BUYER: Final = frozenset({"customer_id", "name", "email", "email_verified", "phone", "phone_verified"})
_CUSTOMER: Final = _BUYER | {"birthday", "tags"}
_LINE: Final = frozenset(
    {
        "line_id",
        "product_id",
        "sku",
        "vendor",
        "category",
        "tags",
        "quantity",
        "unit_price",
        "discount",
        "tax",
        "gift_card",
    }
)
_REFUND: Final = frozenset({"refund_id", "lines", "amount"})
_REFUND_LINE: Final = frozenset({"line_id", "quantity", "amount"})
_REVIEW: Final = frozenset({"review_id", "order_id", "rating"})


def normalise(_topic: str, payload: dict[str, Any], settings: Settings, _received_at: Instant | None = None) -> Told:
    """Say what an event means; ``Ignored`` with a reason where it is a test or breaks the contract.

    The type stands in the body, which is signed, and so does the time; the headers say nothing.
    """
    kind = payload.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return Ignored("type_unknown")
    try:
        event = Reader.of(payload, _EVENT)
        occurred_at = event.needed_time("occurred_at")
        if kind in _ORDERS:
            return _order_event(kind, event, settings, occurred_at)
        if kind == REVIEWED:
            return _review(event, occurred_at)
        customer = event.inner("data", frozenset({"customer"})).inner("customer", _CUSTOMER)
        if kind == CUSTOMER_DELETED:
            return CustomerDeleted(customer.identifier("customer_id"), occurred_at)
        return _person(customer, occurred_at, created=kind == CUSTOMER_CREATED)
    except Unreadable as error:
        return Ignored(error.reason)


def _order_event(kind: str, event: Reader, settings: Settings, occurred_at: Instant) -> News | Ignored:
    """Read an event of an order. Its type and the order's status both say what happened; completed orders are paid.

    Of a refunded order the id suffices; where it has lines, it is read whole.
    """
    data = event.inner("data", frozenset({"order", "refund"} if kind == REFUNDED else {"order"}))
    order = data.inner("order", _ORDER)
    if order.flag("test"):
        return Ignored("test_order")
    refunds = {}
    if kind == REFUNDED:
        foreign = "currency" in order and order.currency() != settings.currency.code
        refund = _refund(data.inner("refund", _REFUND), settings, occurred_at, foreign=foreign)
        refunds[refund.refund_id] = refund
    whole_order = kind != REFUNDED or "lines" in order
    status = order.needed("status") if whole_order else order.members.get("status")
    if status is not None and (not isinstance(status, str) or status not in _STATUSES):
        raise Unreadable("status_unknown")
    buyer = _buyer(order)
    was_paid = kind == PAID or status in {"paid", "completed"}
    body = _body(order, buyer, settings, occurred_at, paid=was_paid) if whole_order else None
    updated_at = body.updated_at if body else order.time("updated_at") or occurred_at
    facts = Facts(
        body=body,
        paid=was_paid,
        completed=kind == COMPLETED or status == "completed",
        cancelled=kind == CANCELLED or status == "cancelled",
        refunds=MappingProxyType(refunds),
        began_at=occurred_at if kind == CREATED and "created_at" not in order else None,
    )
    facts = dated(
        facts,
        updated_at,
        paid=order.time("paid_at") or (occurred_at if kind == PAID else None),
        completed=occurred_at if kind == COMPLETED else None,
        cancelled=occurred_at if kind == CANCELLED else None,
    )
    person = _person(buyer, OLDEST) if body and buyer and body.customer_id else None
    guest = body is not None and body.customer_id is None
    contacts = contacts_of(buyer.text("email"), buyer.text("phone")) if buyer and guest else frozenset()
    return News(order.identifier("order_id"), EVENTS, facts, person, contacts)


def _body(order: Reader, buyer: Reader | None, settings: Settings, occurred_at: Instant, *, paid: bool) -> Body:
    """Read what was sold. Prices and discounts are without tax, which stands apart.

    An order in another currency is held, so its amounts need not fit the decimals of the store's.
    """
    currency, code = settings.currency, order.currency()
    exact = code == currency.code
    order.needed("lines")
    goods = order.many("lines", _LINE)
    lines = fitting(_line(line, settings, exact=exact) for line in goods[:MAX_LINES])
    if len({line.line_id for line in lines}) < len(lines):
        raise Unreadable("line_twice")
    updated_at = order.needed_time("updated_at")
    taxes = sum(line.tax for line in lines)
    tax = order.amount("tax", currency, exact=exact)
    method = order.text("payment_method")
    order.needed("source")
    order.needed("delivery_type")
    return Body(
        updated_at=updated_at,
        created_at=order.time("created_at") or min(updated_at, occurred_at),
        currency=code,
        lines=lines,
        total=order.amount("total", currency, exact=exact),
        shipping=order.amount("shipping", currency, exact=exact) or 0,
        tax=in_range(taxes if tax is None else tax, currency),
        customer_id=buyer.optional_identifier("customer_id") if buyer else None,
        paid=paid,
        channel=order.text("source") or "",
        delivery_type=order.text("delivery_type") or "",
        payment_methods=(method,) if method else (),
        line_count=len(goods),
        paid_with_cashback=(order.amount("paid_with_cashback", currency, exact=exact) or 0) if exact else 0,
    )


def _line(line: Reader, settings: Settings, *, exact: bool) -> Line:
    """Read a line. A quantity below one, or a discount above the price, is left for the order to be held for."""
    currency, quantity = settings.currency, whole(line.needed("quantity"))
    line.needed("unit_price")
    price = line.amount("unit_price", currency, exact=exact) or 0
    discount = line.amount("discount", currency, exact=exact) or 0
    return Line(
        line_id=line.identifier("line_id"),
        quantity=quantity,
        gross=in_range(price * quantity - discount, currency),
        current_quantity=quantity,
        tax=line.amount("tax", currency, exact=exact) or 0,
        product_id=line.optional_identifier("product_id"),
        sku=line.text("sku"),
        vendor=line.text("vendor"),
        category=line.text("category"),
        tags=line.tags() or (),
        gift_card=line.flag("gift_card"),
    )


def _refund(refund: Reader, settings: Settings, occurred_at: Instant, *, foreign: bool) -> Refund:
    """Read a refund. Its lines win: the amount counts where no line gave money back, else it is kept to compare.

    Of one in another currency only the units are read.
    """
    parts = refund.many("lines", _REFUND_LINE)
    if len(parts) > MOST_REFUNDS:
        raise Unreadable("too_many_refunds")
    lines = tuple(_refund_line(part, settings, exact=not foreign) for part in parts)
    amount = refund.amount("amount", settings.currency, exact=not foreign)
    if not lines and amount is None:
        raise Unreadable("field_missing")
    refund_id = refund.identifier("refund_id")
    if foreign:
        units = tuple(RefundLine(line.line_id, line.quantity) for line in lines)
        return Refund(refund_id, units, created_at=occurred_at, foreign=True)
    by_lines = any(line.amount != 0 for line in lines)
    return Refund(
        refund_id=refund_id,
        lines=lines,
        money=0 if by_lines else amount or 0,
        transactions=amount,
        created_at=occurred_at,
    )


def _refund_line(part: Reader, settings: Settings, *, exact: bool) -> RefundLine:
    quantity = whole(part.needed("quantity"))
    if quantity < 0:
        raise Unreadable("refund_negative")
    return RefundLine(part.identifier("line_id"), quantity, part.amount("amount", settings.currency, exact=exact))


def _review(event: Reader, occurred_at: Instant) -> News:
    """Read that a customer reviewed an order, and when. How they rated it is kept by nobody."""
    review = event.inner("data", frozenset({"review"})).inner("review", _REVIEW)
    review.rating()
    facts = Facts(reviews=MappingProxyType({review.identifier("review_id"): occurred_at}))
    return News(review.identifier("order_id"), EVENTS, facts)


def _buyer(order: Reader) -> Reader | None:
    """Return who ordered; a guest has no customer, or one without an id."""
    return order.inner("customer", _BUYER) if "customer" in order else None


def _person(customer: Reader, occurred_at: Instant, *, created: bool = False) -> CustomerNews:
    """Read a person as of this time; what is absent they do not have, but for tags, which are then as they were.

    Of one who is merely mentioned in an order that time is older than any other news.
    """
    email, phone = customer.text("email"), customer.text("phone")
    return CustomerNews(
        customer_id=customer.identifier("customer_id"),
        occurred_at=occurred_at,
        name=customer.text("name"),
        email=email,
        email_verified=customer.flag("email_verified") and email is not None,
        phone=phone,
        phone_verified=customer.flag("phone_verified") and phone is not None,
        birthday=customer.birthday(),
        tags=customer.tags(),
        created=created,
    )
