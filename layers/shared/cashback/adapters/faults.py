"""Which failures of a call leave its outcome unknown, and how long to wait before the same call again."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004  # its name

from cashback.domain.errors import Busy, NoCapacity

_NO_CAPACITY: Final = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
RETRYABLE: Final = _NO_CAPACITY | {"TransactionConflict"}
"""Cancellation reasons that say nothing about the items: contention or capacity."""

_TRANSIENT: Final = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "ServiceQuotaExceededException",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

FAILURES: Final = (ClientError, ConnectionError, HTTPClientError)
"""Everything a call to AWS can fail with; ``is_transient`` tells bugs of ours from what time may heal."""

_THROTTLED: Final = frozenset({"ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"})
"""Those of a whole call whose reason is capacity; then nothing of it is done."""

_BASE: Final = 0.025
_LONGEST: Final = 2.0

_PATIENT: Final = 4.0
"""Seconds that who can wait rests at a time at most."""

LAST_TRY_AFTER: Final = 5.0
"""Seconds after which no try begins any more: one try of a service that does not answer takes long enough by itself,
and who called must be told so before the function's own time is up."""


def is_transient(error: ClientError | BotoCoreError) -> bool:
    """Tell whether the same call may be sent again: transport, throttling, conflict, or an error of the service."""
    if not isinstance(error, ClientError):
        return True
    status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
    # Codes of SQS may stand in a namespace: AWS.SimpleQueueService.RequestThrottled.
    code = error.response["Error"]["Code"].rpartition(".")[2]
    return status >= 500 or code in _TRANSIENT


def backoff(tries: int, jitter: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> Iterator[float]:
    """Yield the pause before each try: none, then full jitter of 25 ms x 2^n, 2 s in all at most. There is no further
    one ``LAST_TRY_AFTER`` after the first."""
    spent, began = 0.0, clock()
    yield 0.0
    for n in range(1, tries):
        if clock() - began > LAST_TRY_AFTER:
            return
        pause = min(jitter() * _BASE * 2**n, _LONGEST - spent)
        if pause <= 0:
            return
        spent += pause
        yield pause


def tries(
    most: int,
    jitter: Callable[[], float],
    sleep: Callable[[float], None],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Yield for each try, once the pause before it is over. Where there is none nothing sleeps: on a busy machine even
    no time takes a millisecond."""
    for pause in backoff(most, jitter, clock):
        if pause:
            sleep(pause)
        yield


def is_throttled(error: ClientError | BotoCoreError) -> bool:
    """Tell whether a call, a transaction too, was refused for want of capacity, whatever else speaks against it: then
    nothing of it is done."""
    if not isinstance(error, ClientError):
        return False
    codes = {reason["Code"] for reason in error.response.get("CancellationReasons", [])}
    return bool(codes & _NO_CAPACITY) or error.response["Error"]["Code"] in _THROTTLED


def rests(seconds: float, jitter: Callable[[], float]) -> Iterator[float]:
    """Yield the pauses of who shares tables with whom nobody may keep waiting, one for each time that those have no
    capacity left: full jitter of four seconds, as long as all of them take no more than ``seconds``.

    That is eighty times what a single posting rests first, so that many who are patient leave room for one who is not.
    """
    spent = 0.0
    while (spent := spent + (pause := jitter() * _PATIENT)) <= seconds:
        yield pause


def busy_of(error: ClientError | BotoCoreError, detail: str) -> Busy:
    """Return what is raised of a failure that time may heal: ``NoCapacity`` where it was for want of that."""
    return NoCapacity(detail) if is_throttled(error) else Busy(detail)


def unreachable_is_busy() -> AbstractContextManager[None]:
    """Turn throttling into ``NoCapacity``, conflicts and an unreachable service into ``Busy``; bugs pass through."""
    return _UNREACHABLE_IS_BUSY


class _UnreachableIsBusy:
    """Around every call to AWS, so it is no generator, which costs four times as much. It keeps nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FAILURES) and is_transient(error):
            raise busy_of(error, "a service that is needed cannot be reached") from error


_UNREACHABLE_IS_BUSY: Final = _UnreachableIsBusy()
