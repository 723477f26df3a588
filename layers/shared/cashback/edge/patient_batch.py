"""The loop over a batch of messages that can wait, as those about orders cannot. See ADR 61."""

import random
import time
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import field

from cashback.adapters.faults import rests
from cashback.domain.errors import NoCapacity
from cashback.edge.batch import MessageBatch

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
