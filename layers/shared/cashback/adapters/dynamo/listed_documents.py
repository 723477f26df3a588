"""Documents with revisions, listed by status in the index and by customer in the customer's own partition: that list is
exact at any moment, which an index is not."""

import heapq
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.keys import Key
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import COUNTED_AT_ONCE, StateTable
from cashback.domain.ledger import Write

if TYPE_CHECKING:
    from cashback.domain.incentive_requests import IncentiveRequest
    from cashback.domain.payouts import Payout

_AT_ONCE: Final = 100
"""Documents of a customer read ahead of who goes through them: few calls for many, and little in vain for few."""


class ListedDocuments[Document: (IncentiveRequest, Payout)](Struct, frozen=True):
    """The documents of one kind, each written only over the revision that was read. A kind says where its documents and
    their lists stand: ``packing``, ``prefix`` (of the list in a customer's partition), and the three methods below."""

    table: StateTable

    packing: ClassVar[Packing[Any]]
    prefix: ClassVar[str]

    @staticmethod
    @abstractmethod
    def key(store_id: str, document_id: str) -> Key:
        """Return where a document stands."""

    @staticmethod
    @abstractmethod
    def partition(store_id: str, status: str) -> str:
        """Return the partition of index ``listing`` that lists the documents of a status."""

    @staticmethod
    @abstractmethod
    def id_of(document: Document) -> str:
        """Return the id of a document."""

    def get(self, store_id: str, document_id: str) -> Document | None:
        """Return a document (consistent, one read unit for a small one)."""
        item = self.table.get(self.key(store_id, document_id))
        return None if item is None else self.unpack(item)

    def get_many(self, store_id: str, document_ids: Iterable[str]) -> list[Document]:
        """Return those of any number of documents that exist, in the order asked for (each consistent)."""
        wanted = [self.key(store_id, document_id) for document_id in document_ids]
        found = self.table.get_many(wanted)
        return [self.unpack(found[key]) for key in wanted if key in found]

    def at_places(self, store_id: str, places: Iterable[str]) -> list[Document]:
        """Return the documents at some places, in that order (each consistent)."""
        return self.get_many(store_id, map(keys.listed_id, places))

    @classmethod
    def place(cls, document: Document) -> str:
        """Return the place of a document in every list: by its time, then by its id."""
        return keys.listed(document.created_at, cls.id_of(document))

    def write(self, store_id: str, document: Document) -> Write:
        """Build the conditional write of a document's next revision."""
        pk, sk = self.key(store_id, self.id_of(document))
        item = {
            "pk": pk,
            "sk": sk,
            "rev": document.rev,
            "document": self.packing.pack(document),
            "listing_pk": self.partition(store_id, document.status),
            "listing_sk": self.place(document),
        }
        if document.rev == 1:
            return self.table.put(item, "attribute_not_exists(pk)")
        return self.table.put(item, "rev = :rev", {":rev": document.rev - 1})

    def entry_in_list(self, store_id: str, document: Document) -> Write:
        """Build the write that lists a new document with its customer's."""
        pk, sk = keys.of_customer(store_id, document.customer_id, self.prefix, self.place(document))
        return self.table.put({"pk": pk, "sk": sk})

    def save(self, *writes: Write) -> bool:
        """Commit what moves no money, all or nothing; False where someone else was first."""
        return self.table.try_commit(*writes)

    def page(
        self, store_id: str, statuses: Sequence[str], limit: int, before: str | None
    ) -> tuple[list[Document], str | None]:
        """Return up to ``limit`` documents of some statuses, the newest first, those before a place, and the place to
        go on (None at the end).

        The index may lag a second; the documents themselves are read fresh, and one that moved on since is left out.
        """
        partitions = [self.partition(store_id, status) for status in statuses]
        places, place = self.table.newest(partitions, limit, before)
        found = self.at_places(store_id, places)
        return [document for document in found if document.status in statuses], place

    def page_of(
        self, store_id: str, customer_ids: Iterable[str], statuses: Sequence[str], limit: int, before: str | None
    ) -> tuple[list[Document], str | None]:
        """Return a page of what these customers have, as ``page`` does, but consistent and full."""
        places = heapq.merge(*(self._places_of(store_id, one, before) for one in customer_ids), reverse=True)
        found: list[Document] = []
        for some in batched(places, limit + 1, strict=False):
            found += [document for document in self.at_places(store_id, some) if document.status in statuses]
            if len(found) > limit:
                return found[:limit], self.place(found[limit - 1])
        return found, None

    def of_customer(self, store_id: str, customer_id: str) -> Iterator[Document]:
        """Yield all documents of this very customer, the newest first (consistent)."""
        for some in batched(self._places_of(store_id, customer_id, None), _AT_ONCE, strict=False):
            yield from self.at_places(store_id, some)

    def count(self, store_id: str, statuses: Iterable[str]) -> int:
        """Return how many documents have one of some statuses, read off the index alone, which may lag a second."""
        partitions = [self.partition(store_id, status) for status in statuses]
        how = {"IndexName": "listing", "Limit": COUNTED_AT_ONCE}
        listed = (self.table.query("listing_pk = :pk", {":pk": pk}, **how) for pk in partitions)
        return sum(1 for items in listed for _ in items)

    def _places_of(self, store_id: str, customer_id: str, before: str | None) -> Iterator[str]:
        return self.table.listed_under(keys.customer(store_id, customer_id), self.prefix, before)

    @classmethod
    def unpack(cls, item: Item) -> Document:
        """Return the document that an item holds."""
        document: Document = cls.packing.unpack(item["document"])
        return document
