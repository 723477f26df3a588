"""Writes of the simulated tables as the records that their streams would deliver, and a bus in memory."""

import base64
import json
from collections import defaultdict
from itertools import batched
from random import Random
from typing import Any, cast

from cashback.adapters.event_bus import EventBus
from tests.simulation.dynamo import Write

AT_SECOND = 1_772_366_400
_BACK = 24
"""Records that a batch which comes again begins earlier, at most."""


class Stream:
    """Observes the tables. DynamoDB tells of each write of an item once and in order, and of none that changed nothing;
    a function may be given any of it again, and the writes of different items in any order."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def watch(self, write: Write) -> None:
        if write.old == write.new:
            return
        images = {"NewImage": _spelled(write.new), "OldImage": _spelled(write.old)}
        told = {name: image for name, image in images.items() if image is not None}
        number = str(len(self.records) + 1).rjust(21, "0")
        key = {"Keys": {"pk": {"S": str(write.key[0])}, "sk": {"S": str(write.key[1])}}}
        about = {**key, **told, "SequenceNumber": number, "ApproximateCreationDateTime": AT_SECOND}
        self.records.append({"eventID": number, "dynamodb": about})

    def shuffled(self, random: Random) -> list[list[dict[str, Any]]]:
        """Batches of all records: those of one item in order, everything else in any, and parts of it again."""
        by_item: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in self.records:
            by_item[json.dumps(record["dynamodb"]["Keys"])].append(record)
        turns = [item for item, records in by_item.items() for _ in records]
        random.shuffle(turns)
        queues = {item: iter(records) for item, records in by_item.items()}
        line = [next(queues[item]) for item in turns]
        batches = []
        place = 0
        while place < len(line):
            end = min(len(line), place + random.randint(1, 12))
            batches.append(line[place:end])
            # Not from anywhere: of a long line that would hardly ever come to its end.
            place = end if random.random() < 0.6 else random.randint(max(0, end - _BACK), end)
        again = random.randint(0, len(line))
        return [*batches, *([*some] for some in batched(line[again:], 12, strict=False))]


class FakeEvents:
    """EventBridge: what was put on the bus. Refuses what ``refuses`` says, event by event or the whole call."""

    def __init__(self) -> None:
        self.put: list[dict[str, Any]] = []
        self.refuses: list[bool] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        told: list[dict[str, str]] = []
        for entry in Entries:
            if self.refuses and self.refuses.pop(0):
                told.append({"ErrorCode": "ThrottlingException", "ErrorMessage": "later"})
                continue
            self.put.append(entry)
            told.append({"EventId": str(len(self.put))})
        return {"FailedEntryCount": sum("ErrorCode" in one for one in told), "Entries": told}

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """Each event once, by its id."""
        return {body["event_id"]: body for entry in self.put for body in [json.loads(entry["Detail"])]}

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind, each once."""
        wanted = [json.loads(entry["Detail"]) for entry in self.put if entry["DetailType"] == kind]
        return list({body["event_id"]: body for body in wanted}.values())


def bus_on(events: FakeEvents) -> EventBus:
    return EventBus(cast("Any", events), "events", sleep=lambda _: None, jitter=lambda: 0.5)


def _spelled(image: Any) -> dict[str, Any] | None:
    """An image as the event of a function has it: binary values are texts of base64."""
    if image is None:
        return None
    spelled = {}
    for name, value in image.items():
        ((kind, plain),) = value.items()
        spelled[name] = {kind: base64.b64encode(plain).decode() if kind == "B" else plain}
    return spelled
