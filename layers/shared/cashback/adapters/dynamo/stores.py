"""Stores in the State table: the directory, the settings with their history, and how far behind their events are."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import batched, islice
from typing import Any, Final

from msgspec import Struct, field

from cashback.adapters.dynamo import keys, store_keys
from cashback.adapters.dynamo.audit import audit_line
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.due import DueIndex
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.domain.audit import Act
from cashback.domain.due import DueKind
from cashback.domain.errors import Busy, NotFound, StateConflict, VersionConflict
from cashback.domain.ledger import Write
from cashback.domain.money import Currency
from cashback.domain.settings import DEFAULTS, Settings, parse_settings
from cashback.domain.stores import Closing, StoreDocument, StoreRecord, as_text
from cashback.domain.times import Instant, instant, moment

DELAY_SEEN_FOR: Final = timedelta(minutes=15)
"""How long one late event speaks for its store's queue."""

_WRITES_AT_ONCE: Final = 100
"""Source: the quotas of DynamoDB's transactions."""


class Stores(Struct, frozen=True):
    """Settings are read consistently each time they are needed; what is remembered is only what a text means."""

    table: StateTable

    def settings(self, store_id: str, version: int | None = None) -> Settings:
        """Return the current settings, or those of one version (consistent, one read unit).

        :raises NotFound: no such store, or no such version of it.
        """
        return settings_of(store_id, self._item(store_id, version))

    def document(self, store_id: str, version: int | None = None) -> StoreDocument:
        """Return the settings in the form of the API.

        :raises NotFound: no such store, or no such version of it.
        """
        return document_of(store_id, self._item(store_id, version))

    def record(self, store_id: str) -> StoreRecord | None:
        """Return a store's entry in the directory."""
        item = self.table.get(store_keys.store(store_id))
        return None if item is None else _record_of(item)

    def ids(self) -> Iterator[str]:
        """Yield every store of the deployment, closed ones too."""
        for item in self.table.query("pk = :pk", {":pk": store_keys.STORES}):
            yield item["sk"]

    def birthdays_done(self, store_id: str) -> str | None:
        """Return the last date, in the store's own calendar, whose birthdays are done; None where none was."""
        item = self.table.get(store_keys.birthdays_done(store_id))
        return None if item is None else str(item["done"])

    def move_birthdays_done(self, store_id: str, date: str) -> None:
        """Remember that the birthdays of a store are done until a date. That never ceases to be true, so of two at once
        either may write last: the earlier date costs a few reads."""
        pk, sk = store_keys.birthdays_done(store_id)
        self.table.commit(self.table.put({"pk": pk, "sk": sk, "done": date}))

    def create(self, record: StoreRecord, first: StoreDocument, also: Sequence[Write], act: Act) -> StoreRecord | None:
        """Create a store with its first settings and all that ``also`` says (secrets, keys), in one transaction.

        Return None, or the store that has this id already.
        """
        try:
            self.table.commit(
                self.table.put(_record_item(record), "attribute_not_exists(pk)"),
                self.table.put(_item(first, store_keys.settings(first.store_id)), "attribute_not_exists(pk)"),
                self.table.put(_item(first, store_keys.settings(first.store_id, first.version))),
                audit_line(self.table, record.store_id, act),
                *also,
            )
        except Lost as lost:
            standing = lost.images.get(0)
            if standing is None:
                raise Busy("the store is half there") from lost
            return _record_of(standing)
        return None

    def change(self, changed: StoreDocument, act: Act) -> None:
        """Write the next version of the settings over the one it was made from, and keep both.

        :raises VersionConflict: someone else changed them first, or closed the store.
        """
        condition = "version = :version AND attribute_not_exists(closed_at)"
        try:
            self.table.commit(
                self.table.put(
                    _item(changed, store_keys.settings(changed.store_id)), condition, {":version": changed.version - 1}
                ),
                self.table.put(_item(changed, store_keys.settings(changed.store_id, changed.version))),
                audit_line(self.table, changed.store_id, act),
            )
        except Lost as lost:
            raise VersionConflict("the settings were changed meanwhile") from lost

    def close(self, closed: StoreDocument, act: Act) -> bool:
        """Write the settings of a store with the time since when it is closed, and what makes its erasure due at that
        time; False where someone else changed or closed it meanwhile."""
        closed_at = closed.closed_at or act.at
        begun = Closing(closed_at, began_at=closed_at)
        condition = "version = :version AND attribute_not_exists(closed_at)"
        return self.table.try_commit(
            self.table.put(
                _item(closed, store_keys.settings(closed.store_id)), condition, {":version": closed.version}
            ),
            self.table.put(_closing_item(closed.store_id, begun), "attribute_not_exists(pk)"),
            audit_line(self.table, closed.store_id, act),
        )

    def closing(self, store_id: str) -> Closing | None:
        """Return how far the erasure of a store is; None where it is not closed."""
        item = self.table.get(store_keys.closing(store_id))
        if item is None:
            return None
        return Closing(**{name: item[name] for name in Closing.__struct_fields__ if name in item})

    def move_closing(self, store_id: str, closing: Closing, *also: Write) -> bool:
        """Write the next revision of how far an erasure is, with ``also``; False where another sweep was first."""
        item = _closing_item(store_id, closing)
        return self.table.try_commit(self.table.put(item, "rev = :rev", {":rev": closing.rev - 1}), *also)

    def forget_secrets(self, store_id: str) -> None:
        """Delete the webhook secrets of a store, and its endpoints with theirs: nothing signs for it any more."""
        for pk in (store_keys.webhook_secrets(store_id), store_keys.endpoints(store_id)):
            for item in self.table.partition(pk):
                self.table.commit(self.table.delete(keys.Key(item["pk"], item["sk"])))

    def forget_told(self, store_id: str, most: int) -> bool:
        """Delete up to ``most`` deliveries, and as many notices, of a store; tell whether there were any."""
        values = [{":pk": pk} for pk in (store_keys.deliveries(store_id), store_keys.notices(store_id))]
        found = [
            self.table.delete(keys.Key(item["pk"], item["sk"]))
            for of in values
            for item in islice(self.table.query("pk = :pk", of, ConsistentRead=True, Limit=most), most)
        ]
        for some in batched(found, _WRITES_AT_ONCE, strict=False):
            self.table.commit(*some)
        return bool(found)

    def act(self, store_id: str, act: Act, *writes: Write) -> None:
        """Commit what an act of the operator changes, with its line of the audit.

        :raises StateConflict: someone else was first.
        """
        try:
            self.table.commit(*writes, audit_line(self.table, store_id, act))
        except Lost as lost:
            raise StateConflict("it was changed meanwhile") from lost

    def line(self, store_id: str, act: Act) -> Write:
        """Build a line of the audit, for the transaction of a change that is made elsewhere."""
        return audit_line(self.table, store_id, act)

    def data_requested(self, store_id: str, request_id: str, act: Act) -> bool:
        """Write a person's request for their data into the audit, once; False where it is there already."""
        return self._act_once(store_id, store_keys.data_request(store_id, request_id), act)

    def redact_requested(self, store_id: str, shop_domain: str, act: Act) -> bool:
        """Write a shop's request to forget all its customers into the audit, once; False where it is there already."""
        return self._act_once(store_id, store_keys.redact_request(store_id, shop_domain), act)

    def _act_once(self, store_id: str, guard: keys.Key, act: Act) -> bool:
        item = {"pk": guard.pk, "sk": guard.sk, "at": act.at}
        try:
            self.act(store_id, act, self.table.put(item, "attribute_not_exists(pk)"))
        except StateConflict:
            return False
        return True

    def note_delay(self, store_id: str, seconds: int, at: Instant) -> None:
        """Remember that an event of this store was ``seconds`` old when it was handled or failed."""
        pk, sk = store_keys.delay(store_id)
        self.table.commit(self.table.put({"pk": pk, "sk": sk, "seconds": seconds, "seen_at": at}))

    def delay(self, store_id: str, now: Instant) -> int:
        """Return how old the last late event was, in seconds; 0 if none was late for a quarter of an hour."""
        item = self.table.get(store_keys.delay(store_id))
        if item is None or item["seen_at"] < instant(moment(now) - DELAY_SEEN_FOR):
            return 0
        return int(item["seconds"])

    def _item(self, store_id: str, version: int | None) -> Item:
        item = self.table.get(store_keys.settings(store_id, version))
        if item is None:
            raise NotFound
        return item


