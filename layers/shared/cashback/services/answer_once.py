"""Answer a call about many things once: whoever repeats it gets the first answer, for ever."""

from collections.abc import Callable

from cashback.services.books import Books


def answer_once(
    books: Books, store_id: str, request_hash: str, body_hash: str, make: Callable[[], tuple[str, bool]]
) -> tuple[str, bool]:
    """Return the answer to a call, and whether it is that of an earlier one.

    ``make`` acts and returns the answer, and whether it is final: one that is not is given and forgotten. It must be
    safe to run again, as it is after a run that was cut off before its answer was kept.

    :raises IdempotencyMismatch: the same key with another body.
    :raises Busy: the tables are out of reach; the same call may be repeated.
    """
    first = books.answers.begin(store_id, request_hash, body_hash)
    if first is not None:
        return first, True
    text, final = make()
    if not final:
        return text, False
    kept = books.answers.keep(store_id, request_hash, body_hash, text)
    return kept, kept != text
