"""Orders as items. What lists and conditions need stands as attributes; the rest is one compressed attribute, so that
an order of six lines stays within one write unit."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.domain.facts import Body, Facts, Line, Refund, RefundLine
from cashback.domain.orders import Mode, Order, Review, Status, Step, Terms
from cashback.domain.rules import Calculation, LineAward

_PLAIN = (
    "order_id",
    "source",
    "first_seen_at",
    "rev",
    "status",
    "reason",
    "customer_id",
    "basis",
    "award",
    "target",
    "owed",
    "waived",
    "spent",
    "counted",
    "queued_at",
)

_ALWAYS = frozenset({"rev"})

_DICTIONARY = (
    b'{"facts":{"body":{"updated_at":"2026-01-01T00:00:00.000000Z","created_at":"2026-01-01T00:00:00.000000Z",'
    b'"currency":"USD","lines":[{"line_id":"1000","quantity":1,"gross":1000,"current_quantity":1,"tax":0,'
    b'"product_id":"1000","sku":"A-1","vendor":"A","category":"A","tags":["a"],"gift_card":true},{"line_id":"1000",'
    b'"quantity":1,"gross":1000,"current_quantity":1,"tax":0,"product_id":"1000","sku":"A-1","vendor":"A"}],'
    b'"total":1000,"shipping":0,"shipping_tax":0,"tax":0,"tips_and_fees":0,"taxes_included":true,"customer_id":"1000",'
    b'"customer_tags":["a"],"channel":"website","delivery_type":"delivery","payment_methods":["shopify_payments"],'
    b'"line_count":1},"paid":true,"completed":false,"cancelled":false,"refunds":[{"refund_id":"1000","lines":'
    b'[["1000",1,1000]],"money":0,"shipping":0,"transactions":1000,"created_at":"2026-01-01T00:00:00.000000Z"}]},'
    b'"terms":{"settings_version":1,"mode":"automatic","tier":null,"tier_rate":null},"calculation":{"rate":"1/20",'
    b'"award":100,"reason":null,"lines":[["1000",1000,"1/20",50],["1000",1000,"1/20",50]]},"clawed":[],"review":null,'
    b'"history":[{"status":"awaiting","reason":"not_paid","at":"2026-01-01T00:00:00.000000Z","actor":"shop:shopify"},'
    b'{"status":"partially_reversed","reason":"refunded","at":"2026-01-01T00:00:00.000000Z","actor":"shop:shopify"},'
    b'{"status":"processed","reason":"awarded","at":"2026-01-01T00:00:00.000000Z","actor":"shop:shopify"}]}'
)
"""What documents have in common, so that zlib need not store it in each: an order takes half the bytes. Part of the
format, never to be changed: a better one would be a second one, told apart by the checksum that zlib puts in front."""


def order_item(store_id: str, order: Order) -> Item:
    """Return an order as it is stored, with its places in both indexes."""
    pk, sk = keys.order(store_id, order.order_id)
    place = keys.listed(order.created_at, order.order_id)
    item: Item = {"pk": pk, "sk": sk, "listing_pk": keys.orders_by_status(store_id, order.status), "listing_sk": place}
    if order.customer_id is not None:
        item |= {"customer_pk": keys.orders_by_customer(store_id, order.customer_id), "customer_sk": place}
    item |= {name: value for name in _PLAIN if (value := getattr(order, name)) or name in _ALWAYS}
    detail = {
        "facts": _facts(order.facts),
        "terms": order.terms and _small(order.terms),
        "calculation": {
            "rate": str(order.calculation.rate),
            "award": order.calculation.award,
            "reason": order.calculation.reason,
            "lines": [[line.line_id, line.base, str(line.rate), line.award] for line in order.calculation.lines],
        },
        "clawed": sorted(order.clawed),
        "review": order.review and _small(order.review),
        "history": [_small(step) for step in order.history],
    }
    return item | {"detail": _packed(detail)}


def order_of(item: Item) -> Order:
    """Read an order back. Attributes and fields that newer code added are left alone, absent ones have defaults."""
    detail = _unpacked(item["detail"])
    calculation = detail["calculation"]
    plain = {name: item[name] for name in _PLAIN if name in item}
    return Order(
        **{**plain, "status": Status(item["status"])},
        facts=_facts_of(detail["facts"]),
        terms=detail["terms"] and _terms_of(detail["terms"]),
        calculation=Calculation(
            lines=tuple(
                LineAward(line_id, base, Fraction(rate), award) for line_id, base, rate, award in calculation["lines"]
            ),
            award=calculation["award"],
            rate=Fraction(calculation["rate"]),
            reason=calculation["reason"],
        ),
        clawed=frozenset(detail["clawed"]),
        review=detail["review"] and _known(Review, detail["review"]),
        history=tuple(_known(Step, {**step, "status": Status(step["status"])}) for step in detail["history"]),
    )


def _packed(detail: dict[str, Any]) -> bytes:
    packer = zlib.compressobj(9, zdict=_DICTIONARY)
    return packer.compress(json.dumps(detail, separators=(",", ":")).encode()) + packer.flush()


def _unpacked(packed: bytes) -> dict[str, Any]:
    detail: dict[str, Any] = json.loads(zlib.decompressobj(zdict=_DICTIONARY).decompress(packed))
    return detail


def _facts(facts: Facts) -> dict[str, Any]:
    body = facts.body
    return {
        "body": body and {**_small(body), "lines": [_small(line) for line in body.lines]},
        "paid": facts.paid,
        "completed": facts.completed,
        "cancelled": facts.cancelled,
        "refunds": [_refund(refund) for refund in facts.refunds.values()],
    }


def _facts_of(values: Mapping[str, Any]) -> Facts:
    refunds = [_refund_of(refund) for refund in values["refunds"]]
    return Facts(
        body=values["body"] and _body_of(values["body"]),
        paid=values["paid"],
        completed=values["completed"],
        cancelled=values["cancelled"],
        refunds=MappingProxyType({refund.refund_id: refund for refund in refunds}),
    )


def _body_of(values: Mapping[str, Any]) -> Body:
    lines = tuple(_known(Line, line) for line in values["lines"])
    return _known(Body, {**values, "lines": lines})


def _refund(refund: Refund) -> dict[str, Any]:
    return {**_small(refund), "lines": [[line.line_id, line.quantity, line.amount] for line in refund.lines]}


def _refund_of(values: Mapping[str, Any]) -> Refund:
    return _known(Refund, {**values, "lines": tuple(RefundLine(*line) for line in values["lines"])})


def _terms_of(values: Mapping[str, Any]) -> Terms:
    rate = values.get("tier_rate")
    return _known(
        Terms, {**values, "mode": Mode(values["mode"]), "tier_rate": None if rate is None else Fraction(rate)}
    )


def _small(record: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults."""
    values = {field.name: (getattr(record, field.name), field.default) for field in fields(record)}
    kept = {name: value for name, (value, default) in values.items() if default is MISSING or value != default}
    return {name: str(value) if isinstance(value, Fraction) else value for name, value in kept.items()}


def _known[T](record: type[T], values: Mapping[str, Any]) -> T:
    """Build a dataclass from the fields it knows; lists come back as the tuples they were."""
    names = {field.name for field in fields(record)}  # type: ignore[arg-type]  # always a dataclass here
    return record(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items() if name in names})
