"""Incentive requests in the State table, with a list of each customer's in the customer's own partition: that list is
exact at any moment, which an index is not."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import batched
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, payout_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.incentive_requests import IncentiveRequest, RequestStatus
from cashback.domain.ledger import Write

_AT_ONCE: Final = 100
"""Requests of a customer read ahead of who goes through them: few calls for many, and little in vain for few."""

_PACKING: Final = Packing[IncentiveRequest](IncentiveRequest)


class IncentiveRequests(Struct, frozen=True):
    """The documents of requests, each written only over the revision that was read."""

    table: StateTable

    def get(self, store_id: str, request_id: str) -> IncentiveRequest | None:
        """Return a request (consistent, one read unit)."""
        item = self.table.get(payout_keys.incentive_request(store_id, request_id))
        return None if item is None else incentive_request_of(item)

    def get_many(self, store_id: str, request_ids: Sequence[str]) -> list[IncentiveRequest]:
        """Return those of any number of requests that exist, in the order asked for (consistent)."""
        wanted = [payout_keys.incentive_request(store_id, request_id) for request_id in request_ids]
        found = self.table.get_many(wanted)
        return [incentive_request_of(found[key]) for key in wanted if key in found]

    @staticmethod
    def place(request: IncentiveRequest) -> str:
        """Return the place of a request in every list: by its time, then by its id."""
        return keys.listed(request.created_at, request.incentive_request_id)

    def write(self, store_id: str, request: IncentiveRequest) -> Write:
        """Build the conditional write of a request's next revision."""
        if request.rev == 1:
            return self.table.put(_item(store_id, request), "attribute_not_exists(pk)")
        return self.table.put(_item(store_id, request), "rev = :rev", {":rev": request.rev - 1})

    def entry_in_list(self, store_id: str, request: IncentiveRequest) -> Write:
        """Build the write that lists a new request with its customer's."""
        pk, sk = payout_keys.request_of_customer(
            store_id, request.customer_id, request.created_at, request.incentive_request_id
        )
        return self.table.put({"pk": pk, "sk": sk})

    def save(self, store_id: str, request: IncentiveRequest) -> bool:
        """Write a revision that moves no money; False where someone else was first."""
        return self.table.try_commit(self.write(store_id, request))

    def page(
        self, store_id: str, statuses: Sequence[RequestStatus], limit: int, before: str | None
    ) -> tuple[list[IncentiveRequest], str | None]:
        """Return up to ``limit`` requests of some statuses, the newest first, those before a place, and the place to go
        on (None at the end).

        The index may lag a second; the requests themselves are read fresh, and one that moved on since is left out.
        """
        partitions = [payout_keys.incentive_requests_listed(store_id, status) for status in statuses]
        places, place = self.table.newest(partitions, limit, before)
        found = self.get_many(store_id, [keys.listed_id(one) for one in places])
        return [request for request in found if request.status in statuses], place

    def page_of(
        self,
        store_id: str,
        customer_ids: Sequence[str],
        statuses: Sequence[RequestStatus],
        limit: int,
        before: str | None,
    ) -> tuple[list[IncentiveRequest], str | None]:
        """Return a page of what these customers have asked for, as ``page`` does, but consistent and full."""
        places = heapq.merge(*(self._places_of(store_id, one, before) for one in customer_ids), reverse=True)
        found: list[IncentiveRequest] = []
        for some in batched(places, limit + 1, strict=False):
            read = self.get_many(store_id, [keys.listed_id(place) for place in some])
            found += [request for request in read if request.status in statuses]
            if len(found) > limit:
                return found[:limit], self.place(found[limit - 1])
        return found, None

    def waiting(self, store_id: str) -> int:
        """Return how many requests wait for a decision, read off the index alone, which may lag a second."""
        values = {":pk": payout_keys.incentive_requests_listed(store_id, RequestStatus.REQUESTED)}
        return sum(1 for _ in self.table.query("listing_pk = :pk", values, IndexName="listing"))

    def of_customer(self, store_id: str, customer_id: str) -> Iterator[IncentiveRequest]:
        """Yield all that was asked for by this very customer, the newest first (consistent)."""
        for some in batched(self._places_of(store_id, customer_id, None), _AT_ONCE, strict=False):
            yield from self.get_many(store_id, [keys.listed_id(place) for place in some])

    def _places_of(self, store_id: str, customer_id: str, before: str | None) -> Iterator[str]:
        return self.table.listed_under(keys.customer(store_id, customer_id), payout_keys.REQUEST, before)


def _item(store_id: str, request: IncentiveRequest) -> Item:
    pk, sk = payout_keys.incentive_request(store_id, request.incentive_request_id)
    return {
        "pk": pk,
        "sk": sk,
        "rev": request.rev,
        "document": _PACKING.pack(request),
        "listing_pk": payout_keys.incentive_requests_listed(store_id, request.status),
        "listing_sk": IncentiveRequests.place(request),
    }


def incentive_request_of(item: Item) -> IncentiveRequest:
    """Return the request that an item holds."""
    return _PACKING.unpack(item["document"])
