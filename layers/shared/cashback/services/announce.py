"""Announce what scenarios may start from, where it is not an event of its own that tells of it.

Announced is before it is done, to be looked at once it is: so whoever is cut off in between loses nothing, and what
was announced in vain starts nothing.
"""

from collections.abc import Collection
from typing import Final

from cashback.domain.customers import Profile
from cashback.domain.scenarios import Trigger
from cashback.services.books import Books

LOOK_AFTER: Final = 120
"""Seconds after which whoever announced something has done it, or was cut off: no function runs so long that does."""


def announce_orders(books: Books, store_id: str, order_ids: Collection[str]) -> None:
    """Have orders looked at that are about to become somebody's, if the store has scenarios.

    :raises Busy: not known to be announced; announcing it again does no harm.
    """
    if not order_ids or not books.scenarios.catalogue(store_id).scenarios:
        return
    # Few events announce anything.
    from cashback.domain.tasks import OrderStep  # noqa: PLC0415 - a cold start does not need it

    for order_id in order_ids:
        books.steps().send(OrderStep(store_id, order_id), LOOK_AFTER)


def announce_registration(books: Books, store_id: str, profile: Profile) -> None:
    """Have a customer looked at who is registered, if the store has scenarios for that.

    :raises Busy: as ``announce_orders``.
    """
    if profile.registered_at is None or profile.is_gone:
        return
    live = books.scenarios.catalogue(store_id).scenarios
    if any(scenario.trigger is Trigger.CUSTOMER_CREATED for scenario in live):
        from cashback.domain.tasks import CustomerStep  # noqa: PLC0415 - a cold start does not need it

        books.steps().send(CustomerStep(store_id, profile.customer_id))
