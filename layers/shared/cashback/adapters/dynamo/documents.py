"""Orders as items. What lists and conditions need stands as attributes; the rest is one compressed attribute, so that
an order of a dozen lines stays within one write unit. What the keys say stands there only."""

from collections.abc import Mapping
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import asdict

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.packing import Packing
from cashback.domain.due import DueKind
from cashback.domain.errors import OrderTooLarge
from cashback.domain.facts import Facts
from cashback.domain.orders import REVIEWED, Order, Review, Status, Step, Terms
from cashback.domain.rules import NOTHING, Calculation
from cashback.domain.times import Instant, microseconds


class _Detail(Struct, omit_defaults=True):
    """What is compressed. Fields that newer code adds need a default, and older code ignores them."""

    facts: Facts
    source: str = ""
    first_seen_at: Instant = ""
    terms: Terms | None = None
    calculation: Calculation = NOTHING
    clawed: frozenset[str] = frozenset()
    undone: frozenset[str] = frozenset()
    given_back: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    reviews: tuple[Review, ...] = ()
    history: tuple[Step, ...] = ()
    recorded: Mapping[str, Instant] = {}


_IN_KEYS = frozenset({"order_id", "customer_id"})
_ATTRIBUTES = tuple(name for name in Order.__struct_fields__ if name not in {*_Detail.__struct_fields__, *_IN_KEYS})
_ALWAYS = frozenset({"rev"})
_FIELDS = frozenset(Order.__struct_fields__)
_attributes, _detail = attrgetter(*_ATTRIBUTES), attrgetter(*_Detail.__struct_fields__)

_FIRST_DICTIONARY = (
    b'{"facts":{"body":{"updated_at":"2026-01-01T00:00:00.000000Z","created_at":"2026-01-01T00:00:00.000000Z",'
    b'"currency":"USD","lines":[{"line_id":"1000","quantity":1,"gross":1000,"current_quantity":1,"tax":100,'
    b'"product_id":"1000","sku":"A-1","vendor":"A","category":"A","tags":["a"],"gift_card":true},{"line_id":"1000",'
    b'"quantity":1,"gross":1000,"current_quantity":1,"tax":100,"product_id":"1000","sku":"A-1","vendor":"A"}],'
    b'"total":1000,"shipping":100,"shipping_tax":10,"tax":100,"tips_and_fees":100,"taxes_included":true,'
    b'"customer_id":"1000","customer_tags":["a"],"channel":"website","delivery_type":"delivery",'
    b'"payment_methods":["shopify_payments"],"line_count":1},"paid":true,"completed":true,"cancelled":true,'
    b'"refunds":{"1000":{"refund_id":"1000","lines":[{"line_id":"1000","quantity":1,"amount":1000}],"money":100,'
    b'"shipping":100,"transactions":1000,"created_at":"2026-01-01T00:00:00.000000Z"}}},"terms":{"settings_version":1,'
    b'"mode":"automatic"},"calculation":{"lines":[{"line_id":"1000","base":1000,"rate":"1/20","award":50},'
    b'{"line_id":"1000","base":1000,"rate":"1/20","award":50}],"award":100,"rate":"1/20"},"clawed":["1000"],"history":'
    b'[{"status":"awaiting","reason":"not_paid","at":"2026-01-01T00:00:00.000000Z","actor":"shop:shopify"},'
    b'{"status":"partially_reversed","reason":"refunded","at":"2026-01-01T00:00:00.000000Z","actor":"shop:shopify"},'
    b'{"status":"processed","reason":"awarded","at":"2026-01-01T00:00:00.000000Z","actor":"shop:shopify"}]}'
)

