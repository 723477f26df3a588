"""Acts of people that money does not show: who changed settings, keys and secrets, from where, and what it was."""

from msgspec import Struct

from cashback.domain.times import Instant


class Origin(Struct, frozen=True):
    """Where a request came from. ``actor`` names the key, and the person behind it where the caller said so."""

    actor: str
    request_id: str
    source_ip: str


class Act(Struct, frozen=True):
    """One line of the audit, written in the transaction of the change itself. ``before`` and ``after`` are JSON texts;
    no secret ever stands in them."""

    what: str
    target: str
    at: Instant
    origin: Origin
    before: str | None = None
    after: str | None = None
