"""The catalogue in the State table. A deleted product stays as a deletion, so that older news cannot bring it back."""

from collections.abc import Iterator, Sequence
from itertools import islice

from msgspec import Struct

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.products import Product

_FIELDS = Product.__struct_fields__


class Products(Struct, frozen=True):
    """What shops and admins say of products; of each the news that ranks highest stands."""

    table: StateTable

    def get(self, store_id: str, product_id: str) -> Product | None:
        """Return what stands of a product (consistent), be it its deletion; None where nothing was ever heard of it."""
        item = self.table.get(keys.product(store_id, product_id))
        return None if item is None else product_of(item)

    def get_many(self, store_id: str, product_ids: Sequence[str]) -> dict[str, Product]:
        """Return those of any number of products that are there and not deleted, by id (consistent)."""
        items = self.table.get_many(keys.product(store_id, product_id) for product_id in product_ids)
        return {item["product_id"]: product_of(item) for item in items.values() if "deleted_at" not in item}

    def record(self, store_id: str, product: Product) -> bool:
        """Write news of a product over news of a lower rank; False where as high a rank stands already."""
        condition = "attribute_not_exists(pk) OR news_rank < :rank"
        return self.table.try_commit(
            self.table.put(product_item(store_id, product), condition, {":rank": product.rank})
        )

    def page(self, store_id: str, limit: int, after: str | None) -> tuple[list[Product], str | None]:
        """Return up to ``limit`` products by id, those after an id, and the id to go on after (None at the end).

        The index may lag a second; the products themselves are read fresh, and deleted ones left out.
        """
        ids = self._listed(store_id, limit, after)
        page: list[Product] = []
        last: str | None = None
        while some := list(islice(ids, limit - len(page))):
            found = self.get_many(store_id, some)
            page += [found[product_id] for product_id in some if product_id in found]
            last = some[-1]
        return page, None if next(ids, None) is None else last

    def _listed(self, store_id: str, limit: int, after: str | None) -> Iterator[str]:
        """Yield ids in their order, reading the index a page at a time."""
        condition, values = "listing_pk = :pk", {":pk": keys.products_listed(store_id)}
        if after is not None:
            condition, values = f"{condition} AND listing_sk > :after", {**values, ":after": keys.escape(after)}
        for item in self.table.query(condition, values, IndexName="listing", Limit=limit + 1):
            yield keys.unescape(item["listing_sk"])


def product_item(store_id: str, product: Product) -> Item:
    """Return a product as it is stored; a deletion is in no list."""
    pk, sk = keys.product(store_id, product.product_id)
    said = {name: value for name in _FIELDS if (value := getattr(product, name)) not in (None, ())}
    item: Item = {"pk": pk, "sk": sk, "news_rank": product.rank, **said}
    for name in ("categories", "tags"):
        if name in said:
            item[name] = list(said[name])
    if product.deleted_at is None:
        item |= {"listing_pk": keys.products_listed(store_id), "listing_sk": keys.escape(product.product_id)}
    return item


def product_of(item: Item) -> Product:
    """Read a product back."""
    values = {name: item[name] for name in _FIELDS if name in item}
    lists = {name: tuple(item.get(name, ())) for name in ("categories", "tags")}
    return Product(**{**values, **lists})