_DICTIONARY = (
    b'{"facts":{"body":{"updated_at":"2026-01-01T00:00:00.000000Z","created_at":"2026-01-01T00:00:00.000000Z",'
    b'"currency":"USD","lines":[{"line_id":"1000","quantity":1,"gross":1000,"current_quantity":1,"tax":100,'
    b'"product_id":"1000","sku":"A-1","vendor":"A","category":"A","tags":["a"],"gift_card":true}],"total":1000,'
    b'"shipping":100,"shipping_tax":10,"tax":100,"tips_and_fees":100,"taxes_included":true,"customer_id":"1000",'
    b'"customer_tags":["a"],"contacts":["a"],"paid":true,"channel":"website","delivery_type":"delivery",'
    b'"payment_methods":["shopify_payments"],"line_count":1,"refund_ids":["1000"]},"paid":true,"completed":true,'
    b'"cancelled":true,"refunds":{"1000":{"refund_id":"1000","lines":[{"line_id":"1000","quantity":1,"amount":1000}],'
    b'"money":100,"shipping":100,"transactions":1000,"created_at":"2026-01-01T00:00:00.000000Z"}},"since":'
    b'{"completed":"2026-01-01T00:00:00.000000Z","paid":"2026-01-01T00:00:00.000000Z"}},"source":"shopify",'
    b'"first_seen_at":"2026-01-01T00:00:00.000000Z","terms":{"settings_version":1,"mode":"automatic","tier":"A",'
    b'"tier_rate":"1/20"},"calculation":{"lines":[{"line_id":"1000","base":1000,"rate":"1/20","award":50}],"award":100,'
    b'"rate":"1/20","share":"1"},"clawed":["1000"],"reviews":[{"verdict":"approved","actor":"key:key_",'
    b'"at":"2026-01-01T00:00:00.000000Z","request_hash":"a","body_hash":"a","expected":1000,"amount":1000,'
    b'"comment":"a"}],"history":[{"status":"awaiting","reason":"not_paid","at":"2026-01-01T00:00:00.000000Z",'
    b'"actor":"shop:woocommerce"},{"status":"pending","reason":"manual_review","at":"2026-01-01T00:00:00.000000Z",'
    b'"actor":"shop:shopify"},{"status":"partially_reversed","reason":"refunded","at":"2026-01-01T00:00:00.000000Z",'
    b'"actor":"shop:shopify"},{"status":"processed","reason":"approved","at":"2026-01-01T00:00:00.000000Z",'
    b'"actor":"key:key_"},{"status":"processed","reason":"awarded","at":"2026-01-01T00:00:00.000000Z",'
    b'"actor":"shop:shopify"}],"recorded":{"created":"2026-01-01T00:00:00.000000Z",'
    b'"paid":"2026-01-01T00:00:00.000000Z","ref:1000":"2026-01-01T00:00:00.000000Z"}}'
)
"""What documents have in common, so that zlib need not store it in each: an order takes two fifths less. Documents are
written by this one, and read by either: both are part of the format, never to be changed."""


MAX_DETAIL = 300_000
"""Bytes of the compressed attribute; with all the others, of which those that hold ids and texts are a few hundred
bytes each, an item stays below DynamoDB's 400 KB."""


def order_item(store_id: str, order: Order) -> Item:
    """Return an order as it is stored, with its places in the indexes: of the status, of the customer who has it, and
    of when it is due if it waits for one. When it last moved, and while it waits for a review since when it does, is
    for those who count it without reading it; the first a number, which takes a third of the bytes.

    :raises OrderTooLarge: it would not fit.
    """
    pk, sk = keys.order(store_id, order.order_id)
    item: Item = {
        "pk": pk,
        "sk": sk,
        "listing_pk": keys.orders_by_status(store_id, order.status),
        "listing_sk": keys.listed(order.created_at, order.order_id),
    }
    if order.customer_id is not None:
        item["customer_pk"] = keys.orders_by_customer(store_id, order.customer_id)
    item |= DueIndex.attributes(store_id, DueKind.GUEST, order.order_id, order.claim_until)
    if order.history:
        item["moved"] = microseconds(order.history[-1].at)
    if order.status in REVIEWED:
        item["queued_at"] = order.queued_at
    item |= {
        name: value for name, value in zip(_ATTRIBUTES, _attributes(order), strict=True) if value or name in _ALWAYS
    }
    told = zip(_Detail.__struct_fields__, _detail(order), strict=True)
    packed = _PACKING.pack(_Detail(**{name: value for name, value in told if value}))
    if len(packed) > MAX_DETAIL:
        raise OrderTooLarge
    return item | {"detail": packed}


def order_of(item: Item) -> Order:
    """Read an order back. What newer code added is ignored, and lost when the order is written again; what older code
    did not write has its default, and what it wrote beside the compressed attribute is read there."""
    customer = {"customer_id": keys.last_id(item["customer_pk"])} if "customer_pk" in item else {}
    beside = {name: value for name, value in item.items() if name in _FIELDS}
    detail = asdict(_PACKING.unpack(item["detail"]))
    return Order(
        **{"order_id": keys.last_id(item["pk"]), **customer, **detail, **beside, "status": Status(item["status"])}
    )


_PACKING = Packing[_Detail](_Detail, _DICTIONARY, _FIRST_DICTIONARY)
