"""Worlds whose every item newer code wrote, as far as this code can tell."""

from collections.abc import Mapping, Sequence, Set
from enum import Enum
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from cashback.adapters.dynamo.packing import Packing
from tests.simulation.engine import Engine, Prepared
from tests.simulation.soak import broken
from tests.simulation.values import Item

NAME = "of_newer_code"
NEWER = {"M": {"a": {"L": [{"N": "1"}]}, "b": {"NULL": True}}}
EACH = 50


def newer(value: Any) -> Any:
    """What newer code would store of a value: every record in it has a field more."""
    match value:
        case Struct() if value.__struct_config__.array_like:
            return [*(newer(getattr(value, name)) for name in value.__struct_fields__), {NAME: 1}]
        case Struct():
            names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            return {**{encoded: newer(getattr(value, name)) for encoded, name in names}, **_tag(value), NAME: [1]}
        case Mapping():
            return {name: newer(part) for name, part in value.items()}
        case Fraction():
            return str(value)
        case Enum() | str() | bytes():
            return value
        case Sequence() | Set():
            return [newer(part) for part in value]
    return value


def _tag(value: Struct) -> dict[str, Any]:
    config = value.__struct_config__
    return {config.tag_field: config.tag} if config.tag_field is not None else {}


@pytest.mark.row("F44")
@pytest.mark.parametrize("first", range(0, 200, EACH))
def test_what_newer_code_added_to_anything_that_is_stored_is_ignored(
    monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    commit, packed, stored = Engine._commit, set[str](), set[str]()

    class Encoder:
        def __init__(self, **how: Any) -> None:
            self.encoder = msgspec.json.Encoder(**how)

        def encode(self, document: Any) -> bytes:
            packed.add(type(document).__name__)
            return self.encoder.encode(newer(document))

    def commit_newer(self: Engine, prepared: Prepared, new: Item | None, call: int) -> None:
        if new is not None:
            stored.add(prepared.table.name)
        commit(self, prepared, None if new is None else {**new, NAME: NEWER}, call)

    monkeypatch.setattr(Engine, "_commit", commit_newer)
    monkeypatch.setattr(Packing, "_encoder", property(lambda _: Encoder(order="deterministic")))
    assert broken(range(first, first + EACH)) == []
    assert packed >= {"_Detail", "Task", "Job", "Scenario", "Payout", "IncentiveRequest", "PaymentAccount", "AuditLine"}
    assert stored == {"State", "Ledger"}