class StoresOfBatch(Stores, frozen=True):
    """The stores that one batch of messages is about: the ``document`` of each is read once, for all its messages. Made
    for the batch and gone with it, so that nothing is kept for the next. ``settings`` reads anew each time."""

    read: dict[tuple[str, int | None], StoreDocument] = field(default_factory=dict)

    def document(self, store_id: str, version: int | None = None) -> StoreDocument:
        """Return the settings as they stood when the batch first asked.

        :raises NotFound: no such store, or no such version of it.
        """
        if (store_id, version) not in self.read:
            self.read[store_id, version] = super().document(store_id, version)
        return self.read[store_id, version]


def _item(document: StoreDocument, key: keys.Key) -> Item:
    """The currency stands beside the document, so that a reader needs no table of currencies."""
    return {
        "pk": key.pk,
        "sk": key.sk,
        "version": document.version,
        "currency": document.currency.code,
        "exponent": document.currency.exponent,
        "document": as_text(document.document),
        "created_at": document.created_at,
        "updated_at": document.updated_at,
        "updated_by": document.updated_by,
        "changed_at": as_text(document.changed_at),
        "closed_at": document.closed_at,
    }


def _closing_item(store_id: str, closing: Closing) -> Item:
    """What is to be erased is due from the time of the closing on, until it is erased."""
    pk, sk = store_keys.closing(store_id)
    due_at = closing.closed_at if closing.erased_at is None else None
    due = DueIndex.attributes(store_id, DueKind.STORE, store_id, due_at)
    return {"pk": pk, "sk": sk, **{name: getattr(closing, name) for name in Closing.__struct_fields__}, **due}


