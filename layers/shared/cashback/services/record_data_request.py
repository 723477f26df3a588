"""Record that a person asked for everything that is held of them: a line of the audit, for the shop to act on."""

from cashback.domain.audit import Act, Origin
from cashback.domain.news import DataRequested
from cashback.services.books import Books


def record_data_request(books: Books, store_id: str, news: DataRequested, origin: Origin) -> bool:
    """Write the line, once for each request; False when it is there already.

    :raises Busy: the tables are out of reach; the same call is safe to repeat.
    """
    act = Act("data_requested", news.customer_id, news.occurred_at, origin)
    return books.stores.data_requested(store_id, news.request_id, act)
