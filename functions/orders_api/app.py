"""Orders: list, read, approve and reject. Products: list, read, put and delete."""

from typing import Annotated, Any

from cashback.edge import deps, views
from cashback.edge.clock import now
from cashback.edge.fields import StoredId
from cashback.edge.http import Api, Path, Query, Response, Role, answer
from cashback.edge.models import (
    ApproveOrder,
    Order,
    OrderDetail,
    OrderPage,
    OrdersQuery,
    Product,
    ProductPage,
    ProductsQuery,
    PutProduct,
    RejectOrder,
)
from cashback.edge.reviews import approval, rejection
from cashback.services import manage_products, read_orders, review_order
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


@api.route("GET", "/v1/products", Role.VIEWER)
def list_products(query: Annotated[ProductsQuery, Query()]) -> Response[ProductPage]:
    """List the products of the catalogue, by id."""
    store_id, cursors = api.caller().store_id, api.cursors(query)
    products, place = manage_products.list_products(deps.books(), store_id, query.limit, cursors.read(query.cursor))
    return answer(views.product_page(products, cursors.make(place)))


@api.route("GET", "/v1/products/<product_id>", Role.VIEWER)
def read_product(product_id: Annotated[StoredId, Path()]) -> Response[Product]:
    """Read a product of the catalogue."""
    return answer(views.product(manage_products.read_product(deps.books(), api.caller().store_id, product_id)))


@api.route("PUT", "/v1/products/<product_id>", Role.OPERATOR, creates=True)
def put_product(product_id: Annotated[StoredId, Path()], body: PutProduct) -> Response[Product]:
    """Put a product into the catalogue, in place of what was known of it."""
    store_id, asked = api.caller().store_id, body.product(product_id, now())
    product, created = manage_products.put_product(deps.books(), store_id, asked)
    return answer(views.product(product), 201 if created else 200)


@api.route("DELETE", "/v1/products/<product_id>", Role.OPERATOR, status=204)
def delete_product(product_id: Annotated[StoredId, Path()]) -> Response[None]:
    """Take a product out of the catalogue; orders that need it from now on wait until it is there again."""
    manage_products.delete_product(deps.books(), api.caller().store_id, product_id, now())
    return Response(204)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
