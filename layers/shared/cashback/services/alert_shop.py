"""Alarm a shop: by e-mail, by webhook, or both, once for each cause and hour."""

from typing import Final

from cashback.domain.alerts import alert_text
from cashback.domain.domain_events import DomainEvent
from cashback.domain.errors import Busy, MessageRefused, MessageUnconfirmed
from cashback.domain.scenarios import Channel
from cashback.domain.stores import StoreDocument
from cashback.domain.times import Instant
from cashback.services.books import Desk
from cashback.services.deliver_webhook import start_deliveries

SENT: Final = "sent"
OFF: Final = "off"
ALREADY: Final = "already"
ENDPOINT_MISSING: Final = "endpoint_missing"

_NOT_SENT: Final = "not_sent"


def alert_shop(desk: Desk, document: StoreDocument, alert: DomainEvent, now: Instant) -> dict[str, str]:
    """Give a shop an alert where its settings say. Return in one word what became of each way.

    A webhook goes to the endpoint with the address that the settings name, whatever kinds it hears: its secret signs.

    :raises Busy: what was sent, is; the rest may be tried again.
    """
    alerts = document.document["alerts"]
    url, email = alerts.get("webhook_url"), alerts.get("email")
    outcomes: dict[str, str] = {}
    if url:
        told = start_deliveries(desk.outgoing, alert, lambda endpoint: endpoint.enabled and endpoint.url == url, now)
        outcomes["webhook"] = SENT if told else ENDPOINT_MISSING
    if email:
        outcomes["email"] = _mail(desk, document, alert, email, now)
    return outcomes


def _mail(desk: Desk, document: StoreDocument, alert: DomainEvent, email: str, now: Instant) -> str:
    store_id, event_id = alert.store_id, alert.event_id
    if not desk.notices.begin(store_id, event_id, now):
        return ALREADY
    try:
        desk.messages.send(
            Channel.EMAIL, email, alert_text(alert), f"{document.document['name']}: {alert.detail['cause']}"
        )
        outcome = SENT
    except (MessageRefused, MessageUnconfirmed) as error:
        outcome = error.code
    except Busy:
        desk.notices.end(store_id, event_id, _NOT_SENT, now)
        raise
    desk.notices.end(store_id, event_id, outcome, now)
    return outcome
