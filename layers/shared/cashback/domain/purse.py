"""What a balance can give to an order's claims on it, by the store's policy, and what it gets back."""

from copy import replace

from msgspec import Struct

from cashback.domain.ledger import Account, Entry, recovery_of
from cashback.domain.settings import Clawback


class Claim(Struct):
    """What an order called for and the balance did not give: ``owed`` (the account's shortfall), or ``waived``."""

    owed: int = 0
    waived: int = 0


class Purse:
    """One account through the entries of one posting, in their order.

    Without an account image the balance is taken to suffice and to owe nothing: the ledger's conditions say when that
    is wrong. An image must be pinned by its version; then a shortfall is repaid here, by what the entries give.
    """

    def __init__(self, policy: Clawback, account: Account | None) -> None:
        self.policy = policy
        self.version = account.version if account else None
        self.version_owner = account.customer_id if account else None
        self._available = account.available if account else None
        self._shortfall = account.shortfall if account else 0

    def credit(self, entry: Entry) -> list[Entry]:
        """Return an entry that gives, and the recovery of what the account owes beside it."""
        repaid = min(entry.amount, self._shortfall)
        self._shortfall -= repaid
        if self._available is not None:
            self._available += entry.amount - repaid
        return [entry, recovery_of(entry, repaid)] if repaid else [entry]

    def move(self, claim: Claim, entry: Entry, change: int) -> list[Entry]:
        """Return the entries of a claim that changes, none where nothing moves; ``entry`` lacks only its amount."""
        if change > 0:
            return self._take(claim, entry, change)
        return self._give_back(claim, entry, -change)

    def _take(self, claim: Claim, entry: Entry, amount: int) -> list[Entry]:
        """A claim that rises: what is there, by policy; the rest is owed or waived."""
        if self._available is None or self.policy is Clawback.ALLOW_NEGATIVE:
            return [replace(entry, amount=-amount)]
        taken = min(amount, max(0, self._available))
        if taken < amount and self.policy is Clawback.FULL_OR_SKIP:
            claim.waived += amount
            return []
        self._available -= taken
        claim.owed += amount - taken
        self._shortfall += amount - taken
        return [replace(entry, amount=-taken, owed=amount - taken)]

    def _give_back(self, claim: Claim, entry: Entry, amount: int) -> list[Entry]:
        """A claim that falls: first what was never taken (waived, then owed), the rest is credited."""
        unwaived = min(amount, claim.waived)
        claim.waived -= unwaived
        unowed = min(amount - unwaived, claim.owed)
        claim.owed -= unowed
        forgiven = min(unowed, self._shortfall)
        self._shortfall -= forgiven
        credited = amount - unwaived - forgiven
        if not credited and not forgiven:
            return []
        return self.credit(replace(entry, amount=credited, owed=-forgiven))
