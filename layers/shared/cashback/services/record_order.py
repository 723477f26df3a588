"""Record news of an order: load facts, decide, post. A lost race is decided again, never dropped."""

from copy import replace
from typing import Final

from cashback.domain.cashback import account_needed, fail, hear
from cashback.domain.customers import Profile, profile_of
from cashback.domain.errors import Busy, CustomerNotFound, OrderTooLarge
from cashback.domain.facts import Facts
from cashback.domain.ledger import Account
from cashback.domain.orders import AWARDED, News, Order, Status
from cashback.domain.settings import Settings
from cashback.domain.times import OLDEST, Instant
from cashback.services.books import Books
from cashback.services.commit import commit

DECISIONS: Final = 5
"""How often one piece of news is decided before it goes back to the queue."""


def record_order(books: Books, settings: Settings, news: News, now: Instant) -> Order | None:
    """Make what ``news`` say true of the order and of the balance, together. Return the order, None if nothing is new.

    A customer who is not known yet is created as the order names them.

    :raises Busy: five decisions in a row were overtaken, or the tables are out of reach; the news may be sent again.
    """
    order = books.orders.get(settings.store_id, news.order_id)
    account: Account | None = None
    for _ in range(DECISIONS):
        rules = _rules(books, settings, order)
        account = account or _account(books, settings.store_id, account_needed(order, news, rules))
        decision = hear(order, news, rules, account, now)
        if decision is None:
            return None
        try:
            moved = commit(books, settings.store_id, decision, now)
        except CustomerNotFound:
            books.customers.create(settings.store_id, _profile(news, decision.order.customer_id or "", now), now)
            continue
        if moved is None:
            return decision.order
        order, account = (order, moved) if isinstance(moved, Account) else (moved, None)
    raise Busy("the order keeps changing")


def record_failure(books: Books, settings: Settings, news: News, reason: str, now: Instant) -> None:
    """Make a failure visible to the store: the order is Failed with this reason, its facts are kept.

    Facts that do not fit are left out. Says nothing where the order is already awarded or reviewed.

    :raises Busy: the order keeps changing, or the tables are out of reach.
    """
    order = books.orders.get(settings.store_id, news.order_id)
    for _ in range(DECISIONS):
        decision = fail(order, news, reason, now)
        if decision is None:
            return
        try:
            order = books.orders.save(settings.store_id, decision.order)
        except OrderTooLarge:
            news = replace(news, facts=Facts())
            continue
        if order is None:
            return
    raise Busy("the order keeps changing")


def _rules(books: Books, settings: Settings, order: Order | None) -> Settings:
    """The settings that govern an order: those its terms were frozen at, but for the clawback policy of today."""
    if order is None or order.terms is None or order.terms.settings_version == settings.version:
        return settings
    if order.status in AWARDED or order.status is Status.REJECTED:
        return settings
    frozen: Settings = books.stores.settings(settings.store_id, order.terms.settings_version)
    return replace(frozen, clawback=settings.clawback)


def _account(books: Books, store_id: str, customer_id: str | None) -> Account | None:
    if customer_id is None:
        return None
    try:
        return books.ledger.account(store_id, customer_id)
    except CustomerNotFound:
        return None


def _profile(news: News, customer_id: str, now: Instant) -> Profile:
    """The profile to create: as these news tell it, else nothing but the id."""
    if news.customer is not None and news.customer.customer_id == customer_id:
        return profile_of(news.customer, None, now)
    return Profile(customer_id, updated_at=OLDEST, created_at=now)
