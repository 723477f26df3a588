"""The catalogue: what a shop says of its products, for the rules that go by category or tag; all else is only shown."""

from typing import Final

from msgspec import Struct

from cashback.domain.fingerprints import fingerprint
from cashback.domain.times import Instant

MOST_CATEGORIES: Final = 100
MOST_TAGS: Final = 250
"""Of one product: with texts of 255 characters all of them fit into an item of 400 KB."""


class Product(Struct, frozen=True):
    """A product as of ``updated_at``, or with ``deleted_at`` (the same moment) its deletion, which says nothing more.

    Of several pieces of news of one product, the one whose ``rank`` sorts last stands, and stands whole.
    """

    product_id: str
    updated_at: Instant
    title: str | None = None
    vendor: str | None = None
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    deleted_at: Instant | None = None

    @property
    def rank(self) -> str:
        """What sorts last is the newest; of one moment a deletion, then whichever the hash of its content makes it.

        So neither the order nor the number of the same news matters. Only equal news have equal ranks.
        """
        words = (self.title, self.vendor, len(self.categories), *self.categories, *self.tags)
        return f"{self.updated_at}#{1 if self.deleted_at else 0}#{fingerprint(*words)}"


def deletion(product_id: str, at: Instant) -> Product:
    """Return the news that a product is no more: it outlives all that is no newer, and newer news open it anew."""
    return Product(product_id, updated_at=at, deleted_at=at)
