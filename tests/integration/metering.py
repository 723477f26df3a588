"""What calls to DynamoDB cost, as the engine itself says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

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
        events: Any = self.client.meta.events
        events.register("provide-client-params.dynamodb.*", self._ask)
        events.register("after-call.dynamodb.*", self._count)
        try:
            yield self
        finally:
            events.unregister("provide-client-params.dynamodb.*", self._ask)
            events.unregister("after-call.dynamodb.*", self._count)

    def _ask(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def _count(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        self.calls.append(model.name)
        used = parsed.get("ConsumedCapacity") or []
        units = sum(part["CapacityUnits"] for part in (used if isinstance(used, list) else [used]))
        if model.name in {"GetItem", "Query", "BatchGetItem", "TransactGetItems"}:
            self.reads += units
        else:
            self.writes += units
