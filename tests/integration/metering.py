"""What calls to DynamoDB cost, as the engine itself says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from types_boto3_dynamodb import DynamoDBClient


@dataclass
class Meter:
    """Adds up what calls cost while it is on."""

    client: DynamoDBClient
    writes: float = 0
    reads: float = 0
    calls: list[str] = field(default_factory=list)

    @contextmanager
    def on(self) -> Iterator["Meter"]:
        self.writes, self.reads, self.calls = 0, 0, []
        client: Any = self.client
        call = client._make_api_call

        def ask(name: str, parameters: dict[str, Any]) -> Any:
            return call(name, {**parameters, "ReturnConsumedCapacity": "TOTAL"})

        client.meta.events.register("after-call.dynamodb.*", self._count)
        try:
            with patch.object(client, "_make_api_call", ask):  # which calls without botocore's hooks go through too
                yield self
        finally:
            client.meta.events.unregister("after-call.dynamodb.*", self._count)

    def _count(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.calls.append(model.name)
        used = parsed.get("ConsumedCapacity") or []
        units = sum(part["CapacityUnits"] for part in (used if isinstance(used, list) else [used]))
        if model.name in {"GetItem", "Query", "BatchGetItem", "TransactGetItems"}:
            self.reads += units
        else:
            self.writes += units
