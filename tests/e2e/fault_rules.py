"""Rules of microburst for what DynamoDB, SQS, the Scheduler and KMS can answer on a bad day."""

from typing import Any

ALL_TRIES = 3
"""Of one call, by the SDK of a function."""

type Rule = dict[str, Any]

LOST: Rule = {"response": {"abort_bytes": 0}}
"""The call is made, its answer is lost."""
RESET: Rule = {"reset": True}
"""The connection breaks before the call is made."""


def on(service: str, operation: str | None = None, body: str | None = None) -> Rule:
    """The calls that a rule is about; `body` is an expression of JMESPath over what they ask."""
    return {"service": service, **({"operation": operation} if operation else {}), **({"body": body} if body else {})}


def error(code: str, status: int = 400, **fields: Any) -> Rule:
    """An error, and nothing is done."""
    return {"error": {"code": code, "status": status, "fields": fields}}


def cancelled(*codes: str) -> Rule:
    """A transaction that is cancelled for these reasons, one for each of its items."""
    reasons = [{"Code": code, **({"Message": "injected"} if code != "None" else {})} for code in codes]
    return error("TransactionCanceledException", CancellationReasons=reasons)


def bursts(of: int, times: int, apart: int = 7) -> Rule:
    """So many calls one after the other, then as many as `apart` are left alone, and so on, `times` in all."""
    return {"sequence": {"fail": of, "pass": apart}, "times": times}


WRITE = on("dynamodb", "TransactWriteItems")
TWO_WRITES = on("dynamodb", "TransactWriteItems", "length(TransactItems) == `2`")
THREE_WRITES = on("dynamodb", "TransactWriteItems", "length(TransactItems) == `3`")
