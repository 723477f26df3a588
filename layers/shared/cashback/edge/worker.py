"""The worker of store events: what a shop tells of is parsed, decided and posted."""

from collections.abc import Callable, Mapping
from copy import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, assert_never

from msgspec import field

from cashback.adapters.queues import decode
from cashback.domain.audit import Origin
from cashback.domain.errors import DomainError, ErasureWaits, NotFound, PayoutLive, reason_of
from cashback.domain.news import (
    CustomerDeleted,
    CustomerNews,
    CustomersMerged,
    DataRequested,
    Delivery,
    Ignored,
    ProductDeleted,
    ProductNews,
    StoreRedacted,
)
from cashback.domain.orders import News, Order
from cashback.domain.scenarios import LiveScenarios
from cashback.domain.settings import Settings
from cashback.domain.times import instant
from cashback.edge.batch import MessageBatch, is_last
from cashback.edge.clock import utc
from cashback.edge.log import log, metric
from cashback.services.books import Books
from cashback.services.erase_customer import erase_customer, forget_contacts
from cashback.services.manage_products import forget_product, record_product
from cashback.services.merge_customers import merge_customers
from cashback.services.record_customer import record_customer
from cashback.services.record_data_request import record_data_request
from cashback.services.record_order import hear_news, record_failure, settle_claims
from cashback.services.record_redact_request import record_redact_request
from cashback.storefronts import parsing

if TYPE_CHECKING:
    from cashback.adapters.alarm_clock import AlarmClock

LATE_AFTER: Final = 60
"""Seconds in the queue from which the delay of a store's events is worth noting."""


