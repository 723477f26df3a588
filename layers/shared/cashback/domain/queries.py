"""What lists are asked for. Times are inclusive at both ends; None means no bound."""

from msgspec import Struct

from cashback.domain.ledger import Entry, Kind
from cashback.domain.orders import Status
from cashback.domain.times import Instant


class OrdersWanted(Struct, frozen=True):
    """Orders of these statuses (and these customers), created within these times."""

    statuses: tuple[Status, ...] = tuple(Status)
    customer_ids: tuple[str, ...] | None = None
    created_from: Instant | None = None
    created_to: Instant | None = None


class EntriesWanted(Struct, frozen=True):
    """Entries of these kinds, posted within these times; those that moved nothing only with ``include_zero``."""

    kinds: frozenset[Kind] = frozenset(Kind)
    posted_from: Instant | None = None
    posted_to: Instant | None = None
    include_zero: bool = False

    def takes(self, entry: Entry) -> bool:
        """Tell whether an entry belongs to the answer."""
        if entry.kind not in self.kinds or not (entry.amount or self.include_zero):
            return False
        late = self.posted_to is not None and entry.posted_at > self.posted_to
        return not late and not self.before(entry)

    def before(self, entry: Entry) -> bool:
        """Tell whether an entry, and so every older one, is earlier than what is asked for."""
        return self.posted_from is not None and entry.posted_at < self.posted_from
