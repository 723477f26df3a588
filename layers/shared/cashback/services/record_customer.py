"""Record news of a customer: created with an account where unknown, else the profile brought up to date."""

from cashback.domain.customers import profile_of
from cashback.domain.news import CustomerNews
from cashback.domain.times import Instant
from cashback.services.books import Books


def record_customer(books: Books, store_id: str, news: CustomerNews, now: Instant) -> bool:
    """Make the profile as new as this news. False when it was already, so replays and old news change nothing."""
    known = books.customers.get(store_id, news.customer_id)
    if known is None:
        if books.customers.create(store_id, profile_of(news, None, now), now):
            return True
        known = books.customers.get(store_id, news.customer_id)
    profile = profile_of(news, known, now)
    return profile != known and books.customers.update(store_id, profile)
