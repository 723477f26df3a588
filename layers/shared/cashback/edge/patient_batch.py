"""The loop over a batch of messages that can wait, as those about orders cannot. See ADR 61."""

import random
import time
from collections.abc import Callable, Iterator
from copy import replace
from typing import TYPE_CHECKING, Final

from msgspec import field

from cashback.adapters.dynamo.stores import StoresOfBatch
from cashback.adapters.faults import rests
from cashback.domain.errors import NoCapacity
from cashback.edge.batch import MessageBatch

if TYPE_CHECKING:
    from cashback.services.books import Books

PATIENCE: Final = 8.0
"""Seconds that the messages of a batch rest in all where there is no capacity left for them, before they go back."""


class PatientBatch(MessageBatch, kw_only=True):
    """One invocation. What it asked for again at once would be missing to whoever cannot wait, so it rests first."""

    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    pauses: Iterator[float] = field(default_factory=lambda: iter(()))

    def __post_init__(self) -> None:
        self.pauses = rests(PATIENCE, self.jitter)

    def patiently(self, act: Callable[[], str]) -> str:
        """Do what a message says, from its beginning after each rest, as if it had come once more.

        :raises NoCapacity: there was none for longer than the batch may rest.
        """
        while True:
            try:
                return act()
            except NoCapacity:
                pause = next(self.pauses, None)
                if pause is None:
                    raise
            self.sleep(pause)


def of_one_batch(books: "Books") -> "Books":
    """Return the books for one batch of messages, which reads the settings of each store in it once."""
    return replace(books, stores=StoresOfBatch(books.stores.table))
