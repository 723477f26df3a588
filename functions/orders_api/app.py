"""Orders: list, read, approve and reject."""

from typing import Annotated, Any

from cashback.edge import deps, views
from cashback.edge.clock import now
from cashback.edge.fields import StoredId
from cashback.edge.http import Api, Path, Query, Response, Role, answer
from cashback.edge.models import ApproveOrder, Order, OrderDetail, OrderPage, OrdersQuery, RejectOrder
from cashback.edge.reviews import approval, rejection
from cashback.services import read_orders, review_order
from cashback.services.read_store import read_settings

api = Api()


@api.route("GET", "/v1/orders", Role.VIEWER)
def list_orders(query: Annotated[OrdersQuery, Query()]) -> Response[OrderPage]:
    """List the store's orders, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    place = cursors.read(query.cursor)
    orders, place = read_orders.list_orders(books, store_id, query.wanted(), query.limit, place)
    return answer(views.order_page(orders, cursors.make(place), read_settings(books, store_id).currency))


@api.route("GET", "/v1/orders/<order_id>", Role.VIEWER)
def read_order(order_id: Annotated[StoredId, Path()]) -> Response[OrderDetail]:
    """Read an order with its lines, refunds, transactions and history."""
    store_id, books = api.caller().store_id, deps.books()
    order, lines = read_orders.read_order(books, store_id, order_id)
    return answer(views.order_detail(order, lines, read_settings(books, store_id).currency))


@api.route("POST", "/v1/orders/<order_id>/approve", Role.OPERATOR, needs_key=True)
def approve(order_id: Annotated[StoredId, Path()], body: ApproveOrder) -> Response[Order]:
    """Credit an order that waits for review."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings = read_settings(books, who.store_id).settings()
    review = approval(body, settings.currency, who, request, now())
    order, replayed = review_order.approve_order(books, settings, order_id, review, who.role)
    return answer(views.order(order, settings.currency), replayed=replayed)


@api.route("POST", "/v1/orders/<order_id>/reject", Role.OPERATOR, needs_key=True)
def reject(order_id: Annotated[StoredId, Path()], body: RejectOrder) -> Response[Order]:
    """Refuse an order that waits for review, for good."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings, review = read_settings(books, who.store_id).settings(), rejection(who, request, now())
    order, replayed = review_order.reject_order(books, settings, order_id, body.reason, review)
    return answer(views.order(order, settings.currency), replayed=replayed)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
