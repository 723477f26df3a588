"""Commit a decision: its document and its entries together, or neither."""

from cashback.domain.errors import Busy
from cashback.domain.ledger import Account, AccountMoved, DocumentMoved, Posted, Posting
from cashback.domain.orders import Decision, Order
from cashback.domain.times import Instant
from cashback.services.books import Books


def commit(
    books: Books, store_id: str, before: Order | None, decision: Decision, now: Instant
) -> Order | Account | None:
    """Commit a decision about the order ``before``. None when committed; else what moved first, to decide from anew.

    What the order waits for follows it in the same transaction.

    :raises CustomerNotFound: the order's customer has no account yet.
    :raises Busy: the tables are contended or out of reach; whether it is committed is unknown.
    """
    order, also = decision.order, books.waiting.changes(store_id, before, decision.order)
    customer_id = decision.changes_account_of
    if customer_id is None:
        return books.orders.save(store_id, order, *also)
    outcome = books.ledger.post(
        Posting(
            store_id,
            customer_id,
            now,
            entries=decision.entries,
            figures=decision.figures,
            document=books.orders.write(store_id, order),
            also=also,
            version=decision.version,
            version_owner=decision.version_owner,
            repays=decision.repays,
            overdraft=decision.overdraft,
        )
    )
    match outcome:
        case Posted():
            return None
        case AccountMoved(account):
            return account
        case DocumentMoved(image=image):
            return books.orders.read(image)
    # A cause is posted already, so the document that was committed with it stands there.
    standing = books.orders.get(store_id, order.order_id)
    if standing is None:
        raise Busy("an entry without its order")
    return standing
