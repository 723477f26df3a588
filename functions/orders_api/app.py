"""Orders: list, read, and decide those that wait for a person. Products: list, read, put and delete."""

from typing import Annotated, Any

from cashback.edge import deps, order_views, views
from cashback.edge.answers import answer_kept
from cashback.edge.clock import now
from cashback.edge.fields import StoredId
from cashback.edge.http import Api, Path, Query, Response, Role, answer
from cashback.edge.models import Order, OrderDetail
from cashback.edge.order_models import (
    ApproveOrder,
    ApproveOrders,
    HoldOrder,
    ImportedOrders,
    ImportOrders,
    OrderApprovals,
    OrderPage,
    OrdersQuery,
    ProcessedOrder,
    ProcessOrder,
    Product,
    ProductPage,
    ProductsQuery,
    PutProduct,
    RejectOrder,
    ReleaseOrder,
)
from cashback.edge.reviews import act, approval, processing
from cashback.services import manage_products, read_orders, review_order
from cashback.services.approve_orders import approve_orders
from cashback.services.close_store import open_store
from cashback.services.import_orders import import_orders
from cashback.services.process_order import preview_order, process_order
from cashback.services.read_store import read_settings

deps.at_start(deps.books)
api = Api()


@api.route("GET", "/v1/orders", Role.VIEWER)
def list_orders(query: Annotated[OrdersQuery, Query()]) -> Response[OrderPage]:
    """List the store's orders, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    place = cursors.read(query.cursor)
    orders, place = read_orders.list_orders(books, store_id, query.wanted(), query.limit, place)
    return answer(order_views.order_page(orders, cursors.make(place), read_settings(books, store_id).currency))


@api.route("GET", "/v1/orders/<order_id>", Role.VIEWER)
def read_order(order_id: Annotated[StoredId, Path()]) -> Response[OrderDetail]:
    """Read an order with its lines, refunds, transactions and history."""
    store_id, books = api.caller().store_id, deps.books()
    order, lines = read_orders.read_order(books, store_id, order_id)
    return answer(views.order_detail(order, lines, read_settings(books, store_id).settings()))


@api.route("POST", "/v1/orders/<order_id>/approve", Role.OPERATOR, needs_key=True)
def approve(order_id: Annotated[StoredId, Path()], body: ApproveOrder) -> Response[Order]:
    """Credit an order that waits for review."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings = open_store(books.stores, who.store_id).settings()
    review = approval(body, settings.currency, who, request, now())
    order, replayed = review_order.approve_order(books, settings, order_id, review, who.role)
    return answer(views.order(order, settings.currency), replayed=replayed)


@api.route("POST", "/v1/orders/<order_id>/reject", Role.OPERATOR, needs_key=True)
def reject(order_id: Annotated[StoredId, Path()], body: RejectOrder) -> Response[Order]:
    """Refuse an order that waits for review, for good."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings, review = (
        open_store(books.stores, who.store_id).settings(),
        act("rejected", who, request, body.comment, now()),
    )
    order, replayed = review_order.reject_order(books, settings, order_id, body.reason, review)
    return answer(views.order(order, settings.currency), replayed=replayed)


@api.route("POST", "/v1/orders/<order_id>/hold", Role.OPERATOR)
def hold(order_id: Annotated[StoredId, Path()], body: HoldOrder) -> Response[Order]:
    """Set a pending order aside until it is released or decided."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings, review = open_store(books.stores, who.store_id).settings(), act("held", who, request, body.comment, now())
    order, replayed = review_order.hold_order(books, settings, order_id, body.reason, review)
    return answer(views.order(order, settings.currency), replayed=replayed)


@api.route("POST", "/v1/orders/<order_id>/release", Role.OPERATOR)
def release(order_id: Annotated[StoredId, Path()], body: ReleaseOrder = ReleaseOrder()) -> Response[Order]:
    """Put a held order back among those that are pending."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings, review = (
        open_store(books.stores, who.store_id).settings(),
        act("released", who, request, body.comment, now()),
    )
    order, replayed = review_order.release_order(books, settings, order_id, review)
    return answer(views.order(order, settings.currency), replayed=replayed)


@api.route("POST", "/v1/orders/<order_id>/process", Role.OPERATOR, needs_key=True)
def process(order_id: Annotated[StoredId, Path()], body: ProcessOrder = ProcessOrder()) -> Response[ProcessedOrder]:
    """Decide by hand an order that earned nothing or failed, or what was added to it; or show what would come of it."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings = open_store(books.stores, who.store_id).settings()
    review, dry_run = processing(body, settings.currency, who, request, now()), body.expected_amount is None
    made = (preview_order if dry_run else process_order)(books, settings, order_id, review)
    return answer(order_views.processed(made, settings.currency, dry_run=dry_run), replayed=made.replayed)


@api.route("POST", "/v1/orders/approve", Role.OPERATOR, needs_key=True)
def approve_many(body: ApproveOrders) -> Response[OrderApprovals]:
    """Credit up to 100 orders that wait for review, each on its own."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings, review = open_store(books.stores, who.store_id).settings(), act("approved", who, request, None, now())

    def approve_each() -> tuple[OrderApprovals, bool]:
        made = approve_orders(books, settings, body.expected(), review, who.role)
        return order_views.approvals(made, settings.currency), all(each.outcome != "busy" for each in made)

    return answer_kept(books, who, request, OrderApprovals, approve_each)


@api.route("POST", "/v1/orders/import", Role.ADMIN, needs_key=True)
def import_many(body: ImportOrders) -> Response[ImportedOrders]:
    """Record up to 100 orders in their source's own format, as its webhooks would; nobody is notified."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings = open_store(books.stores, who.store_id).settings()

    def import_each() -> tuple[ImportedOrders, bool]:
        made = import_orders(books, settings, body.source, body.orders, now())
        return order_views.imports(made), all(each.outcome != "busy" for each in made)

    return answer_kept(books, who, request, ImportedOrders, import_each)


@api.route("GET", "/v1/products", Role.VIEWER)
def list_products(query: Annotated[ProductsQuery, Query()]) -> Response[ProductPage]:
    """List the products of the catalogue, by id."""
    store_id, cursors = api.caller().store_id, api.cursors(query)
    products, place = manage_products.list_products(deps.books(), store_id, query.limit, cursors.read(query.cursor))
    return answer(order_views.product_page(products, cursors.make(place)))


@api.route("GET", "/v1/products/<product_id>", Role.VIEWER)
def read_product(product_id: Annotated[StoredId, Path()]) -> Response[Product]:
    """Read a product of the catalogue."""
    return answer(order_views.product(manage_products.read_product(deps.books(), api.caller().store_id, product_id)))


@api.route("PUT", "/v1/products/<product_id>", Role.OPERATOR, creates=True)
def put_product(product_id: Annotated[StoredId, Path()], body: PutProduct) -> Response[Product]:
    """Put a product into the catalogue, in place of what was known of it."""
    at, books = now(), deps.books()
    settings, asked = open_store(books.stores, api.caller().store_id).settings(), body.product(product_id, at)
    product, created = manage_products.put_product(books, settings, asked, at)
    return answer(order_views.product(product), 201 if created else 200)


@api.route("DELETE", "/v1/products/<product_id>", Role.OPERATOR, status=204)
def delete_product(product_id: Annotated[StoredId, Path()]) -> Response[None]:
    """Take a product out of the catalogue; orders that need it from now on wait until it is there again."""
    manage_products.delete_product(deps.books(), api.caller().store_id, product_id, now())
    return Response(204)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
