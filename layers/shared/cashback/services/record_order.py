"""Record news of an order: load facts, decide, post. A lost race is decided again, never dropped."""

from collections.abc import Set as AbstractSet
from copy import replace
from typing import TYPE_CHECKING, Final

from cashback.domain.cashback import hear
from cashback.domain.customers import Profile, profile_of
from cashback.domain.errors import Busy, CustomerNotFound, DomainError, OrderTooLarge
from cashback.domain.facts import Facts
from cashback.domain.ledger import Account
from cashback.domain.lookups import Known, contacts_needed, is_enlarged, likely_stranger, needed, whose_number
from cashback.domain.news import CustomerNews
from cashback.domain.orders import AWARDED, Decision, News, Order
from cashback.domain.reviews import fail
from cashback.domain.rules import Catalogue, traits_asked_for
from cashback.domain.settings import Settings
from cashback.domain.times import OLDEST, Instant
from cashback.services.announce import announce_orders
from cashback.services.books import Books
from cashback.services.commit import commit
from cashback.services.record_customer import create_customer

if TYPE_CHECKING:
    from cashback.adapters.dynamo.accounts import AccountImage

DECISIONS: Final = 6
"""How often one piece of news is decided before it goes back to the queue."""


def record_order(books: Books, settings: Settings, news: News, now: Instant) -> Order | None:
    """Make what ``news`` say true, as ``hear_news`` does. Return the order, None if nothing is new."""
    order, is_changed = hear_news(books, settings, news, now)
    return order if is_changed else None


def hear_news(
    books: Books, settings: Settings, news: News, now: Instant, *, starts_nothing: bool = False
) -> tuple[Order | None, bool]:
    """Make what ``news`` say true of the order and of the balance, together. Return the order as it stands, None where
    there is none, and whether anything was new.

    ``starts_nothing``: what is new counts as recorded before any scenario was made (an import of what is long past).

    A customer who is not known yet is created as the order names them. An order that begins to wait for a customer's
    contact or for a product looks again once that is written: who makes it known writes first and looks then, too.

    :raises Busy: decisions in a row were overtaken, or the tables are out of reach; the news may be sent again.
    """
    news = _hashed(books, settings.store_id, news)
    buyer = likely_stranger(news)
    order, image = _read(books, settings.store_id, news.order_id, buyer)
    # A transaction that finds an account missing is charged for (ADR 63). Where this is overtaken, one still does.
    stranger = None if image else buyer
    account: Account | None = None
    is_changed = False
    for _ in range(DECISIONS):
        rules = governing(books, settings, order, news.facts)
        known = look_up(books, rules, order, news.facts, account, numbered=settings.numbers_orders, image=image)
        image = None
        decision = hear(order, news, rules, known, now)
        if decision is None:
            return order, is_changed
        if starts_nothing:
            decision = _unheard(decision, order)
        if stranger is not None and decision.changes_account_of == stranger:
            create_buyer(books, settings, stranger, now, news.customer)
            stranger = None
            continue
        try:
            moved = commit(books, settings.store_id, order, decision, now)
        except CustomerNotFound:
            create_buyer(books, settings, decision.order.customer_id or "", now, news.customer)
            continue
        if moved is None:
            order, account, is_changed = decision.order, None, True
            if not (order.awaited_contacts or order.awaited_products):
                return order, is_changed
        else:
            order, account = (order, moved) if isinstance(moved, Account) else (moved, None)
    raise Busy("the order keeps changing")


def _read(books: Books, store_id: str, order_id: str, buyer: str | None) -> tuple[Order | None, "AccountImage | None"]:
    """Return an order, and the account of its buyer if that may not be there."""
    if buyer is None:
        return books.orders.get(store_id, order_id), None
    return books.orders.get_with_account(store_id, order_id, buyer)


def _unheard(decision: Decision, before: Order | None) -> Decision:
    """Return the decision with its new facts recorded before every scenario."""
    known = before.recorded if before else {}
    recorded = {fact: known.get(fact, OLDEST) for fact in decision.order.recorded}
    return replace(decision, order=replace(decision.order, recorded=recorded))


def settle_order(books: Books, settings: Settings, order_id: str, now: Instant) -> Order | None:
    """Decide an order anew from what the tables say now: a contact was verified, a product appeared, its time is over.

    Idempotent: None where nothing changed, or where there is no such order.

    :raises Busy: as ``record_order``.
    """
    order = books.orders.get(settings.store_id, order_id)
    return None if order is None else record_order(books, settings, News(order_id, order.source, Facts()), now)


def record_failure(books: Books, settings: Settings, news: News, reason: str, now: Instant) -> None:
    """Make a failure visible to the store: the order is Failed with this reason, its facts are kept.

    Facts that do not fit are left out. Says nothing where the order is already awarded or reviewed.

    :raises Busy: the order keeps changing, or the tables are out of reach.
    """
    news = _hashed(books, settings.store_id, news)
    order = books.orders.get(settings.store_id, news.order_id)
    for _ in range(DECISIONS):
        decision = fail(order, news, reason, now)
        if decision is None:
            return
        try:
            moved = commit(books, settings.store_id, order, decision, now)
        except OrderTooLarge:
            news = replace(news, facts=Facts())
            continue
        if moved is None:
            return
        order = moved if isinstance(moved, Order) else order
    raise Busy("the order keeps changing")


