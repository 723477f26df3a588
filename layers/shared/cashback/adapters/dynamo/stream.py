"""Records of the tables' streams, read as the changes that count or are told of."""

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import entry_of
from cashback.adapters.dynamo.codec import Item, from_item
from cashback.domain.ledger import transaction_id
from cashback.domain.orders import PRODUCT_UNKNOWN, Status
from cashback.domain.projection import (
    Change,
    CodeRedeemed,
    EntryPosted,
    JobEnded,
    OrderMoved,
    PayoutWritten,
    RequestMoved,
    TaskEnded,
)
from cashback.domain.times import Instant, instant, instant_of


def change_of(record: Mapping[str, Any]) -> Change | None:
    """Return the change that a record of either stream tells of; None for one that concerns nobody.

    What is deleted, and what older code wrote without saying when, concerns nobody: the recount has it.
    """
    images = record["dynamodb"]
    if "NewImage" not in images:
        return None
    new = _plain(images["NewImage"])
    old = _plain(images["OldImage"]) if "OldImage" in images else None
    place = keys.written(new["pk"])
    if place is None:
        return None
    store_id, kind, item_id = place
    match kind, new["sk"]:
        case "C", _ if "posted_at_cause" in new and old is None:
            entry = entry_of(new)
            return EntryPosted(
                store_id=store_id,
                item_id=item_id,
                revision=entry.cause,
                at=entry.posted_at,
                entry=entry,
                transaction_id=transaction_id(new["pk"], new["sk"]),
            )
        case "O", "ORDER":
            return _order(store_id, item_id, old, new)
        case "T", "TASK":
            return _task(store_id, item_id, old, new)
        case "J", "JOB":
            return _job(store_id, item_id, old, new, _told_at(images))
        case "P", "PROMO":
            return _code(store_id, item_id, old, new)
        case "R", "REQUEST":
            return _request(store_id, item_id, old, new)
        case "Y", "PAYOUT":
            return _payout(store_id, item_id, old, new, _told_at(images))
    return None


def _plain(attributes: Mapping[str, Any]) -> Item:
    """Decode the image of a stream record, as the event of a function spells it: binary values are base64 texts."""
    return from_item({name: value for name, value in attributes.items() if "B" not in value}) | {
        name: _bytes(value["B"]) for name, value in attributes.items() if "B" in value
    }


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else b64decode(value)


def _order(store_id: str, order_id: str, old: Item | None, new: Item) -> Change | None:
    before = Status(old["status"]) if old else None
    if "moved" not in new or before == new["status"]:
        return None
    return OrderMoved(
        store_id=store_id,
        item_id=order_id,
        revision=str(new["rev"]),
        at=instant_of(new["moved"]),
        before=before,
        after=Status(new["status"]),
        customer_id=keys.last_id(new["customer_pk"]) if "customer_pk" in new else None,
        queued_at=old.get("queued_at") if old else None,
        amount=_amount_of(new),
    )


def _amount_of(order: Item) -> int | None:
    """What an order earns, or would; None where it is not known: in another currency, or of unknown products."""
    if order["status"] == Status.HELD and order["reason"] == PRODUCT_UNKNOWN:
        return None
    return order.get("award") or order.get("basis")


def _task(store_id: str, task_id: str, old: Item | None, new: Item) -> Change | None:
    if old is not None and old["listing_pk"] == new["listing_pk"]:
        return None
    from cashback.adapters.dynamo.tasks import task_of  # noqa: PLC0415 - most records are of no task

    task = task_of(new)
    if task.finished_at is None:
        return None
    return TaskEnded(
        store_id=store_id,
        item_id=task_id,
        revision=str(task.rev),
        at=task.finished_at,
        status=task.status.value,
        scenario_id=task.scenario_id,
        customer_id=task.customer_id,
        order_id=task.order_id,
    )


def _told_at(images: Mapping[str, Any]) -> Instant:
    """When a change was written, to the second: for what does not say so itself."""
    return instant(datetime.fromtimestamp(images["ApproximateCreationDateTime"], UTC))


def _job(store_id: str, job_id: str, old: Item | None, new: Item, told_at: Instant) -> Change | None:
    from cashback.adapters.dynamo.group_jobs import job_of  # noqa: PLC0415 - most records are of no job
    from cashback.domain.group_jobs import JobStatus  # noqa: PLC0415 - most records are of no job

    job, before = job_of(new), job_of(old) if old else None
    state = (job.status, job.finished_at is not None)
    is_moved = before is None or state != (before.status, before.finished_at is not None)
    is_amended = before is not None and not is_moved and job.result != before.result
    if job.dry_run or not (is_moved or is_amended) or not (job.finished_at or job.status is JobStatus.FAILED):
        return None
    return JobEnded(
        store_id=store_id,
        item_id=job_id,
        revision=str(job.rev),
        at=told_at if is_amended else job.finished_at or told_at,
        status=job.status.value,
        group_id=job.group_id,
        is_over=job.finished_at is not None,
        is_amended=is_amended,
        credited=job.result.amount_credited if job.result else 0,
        debited=job.result.amount_debited if job.result else 0,
    )


def _code(store_id: str, code: str, old: Item | None, new: Item) -> Change | None:
    if old is None:
        return None
    from cashback.adapters.dynamo.promo_codes import promo_code_of  # noqa: PLC0415 - most records are of no code

    promo = promo_code_of(new)
    if promo.redeemed_at is None or promo_code_of(old).redeemed_at is not None:
        return None
    return CodeRedeemed(
        store_id=store_id,
        item_id=code,
        revision=str(promo.rev),
        at=promo.redeemed_at,
        task_id=promo.task_id,
        customer_id=promo.customer_id,
        order_id=promo.order_id,
    )


def _request(store_id: str, request_id: str, old: Item | None, new: Item) -> Change | None:
    if old is not None and old["listing_pk"] == new["listing_pk"]:
        return None
    from cashback.adapters.dynamo.incentive_requests import IncentiveRequests  # noqa: PLC0415 - few are of requests

    request = IncentiveRequests.unpack(new)
    return RequestMoved(
        store_id=store_id,
        item_id=request_id,
        revision=str(request.rev),
        at=request.updated_at,
        before=IncentiveRequests.unpack(old).status if old else None,
        request=request,
    )


def _payout(store_id: str, payout_id: str, old: Item | None, new: Item, told_at: Instant) -> Change:
    from cashback.adapters.dynamo.payouts import Payouts  # noqa: PLC0415 - most records are of no payout

    payout = Payouts.unpack(new)
    return PayoutWritten(
        store_id=store_id,
        item_id=payout_id,
        revision=str(payout.rev),
        at=payout.updated_at,
        before=Payouts.unpack(old) if old else None,
        payout=payout,
        written_at=told_at,
    )
