"""Acts of people that money does not show: who changed settings, keys and secrets, from where, and what it was."""

from dataclasses import dataclass

from cashback.domain.times import Instant


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from. ``actor`` names the key, and the person behind it where the caller said so."""

    actor: str
    request_id: str
    source_ip: str


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the audit, written in the transaction of the change itself. ``before`` and ``after`` are JSON texts;
    no secret ever stands in them."""

    what: str
    target: str
    at: Instant
    origin: Origin
    before: str | None = None
    after: str | None = None
