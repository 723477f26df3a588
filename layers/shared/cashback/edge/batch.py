"""The loop over a batch of messages, whatever they say: each one succeeds, goes back to its queue, or goes to the dead
letters."""

import traceback
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from copy import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct, StructMeta

from cashback.adapters.dynamo.stores import StoresOfBatch
from cashback.domain.errors import DomainError, reason_of
from cashback.edge.log import log

if TYPE_CHECKING:
    from cashback.adapters.queues import WorkQueue
    from cashback.services.books import Books

FIRST_PAUSE: Final = 30
LONGEST_PAUSE: Final = 900
"""Seconds that a message rests after a failure that time may heal: 30 x 2^n, at most a quarter of an hour."""

POISON_AFTER: Final = 5
"""Receives after which a message that no retry can help goes to the dead letters."""

LAST_RECEIVE: Final = 20
"""The queues' maxReceiveCount: after this one the queue itself moves the message to the dead letters."""


class AbstractStruct(StructMeta, ABCMeta):
    """Structs that cannot be made while a method of theirs is abstract."""


class MessageBatch(Struct, metaclass=AbstractStruct):
    """One invocation. A worker says in ``handle`` what it makes of one message, and in ``noun`` what it calls one."""

    queue: "WorkQueue"

    noun: ClassVar[str] = "message"

    def run(self, event: Mapping[str, Any]) -> dict[str, list[dict[str, str]]]:
        """Handle an SQS event; answer with the messages that must come again."""
        failed = [record["messageId"] for record in event["Records"] if not self._handled(record)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    @abstractmethod
    def handle(self, record: Mapping[str, Any], receives: int) -> None:
        """Do what a message says; whatever it raises is its failure alone."""

    def _handled(self, record: Mapping[str, Any]) -> bool:
        """Handle one message; False to see it again. A failure of one never touches its neighbours."""
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        try:
            self.handle(record, receives)
        except DomainError as error:
            return self._failed(record, receives, error, retryable=error.retryable)
        except Exception as bug:  # noqa: BLE001 - counted and alarmed; its neighbours in the batch must go on
            return self._failed(record, receives, bug, retryable=False)
        return True

    def _failed(self, record: Mapping[str, Any], receives: int, error: Exception, *, retryable: bool) -> bool:
        """Let time heal what it can; the rest goes to the dead letters after a few receives, where an alarm sees it."""
        ids = {"message": record["messageId"], "receives": receives, "code": reason_of(error)}
        if retryable:
            log(f"{self.noun}_retried", **ids, counted=f"{self.noun.title()}sRetried")
            self.queue.delay(record["receiptHandle"], min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(receives - 1, 10)))
            return False
        where = traceback.extract_tb(error.__traceback__)[-1]
        log(f"{self.noun}_failed", **ids, at=f"{where.name}:{where.lineno}", counted=f"{self.noun.title()}sFailed")
        if receives < POISON_AFTER:
            return False
        try:
            self.queue.dead_letter(record)
        except DomainError:
            return False
        log(f"{self.noun}_dead_lettered", **ids)
        return True


def is_last(error: Exception, receives: int) -> bool:
    """Tell whether a message that fails so after so many receives goes to the dead letters."""
    retryable = isinstance(error, DomainError) and error.retryable
    return receives >= (LAST_RECEIVE if retryable else POISON_AFTER)


def of_one_batch(books: "Books") -> "Books":
    """Return the books for one batch of messages, which reads the settings of each store in it once."""
    return replace(books, stores=StoresOfBatch(books.stores.table))
