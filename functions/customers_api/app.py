"""Customers: who they are, what they have, and how it came."""

from typing import Annotated, Any

from cashback.edge import deps, views
from cashback.edge.fields import StoredId
from cashback.edge.http import Api, Path, Query, Response, Role, answer
from cashback.edge.models import Balance, BalanceQuery, Customer, TransactionPage, TransactionsQuery
from cashback.services import read_customers
from cashback.services.read_store import read_settings

api = Api()


@api.route("GET", "/v1/customers/<customer_id>", Role.VIEWER)
def read_customer(customer_id: Annotated[StoredId, Path()]) -> Response[Customer]:
    """Read a customer's profile."""
    return answer(views.customer(read_customers.profile(deps.books(), api.caller().store_id, customer_id)))


@api.route("GET", "/v1/customers/<customer_id>/balance", Role.VIEWER)
def read_balance(
    customer_id: Annotated[StoredId, Path()], query: Annotated[BalanceQuery, Query()]
) -> Response[Balance]:
    """Read a customer's balance, as of now or of an earlier time."""
    store_id, books = api.caller().store_id, deps.books()
    account = read_customers.balance(books, store_id, customer_id, query.at)
    return answer(views.balance(account, read_settings(books, store_id).settings(), query.at))


@api.route("GET", "/v1/customers/<customer_id>/transactions", Role.VIEWER)
def list_transactions(
    customer_id: Annotated[StoredId, Path()], query: Annotated[TransactionsQuery, Query()]
) -> Response[TransactionPage]:
    """List a customer's transactions, newest first."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    place = cursors.read(query.cursor)
    lines, place = read_customers.transactions(books, store_id, customer_id, query.wanted(), query.limit, place)
    return answer(views.transaction_page(lines, cursors.make(place), read_settings(books, store_id).currency))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
