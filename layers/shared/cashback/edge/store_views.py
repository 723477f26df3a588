"""What the domain knows of stores, in the words and shapes of the API."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from cashback.domain.api_keys import ApiKey
from cashback.domain.audit import Act
from cashback.domain.day_totals import Day, DayTotals
from cashback.domain.stores import StoreDocument
from cashback.domain.times import moment
from cashback.edge import store_models as models
from cashback.edge.models import Amount, ChangeWarning
from cashback.services.read_metrics import Metrics
from cashback.services.read_store import Engine

if TYPE_CHECKING:
    from cashback.edge.minting import MintedStore

WARNINGS: Final[Mapping[str, str]] = {
    "orders_still_pending": "Orders that are pending stay so: automatic processing decides those paid from now on.",
    "alerts_endpoint_missing": "No webhook endpoint with the address of alerts.webhook_url is switched on: no alert is "
    "sent there, because nothing could sign it.",
}


def settings(document: StoreDocument) -> models.Settings:
    """Return a store's settings."""
    return models.Settings(**_settings(document))


def changed_settings(document: StoreDocument, warnings: Iterable[str]) -> models.ChangedSettings:
    """Return settings after a change, with what to know about it."""
    told = [ChangeWarning(code=code, detail=WARNINGS[code]) for code in warnings]
    return models.ChangedSettings(**_settings(document), warnings=told)


def _settings(document: StoreDocument) -> dict[str, Any]:
    return {
        **document.document,
        "store_id": document.store_id,
        "version": document.version,
        "currency": document.currency.code,
        "created_at": document.created_at,
        "updated_at": document.updated_at,
        "updated_by": document.updated_by,
    }


def engine(state: Engine) -> models.EngineStatus:
    """Return how an engine is."""
    causes = [models.EngineCause(code=cause.code, count=cause.count, since=cause.since) for cause in state.causes]
    return models.EngineStatus(status=state.status.value, causes=causes, queue_delay_seconds=state.queue_delay_seconds)


def metrics(found: Metrics) -> models.Metrics:
    """Return the figures of some days, together and each."""
    together = sum((day.totals for day in found.days), start=DayTotals())
    last = found.days[-1]
    days = [
        models.DayFigures(**_figures(day.totals, day, found), date=day.date, closed_at=day.closed_at)
        for day in found.days
    ]
    date = last.date if len(days) == 1 else None
    return models.Metrics(**_figures(together, last, found), date=date, days=days)


def _figures(totals: DayTotals, at: Day, found: Metrics) -> dict[str, Any]:
    """The flows of ``totals``, with the levels that stood at the end of a day."""
    levels, code = at.levels, found.currency
    oldest = levels.oldest_pending_since if levels else None
    waited = (moment(at.closed_at or found.as_of) - moment(oldest)).total_seconds() if oldest else None
    return {
        "orders_processed": totals.orders_processed,
        "cashback_issued": Amount(amount=code.format(totals.cashback_issued), currency=code.code),
        "cashback_reversed": Amount(amount=code.format(totals.cashback_reversed), currency=code.code),
        "cashback_paid_out": Amount(amount=code.format(totals.cashback_paid_out), currency=code.code),
        "pending": levels.pending if levels else None,
        "oldest_pending_seconds": None if waited is None else int(waited),
        "held": levels.held if levels else None,
        "rejected": totals.rejected,
        "failed": totals.failed,
        "awaiting_customer": levels.awaiting_customer if levels else None,
        "requests_waiting": levels.requests_waiting if levels else None,
        "payouts_live": levels.payouts_live if levels else None,
        "median_decision_seconds": totals.median_decision_seconds,
        "longest_decision_seconds": totals.longest_decision_seconds if totals.decisions else None,
    }


def api_key(key: ApiKey) -> models.ApiKey:
    """Return a key, but for itself."""
    return models.ApiKey(**_api_key(key))


def new_api_key(key: ApiKey, secret: str | None) -> models.NewApiKey:
    """Return a key just made, with itself."""
    return models.NewApiKey(**_api_key(key), api_key=secret)


def _api_key(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in models.ApiKey.model_fields}


def api_key_page(keys: Iterable[ApiKey], next_cursor: str | None) -> models.ApiKeyPage:
    """Return a page of keys."""
    return models.ApiKeyPage(items=[api_key(key) for key in keys], next_cursor=next_cursor)


def audit_page(acts: Iterable[Act], next_cursor: str | None) -> models.AuditPage:
    """Return a page of the audit."""
    return models.AuditPage(items=[_act(act) for act in acts], next_cursor=next_cursor)


def _act(act: Act) -> models.AuditAct:
    return models.AuditAct(
        what=act.what,
        target=act.target,
        at=act.at,
        actor=act.origin.actor,
        request_id=act.origin.request_id,
        source_ip=act.origin.source_ip,
        before=None if act.before is None else json.loads(act.before),
        after=None if act.after is None else json.loads(act.after),
    )


def store_summary(document: StoreDocument) -> models.StoreSummary:
    """Return a store as the operator sees it."""
    return models.StoreSummary(**_summary(document))


def new_store(document: StoreDocument, minted: "MintedStore", *, replayed: bool) -> models.NewStore:
    """Return a store just created, with all that is shown once; of a repeated call, what is left to show."""
    return models.NewStore(
        **_summary(document),
        api_key_id=minted.admin.key.api_key_id,
        api_key=None if replayed else minted.admin.text,
        webhook_secrets={} if replayed else minted.made,
    )


def _summary(document: StoreDocument) -> dict[str, Any]:
    return {
        "store_id": document.store_id,
        "name": document.document["name"],
        "currency": document.currency.code,
        "timezone": document.document["timezone"],
        "version": document.version,
        "created_at": document.created_at,
        "closed_at": document.closed_at,
    }
