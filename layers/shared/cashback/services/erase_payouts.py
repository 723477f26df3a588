"""Forget who was paid: no name, no words and no account stay on requests and payouts. Amounts, statuses and the masked
end of the account do."""

from collections.abc import Iterable
from itertools import batched
from typing import Final

from cashback.domain import incentive_requests, payouts
from cashback.domain.errors import Busy, PayoutLive
from cashback.domain.incentive_requests import IncentiveRequest
from cashback.domain.payouts import Payout
from cashback.services.books import Books
from cashback.services.record_customer import TRIES

_REQUESTS_AT_ONCE: Final = 100
_LINES_AT_ONCE: Final = 50


def check_none_live(books: Books, store_id: str, customer_ids: Iterable[str]) -> None:
    """Refuse to forget customers while a payment to one of them is on its way (consistent).

    :raises PayoutLive: names it.
    """
    for customer_id in customer_ids:
        for requests in batched(books.requests.of_customer(store_id, customer_id), _REQUESTS_AT_ONCE, strict=False):
            active = [request.active_payout_id for request in requests if request.active_payout_id]
            for payout in books.payouts.get_many(store_id, active):
                _check_ended(payout)


def erase_payouts(books: Books, store_id: str, customer_id: str, *, despite_payouts: bool) -> None:
    """Take the person out of what this very customer asked for and was paid. Their words leave the index of search with
    the change of each payout. A payout that is live keeps all, unless ``despite_payouts``.

    :raises PayoutLive: one is on its way; what is not about it is done.
    :raises Busy: something keeps changing, or the tables are out of reach; the same call is safe to repeat.
    """
    live: Payout | None = None
    for requests in batched(books.requests.of_customer(store_id, customer_id), _REQUESTS_AT_ONCE, strict=False):
        for request in requests:
            _silence_request(books, store_id, request)
        payout_ids = [payout_id for request in requests for payout_id in request.payout_ids]
        for payout in books.payouts.get_many(store_id, payout_ids):
            if payout.is_live and not despite_payouts:
                live = payout
                continue
            _silence_payout(books, store_id, payout)
            _silence_history(books, store_id, payout.payout_id)
    if live is not None:
        _check_ended(live)


def _check_ended(payout: Payout) -> None:
    if payout.is_live:
        raise PayoutLive(payout.payout_id)


def _silence_request(books: Books, store_id: str, request: IncentiveRequest) -> None:
    standing: IncentiveRequest | None = request
    for _ in range(TRIES):
        silent = incentive_requests.wordless(standing) if standing else None
        if silent is None or books.requests.save(books.requests.write(store_id, silent)):
            return
        standing = books.requests.get(store_id, request.incentive_request_id)
    raise Busy("the request keeps changing")


def _silence_payout(books: Books, store_id: str, payout: Payout) -> None:
    standing: Payout | None = payout
    for _ in range(TRIES):
        silent = payouts.wordless(standing) if standing else None
        if silent is None or books.payouts.save(books.payouts.write(store_id, silent)):
            return
        standing = books.payouts.get(store_id, payout.payout_id)
    raise Busy("the payout keeps changing")


def _silence_history(books: Books, store_id: str, payout_id: str) -> None:
    before: int | None = None
    while True:
        lines, before = books.payouts.history(store_id, payout_id, _LINES_AT_ONCE, before)
        silent = [(line, payouts.wordless_line(line)) for line in lines]
        writes = [books.payouts.replace_line(store_id, payout_id, after) for line, after in silent if after != line]
        if writes:
            books.payouts.save(*writes)
        if before is None:
            return
