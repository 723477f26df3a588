"""What AWS answers a function, taken down while the stand-ins serve it, to be played to the function as it is built."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, redirect_stdout
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import patch

from msgspec import Struct

from cashback.edge import clock
from tests.benchmarks import played, story
from tests.simulation.dynamo import SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.deployment import Deployment


class Tape(Struct, frozen=True):
    """One event of a function, and every call that it made to serve it: operation, request and answer, in order."""

    event: dict[str, Any]
    calls: list[tuple[str, dict[str, Any], dict[str, Any]]]

    def write(self, place: Path) -> None:
        """Write the event and the answers, by operation, where ``played`` finds them."""
        place.write_text(json.dumps({"event": self.event, "answers": self.answers()}))

    def answers(self) -> dict[str, list[str]]:
        """The answers by operation, in order."""
        answers: dict[str, list[str]] = {}
        for operation, _, answer in self.calls:
            answers.setdefault(operation, []).append(json.dumps(answer, default=as_base64))
        return answers


class Recorder(Struct):
    """A client whose calls are taken down."""

    client: Any
    calls: list[tuple[str, dict[str, Any], dict[str, Any]]]

    @property
    def exceptions(self) -> Any:
        return self.client.exceptions

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            answer = getattr(self.client, method)(**request)
            told = {name: part for name, part in (answer or {}).items() if name != "ResponseMetadata"}
            self.calls.append((method.title().replace("_", ""), deepcopy(request), told))
            return answer

        return call


def as_base64(value: bytes) -> str:
    """Bytes as the JSON of AWS has them."""
    return base64.b64encode(value).decode()


def record(*names: str) -> Mapping[str, Tape]:
    """One call of each function, with nothing read before."""
    stand_ins = Deployment(SimulatedDynamo(table_specs()))
    with story.at_work(story.NAMES, stand_ins.client):
        story.open_store()
        waiting = {name: next(story.events(name, 1)) for name in names}
    return {name: _recorded(stand_ins, name, event) for name, event in waiting.items()}


def record_alone(name: str, make: Callable[[], dict[str, Any]]) -> Tape:
    """The call of a function with an event that is made in a deployment of its own, and handled ``LATER``; there may be
    many others before it, so nothing is logged."""
    stand_ins = Deployment(SimulatedDynamo(table_specs()))
    with story.at_work(story.NAMES, stand_ins.client), _at(story.NOW), redirect_stdout(None):
        story.open_store()
        event = make()
    with _at(story.LATER), redirect_stdout(None):
        return _recorded(stand_ins, name, event)


def _recorded(stand_ins: Deployment, name: str, event: dict[str, Any]) -> Tape:
    tape = Tape(event, [])
    with story.at_work(story.NAMES, lambda *which: Recorder(stand_ins.client(*which), tape.calls)):
        story.serve(name, event)
    return tape


def _at(now: str) -> AbstractContextManager[object]:
    return patch.object(clock, "datetime", played.stopped_at(now))


def raw(tape: Tape) -> Tape:
    """The transaction of a function by itself. Texts stand where it has bytes, which no event can hold."""
    (sent,) = [request for operation, request, _ in tape.calls if operation == "TransactWriteItems"]
    items = json.loads(json.dumps(sent["TransactItems"], default=as_base64), object_hook=_with_texts)
    return Tape({"items": items}, [("TransactWriteItems", {}, {})])


def _with_texts(read: dict[str, Any]) -> dict[str, Any]:
    return {"S": read["B"]} if set(read) == {"B"} else read
