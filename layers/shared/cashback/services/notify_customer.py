"""Tell a customer of an event, at most once.

That they are being told is written first, and nobody tells them over that. Who they are is read when they are told, and
stands in no log.
"""

from typing import Final

from cashback.domain.customers import Profile
from cashback.domain.domain_events import DomainEvent
from cashback.domain.errors import CustomerNotFound
from cashback.domain.ledger import MOST_HOPS
from cashback.domain.message_texts import AMOUNT, BALANCE, NAMELESS, PROMO_CODE, USER_NAME, filled
from cashback.domain.money import Money
from cashback.domain.notifications import notification_of
from cashback.domain.stores import StoreDocument
from cashback.domain.times import OLDEST, Instant
from cashback.services.books import Books, Desk
from cashback.services.send_once import send_once

OFF: Final = "off"
NOTHING_MOVED: Final = "nothing_moved"
NO_CUSTOMER: Final = "no_customer"
IMPORTED: Final = "imported"
CUSTOMER_UNKNOWN: Final = "customer_unknown"
CUSTOMER_ERASED: Final = "customer_erased"
NO_RECIPIENT: Final = "no_recipient"


def notify_customer(desk: Desk, document: StoreDocument, event: DomainEvent, now: Instant) -> str:
    """Tell the customer, if the settings say so. Return in one word what became of it: ``sent``, or why not.

    :raises Busy: nothing was sent; the event may be told again.
    """
    notification = notification_of(document.document["notifications"], event)
    if notification is None:
        return OFF
    if event.amount is not None and not document.currency.parse(event.amount):
        return NOTHING_MOVED
    if event.customer_id is None:
        return NO_CUSTOMER
    if event.order_id is not None and _is_imported(desk.books, event.store_id, event.order_id):
        return IMPORTED
    profile = _profile(desk.books, event.store_id, event.customer_id)
    if profile is None:
        return CUSTOMER_UNKNOWN
    if profile.is_gone:
        return CUSTOMER_ERASED
    way = notification.way_to(profile)
    if way is None:
        return NO_RECIPIENT
    text = filled(notification.text, _values(desk.books, document, event, profile))
    return send_once(desk, event.store_id, event.event_id, way, text, document.document["name"], now)


def _is_imported(books: Books, store_id: str, order_id: str) -> bool:
    """Tell whether all that is known of an order was imported: nobody is to hear of what is long past. With anything
    that the shop told of itself, it is an order of today."""
    order = books.orders.get(store_id, order_id)
    return order is not None and set(order.recorded.values()) == {OLDEST}


def _profile(books: Books, store_id: str, customer_id: str) -> Profile | None:
    """Who is told: the customer, or whom they were merged into."""
    profile = books.customers.get(store_id, customer_id)
    for _ in range(MOST_HOPS):
        if profile is None or profile.merged_into is None:
            break
        profile = books.customers.get(store_id, profile.merged_into)
    return profile


def _values(books: Books, document: StoreDocument, event: DomainEvent, profile: Profile) -> dict[str, str]:
    """What the placeholders stand for; what was taken back has no sign in its event."""
    try:
        available = books.ledger.live_account(event.store_id, profile.customer_id).available
    except CustomerNotFound:
        available = 0
    currency = document.currency
    return {
        USER_NAME: profile.name or NAMELESS,
        PROMO_CODE: "",
        AMOUNT: f"{event.amount or currency.format(0)} {currency.code}",
        BALANCE: str(Money(available, currency)),
    }
