"""Import orders in their source's own format, as if its webhooks had told of them."""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from cashback.domain.errors import DomainError, NotFound
from cashback.domain.news import Ignored
from cashback.domain.orders import News, Order, Told
from cashback.domain.settings import Settings
from cashback.domain.times import Instant
from cashback.services.books import Books
from cashback.services.record_order import hear_news

type Outcome = Literal["recorded", "unchanged", "ignored", "failed", "busy"]

_NO_TOPIC: Final = ""


class Imported(Struct, frozen=True):
    """What became of one body; ``reason`` is the order's, or why nothing was recorded."""

    outcome: Outcome
    reason: str
    order_id: str | None = None
    order: Order | None = None


def import_orders(books: Books, settings: Settings, source: str, bodies: Iterable[str], now: Instant) -> list[Imported]:
    """Record each body, in their order; what fails for one never touches another.

    Recording is idempotent, so all may be imported again; ``busy`` ones should be. A body that does not say its own
    time is ignored: nothing else tells whether it is newer than what is known.

    :param bodies: JSON texts, exactly as the shop's numbers are spelt.
    """
    return [_imported(books, settings, source, body, now) for body in bodies]


def _imported(books: Books, settings: Settings, source: str, body: str, now: Instant) -> Imported:
    # Few calls import orders, and no cold start needs what shops' formats import.
    from cashback.storefronts import parsing  # noqa: PLC0415 - a cold start does not need it

    told = parsing.read(source, _NO_TOPIC, body.encode(), settings)
    if not isinstance(told, News) or told.facts.reviews:
        return Imported("ignored", _why(told))
    try:
        order, recorded = hear_news(books, settings, told, now, starts_nothing=True)
        if order is None:
            raise NotFound
    except DomainError as error:
        return Imported("busy" if error.retryable else "failed", error.code, told.order_id)
    if order.source != source:
        return Imported("ignored", "source_conflict", told.order_id, order)
    return Imported("recorded" if recorded else "unchanged", order.reason_code, told.order_id, order)


def _why(told: Told) -> str:
    """Why a body is not imported: what it says is of something else, or nothing."""
    return told.reason if isinstance(told, Ignored) else "not_an_order"
