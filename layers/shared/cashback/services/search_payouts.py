"""Find payouts by words, and keep the index that finds them."""

from itertools import batched
from typing import Final

from cashback.domain.errors import Invalid
from cashback.domain.keyword_search import answers, first_words, leading_prefix, prefixes_of, words_of
from cashback.domain.payouts import Payout, PayoutsWanted
from cashback.services.books import PayoutBooks

MOST_EXAMINED: Final = 2_000
"""Payouts that one page looks through: words that are in most of them must not take longer than a call has."""

MOST_WORDS: Final = 30
"""Different words of a description by which its payout is found, the first ones: what one change of one payout makes
to write must stay small, however long its description is."""

_AT_ONCE: Final = 100


def index_payout(work: PayoutBooks, store_id: str, payout_id: str, before: Payout | None) -> None:
    """Make a payout found by its words as it stands now. ``before`` is what it was before a change, None where there
    was none.

    Each change is to be followed at least once, in any order and however late, one change of a payout at a time: then
    the index is as the payout is, but for a write that the network held back past a later change (ADR 67). Words that a
    change does not touch are read and not written; where they are missing they are written, so the next change makes
    good what was given up before. With ids, username, reference and ``MOST_WORDS`` that is some thirty calls at most.

    :raises Busy: contended or out of reach; the same call is safe to repeat.
    """
    payout = work.payouts.get(store_id, payout_id)
    if payout is None:
        return
    had = prefixes_of(_words(before)) if before is not None else frozenset()
    has = prefixes_of(_words(payout))
    place = work.payouts.place(payout)
    work.search.follow(store_id, place, coming=has - had, staying=has & had, going=had - has)


def search_payouts(
    work: PayoutBooks, store_id: str, q: str, wanted: PayoutsWanted, limit: int, before: str | None
) -> tuple[list[Payout], str | None]:
    """Return a page of the payouts of which every word of ``q`` begins some word, the newest first, and where to go on
    (None at the end). A page is full, unless ``MOST_EXAMINED`` payouts were looked through for it. The payouts are read
    fresh; a word of a second ago may not be found yet.

    :raises Invalid: ``q_too_short``, where no word has two characters.
    """
    query = words_of([q])
    prefix = leading_prefix(query)
    if prefix is None:
        raise Invalid("q", "q_too_short", "give a word of at least two characters")
    owners = _owners(work, store_id, wanted.customer_id)
    found: list[Payout] = []
    examined, last = 0, before
    for some in batched(work.search.places(store_id, prefix, before, _AT_ONCE), _AT_ONCE, strict=False):
        for payout in work.payouts.at_places(store_id, some):
            is_wanted = wanted.status in {None, payout.status} and (owners is None or payout.customer_id in owners)
            if is_wanted and answers(query, _words(payout)):
                found.append(payout)
        if len(found) > limit:
            return found[:limit], work.payouts.place(found[limit - 1])
        examined, last = examined + len(some), some[-1]
        if examined >= MOST_EXAMINED:
            return found, last
    return found, None


def _words(payout: Payout) -> frozenset[str]:
    """What a payout is found by."""
    others = [payout.payout_id, payout.incentive_request_id, payout.username, payout.external_reference]
    return words_of(others) | first_words(payout.description, MOST_WORDS)


def _owners(work: PayoutBooks, store_id: str, customer_id: str | None) -> frozenset[str] | None:
    """Whose payouts are wanted; None where it is anybody's."""
    if customer_id is None:
        return None
    return frozenset({customer_id, *work.books.history.merged_from(store_id, customer_id)})
