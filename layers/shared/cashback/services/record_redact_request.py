"""Record that a shop's platform asked to forget all its customers: a line of the audit, for the operator to confirm.

It closes nothing by itself: the body is signed with a secret that all shops of an app share, so nothing in it binds it
to the store that it was sent to.
"""

from cashback.domain.audit import Act, Origin
from cashback.domain.news import StoreRedacted
from cashback.domain.stores import as_text
from cashback.services.books import Books


def record_redact_request(books: Books, store_id: str, news: StoreRedacted, origin: Origin) -> bool:
    """Write the line, once for each shop that is named; False when it is there already.

    :raises Busy: the tables are out of reach; the same call is safe to repeat.
    """
    after = as_text({"shop_domain": news.shop_domain})
    act = Act("redact_requested", store_id, news.occurred_at, origin, after=after)
    return books.stores.redact_requested(store_id, news.shop_domain, act)
