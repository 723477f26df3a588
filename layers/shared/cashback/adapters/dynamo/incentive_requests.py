"""Incentive requests in the State table."""

from typing import ClassVar

from cashback.adapters.dynamo import payout_keys
from cashback.adapters.dynamo.keys import Key
from cashback.adapters.dynamo.listed_documents import ListedDocuments
from cashback.adapters.dynamo.packing import Packing
from cashback.domain.incentive_requests import IncentiveRequest, RequestStatus


class IncentiveRequests(ListedDocuments[IncentiveRequest], frozen=True):
    """The documents of requests, each written only over the revision that was read."""

    packing: ClassVar = Packing[IncentiveRequest](IncentiveRequest)
    prefix: ClassVar = payout_keys.REQUEST

    @staticmethod
    def key(store_id: str, document_id: str) -> Key:
        """Return where a request stands."""
        return payout_keys.incentive_request(store_id, document_id)

    @staticmethod
    def partition(store_id: str, status: str) -> str:
        """Return the partition that lists the requests of a status."""
        return payout_keys.incentive_requests_listed(store_id, status)

    @staticmethod
    def id_of(document: IncentiveRequest) -> str:
        """Return the id of a request."""
        return document.incentive_request_id

    def waiting(self, store_id: str) -> int:
        """Return how many requests wait for a decision; may lag a second."""
        return self.count(store_id, [RequestStatus.REQUESTED])
