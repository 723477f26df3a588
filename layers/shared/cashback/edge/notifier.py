"""The notifier: each message is an event to tell, a delivery to attempt, or an alert to give."""

from collections.abc import Callable, Mapping
from copy import replace
from datetime import datetime
from typing import Any, ClassVar, assert_never

from msgspec import field

from cashback.adapters.dynamo.endpoints import EndpointsOfBatch
from cashback.adapters.dynamo.stores import StoresOfBatch
from cashback.adapters.notification_queue import decode
from cashback.domain.alerts import AlertCause
from cashback.domain.domain_events import DomainEvent
from cashback.domain.outgoing import AlertStep, AttemptStep, Endpoint
from cashback.domain.stores import StoreDocument
from cashback.domain.times import Instant, instant
from cashback.edge.batch import MessageBatch
from cashback.edge.clock import utc
from cashback.edge.log import log
from cashback.services.books import Desk
from cashback.services.deliver_webhook import NOT_MADE, attempt_delivery
from cashback.services.tell_event import alert_store, tell_event


class NotificationBatch(MessageBatch):
    """One invocation. Who is to hear of events, by the settings of a store and its endpoints, is read once for all of
    them, and never kept for the next. Attempts and alerts ask anew: an attempt before them may take seconds."""

    desk: Desk
    clock: Callable[[], datetime] = utc
    documents: dict[tuple[str, int | None], StoreDocument] = field(default_factory=dict)
    endpoints: dict[str, list[Endpoint]] = field(default_factory=dict)

    noun: ClassVar[str] = "notification"

    def handle(self, record: Mapping[str, Any], receives: int) -> None:  # noqa: ARG002  # what the loop hands over
        """Do what a message asks for; one line of log says what became of it."""
        step = decode(record["body"])
        match step:
            case DomainEvent(event_id, kind, store_id):
                told = tell_event(self._desk_of_events(), step, self._now())
                log("event_told", store=store_id, event_id=event_id, kind=kind, **told, counted="EventsTold", by="kind")
            case AttemptStep(store_id, delivery_id):
                self._attempt(store_id, delivery_id)
            case AlertStep(store_id, cause):
                self._alert(store_id, AlertCause(cause), {}, self._now())
            case unheard:
                assert_never(unheard)

    def _desk_of_events(self) -> Desk:
        """The desk with what was read for events before in this batch."""
        books, outgoing = self.desk.books, self.desk.outgoing
        stores = StoresOfBatch(books.stores.table, self.documents)
        endpoints = EndpointsOfBatch(outgoing.endpoints.table, self.endpoints)
        return replace(self.desk, books=replace(books, stores=stores), outgoing=replace(outgoing, endpoints=endpoints))

    def _attempt(self, store_id: str, delivery_id: str) -> None:
        outcome, disabled = attempt_delivery(self.desk, store_id, delivery_id, self._now)
        log(
            "webhook_attempted",
            store=store_id,
            delivery=delivery_id,
            outcome=outcome,
            counted="WebhooksAttempted",
            by="outcome",
        )
        if disabled is None:
            return
        if outcome not in NOT_MADE:
            log(
                "endpoint_disabled",
                store=store_id,
                endpoint=disabled.endpoint_id,
                reason=disabled.disabled_reason,
                counted="EndpointsDisabled",
                by="reason",
            )
        at = disabled.disabled_at or self._now()
        self._alert(store_id, AlertCause.ENDPOINT_DISABLED, {"webhook_endpoint_id": disabled.endpoint_id}, at)

    def _alert(self, store_id: str, cause: AlertCause, subject: dict[str, str], at: Instant) -> None:
        outcomes = alert_store(self.desk, store_id, cause, subject, at, self._now())
        log("shop_alerted", store=store_id, cause=str(cause), **outcomes)

    def _now(self) -> Instant:
        return instant(self.clock())
