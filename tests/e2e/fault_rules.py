"""Rules of microburst for what the services that functions call can answer on a bad day."""

from typing import Any

ALL_TRIES = 3
"""Of one call, by the SDK of a function."""
TRIES = 5
"""Of one posting that is in conflict."""

type Rule = dict[str, Any]

LOST: Rule = {"response": {"abort_bytes": 0}}
"""The call is made, its answer is lost."""
RESET: Rule = {"reset": True}
"""The connection breaks before the call is made."""
LATE: Rule = {"latency": 2_500}
"""The call is made, and its answer comes later than is waited for."""


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


CALLS = {
    "dynamodb": ("GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"),
    "sqs": ("SendMessage", "SendMessageBatch"),
    "scheduler": ("CreateSchedule",),
    "kms": ("Encrypt", "Decrypt"),
    "events": ("PutEvents",),
    "ssm": ("GetParameter",),
}
"""What the functions call, but for what cannot fail them (a message that cannot be put off comes back by itself) and
messages to people, which are sent once."""

KINDS = {
    "dynamodb": {
        "throttled": error("ProvisionedThroughputExceededException"),
        "broken": error("InternalServerError", 500),
    },
    "sqs": {"throttled": error("RequestThrottled"), "broken": error("ServiceUnavailable", 503)},
    "scheduler": {"throttled": error("ThrottlingException", 429), "broken": error("InternalServerException", 500)},
    "kms": {"throttled": error("ThrottlingException"), "broken": error("KMSInternalException", 500)},
    "events": {"throttled": error("ThrottlingException"), "broken": error("InternalException", 500)},
    "ssm": {"throttled": error("ThrottlingException"), "broken": error("InternalServerError", 500)},
}
"""How each service says that there are too many calls, and that it is out of order."""


def each_call() -> dict[str, Rule]:
    """Of every call each kind of fault that there is, once: calls that are repeated meet one after the other."""
    return {
        f"{operation} {kind}": {**on(service, operation), **rule, "times": 1}
        for service, operations in CALLS.items()
        for operation in operations
        for kind, rule in {**KINDS[service], "late": LATE, "cut off": RESET, "lost": LOST}.items()
    }


WRITE = on("dynamodb", "TransactWriteItems")
TWO_WRITES = on("dynamodb", "TransactWriteItems", "length(TransactItems) == `2`")
THREE_WRITES = on("dynamodb", "TransactWriteItems", "length(TransactItems) == `3`")


def everything() -> dict[str, Rule]:
    """Faults of every kind, spread over the calls that come; an SDK that is hit by a whole burst gives up."""
    return {
        "balance read late": {**on("dynamodb", "GetItem", "Key.sk.S == 'ACCOUNT'"), **LATE, "times": 1},
        "item not read": {**on("dynamodb", "GetItem"), **error("RequestLimitExceeded"), **bursts(3, 6)},
        "item cut off": {**on("dynamodb", "GetItem"), **RESET, **bursts(3, 6, 11)},
        "query throttled": {**on("dynamodb", "Query"), **error("ThrottlingException"), **bursts(3, 6)},
        "many not read": {**on("dynamodb", "BatchGetItem"), **error("InternalServerError", 500), **bursts(3, 6, 3)},
        "put in conflict": {**on("dynamodb", "PutItem"), **error("TransactionConflictException"), **bursts(1, 2, 2)},
        "update in conflict": {**on("dynamodb", "UpdateItem"), **error("TransactionConflictException"), "times": 2},
        "posting late": {**WRITE, **LATE, **bursts(3, 3)},
        "posting lost": {**WRITE, **LOST, **bursts(3, 6, 11)},
        "posting cut off": {**WRITE, **RESET, **bursts(3, 6, 11)},
        "posting throttled": {**WRITE, **error("ProvisionedThroughputExceededException"), **bursts(3, 6, 11)},
        "posting of unknown outcome": {**WRITE, **error("InternalServerError", 500), **bursts(3, 6, 11)},
        "posting in progress": {**WRITE, **error("TransactionInProgressException"), **bursts(2, 4, 11)},
        "account in conflict": {**TWO_WRITES, **cancelled("None", "TransactionConflict"), **bursts(2, 6, 3)},
        "order in conflict": {**THREE_WRITES, **cancelled("None", "None", "TransactionConflict"), **bursts(2, 6, 3)},
        "entry in conflict": {
            **THREE_WRITES,
            **cancelled("TransactionConflict", "ConditionalCheckFailed", "None"),
            **bursts(2, 4, 3),
        },
        "credit not queued": {
            **on("sqs", "SendMessage", "contains(QueueUrl, 'Credits')"),
            **error("RequestThrottled"),
            **bursts(3, 3, 3),
        },
        "message not queued": {**on("sqs", "SendMessage"), **error("RequestThrottled"), **bursts(3, 6)},
        "message queued unheard": {**on("sqs", "SendMessage"), **LOST, **bursts(2, 6)},
        "alarm throttled": {
            **on("scheduler", "CreateSchedule"),
            **error("ThrottlingException", 429),
            "times": ALL_TRIES,
        },
        "alarms full": {**on("scheduler", "CreateSchedule"), **error("ServiceQuotaExceededException", 402), "times": 1},
        "account not sealed": {**on("kms", "Encrypt"), **error("ThrottlingException"), "times": ALL_TRIES},
        # An alarm whose answer was lost is set again, which is a conflict by itself.
        **each_call(),
    }
