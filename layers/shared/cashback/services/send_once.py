"""Send a message to somebody, at most once: that it is sent is written first, and nobody sends it over that."""

from typing import Final

from cashback.domain.errors import Busy, MessageRefused, MessageUnconfirmed
from cashback.domain.scenarios import Channel
from cashback.domain.times import Instant
from cashback.services.books import Desk

SENT: Final = "sent"
ALREADY: Final = "already"


def send_once(
    desk: Desk, store_id: str, event_id: str, way: tuple[Channel, str], text: str, subject: str, now: Instant
) -> str:
    """Send a message of an event by a channel to a recipient. Return in one word what became of it: ``sent``, or why
    not.

    :raises Busy: nothing was sent; it may be tried again.
    """
    attempt = desk.notices.begin(store_id, event_id, now)
    if attempt is None:
        return ALREADY
    try:
        desk.messages.send(*way, text, subject)
        outcome = SENT
    except (MessageRefused, MessageUnconfirmed) as error:
        outcome = error.code
    except Busy:
        desk.notices.take_back(store_id, event_id, attempt, now)
        raise
    desk.notices.end(store_id, event_id, attempt, outcome, now)
    return outcome
