"""Customers: who they are, what they have, how it came, and where they are paid."""

from typing import Annotated, Any

from cashback.edge import customer_views, deps, exports, payment_account_views
from cashback.edge.clock import now
from cashback.edge.csv_pages import last_place
from cashback.edge.customer_models import (
    AdjustBalance,
    Balance,
    BalanceQuery,
    ChangeCustomer,
    CreateCustomer,
    Customer,
    CustomerExport,
    CustomerPage,
    CustomersQuery,
    CustomersTransaction,
    ExportQuery,
    FindCustomers,
    TransactionPage,
    TransactionsQuery,
)
from cashback.edge.fields import Id, StoredId
from cashback.edge.http import Api, Path, Query, Response, Role, answer, table
from cashback.edge.payment_account_models import (
    CreatePaymentAccount,
    PaymentAccount,
    PaymentAccountPage,
    PaymentAccountQuery,
    PaymentAccountsQuery,
)
from cashback.services import adjust_balance, manage_customers, manage_payment_accounts, read_customers
from cashback.services.close_store import open_store
from cashback.services.export_customer import export_customer, pieces
from cashback.services.read_store import read_settings

deps.at_start(deps.books)
api = Api()


@api.route("GET", "/v1/customers", Role.VIEWER)
def list_customers(query: Annotated[CustomersQuery, Query()]) -> Response[CustomerPage]:
    """List the store's customers, newest first."""
    store_id, cursors = api.caller().store_id, api.cursors(query)
    people, place = read_customers.list_customers(deps.books(), store_id, query.limit, cursors.read(query.cursor))
    return answer(customer_views.customer_page(people, cursors.make(place)))


@api.route("POST", "/v1/customers", Role.OPERATOR, creates=True)
def create_customer(body: CreateCustomer) -> Response[Customer]:
    """Make a customer; the same body again finds the one it made."""
    who, request, at, books = api.caller(), api.request(body), now(), deps.books()
    settings = open_store(books.stores, who.store_id).settings()
    asked = manage_customers.Asked(request.request_hash if request.keyed else None, request.body_hash)
    added = manage_customers.add_customer(books, settings, body.profile(at), asked, at)
    status = 201 if added.created or added.replayed else 200
    return answer(customer_views.customer(added.profile), status, replayed=added.replayed)


@api.route("POST", "/v1/customers/search", Role.VIEWER)
def search_customers(body: FindCustomers) -> Response[CustomerPage]:
    """Find customers by an e-mail or a phone, verified or not. It changes nothing, so whoever may read may search."""
    found = read_customers.find_customers(deps.books(), api.caller().store_id, body.contact())
    return answer(customer_views.customer_page(found, None))


@api.route("GET", "/v1/customers/<customer_id>", Role.VIEWER)
def read_customer(customer_id: Annotated[StoredId, Path()]) -> Response[Customer]:
    """Read a customer's profile."""
    return answer(customer_views.customer(read_customers.profile(deps.books(), api.caller().store_id, customer_id)))


@api.route("PATCH", "/v1/customers/<customer_id>", Role.OPERATOR)
def change_customer(customer_id: Annotated[StoredId, Path()], body: ChangeCustomer) -> Response[Customer]:
    """Change a customer's profile; what is left out stays, null clears."""
    books = deps.books()
    settings = open_store(books.stores, api.caller().store_id).settings()
    profile = manage_customers.change_customer(books, settings, customer_id, body.given(), now())
    return answer(customer_views.customer(profile))


@api.route("DELETE", "/v1/customers/<customer_id>", Role.ADMIN, status=204)
def delete_customer(customer_id: Annotated[StoredId, Path()]) -> Response[None]:
    """Erase a customer for good; balance and entries stay, under an id that says nothing."""
    who, books = api.caller(), deps.books()
    settings = read_settings(books, who.store_id).settings()
    manage_customers.delete_customer(books, settings, customer_id, who.origin, now())
    return Response(204)


@api.route("GET", "/v1/customers/<customer_id>/balance", Role.VIEWER)
def read_balance(
    customer_id: Annotated[StoredId, Path()], query: Annotated[BalanceQuery, Query()]
) -> Response[Balance]:
    """Read a customer's balance, as of now or of an earlier time."""
    store_id, books = api.caller().store_id, deps.books()
    account = read_customers.balance(books, store_id, customer_id, query.at)
    return answer(customer_views.balance(account, read_settings(books, store_id).settings(), query.at))


