"""Bodies, queries and answers about orders and products, which only their function loads."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cashback.domain import products
from cashback.domain.names import Source
from cashback.domain.orders import Status
from cashback.domain.queries import OrdersWanted
from cashback.domain.times import Instant
from cashback.edge.fields import UNSENT, AmountText, Comment, Limit, Moment, Payload, StoredId, refuse
from cashback.edge.models import Amount, Answer, Order, Request, Word


class OrdersQuery(Request):
    """Which orders."""

    status: Status | None = None
    customer_id: StoredId | None = None
    from_: Moment | None = Field(default=None, alias="from")
    to: Moment | None = None
    limit: Limit = 20
    cursor: str | None = None

    def wanted(self) -> OrdersWanted:
        """Return what the list is asked for."""
        statuses = tuple(Status) if self.status is None else (self.status,)
        return OrdersWanted(statuses, None if self.customer_id is None else (self.customer_id,), self.from_, self.to)


class ApproveOrder(Request):
    """A yes to what the reviewer saw, or to another amount."""

    expected_amount: AmountText
    amount: AmountText = UNSENT
    comment: Comment | None = None


class RejectOrder(Request):
    """A no, and why."""

    reason: Comment
    comment: Comment | None = None


class HoldOrder(Request):
    """Why an order is set aside."""

    reason: Comment
    comment: Comment | None = None


class ReleaseOrder(Request):
    """Nothing, or what to remember of it."""

    comment: Comment | None = None


class ProcessOrder(Request):
    """Nothing, to see what would come of it; or a yes to the amount that was seen."""

    expected_amount: AmountText = UNSENT
    comment: Comment | None = None


class OrderToApprove(Request):
    """A yes to what the reviewer saw of one order."""

    order_id: StoredId
    expected_amount: AmountText


def _no_order_twice(orders: list[OrderToApprove]) -> list[OrderToApprove]:
    if len({order.order_id for order in orders}) < len(orders):
        raise refuse("duplicate")
    return orders


class ApproveOrders(Request):
    """Yes to many orders, each decided on its own."""

    orders: Annotated[list[OrderToApprove], Field(min_length=1, max_length=100), AfterValidator(_no_order_twice)]

    def expected(self) -> Mapping[str, str]:
        """Return the amount that the reviewer saw of each order."""
        return {order.order_id: order.expected_amount for order in self.orders}


class ImportOrders(Request):
    """Bodies of orders as the source's webhooks send them; of ``events``, whole events whose type is ``order.*``."""

    source: Source
    orders: Annotated[list[Payload], Field(min_length=1, max_length=100)]


class ProductsQuery(Request):
    """Which products."""

    limit: Limit = 20
    cursor: str | None = None


class PutProduct(Request):
    """A product as it is to be; what is left out, it has none of."""

    title: Word | None = None
    vendor: Word | None = None
    categories: Annotated[list[Word], Field(max_length=products.MOST_CATEGORIES)] = Field(default_factory=list)
    tags: Annotated[list[Word], Field(max_length=products.MOST_TAGS)] = Field(default_factory=list)

    def product(self, product_id: str, now: Instant) -> products.Product:
        """Return the product, as of now."""
        return products.Product(
            product_id, now, self.title, self.vendor, categories=tuple(self.categories), tags=tuple(self.tags)
        )


# ---- answers


class OrderPage(Answer):
    """Some orders, newest first."""

    items: list[Order]
    next_cursor: str | None


class ProcessedLine(Answer):
    """What a line earns."""

    line_id: str
    base: Amount
    rate: str
    award: Amount


class ProcessedOrder(Answer):
    """An order as processing leaves it or, in a ``dry_run``, would; ``amount`` is what that credits."""

    dry_run: bool
    order_id: str
    status: Status
    status_label: str
    reason: str
    amount: Amount
    tier: str | None
    rate: str | None
    lines: list[ProcessedLine]


class OrderApproval(Answer):
    """What became of one order: ``approved``, or the code of what its own call would have been refused with."""

    order_id: str
    outcome: str
    status: int
    order: Order | None


class OrderApprovals(Answer):
    """What became of each order, in the order asked for."""

    results: list[OrderApproval]


class ImportedOrder(Answer):
    """What became of the body at this index. One that is ``busy`` is recorded by the same call made again."""

    index: int
    order_id: str | None
    outcome: Literal["recorded", "unchanged", "ignored", "failed", "busy"]
    reason: str
    status: Status | None
    status_label: str | None


class ImportedOrders(Answer):
    """What became of each body, in the order sent."""

    results: list[ImportedOrder]


class Product(Answer):
    """A product of the catalogue, as its shop or an admin told of it last."""

    product_id: str
    title: str | None
    vendor: str | None
    categories: list[str]
    tags: list[str]
    updated_at: Instant


class ProductPage(Answer):
    """Some products, by id."""

    items: list[Product]
    next_cursor: str | None
