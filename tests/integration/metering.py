"""What calls to DynamoDB cost, as the engine itself says."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest.mock import patch

from botocore.exceptions import ClientError
from types_boto3_dynamodb import DynamoDBClient

from cashback.adapters.dynamo.keys import written

_READS: Final = frozenset({"GetItem", "Query", "BatchGetItem", "TransactGetItems"})


@dataclass
class Meter:
    """Adds up what calls cost while it is on. ``refused`` are the units of writes that failed, for which AWS charges
    as if they had not: of items of a kilobyte at most. ``accounts`` is how many accounts were looked for."""

    client: DynamoDBClient
    writes: float = 0
    reads: float = 0
    refused: int = 0
    accounts: int = 0
    calls: list[str] = field(default_factory=list)

    @contextmanager
    def on(self) -> Iterator["Meter"]:
        self.writes, self.reads, self.refused, self.accounts, self.calls = 0, 0, 0, 0, []
        client: Any = self.client
        call = client._make_api_call

        def ask(name: str, parameters: dict[str, Any]) -> Any:
            self.accounts += _accounts_in(name, parameters)
            try:
                return call(name, {**parameters, "ReturnConsumedCapacity": "TOTAL"})
            except ClientError:
                self.refused += _charged(name, parameters)
                raise

        client.meta.events.register("after-call.dynamodb.*", self._count)
        try:
            with patch.object(client, "_make_api_call", ask):  # which calls without botocore's hooks go through too
                yield self
        finally:
            client.meta.events.unregister("after-call.dynamodb.*", self._count)

    def costs(self, *, writes: float, reads: float, calls: Sequence[str] | Counter[str], refused: int = 0) -> None:
        """Fail above these units, and where the calls were not these in this order, or more of a kind than counted."""
        assert self.writes <= writes, f"{self.writes:g} write units of {writes:g}"
        assert self.reads <= reads, f"{self.reads:g} read units of {reads:g}"
        assert self.refused <= refused, f"{self.refused} units of refused writes of {refused}"
        if isinstance(calls, Counter):
            assert (made := Counter(self.calls)) <= calls, f"{made} of {calls}"
        else:
            assert self.calls == calls, f"{self.calls} instead of {calls}"

    def _count(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.calls.append(model.name)
        used = parsed.get("ConsumedCapacity") or []
        units = sum(part["CapacityUnits"] for part in (used if isinstance(used, list) else [used]))
        if model.name in _READS:
            self.reads += units
        else:
            self.writes += units


def _charged(name: str, parameters: dict[str, Any]) -> int:
    """The least units of a call that failed: two for each item of a transaction, one for that of another write."""
    if name in _READS:
        return 0
    return 2 * len(parameters["TransactItems"]) if name == "TransactWriteItems" else 1


def _accounts_in(name: str, parameters: dict[str, Any]) -> int:
    """How many accounts a call looks for. They lie in their customers' partitions: a query of one is taken for such."""
    match name:
        case "GetItem":
            return _is_account(parameters["Key"])
        case "BatchGetItem":
            return sum(_is_account(key) for asked in parameters["RequestItems"].values() for key in asked["Keys"])
        case "TransactGetItems":
            return sum(_is_account(one["Get"]["Key"]) for one in parameters["TransactItems"])
        case "Query":
            partitions = (written(value.get("S", "")) for value in parameters["ExpressionAttributeValues"].values())
            return sum(of is not None and of[1] == "C" for of in partitions)
    return 0


def _is_account(key: dict[str, Any]) -> bool:
    return bool(key["sk"] == {"S": "ACCOUNT"})