def governing(books: Books, settings: Settings, order: Order | None, facts: Facts) -> Settings:
    """Return the settings that govern an order once it has these facts too: those its terms were frozen at, but for the
    clawback policy of today, and that nothing is awarded while cashback is off today. Of an order that is decided only
    today's policy matters."""
    if order is None or order.terms is None or order.terms.settings_version == settings.version:
        return settings
    is_decided = order.status in AWARDED or order.is_final
    if is_decided and not is_enlarged(order, order.facts.merged(facts)):
        return settings
    frozen: Settings = books.stores.settings(settings.store_id, order.terms.settings_version)
    is_on = frozen.cashback_enabled and settings.cashback_enabled
    return replace(frozen, clawback=settings.clawback, cashback_enabled=is_on)


def look_up(
    books: Books,
    rules: Settings,
    order: Order | None,
    facts: Facts,
    account: Account | None = None,
    *,
    numbered: bool = False,
    image: "AccountImage | None" = None,
) -> Known:
    """Return what the decision about an order with these further facts must see. ``account`` is the one to decide
    from, where a lost race has told it.

    ``numbered``: the store asks which order of its customer each is. ``image`` was read with the order, and may be
    older: so it does only while the order is not counted, which a later account would know of.
    """
    facts = order.facts.merged(facts) if order else facts
    claimants = books.contacts.customers(rules.store_id, contacts_needed(order, facts, rules))
    needs = needed(order, facts, rules, claimants)
    counted_for = whose_number(order, facts, claimants) if numbered else None
    at_hand = image if order is None or not order.counted else None
    seen = account or _account(books, rules.store_id, needs.account or counted_for, at_hand)
    return Known(
        account=seen if account or needs.account else None,
        claimants=claimants,
        customer_tags=_customer_tags(books, rules.store_id, needs.customer_tags),
        catalogue=_catalogue(books, rules, needs.products),
        orders_count=None if counted_for is None else seen.orders_count if seen else 0,
    )


def settle_claims(books: Books, settings: Settings, macs: AbstractSet[str], now: Instant) -> int:
    """Decide anew the guests' orders that wait for one of these contacts; return how many changed.

    Whose order it is may start scenarios, so the orders are announced before they cease to wait."""
    waiting = {order_id for mac in sorted(macs) for order_id in books.waiting.for_contact(settings.store_id, mac)}
    announce_orders(books, settings.store_id, waiting)
    return _settle_all(books, settings, waiting, now)


def settle_holds(books: Books, settings: Settings, product_id: str, now: Instant) -> int:
    """Decide anew the orders that wait for this product; return how many changed."""
    return _settle_all(books, settings, set(books.waiting.for_product(settings.store_id, product_id)), now)


def create_buyer(
    books: Books, settings: Settings, customer_id: str, now: Instant, told: CustomerNews | None = None
) -> None:
    """Create the customer of an order: as the order tells them, else with nothing but the id."""
    named = told is not None and told.customer_id == customer_id
    profile = profile_of(told, None, now) if told and named else Profile(customer_id, updated_at=OLDEST, created_at=now)
    settle_claims(books, settings, create_customer(books, settings.store_id, profile, now).contacts, now)


def _settle_all(books: Books, settings: Settings, order_ids: AbstractSet[str], now: Instant) -> int:
    """Settle each order, also those after one that fails: its failure is raised in the end."""
    changed, failed = 0, None
    for order_id in sorted(order_ids):
        try:
            changed += settle_order(books, settings, order_id, now) is not None
        except DomainError as error:
            failed = failed or error
    if failed is not None:
        raise failed
    return changed


def _hashed(books: Books, store_id: str, news: News) -> News:
    """Return the news of a guest's order with the contacts as keyed hashes: all that the document ever holds."""
    body = news.facts.body
    if body is None or not news.contacts:
        return news
    macs = books.contacts.macs(store_id, news.contacts)
    return replace(news, facts=replace(news.facts, body=replace(body, contacts=macs)), contacts=frozenset())


def _account(
    books: Books, store_id: str, customer_id: str | None, image: "AccountImage | None" = None
) -> Account | None:
    if customer_id is None:
        return None
    if image is not None and image.customer_id == customer_id and (account := image.account).is_live:
        return account
    try:
        return books.ledger.live_account(store_id, customer_id)
    except CustomerNotFound:
        return None


def _customer_tags(books: Books, store_id: str, customer_id: str | None) -> tuple[str, ...]:
    account = _account(books, store_id, customer_id)
    profile = books.customers.get(store_id, account.customer_id) if account else None
    return profile.tags if profile else ()


def _catalogue(books: Books, rules: Settings, product_ids: AbstractSet[str]) -> Catalogue:
    if not product_ids:
        return {}
    found = books.products.get_many(rules.store_id, sorted(product_ids))
    return {
        product_id: traits_asked_for(frozenset(product.categories), frozenset(product.tags), rules)
        for product_id, product in found.items()
    }
