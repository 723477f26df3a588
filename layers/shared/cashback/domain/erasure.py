"""What an order keeps of a person who is to be forgotten: nothing that somebody wrote."""

from copy import replace
from typing import Final

from cashback.domain.orders import Order

ERASED: Final = "erased"
"""Stands where a reviewer gave a reason in their own words."""


_WORDED: Final = frozenset({"rejected", "held"})
"""Verdicts that a person gives a reason for."""


def wordless(order: Order) -> Order | None:
    """Return the next revision of an order without the words of its reviewers; None where there are none (left).

    Comments go; the reason of a hold or a rejection goes with its line of the history. Codes and hashes stay, so a call
    that is repeated is still known.
    """
    worded = {(review.at, review.actor) for review in order.reviews if review.verdict in _WORDED}
    silent = replace(
        order,
        reason=ERASED if order.worded_by else order.reason,
        history=tuple(
            replace(step, reason=ERASED) if (step.at, step.actor) in worded else step for step in order.history
        ),
        reviews=tuple(replace(review, comment=None) for review in order.reviews),
    )
    return None if silent == order else replace(silent, rev=order.rev + 1)
