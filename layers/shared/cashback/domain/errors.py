"""The one family of expected failures. A bug is anything else, and is allowed to crash."""

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """A failure that callers are told about.

    ``code`` is the stable machine word of the answer, ``status`` the HTTP status, ``retryable`` whether the same
    call may succeed later: a worker then returns the message to its queue, and HTTP answers with Retry-After.
    ``replayed``: the same call was refused for it before, and is for ever.
    """

    code: str = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    replayed: bool = False

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.code)
        self.detail = detail

    @property
    def members(self) -> Mapping[str, str]:
        """What the answer says besides the code, by name: ids of what is in the way, never what the caller sent."""
        return {}


class Invalid(DomainError):
    """Parseable but not acceptable; ``field`` names the culprit and the code says why (never the raw value)."""

    code = "invalid"
    status = 422

    def __init__(self, field: str, code: str, detail: str = "") -> None:
        self.code = code
        self.field = field
        super().__init__(detail)


class Malformed(DomainError):
    """Not parseable, or a header is missing; the code says what."""

    code = "malformed"
    status = 400

    def __init__(self, code: str, detail: str = "") -> None:
        self.code = code
        super().__init__(detail)


class SignatureMissing(DomainError):
    """A webhook without the header that signs it."""

    code = "signature_missing"
    status = 401


class SignatureInvalid(DomainError):
    """Signed with nothing this store knows. An unknown store or source is told the same."""

    code = "signature_invalid"
    status = 401


class SignatureExpired(DomainError):
    """Signed more than the tolerance ago, or ahead."""

    code = "signature_expired"
    status = 401


class BodyTooLarge(DomainError):
    """More than can be taken, as sent or as queued."""

    code = "body_too_large"
    status = 413


class NotFound(DomainError):
    """Not there, or another store's: one answer for both, so ids cannot be probed."""

    code = "not_found"
    status = 404


class CustomerNotFound(NotFound):
    """No account of that customer in this store."""


class Forbidden(DomainError):
    """Known caller, but not with this role."""

    code = "forbidden"
    status = 403


class StateConflict(DomainError):
    """The thing is no longer in the state that the caller saw."""

    code = "state_conflict"
    status = 409


class AmountConflict(DomainError):
    """``expected_amount`` is not what would be posted now."""

    code = "amount_conflict"
    status = 409


class VersionConflict(DomainError):
    """``If-Match`` names a version that is no longer current."""

    code = "version_conflict"
    status = 409


class AlreadyExists(DomainError):
    """The id is taken by something with another body."""

    code = "already_exists"
    status = 409


class IdempotencyMismatch(DomainError):
    """The same Idempotency-Key with another body."""

    code = "idempotency_mismatch"
    status = 409


class InsufficientBalance(DomainError):
    """Less is available than a debit asks for."""

    code = "insufficient_balance"
    status = 409

    def __init__(self, *, replayed: bool = False) -> None:
        super().__init__("less is available than that")
        self.replayed = replayed


class PaymentAccountExists(DomainError):
    """The customer has this payment account already."""

    code = "payment_account_exists"
    status = 409


class TooManyPaymentAccounts(DomainError):
    """The customer has as many payment accounts as one may have."""

    code = "too_many_payment_accounts"
    status = 409


class PayoutInTheWay(StateConflict):
    """A payout stands against it, and the answer names that one."""

    said: ClassVar[str]

    def __init__(self, payout_id: str) -> None:
        super().__init__(self.said)
        self.payout_id = payout_id

    @property
    def members(self) -> Mapping[str, str]:
        """That payout."""
        return {"payout_id": self.payout_id}


class PayoutLive(PayoutInTheWay):
    """A payment to the customer is on its way, and needs what an erasure would take."""

    code = "payout_live"
    said = "a payout to the customer has neither arrived nor failed"


class CashbackDisabled(DomainError):
    """The store's cashback is switched off."""

    code = "cashback_disabled"
    status = 409


class LastAdminKey(DomainError):
    """Deleting it would lock the store out."""

    code = "last_admin_key"
    status = 409


class OwnKey(DomainError):
    """A key cannot delete itself."""

    code = "own_key"
    status = 409


class OrderTooLarge(DomainError):
    """What is known of an order no longer fits into its document."""

    code = "order_too_large"
    status = 422


class MessageRefused(DomainError):
    """A message to a customer was not sent and never will be; the code says why."""

    code = "message_refused"
    status = 422

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__()


class MessageUnconfirmed(DomainError):
    """Nobody knows whether a message to a customer was sent."""

    code = "message_unconfirmed"


class Busy(DomainError):
    """Contention or an unreachable table: the outcome is unknown or absent, and the same call is safe to repeat."""

    code = "busy"
    status = 503
    retryable = True


class NoCapacity(Busy):
    """A service had no capacity left for the last try of a call."""


class ErasureWaits(Busy):
    """A person whom a shop wants forgotten, or merged into one who is, has to wait until a payout has ended."""

    code = "payout_live"


def reason_of(error: Exception) -> str:
    """Return the code of an error of ours, else the name of the bug; never its text, which may hold data."""
    return error.code if isinstance(error, DomainError) else type(error).__name__
