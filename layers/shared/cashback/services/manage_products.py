"""The catalogue: record what shops and admins say of products, read, list and delete them."""

from copy import replace

from cashback.domain.errors import NotFound, StateConflict
from cashback.domain.products import Product, deletion
from cashback.domain.settings import Settings
from cashback.domain.times import Instant, just_after
from cashback.services.books import Books
from cashback.services.record_order import settle_holds


def record_product(books: Books, settings: Settings, product: Product, now: Instant) -> bool:
    """Make the catalogue as new as this news of a product, and decide the orders anew that wait for it.

    False when it was as new already; then it looks for orders nevertheless, because a first delivery may have been cut
    off between its write and its look.

    :raises Busy: the tables are out of reach, or an order keeps changing; the news may be sent again.
    """
    changed = books.products.record(settings.store_id, product)
    settle_holds(books, settings, product.product_id, now)
    return changed


def forget_product(books: Books, store_id: str, product_id: str, at: Instant) -> bool:
    """Take a product out of the catalogue as of a moment. False when newer news stand, or it was out already.

    What was decided by it stays decided; an order that needs it from now on waits until it appears again.
    """
    return books.products.record(store_id, deletion(product_id, at))


def read_product(books: Books, store_id: str, product_id: str) -> Product:
    """Return a product.

    :raises NotFound: no such product in this store.
    """
    found = books.products.get(store_id, product_id)
    if found is None or found.deleted_at is not None:
        raise NotFound
    return found


def list_products(books: Books, store_id: str, limit: int, after: str | None) -> tuple[list[Product], str | None]:
    """Return a page of products, by id, and where to go on (None at the end)."""
    return books.products.page(store_id, limit, after)


def put_product(books: Books, settings: Settings, product: Product, now: Instant) -> tuple[Product, bool]:
    """Record what an admin says of a product. Return it as it stands then, and whether there was none before.

    An admin's word is newer than all that stands, also where a shop's clock is ahead of ours; its ``updated_at`` is
    then just after the shop's.

    :raises StateConflict: the shop told of something newer at the same moment.
    """
    store_id, known = settings.store_id, books.products.get(settings.store_id, product.product_id)
    if known is not None and known.updated_at >= product.updated_at:
        product = replace(product, updated_at=just_after(known.updated_at))
    # A write whose answer was lost is refused when it is repeated, and stands nevertheless.
    if (
        not record_product(books, settings, product, now)
        and books.products.get(store_id, product.product_id) != product
    ):
        raise StateConflict("it was changed meanwhile")
    return product, known is None or known.deleted_at is not None


def delete_product(books: Books, store_id: str, product_id: str, now: Instant) -> None:
    """Take a product out of the catalogue, for an admin.

    :raises NotFound: no such product in this store.
    """
    product = read_product(books, store_id, product_id)
    forget_product(books, store_id, product_id, max(now, product.updated_at))