def settings_of(store_id: str, item: Item) -> Settings:
    """Read the settings of a store back as exact values."""
    return _settings_of(store_id, item["version"], item["currency"], item["exponent"], item["document"])


@lru_cache(maxsize=64)
def _settings_of(store_id: str, version: int, currency: str, exponent: int, text: str) -> Settings:
    """A store has one text for many orders, and to make out its settings takes as long as to decide one of them."""
    return parse_settings(store_id, version, Currency(currency, exponent), _whole(text))


def document_of(store_id: str, item: Item) -> StoreDocument:
    """Read the settings of a store back."""
    return StoreDocument(
        store_id=store_id,
        version=item["version"],
        currency=Currency(item["currency"], item["exponent"]),
        document=_whole(item["document"]),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        updated_by=item["updated_by"],
        changed_at=json.loads(item["changed_at"]),
        closed_at=item.get("closed_at"),
    )


def _whole(text: str) -> dict[str, Any]:
    """A document with the defaults of what it does not name."""
    return {**DEFAULTS, **json.loads(text)}


def _record_item(record: StoreRecord) -> Item:
    pk, sk = store_keys.store(record.store_id)
    return {
        "pk": pk,
        "sk": sk,
        "name": record.name,
        "created_at": record.created_at,
        "request_hash": record.request_hash,
        "body_hash": record.body_hash,
    }


def _record_of(item: Item) -> StoreRecord:
    return StoreRecord(item["sk"], item["name"], item["created_at"], item.get("request_hash"), item.get("body_hash"))
