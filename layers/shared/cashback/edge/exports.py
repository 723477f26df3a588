"""What leaves in large pieces: histories as CSV, and everything that is held on a customer. Both are cut into pages
where an answer of Lambda would be full."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from cashback.domain.ledger import HistoryLine
from cashback.domain.money import Currency
from cashback.domain.settings import Settings
from cashback.edge import customer_views, models, views
from cashback.edge.cursors import Cursors
from cashback.edge.customer_models import CustomerExport, CustomersTransaction
from cashback.services.export_customer import Held, Piece

MOST_BYTES: Final = 4_500_000
"""Of what a page holds, as JSON within JSON spells it. Lambda answers at most 6 MB; the rest is for the last row of a
page, an order of a thousand lines, and for the profile."""

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

_FORMULA: Final = re.compile(r"[\s\"']*[=+\-@\t\r\0\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that a spreadsheet would run: OWASP ASVS 1.2.10, with what some programs skip before it, and with
the full-width forms of those signs."""


def cell(text: str) -> str:
    """Return a text as a quoted cell that no spreadsheet takes for a formula: one that looks like it gets a ``'``."""
    safe = f"'{text}" if _FORMULA.match(text) else text
    return '"' + safe.replace('"', '""') + '"'


def transactions_csv(lines: Iterable[HistoryLine], currency: Currency) -> tuple[str, int]:
    """Return a history as CSV (RFC 4180, with a header), and how many of the lines fit.

    Amounts are ours and stay numbers, negative ones too; every other cell is quoted.
    """
    rows = [",".join(COLUMNS)]
    size = 0
    for line in lines:
        row = _row(views.transaction(line, currency))
        size += _size(row)
        if size > MOST_BYTES and len(rows) > 1:
            break
        rows.append(row)
    return "\r\n".join([*rows, ""]), len(rows) - 1


def _row(shown: models.Transaction) -> str:
    balance = shown.balance_after.amount if shown.balance_after else ""
    told = (shown.transaction_id, shown.created_at, shown.type, shown.status)
    texts = (shown.amount.currency, shown.note, shown.order_id or "", shown.actor)
    return ",".join([*map(cell, told), shown.amount.amount, balance, *map(cell, texts)])


def exported(held: Held, pieces: Iterable[Piece], store: Settings, cursors: Cursors) -> CustomerExport:
    """Return a page of what is held on a customer: as many of the pieces as fit, and a cursor where some do not."""
    shown: list[CustomersTransaction | models.OrderDetail] = []
    place, size, is_cut = None, 0, False
    for piece in pieces:
        told = _told(piece, store)
        size += _size(told.model_dump_json())
        if size > MOST_BYTES and shown:
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
        transactions=[one for one in shown if isinstance(one, CustomersTransaction)],
        orders=[one for one in shown if isinstance(one, models.OrderDetail)],
        next_cursor=cursors.make(place) if is_cut else None,
    )


def _told(piece: Piece, store: Settings) -> CustomersTransaction | models.OrderDetail:
    if isinstance(piece.held, HistoryLine):
        return customer_views.customers_transaction(piece.held, piece.customer_id, store.currency)
    return views.order_detail(piece.held, None, store)


def _size(text: str) -> int:
    """Bytes of a text within a JSON text, whatever escapes are used."""
    return len(json.dumps(text))


def last_place(lines: Sequence[HistoryLine], shown: int, place: str | None) -> str | None:
    """Return where a history goes on of which only so many lines were shown."""
    return lines[shown - 1].place if shown < len(lines) else place
