"""Tell of an event whoever is to hear of it: the shop's endpoints, the shop, the customer."""

from cashback.domain.alerts import AlertCause, alert_event, cause_of
from cashback.domain.domain_events import DomainEvent
from cashback.domain.errors import NotFound
from cashback.domain.times import Instant
from cashback.services.alert_shop import alert_shop
from cashback.services.books import Desk
from cashback.services.deliver_webhook import start_deliveries
from cashback.services.notify_customer import notify_customer


def tell_event(desk: Desk, event: DomainEvent, now: Instant) -> dict[str, str]:
    """Tell of an event. Return in one word what became of each way; told again, nobody hears of it twice.

    The customer comes last: a message to them is the one thing that is never tried over what may have been sent.

    :raises Busy: something is out of reach; the event may be told again.
    """
    try:
        document = desk.books.stores.document(event.store_id)
    except NotFound:
        return {"skipped": "store_unknown"}
    if document.closed_at is not None:
        return {"skipped": "store_closed"}
    outcomes = {"webhooks": str(start_deliveries(desk.outgoing, event, lambda one: one.hears(event.kind), now))}
    cause = cause_of(event, document.document["alerts"], document.currency)
    if cause is not None:
        subject = {"order_id": event.order_id} if event.order_id else {}
        alert = alert_event(event.store_id, cause, subject, event.occurred_at)
        alerted = alert_shop(desk, document, alert, now)
        outcomes |= {f"alert_{way}": outcome for way, outcome in alerted.items()}
    return {**outcomes, "customer": notify_customer(desk, document, event, now)}


def alert_store(
    desk: Desk, store_id: str, cause: AlertCause, subject: dict[str, str], at: Instant, now: Instant
) -> dict[str, str]:
    """Alarm a shop of what no event tells and what happened at a time.

    :raises NotFound: no such store.
    :raises Busy: out of reach.
    """
    document = desk.books.stores.document(store_id)
    if document.closed_at is not None:
        return {"skipped": "store_closed"}
    return alert_shop(desk, document, alert_event(store_id, cause, subject, at), now)
