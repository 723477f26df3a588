"""What a world reads again and again, read once. It is a fifth of what a world costs, and changes none of its calls.

Deliveries come twice, and documents, settings and messages are read many times over as the same bytes. The readers
are the project's own; each depends on what it is given alone, and nobody changes what it returned.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cashback.adapters.dynamo import stores
from cashback.adapters.dynamo.packing import Packing
from cashback.domain import stores as store_documents
from cashback.edge import worker
from cashback.storefronts import parsing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cashback.domain.settings import Settings


type Key = Callable[..., Hashable]
"""What two calls must have in common to be given one answer."""


def _given(*given: Hashable) -> Hashable:
    return given


def _stored(store_id: str, item: dict[str, Any]) -> Hashable:
    return store_id, *((name, repr(value) if isinstance(value, dict | list) else value) for name, value in item.items())


def _set(store_id: str, version: int, currency: Hashable, document: dict[str, Any]) -> Hashable:
    """A document of settings is the same object as long as it is read from the same item, by the memory of that."""
    return store_id, version, currency, id(document)


class _AtSettings:
    """What a delivery tells of depends on the settings, of which a world has few versions."""

    def __init__(self) -> None:
        self._known: list[Settings] = []

    def __call__(self, source: str, topic: str, body: bytes, settings: Settings, at: str | None = None) -> Hashable:
        if settings not in self._known:
            self._known.append(settings)
        return source, topic, body, self._known.index(settings), at


_READERS: tuple[tuple[str, tuple[Any, ...], Callable[[], Key]], ...] = (
    ("unpack", (Packing,), lambda: _given),
    ("document_of", (stores,), lambda: _stored),
    ("parse_settings", (store_documents,), lambda: _set),
    ("read", (parsing,), _AtSettings),
    ("decode", (worker,), lambda: _given),
)
"""Each function by its name, wherever it is found under it."""


class Memory:
    """What the readers answered in one world."""

    def __init__(self) -> None:
        self._recalling = [_recalling(getattr(owners[0], name), key()) for name, owners, key in _READERS]

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the readers answer from it."""
        before = [getattr(owners[0], name) for name, owners, _ in _READERS]
        _put(self._recalling)
        try:
            yield
        finally:
            _put(before)


def _put(functions: list[Callable[..., Any]]) -> None:
    for (name, owners, _), function in zip(_READERS, functions, strict=True):
        for owner in owners:
            setattr(owner, name, function)


def _recalling(function: Callable[..., Any], key: Key) -> Callable[..., Any]:
    """The function, and what it was given kept as long as its answer: an identity is of no other object till then."""
    answers: dict[Hashable, tuple[Any, tuple[Any, ...]]] = {}

    def recall(*given: Any) -> Any:
        called = key(*given)
        if called not in answers:
            answers[called] = function(*given), given
        return answers[called][0]

    return recall
