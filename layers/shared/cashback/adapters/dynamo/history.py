"""The history of a customer's balance, read consistently from the Ledger table's local index."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.accounts import entry_of
from cashback.adapters.dynamo.ledger import Ledger
from cashback.adapters.dynamo.tables import query
from cashback.domain import causes
from cashback.domain.errors import Busy, CustomerNotFound
from cashback.domain.ledger import Entry, EntryStatus, HistoryLine, transaction_id
from cashback.domain.queries import EntriesWanted
from cashback.domain.times import Instant

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_TRIES = 3
_READ_AT_ONCE = 200


class History(Struct, frozen=True):
    """Reads entries, newest first, each with the balance it left."""

    client: "DynamoDBClient"
    ledger_table: str
    ledger: Ledger

    def page(
        self, store_id: str, customer_id: str, wanted: EntriesWanted, limit: int, after: str | None
    ) -> tuple[list[HistoryLine], str | None]:
        """Return up to ``limit`` entries and where to go on, None at the end.

        ``balance_after`` is counted back from the available balance. The account is read before and after the first
        page, and the page read again when a posting came between, so that what it says did hold together. A later
        page goes on from the balance that the first one ended with.

        :raises CustomerNotFound: no such customer.
        :raises Busy: the account moved during each of three reads.
        """
        before = self.ledger.account(store_id, customer_id)
        if after is not None:
            balance, _, place = after.partition("@")
            return self._walk(store_id, customer_id, wanted, limit, int(balance), place)
        for _ in range(_TRIES):
            page = self._walk(store_id, customer_id, wanted, limit, before.available, "")
            now = self.ledger.account(store_id, customer_id)
            if now.version == before.version:
                return page
            before = now
        raise Busy("the balance keeps changing")

    def of_order(self, store_id: str, customer_id: str, order_id: str) -> list[HistoryLine]:
        """Return the entries of one order, oldest first: their causes share a prefix. They carry no balance.

        Once its customer was merged, an order's entries go to the kept account: those are among them. A customer whom
        nothing was counted for yet has no account, and so no entries.
        """
        try:
            path = self.ledger.merged_path(store_id, customer_id)
        except CustomerNotFound:
            return []
        lines = [
            HistoryLine(transaction_id(keys.customer(store_id, account.customer_id), entry.cause), entry, None)
            for account in path
            for prefix in causes.of_order(order_id)
            for entry in self._beginning(store_id, account.customer_id, prefix)
        ]
        return sorted(lines, key=lambda line: (line.entry.posted_at, line.entry.cause))

    def shown(self, store_id: str, customer_id: str, entry: Entry, balance_after: int) -> HistoryLine:
        """Return an entry just posted as the history shows it, with the balance that was read after it."""
        return HistoryLine(transaction_id(keys.customer(store_id, customer_id), entry.cause), entry, balance_after)

    def line(self, store_id: str, customer_id: str, entry: Entry) -> HistoryLine:
        """Return an entry of this very customer as the history shows it now.

        :raises Busy: the account moved during each of three reads.
        """
        moment = EntriesWanted(frozenset({entry.kind}), entry.posted_at, entry.posted_at, include_zero=True)
        after: str | None = None
        while True:
            lines, after = self.page(store_id, customer_id, moment, _READ_AT_ONCE, after)
            found = next((line for line in lines if line.entry.cause == entry.cause), None)
            if found is not None:
                return found
            if after is None:
                raise Busy("the entry is not in the history yet")

    def of_cause(self, store_id: str, customer_id: str, cause: str) -> Entry | None:
        """Return the entry of this cause, a rejected one too, at the customer or where they were merged into
        (consistent); None where there is none.

        :raises CustomerNotFound: no such customer.
        """
        path = self.ledger.merged_path(store_id, customer_id)
        found = (entry for account in path for entry in self._beginning(store_id, account.customer_id, cause))
        return next((entry for entry in found if entry.cause == cause), None)

    def merged_from(self, store_id: str, customer_id: str) -> list[str]:
        """Return every customer who was merged into this one, also by way of another (consistent)."""
        found = [customer_id]
        for one in found:
            causes_there = (entry.cause for entry in self._beginning(store_id, one, causes.MERGES))
            found += [other for other in map(causes.merged_from, causes_there) if other not in found]
        return found[1:]

    def entries(self, store_id: str, customer_id: str) -> Iterator[Entry]:
        """Yield every entry of this very customer, rejected ones too (consistent), by cause."""
        return self._entries("pk = :pk", {":pk": keys.customer(store_id, customer_id)})

    def balance_at(self, store_id: str, customer_id: str, at: Instant) -> int:
        """Return the available balance as of an instant: the sum of what was posted up to it."""
        values = {":pk": keys.customer(store_id, customer_id), ":end": keys.listed_until(at)}
        entries = self._entries("pk = :pk AND posted_at_cause < :end", values, IndexName="posted")
        return sum(entry.amount for entry in entries if entry.status is EntryStatus.POSTED)

    def posted_between(self, store_id: str, customer_id: str, first: Instant, last: Instant) -> Iterator[Entry]:
        """Yield the entries of this very customer from one instant to another, REJECTED ones too."""
        values = {":pk": keys.customer(store_id, customer_id), ":low": first, ":high": keys.listed_until(last)}
        condition = "pk = :pk AND posted_at_cause BETWEEN :low AND :high"
        return self._entries(condition, values, IndexName="posted")

    def _walk(
        self, store_id: str, customer_id: str, wanted: EntriesWanted, limit: int, balance: int, place: str
    ) -> tuple[list[HistoryLine], str | None]:
        """Walk back in time from ``place``, keeping the balance, until the page is full or the history ends."""
        pk = keys.customer(store_id, customer_id)
        lines: list[HistoryLine] = []
        newest = {"IndexName": "posted", "ScanIndexForward": False, "Limit": _READ_AT_ONCE}
        before = place or keys.AFTER_ALL
        for entry in self._entries("pk = :pk AND posted_at_cause < :before", {":pk": pk, ":before": before}, **newest):
            if wanted.before(entry):
                break
            if len(lines) == limit:
                return lines, f"{balance}@{place}"
            place = keys.posted_at_cause(entry.posted_at, entry.cause)
            posted = entry.status is EntryStatus.POSTED
            after, balance = balance if posted else None, balance - (entry.amount if posted else 0)
            if wanted.takes(entry):
                line_id = transaction_id(pk, entry.cause)
                lines.append(HistoryLine(line_id, entry, after, place=f"{balance}@{place}"))
        return lines, None

    def _beginning(self, store_id: str, customer_id: str, prefix: str) -> Iterator[Entry]:
        values = {":pk": keys.customer(store_id, customer_id), ":prefix": prefix}
        return self._entries("pk = :pk AND begins_with(sk, :prefix)", values)

    def _entries(self, condition: str, values: Mapping[str, str], **how: Any) -> Iterator[Entry]:
        items = query(self.client, self.ledger_table, condition, values, ConsistentRead=True, **how)
        return map(entry_of, items)
