"""Causes: permanent idempotency keys of entries, built from immutable business ids and never from a time or delivery.

Ids are escaped, so that an id holding ``:`` cannot spell the cause of something else.
"""

MERGES = "mrg:"
"""What the causes of merges begin with."""


def _id(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


def earned(order_id: str) -> str:
    """The award of an order."""
    return f"ord:{_id(order_id)}:earn"


def earned_later(order_id: str, rev: int) -> str:
    """Lines added after the award and paid; ``rev`` is the revision the decision replaces."""
    return f"ord:{_id(order_id)}:earn:{rev}"


def refunded(order_id: str, refund_id: str) -> str:
    """Clawback of one refund."""
    return f"ord:{_id(order_id)}:ref:{_id(refund_id)}"


def refund_deleted(order_id: str, refund_id: str) -> str:
    """Give-back of a refund that was deleted again."""
    return f"{refunded(order_id, refund_id)}:del"


def edited(order_id: str, rev: int) -> str:
    """Lines removed from the order at ``rev``."""
    return f"ord:{_id(order_id)}:edit:{rev}"


def cancelled(order_id: str) -> str:
    """The rest of the award, when the order is cancelled."""
    return f"ord:{_id(order_id)}:cancel"


def redeemed(order_id: str) -> str:
    """What of the order was paid with cashback."""
    return f"ord:{_id(order_id)}:spend"


def redeemed_anew(order_id: str, rev: int) -> str:
    """A change of what was paid with cashback that no new refund explains, at ``rev``."""
    return f"{redeemed(order_id)}:{rev}"


def given_back(order_id: str, refund_id: str) -> str:
    """What a refund gives back of the cashback that the order was paid with."""
    return f"ord:{_id(order_id)}:back:{_id(refund_id)}"


def of_order(order_id: str) -> tuple[str, str]:
    """The prefixes of every cause of an order: its own, and the recoveries beside them."""
    return f"ord:{_id(order_id)}:", f"rec:ord:{_id(order_id)}:"


def manual(request_hash: str) -> str:
    """A manual adjustment: one per Idempotency-Key in its namespace (store, key, route and customer)."""
    return f"adm:{_id(request_hash)}"


def group_job(job_id: str) -> str:
    """One member's share of a group job."""
    return f"grp:{_id(job_id)}"


def group_undo(job_id: str, customer_id: str) -> str:
    """What the undo of a group job takes back from one member."""
    return f"{group_job(job_id)}:{_id(customer_id)}"


def scenario_task(task_id: str) -> str:
    """The credit of one scenario task."""
    return f"scn:{_id(task_id)}"


def merge(from_customer_id: str) -> str:
    """The two halves of merging a customer into another."""
    return f"{MERGES}{_id(from_customer_id)}"


def merged_from(cause: str) -> str:
    """Return the customer that the cause of a merge names as merged."""
    return cause.removeprefix(MERGES).replace("%3A", ":").replace("%25", "%")


def request_hold(request_id: str) -> str:
    """Reserve of a withdrawal request."""
    return f"req:{_id(request_id)}:hold"


def request_release(request_id: str) -> str:
    """That reserve given back."""
    return f"req:{_id(request_id)}:release"


def payout(payout_id: str, step: int, movement: str) -> str:
    """``hold``, ``settle`` or ``void`` of a payout; ``step`` is the number of its audit line."""
    return f"pay:{_id(payout_id)}:{step}:{movement}"