@api.route("GET", "/v1/customers/<customer_id>/transactions", Role.VIEWER)
def list_transactions(
    customer_id: Annotated[StoredId, Path()], query: Annotated[TransactionsQuery, Query()]
) -> Response[TransactionPage | str]:
    """List a customer's transactions, newest first; as CSV for who accepts text/csv."""
    store_id, cursors, books = api.caller().store_id, api.cursors(query), deps.books()
    rows, place = query.rows if api.wants_csv else query.limit, cursors.read(query.cursor)
    lines, place = read_customers.transactions(books, store_id, customer_id, query.wanted(), rows, place)
    currency = read_settings(books, store_id).currency
    if api.wants_csv:
        text, shown = exports.transactions_csv(lines, currency)
        return table(text, cursors.make(last_place(lines, shown, place)), query)
    page: Response[Any] = answer(customer_views.transaction_page(lines, cursors.make(place), currency))
    return page


@api.route("POST", "/v1/customers/<customer_id>/adjustments", Role.OPERATOR, status=201, needs_key=True)
def adjust(customer_id: Annotated[StoredId, Path()], body: AdjustBalance) -> Response[CustomersTransaction]:
    """Credit a customer or, with a sign, debit them."""
    who, request, books = api.caller(), api.request(body), deps.books()
    settings = open_store(books.stores, who.store_id).settings()
    amount = settings.currency.parse(body.amount)
    asked = adjust_balance.Adjustment(amount, body.comment, who.actor, request.request_hash, now())
    made = adjust_balance.adjust_balance(books, settings, customer_id, asked, who.role)
    shown = customer_views.customers_transaction(made.line, made.customer_id, settings.currency)
    return answer(shown, 201, replayed=made.replayed)


@api.route("POST", "/v1/customers/<customer_id>/payment-accounts", Role.OPERATOR, status=201)
def create_payment_account(
    customer_id: Annotated[StoredId, Path()], body: CreatePaymentAccount
) -> Response[PaymentAccount]:
    """Add a payment account to a customer: of a bank, or of a payment service."""
    who, books = api.caller(), deps.books()
    open_store(books.stores, who.store_id)
    new = payment_account_views.new_account(body, api.request(body))
    shown, replayed = manage_payment_accounts.add_account(books, who.store_id, customer_id, new, who.origin, now())
    return answer(payment_account_views.payment_account(shown), 201, replayed=replayed)


@api.route("GET", "/v1/customers/<customer_id>/payment-accounts", Role.VIEWER)
def list_payment_accounts(
    customer_id: Annotated[StoredId, Path()], query: Annotated[PaymentAccountsQuery, Query()]
) -> Response[PaymentAccountPage]:
    """List a customer's payment accounts, newest first and masked."""
    store_id, cursors = api.caller().store_id, api.cursors(query)
    shown, place = manage_payment_accounts.list_accounts(
        deps.books(), store_id, customer_id, query.limit, cursors.read(query.cursor)
    )
    return answer(payment_account_views.payment_account_page(shown, cursors.make(place)))


@api.route("GET", "/v1/customers/<customer_id>/payment-accounts/<payment_account_id>", Role.VIEWER)
def read_payment_account(
    customer_id: Annotated[StoredId, Path()],
    payment_account_id: Annotated[Id, Path()],
    query: Annotated[PaymentAccountQuery, Query()],
) -> Response[PaymentAccount]:
    """Read a payment account; in clear only for an admin, which is written into the audit."""
    who = api.caller()
    asked = manage_payment_accounts.Reading(query.unmasked, who.role, who.origin, now())
    shown = manage_payment_accounts.read_account(deps.books(), who.store_id, customer_id, payment_account_id, asked)
    return answer(payment_account_views.payment_account(shown))


@api.route("DELETE", "/v1/customers/<customer_id>/payment-accounts/<payment_account_id>", Role.OPERATOR, status=204)
def delete_payment_account(
    customer_id: Annotated[StoredId, Path()], payment_account_id: Annotated[Id, Path()]
) -> Response[None]:
    """Delete a payment account; payouts keep what they copied of it."""
    who, books = api.caller(), deps.books()
    open_store(books.stores, who.store_id)
    manage_payment_accounts.delete_account(books, who.store_id, customer_id, payment_account_id, who.origin, now())
    return Response(204)


@api.route("GET", "/v1/customers/<customer_id>/export", Role.ADMIN)
def export(
    customer_id: Annotated[StoredId, Path()], query: Annotated[ExportQuery, Query()]
) -> Response[CustomerExport]:
    """Read everything that is held on a customer; that it was read is written into the audit."""
    who, cursors, books = api.caller(), api.cursors(query), deps.books()
    settings, after = read_settings(books, who.store_id).settings(), cursors.read(query.cursor)
    held = export_customer(books, deps.group_books(), who.store_id, customer_id, who.origin, now())
    return answer(exports.exported(held, pieces(books, who.store_id, held, after), settings, cursors))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Serve one request of API Gateway."""
    return api.resolve(event, context)
