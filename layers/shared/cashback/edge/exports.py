"""What leaves in large pieces: histories as CSV, and everything that is held on a customer. Both are cut into pages
where an answer of Lambda would be full."""

from collections.abc import Iterable
from typing import Final

from cashback.domain.ledger import HistoryLine
from cashback.domain.money import Currency
from cashback.domain.settings import Settings
from cashback.edge import customer_views, models, views
from cashback.edge.csv_pages import MOST_BYTES, cell, csv_page, size_of
from cashback.edge.cursors import Cursors
from cashback.edge.customer_models import (
    CustomerExport,
    CustomersTransaction,
    ExportedPayout,
    ExportedRequest,
    GroupMembership,
)
from cashback.edge.payment_account_views import payment_account
from cashback.edge.payout_views import incentive_request, payout, payout_change
from cashback.services.export_customer import Held, PayoutHistory, Piece, RequestHistory

COLUMNS: Final = (
    "transaction_id",
    "created_at",
    "type",
    "status",
    "amount",
    "balance_after",
    "currency",
    "note",
    "order_id",
    "actor",
)
"""Of a history as CSV; ``amount`` and ``balance_after`` are numbers, the latter empty where nothing was posted."""


MOST_PAYOUTS: Final = 200
"""Payouts in one page of an export: each is a read more."""

type _Shown = CustomersTransaction | models.OrderDetail | ExportedRequest


def transactions_csv(lines: Iterable[HistoryLine], currency: Currency) -> tuple[str, int]:
    """Return a history as CSV (RFC 4180, with a header), and how many of the lines fit.

    Amounts are ours and stay numbers, negative ones too; every other cell is quoted.
    """
    return csv_page(COLUMNS, (_row(views.transaction(line, currency)) for line in lines))


def _row(shown: models.Transaction) -> str:
    balance = shown.balance_after.amount if shown.balance_after else ""
    told = (shown.transaction_id, shown.created_at, shown.type, shown.status)
    texts = (shown.amount.currency, shown.note, shown.order_id or "", shown.actor)
    return ",".join([*map(cell, told), shown.amount.amount, balance, *map(cell, texts)])


def exported(held: Held, pieces: Iterable[Piece], store: Settings, cursors: Cursors) -> CustomerExport:
    """Return a page of what is held on a customer: as many of the pieces as fit, and a cursor where some do not."""
    shown: list[_Shown] = []
    place, size, paid, is_cut = None, 0, 0, False
    for piece in pieces:
        told = _told(piece, store)
        size += size_of(told.model_dump_json())
        paid += len(told.payouts) if isinstance(told, ExportedRequest) else 0
        if (size > MOST_BYTES or paid > MOST_PAYOUTS) and shown:
            is_cut = True
            break
        shown.append(told)
        place = piece.place
    return CustomerExport(
        customer=customer_views.customer(held.profile),
        balance=customer_views.balance(held.account, store, None),
        contacts=customer_views.contacts(held.profile),
        contact_hashes=[*held.profile.contacts, *held.profile.given_up],
        merged_from=list(held.merged_from),
        groups=[
            GroupMembership(group_id=one.group_id, name=one.name, added_at=one.added_at) for one in held.memberships
        ],
        payment_accounts=[payment_account(one) for one in held.payment_accounts],
        transactions=[one for one in shown if isinstance(one, CustomersTransaction)],
        orders=[one for one in shown if isinstance(one, models.OrderDetail)],
        incentive_requests=[one for one in shown if isinstance(one, ExportedRequest)],
        next_cursor=cursors.make(place) if is_cut else None,
    )


def _told(piece: Piece, store: Settings) -> _Shown:
    match piece.held:
        case HistoryLine() as line:
            return customer_views.customers_transaction(line, piece.customer_id, store.currency)
        case RequestHistory(request, histories):
            told = incentive_request(request, store.currency).model_dump()
            return ExportedRequest(**told, payouts=[_payout(one, store.currency) for one in histories])
        case order:
            return views.order_detail(order, None, store)


def _payout(held: PayoutHistory, currency: Currency) -> ExportedPayout:
    told = payout(held.payout, currency).model_dump()
    return ExportedPayout(**told, history=[payout_change(line, currency) for line in held.lines])
