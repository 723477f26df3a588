"""A stand-in for boto3's low-level DynamoDB client: in memory, deterministic, with faults on every call.

The project's adapters run on it unchanged. Where an emulator is laxer than DynamoDB it follows DynamoDB: arithmetic
in a condition, reserved words, unused names and values, overlapping paths and rounded numbers are refused. Not here:
Scan, legacy parameters, ConsumedCapacity (the budgets are measured on the emulator).

    world = SimulatedDynamo([TableSpec("State"), TableSpec.from_definition(properties, "Ledger")], faults=Faults(seed))
    ledger = DynamoLedger(client=cast("DynamoDBClient", world), table="Ledger")
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from tests.simulation import reads
from tests.simulation.clock import Clock
from tests.simulation.engine import Engine, Request, Write, cancelled
from tests.simulation.errors import Refusal, bad_parameter, client_error, client_exceptions
from tests.simulation.faults import Crash, Fault, Faults, Rates
from tests.simulation.tables import IndexSpec, TableSpec
from tests.simulation.values import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.simulation.values import Item

__all__ = ["Clock", "Crash", "Fault", "Faults", "IndexSpec", "Rates", "SimulatedDynamo", "TableSpec", "Write"]

_WRITE = {
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
    "ReturnConsumedCapacity",
    "ReturnItemCollectionMetrics",
}
_QUERY = {
    "TableName",
    "IndexName",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ScanIndexForward",
    "Limit",
    "ExclusiveStartKey",
    "ConsistentRead",
    "Select",
    "ReturnConsumedCapacity",
}
_GET = {"TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"}
_PARAMETERS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    operation: (frozenset(required), frozenset(allowed))
    for operation, required, allowed in (
        ("GetItem", {"TableName", "Key"}, _GET | {"ReturnConsumedCapacity"}),
        ("PutItem", {"TableName", "Item"}, _WRITE | {"Item"}),
        ("UpdateItem", {"TableName", "Key"}, _WRITE | {"Key", "UpdateExpression"}),
        ("DeleteItem", {"TableName", "Key"}, _WRITE | {"Key"}),
        ("Query", {"TableName"}, _QUERY),
        ("BatchGetItem", {"RequestItems"}, {"RequestItems", "ReturnConsumedCapacity"}),
        (
            "BatchWriteItem",
            {"RequestItems"},
            {"RequestItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"},
        ),
        ("TransactGetItems", {"TransactItems"}, {"TransactItems", "ReturnConsumedCapacity"}),
        (
            "TransactWriteItems",
            {"TransactItems"},
            {"TransactItems", "ClientRequestToken", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"},
        ),
    )
}
_SERVER_FAULTS = frozenset({Fault.THROTTLE, Fault.ERROR_BEFORE})
_SDK_RETRIES = frozenset({"InternalServerError", "ThrottlingException", "ProvisionedThroughputExceededException"})


@lru_cache(maxsize=1024)
def _check_parameters(operation: str, *given: str) -> None:
    required, allowed = _PARAMETERS[operation]
    if not required <= set(given) <= allowed:
        bad_parameter(f"{operation}: unknown {sorted(set(given) - allowed)}, missing {sorted(required - set(given))}")


class SimulatedDynamo:
    """boto3's keyword methods over one `Engine`. A call commits wholly or not at all, whatever fault strikes it; of
    BatchWriteItem a part may be left over.

    `sdk_retries` is how often botocore would repeat a call itself after a lost answer, a 500 or a throttle (with the
    same idempotency token, as it does); 0 leaves the first failure to the caller.
    """

    def __init__(
        self,
        tables: Iterable[TableSpec],
        *,
        clock: Clock | None = None,
        faults: Faults | None = None,
        sdk_retries: int = 0,
    ) -> None:
        self.clock = clock if clock is not None else Clock()
        self.faults = faults if faults is not None else Faults()
        self.engine = Engine(tables, self.clock, self.faults)
        self.sdk_retries = sdk_retries
        self._runs: dict[str, Callable[[Request, int], dict[str, Any]]] = {
            "GetItem": partial(reads.get_item, self.engine),
            "BatchGetItem": partial(reads.batch_get_item, self.engine),
            "TransactGetItems": partial(reads.transact_get, self.engine),
            "Query": partial(reads.query, self.engine),
            "PutItem": lambda request, call: self.engine.write_one("Put", request, call),
            "UpdateItem": lambda request, call: self.engine.write_one("Update", request, call),
            "DeleteItem": lambda request, call: self.engine.write_one("Delete", request, call),
            "BatchWriteItem": self.engine.batch_write,
            "TransactWriteItems": self.engine.transact_write,
        }

    @property
    def exceptions(self) -> Any:
        """The modelled classes, as on a boto3 client."""
        return client_exceptions("dynamodb")

    @property
    def observers(self) -> list[Callable[[Write], None]]:
        """Called with every committed `Write`, in order, after the whole transaction is stored."""
        return self.engine.observers

    def items(self, table: str) -> list[Item]:
        """A copy of everything in a table, for invariants: no call, no fault."""
        partitions = self.engine.table(table).partitions.values()
        return [copy_of(item) for partition in partitions for item in partition.values()]

    def item(self, table: str, *key: str) -> Item | None:
        """A copy of one item by its key texts, for invariants: no call, no fault."""
        hash_part, range_part = (*key, "")[:2]
        item = self.engine.table(table).get((hash_part, range_part))
        return None if item is None else copy_of(item)

    def get_item(self, **request: Any) -> dict[str, Any]:
        return self._call("GetItem", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._call("UpdateItem", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._call("DeleteItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        return self._call("Query", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        return self._call("BatchGetItem", request)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        return self._call("BatchWriteItem", request)

    def transact_get_items(self, **request: Any) -> dict[str, Any]:
        return self._call("TransactGetItems", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        return self._call("TransactWriteItems", request)

    def get_paginator(self, operation: str) -> QueryPaginator:
        if operation != "query":
            raise NotImplementedError(operation)
        return QueryPaginator(self)

    def _call(self, operation: str, request: Request) -> dict[str, Any]:
        _check_parameters(operation, *request)
        if self.sdk_retries:
            return self._with_retries(operation, request)
        return self._attempt(operation, request)

    def _with_retries(self, operation: str, request: Request) -> dict[str, Any]:
        if operation == "TransactWriteItems" and "ClientRequestToken" not in request:
            request = {**request, "ClientRequestToken": f"sdk-{self.faults.calls}"}
        for _ in range(self.sdk_retries):
            try:
                return self._attempt(operation, request)
            except (ConnectionClosedError, ReadTimeoutError):
                continue
            except ClientError as error:
                if error.response["Error"]["Code"] not in _SDK_RETRIES:
                    raise
        return self._attempt(operation, request)

    def _attempt(self, operation: str, request: Request) -> dict[str, Any]:
        faults = self.faults
        call = faults.calls + 1
        fault = faults.draw(operation)
        try:
            answer = (
                self._runs[operation](request, call) if fault is None else self._struck(operation, request, call, fault)
            )
        except Refusal as refusal:
            faults.tell(call, operation, request, f"{refusal.code}: {refusal.message}")
            raise client_error("dynamodb", operation, refusal.code, refusal.message, refusal.fields) from None
        except (ConnectionClosedError, ReadTimeoutError, Crash) as lost:
            faults.tell(call, operation, request, lost)
            raise
        if faults.trace is not None:
            faults.tell(call, operation, request, answer or "ok")
        answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "RetryAttempts": 0}
        return answer

    def _struck(self, operation: str, request: Request, call: int, fault: Fault) -> dict[str, Any]:
        faults = self.faults
        faults.before(fault)
        if fault is Fault.CONFLICT:
            return self._conflict(operation, request, call)
        if fault in _SERVER_FAULTS:
            raise self._server_fault(operation, request, fault)
        try:
            answer = self._runs[operation](request, call)
        finally:
            faults.after(fault)
        if fault is Fault.ERROR_AFTER:
            raise Refusal("InternalServerError", "Internal server error")
        return answer

    def _conflict(self, operation: str, request: Request, call: int) -> dict[str, Any]:
        if operation == "TransactWriteItems":
            return self.engine.transact_write(request, call, conflict=True)
        if operation == "TransactGetItems":
            return reads.transact_get(self.engine, request, call, conflict=True)
        if operation in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            raise Refusal("TransactionConflictException", "Transaction is ongoing for the item")
        return self._runs[operation](request, call)

    def _server_fault(self, operation: str, request: Request, fault: Fault) -> Refusal:
        if fault is Fault.ERROR_BEFORE:
            return Refusal("InternalServerError", "Internal server error")
        random = self.faults.random
        if operation == "TransactWriteItems" and random.random() < 0.5:
            reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in request["TransactItems"]]
            code = random.choice(("ThrottlingError", "ProvisionedThroughputExceeded"))
            reasons[random.randrange(len(reasons))] = {
                "Code": code,
                "Message": "Throughput exceeds the current capacity",
            }
            return cancelled(reasons)
        code = random.choice(("ThrottlingException", "ProvisionedThroughputExceededException"))
        return Refusal(code, "Throughput exceeds the current capacity")


class QueryPaginator:
    """`client.get_paginator("query")`, as far as adapters use it."""

    def __init__(self, client: SimulatedDynamo) -> None:
        self._client = client

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            page = self._client.query(**request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
