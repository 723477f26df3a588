"""Alarm a shop: by e-mail, by webhook, or both, once for each cause and hour."""

from typing import Final

from cashback.domain.alerts import alert_text
from cashback.domain.domain_events import DomainEvent
from cashback.domain.scenarios import Channel
from cashback.domain.stores import StoreDocument
from cashback.domain.times import Instant
from cashback.services.books import Desk
from cashback.services.deliver_webhook import start_deliveries
from cashback.services.send_once import SENT, send_once

ENDPOINT_MISSING: Final = "endpoint_missing"


def alert_shop(desk: Desk, document: StoreDocument, alert: DomainEvent, now: Instant) -> dict[str, str]:
    """Give a shop an alert where its settings say. Return in one word what became of each way.

    A webhook goes to the endpoint with the address that the settings name, whatever kinds it hears: its secret signs.

    :raises Busy: what was sent, is; the rest may be tried again.
    """
    alerts = document.document["alerts"]
    url, email = alerts.get("webhook_url"), alerts.get("email")
    outcomes: dict[str, str] = {}
    if url:
        told = start_deliveries(desk.outgoing, alert, lambda endpoint: endpoint.is_at(url), now)
        outcomes["webhook"] = SENT if told else ENDPOINT_MISSING
    if email:
        way, subject = (Channel.EMAIL, email), f"{document.document['name']}: {alert.detail['cause']}"
        outcomes["email"] = send_once(desk, alert.store_id, alert.event_id, way, alert_text(alert), subject, now)
    return outcomes
