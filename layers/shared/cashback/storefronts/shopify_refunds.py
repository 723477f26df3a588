"""Money and refunds in Shopify's bodies, in the shop's currency only.

A refund looks the same inside an order and in ``refunds/create``, and is read by the same function, so that both are
the same refund.
"""

from collections.abc import Iterable
from typing import Any, Final

from cashback.domain.facts import Refund, RefundLine
from cashback.domain.money import Currency
from cashback.domain.times import Instant
from cashback.storefronts.fields import (
    MOST_REFUNDS,
    Unreadable,
    amount,
    identifier,
    in_range,
    objects,
    time,
    whole,
)

_MOVED: Final = "success"
_MOVING: Final = "pending"


def money(holder: dict[str, Any], name: str, currency: Currency) -> int | None:
    """Return the shop money of a field in minor units, from ``<name>_set`` where the body has it, else from the plain
    field of older bodies; None where it has neither. Presentment money is never read.

    :raises Unreadable: ``amount_invalid``.
    """
    bag = holder.get(f"{name}_set")
    shop = bag.get("shop_money") if isinstance(bag, dict) else None
    sent = shop.get("amount") if isinstance(shop, dict) else None
    return amount(holder.get(name) if sent is None else sent, currency)


def total(holders: Iterable[dict[str, Any]], name: str, currency: Currency) -> int:
    """Return the sum of one field of many."""
    added = 0
    for holder in holders:
        added += money(holder, name, currency) or 0
    return added


def refund(body: dict[str, Any], currency: Currency) -> Refund:
    """Read one refund. Of one in another currency only the units are read.

    ``money`` is what was given back beyond the lines: discrepancies between what Shopify computed and what was paid,
    else, where no line has an amount, what the transactions moved and neither shipping, tax, duties nor fees explain.

    :raises Unreadable: with the reason.
    """
    parts = objects(body.get("refund_line_items"))
    if len(parts) > MOST_REFUNDS:
        raise Unreadable("too_many_refunds")
    lines = tuple(_line(part, currency) for part in parts)
    if is_foreign(body, currency):
        units = tuple(RefundLine(line.line_id, line.quantity) for line in lines)
        return Refund(identifier(body.get("id")), units, created_at=_time(body), foreign=True)
    shipping, shipping_tax = _shipping(body, currency)
    moved, moving = _moved(body, currency, _MOVED), _moved(body, currency, _MOVING)
    beyond = -total(_discrepancies(body), "amount", currency)
    if beyond < 0:
        beyond = 0 if _foreign(body, currency, _MOVING) else min(0, beyond + moving)
    elif beyond == 0 and not any(line.amount != 0 for line in lines):
        fees = (money(body, "total_duties", currency) or 0) + (money(body, "total_additional_fees", currency) or 0)
        taxes = shipping_tax + total(parts, "total_tax", currency)
        beyond = max(0, moved + moving - shipping - taxes - fees)
    return Refund(
        refund_id=identifier(body.get("id")),
        lines=lines,
        money=in_range(beyond, currency),
        shipping=in_range(shipping, currency),
        transactions=in_range(moved, currency) if moved else None,
        created_at=_time(body),
    )


def _time(body: dict[str, Any]) -> Instant | None:
    return time(body.get("created_at")) or time(body.get("processed_at"))


def is_foreign(body: dict[str, Any], currency: Currency) -> bool:
    """Tell whether a refund is told in another shop currency, or in transactions alone and those in another one."""
    bags = [part.get("subtotal_set") for part in objects(body.get("refund_line_items"))]
    bags += [part.get("subtotal_amount_set") for part in objects(body.get("refund_shipping_lines"))]
    bags += [part.get("amount_set") for part in objects(body.get("order_adjustments"))]
    shops = [bag.get("shop_money") for bag in bags if isinstance(bag, dict)]
    codes = {str(shop.get("currency_code") or currency.code) for shop in shops if isinstance(shop, dict)}
    if objects(body.get("refund_line_items")) or objects(body.get("order_adjustments")) or codes:
        return bool(codes - {currency.code})
    kinds = (_MOVED, _MOVING)
    ours = any(_moved(body, currency, kind) for kind in kinds)
    return not ours and any(_foreign(body, currency, kind) for kind in kinds)


def _line(part: dict[str, Any], currency: Currency) -> RefundLine:
    line_id = part.get("line_item_id")
    if line_id is None and isinstance(part.get("line_item"), dict):
        line_id = part["line_item"].get("id")
    quantity, subtotal = whole(part.get("quantity")), money(part, "subtotal", currency)
    if quantity < 0 or (subtotal or 0) < 0:
        raise Unreadable("refund_negative")
    return RefundLine(identifier(line_id), quantity, subtotal)


def _shipping(body: dict[str, Any], currency: Currency) -> tuple[int, int]:
    """Return what was given back of the delivery, and its tax. Since 2024-10 it stands in ``refund_shipping_lines``,
    before in adjustments (negative), and some bodies have both: it is the same money."""
    adjusted = [part for part in objects(body.get("order_adjustments")) if part.get("kind") == "shipping_refund"]
    if adjusted:
        return -total(adjusted, "amount", currency), -total(adjusted, "tax_amount", currency)
    lines = objects(body.get("refund_shipping_lines"))
    taxed = [line["shipping_line"] for line in lines if isinstance(line.get("shipping_line"), dict)]
    named = total(lines, "tax_amount", currency)
    tax = named or sum(total(objects(line.get("tax_lines")), "price", currency) for line in taxed)
    return total(lines, "subtotal_amount", currency), tax


def _discrepancies(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the adjustments that are not about shipping; ``kind`` is deprecated and may be absent.

    A positive one says that less was paid than computed. While the payment is pending there is one of the whole
    amount, which is no discount: it disappears when the money arrives.
    """
    return [part for part in objects(body.get("order_adjustments")) if part.get("kind") != "shipping_refund"]


def _moved(body: dict[str, Any], currency: Currency, status: str) -> int:
    """Return what the refund transactions of one status move; those in a presentment currency cannot be counted."""
    return total(
        (part for part in _transactions(body, status) if part.get("currency") in (None, currency.code)),
        "amount",
        currency,
    )


def _foreign(body: dict[str, Any], currency: Currency, status: str) -> bool:
    return any(part.get("currency") not in (None, currency.code) for part in _transactions(body, status))


def _transactions(body: dict[str, Any], status: str) -> list[dict[str, Any]]:
    transactions = objects(body.get("transactions"))
    return [part for part in transactions if part.get("kind") == "refund" and part.get("status") == status]