class EventBatch(MessageBatch):
    """One invocation. Settings and scenarios are read once for each store in it, and never kept for the next."""

    books: Books
    alarms: "Callable[[], AlarmClock]"
    settings: dict[str, Settings | str] = field(default_factory=dict)
    live: dict[str, LiveScenarios] = field(default_factory=dict)
    clock: Callable[[], datetime] = utc
    ages: dict[str, float] = field(default_factory=dict)

    noun: ClassVar[str] = "event"

    def run(self, event: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Handle an SQS event; answer with the messages that must come again."""
        answer = super().run(event)
        self._note_delays()
        return answer

    def handle(self, record: Mapping[str, Any], receives: int) -> None:
        """Record what one delivery tells of."""
        delivery = decode(record["body"])
        self._note_age(delivery, record)
        self._record(delivery, receives)

    def _record(self, delivery: Delivery, receives: int) -> None:
        """Parse, decide and post one delivery; one line of log says what became of it."""
        ids = {"store": delivery.store_id, "source": delivery.source, "delivery": delivery.delivery_id}
        settings = self._settings(delivery.store_id)
        if isinstance(settings, str):
            _ignored(settings, ids)
            return
        match parsing.read(delivery.source, delivery.topic, delivery.body, settings, delivery.received_at):
            case Ignored(reason):
                _ignored(reason, ids)
            case StoreRedacted() as news:
                self._redact_request(settings, news, ids)
            case DataRequested() as news:
                self._data_request(settings, news, ids)
            case CustomerNews() | CustomerDeleted() | CustomersMerged() as news:
                try:
                    self._person(settings, news, ids)
                except PayoutLive as live:
                    raise ErasureWaits from live
            case ProductNews(product):
                changed = record_product(self.books, settings, product, instant(self.clock()))
                log("product_recorded" if changed else "event_unchanged", **ids, product=product.product_id)
            case ProductDeleted(product_id, occurred_at):
                changed = forget_product(self.books, settings.store_id, product_id, occurred_at)
                log("product_deleted" if changed else "event_unchanged", **ids, product=product_id)
            case News() as news:
                self._order(settings, news, receives, ids)
            case unheard:
                assert_never(unheard)

    def _person(
        self, settings: Settings, news: CustomerNews | CustomerDeleted | CustomersMerged, ids: dict[str, str]
    ) -> None:
        """Record, merge or erase a person; then look for guests' orders that waited for just that."""
        store_id, now = settings.store_id, instant(self.clock())
        match news:
            case CustomerNews(customer_id):
                recorded = record_customer(self.books, store_id, news, now)
                said, ids = "customer_recorded", {**ids, "customer": customer_id}
            case CustomerDeleted(customer_id, occurred_at):
                origin = _origin("erase", customer_id, ids)
                recorded = erase_customer(self.books, store_id, customer_id, occurred_at, origin, now)
                said, ids = "customer_erased", {**ids, "customer": customer_id}
            case CustomersMerged(kept_id, deleted_id):
                ids = {**ids, "customer": kept_id, "merged": deleted_id}
                merged = merge_customers(self.books, store_id, news, f"shop:{ids['source']}", now)
                if merged.refused is not None:
                    _ignored(merged.refused, ids)
                    return
                recorded, said = merged.recorded, "customers_merged"
        settled = settle_claims(self.books, settings, recorded.contacts, now)
        if not isinstance(news, CustomerNews):
            forget_contacts(self.books, store_id, ids["customer"], recorded.contacts)
        else:
            self._follow_registration(settings, news.customer_id, ids)
        log(said if recorded.changed else "event_unchanged", **ids, contacts=len(recorded.contacts), settled=settled)

    def _data_request(self, settings: Settings, news: DataRequested, ids: dict[str, str]) -> None:
        ids = {**ids, "customer": news.customer_id, "request": news.request_id}
        origin = _origin("data_request", news.request_id, ids)
        if not record_data_request(self.books, settings.store_id, news, origin):
            log("event_unchanged", **ids)
            return
        log("data_requested", **ids, counted="DataRequests")

    def _redact_request(self, settings: Settings, news: StoreRedacted, ids: dict[str, str]) -> None:
        origin = _origin("redact", news.shop_domain, ids)
        if not record_redact_request(self.books, settings.store_id, news, origin):
            log("event_unchanged", **ids)
            return
        log("redact_requested", level="WARN", **ids, counted="RedactRequests")

    def _order(self, settings: Settings, news: News, receives: int, ids: dict[str, str]) -> None:
        now = instant(self.clock())
        try:
            order, is_changed = hear_news(self.books, settings, news, now)
        except Exception as error:  # raised again below: the store must see the failure, whatever it was
            if is_last(error, receives):
                record_failure(self.books, settings, news, reason_of(error), now)
                metric("OrdersFailed", 1)
            raise
        if order is not None:
            self._follow(settings, order, news, ids)
        if order is None or not is_changed:
            log("event_unchanged", **ids, order=news.order_id)
            return
        log(
            "order_recorded",
            **ids,
            order=order.order_id,
            status=order.status,
            reason=order.reason_code,
            rev=order.rev,
            counted="OrdersRecorded",
            by="status",
        )

    def _follow(self, settings: Settings, order: Order, news: News, ids: dict[str, str]) -> None:
        """Let scenarios hear of an order, also of one that was told before: the delivery may have been cut off here."""
        live = self.live[settings.store_id]
        if not live.scenarios:
            return
        # Only stores with scenarios pay for what follows them.
        from cashback.services.follow_tasks import follow_order  # noqa: PLC0415 - a cold start does not need it

        now = instant(self.clock())
        followed = follow_order(self.books, self.alarms, settings, live, order, now, news.customer)
        if followed:
            log(
                "scenarios_followed",
                **ids,
                order=order.order_id,
                started=followed.started,
                cancelled=followed.cancelled,
                successful=followed.successful,
            )

    def _follow_registration(self, settings: Settings, customer_id: str, ids: dict[str, str]) -> None:
        """Let scenarios hear of a registration, also of one that was told before."""
        live, now = self.live[settings.store_id], instant(self.clock())
        if not live.scenarios:
            return
        from cashback.services.follow_tasks import follow_registration  # noqa: PLC0415 - a cold start does not need it

        started = follow_registration(self.books, self.alarms, settings, live, customer_id, now)
        if started:
            log("scenarios_followed", **ids, started=started)

    def _settings(self, store_id: str) -> Settings | str:
        """Return the settings of a store, or why its events are ignored."""
        if store_id not in self.settings:
            try:
                settings, live = self.books.scenarios.live(store_id)
            except NotFound:
                self.settings[store_id] = "store_unknown"
            else:
                numbered = settings and replace(settings, numbers_orders=live.number_orders)
                self.settings[store_id] = numbered or "store_closed"
                self.live[store_id] = live
        return self.settings[store_id]

    def _note_age(self, delivery: Delivery, record: Mapping[str, Any]) -> None:
        age = self.clock().timestamp() - int(record["attributes"]["SentTimestamp"]) / 1000
        if age > LATE_AFTER:
            self.ages[delivery.store_id] = max(age, self.ages.get(delivery.store_id, 0))

    def _note_delays(self) -> None:
        """Let each late store's status say so. Only a figure: where it cannot be noted, nothing is lost."""
        for store_id, seconds in self.ages.items():
            try:
                self.books.stores.note_delay(store_id, int(seconds), instant(self.clock()))
            except DomainError as error:
                log("delay_not_noted", store=store_id, code=error.code)


def _origin(what: str, of: str, ids: dict[str, str]) -> Origin:
    """Where an act comes from that a shop asks for. Its id tells two acts of one moment apart in the audit."""
    return Origin(f"shop:{ids['source']}", f"{what}:{of}", "-")


def _ignored(reason: str, ids: dict[str, str]) -> None:
    log("event_ignored", **ids, reason=reason, counted="EventsIgnored", by="reason")
