"""The shops' webhook secrets: encrypted for their store in the State table, and kept for a while by who reads them.

Each item holds the ciphertexts of the current secret and, during a rotation, of the previous one. The encryption
context names the store, so a ciphertext moved to another store decrypts for nobody.
"""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.faults import FAILURES
from cashback.adapters.seals import Seals
from cashback.domain.errors import Busy
from cashback.domain.ledger import Write

FRESH: Final = 60
"""Seconds that a read is good for, and so the longest that a dropped secret still signs. A new one signs within
five: what no known secret has signed is compared with a newer read."""
LAST_KNOWN: Final = 4 * 3600
"""Seconds that known secrets serve while the table or KMS cannot be reached."""
PAUSE: Final = 10
"""Seconds before an unreachable table is asked again: a delivery must not wait for time-outs that can be foreseen."""
_MOST_CACHED: Final = 1_000


class _Known(Struct, frozen=True):
    """What was read at ``read_at``; not asked for again before ``next_at``. ``stale``: asking has failed since."""

    secrets: tuple[str, ...]
    ciphertexts: tuple[bytes, ...]
    read_at: float
    next_at: float
    stale: bool = False


class WebhookSecrets:
    """Reads webhook secrets, and builds the writes that change them, to be committed with their line of audit.

    ``clock`` returns seconds; it is an argument so that time can be virtual.
    """

    def __init__(self, table: StateTable, seals: Seals, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._seals = seals
        self._clock = clock
        self._known: dict[tuple[str, str], _Known] = {}

    def read(self, store_id: str, source: str, max_age: float = FRESH) -> tuple[str, ...]:
        """Return the active secrets, the current one first; none where the store or its source has none.

        At most ``max_age`` seconds old, or while the table or KMS cannot be reached ``LAST_KNOWN``.

        :raises Busy: out of reach, and nothing known that is young enough.
        """
        now = self._clock()
        known = self._known.get((store_id, source))
        if known is not None and now < known.next_at and (known.stale or now - known.read_at <= max_age):
            return known.secrets
        try:
            read = self._fetch(store_id, source, known, now)
        except (Busy, *FAILURES) as error:
            if known is None or not known.secrets or now - known.read_at > LAST_KNOWN:
                raise Busy("the webhook secrets are out of reach") from error
            read = _Known(known.secrets, known.ciphertexts, known.read_at, now + PAUSE, stale=True)
        self._keep((store_id, source), read)
        return read.secrets

    def first(self, store_id: str, source: str, secret: str) -> Write:
        """Build the write of a source's first secret; it fails where there is one already.

        :raises Busy: KMS is out of reach, or the key may not be used.
        """
        return self._table.put(self._sealed(store_id, source, secret), "attribute_not_exists(pk)")

    def rotated(self, store_id: str, source: str, secret: str, *, keep_previous: bool = True) -> Write:
        """Build the write that makes ``secret`` the current one.

        The secret it replaces goes on signing as the previous one until told otherwise; without ``keep_previous`` it
        is dropped. An older one is dropped either way. The write names what it replaces, so sending it twice is
        harmless, and it fails if another rotation was faster.

        :raises Busy: the table or KMS is out of reach, or the key may not be used.
        """
        standing = self._table.get(store_keys.webhook_secret(store_id, source))
        if standing is None:
            return self.first(store_id, source, secret)
        item = self._sealed(store_id, source, secret)
        if keep_previous:
            item["previous_secret"] = standing["current_secret"]
        values = {":standing": standing["current_secret"], ":new": item["current_secret"]}
        return self._table.put(item, "current_secret IN (:standing, :new)", values)

    def _sealed(self, store_id: str, source: str, secret: str) -> Item:
        pk, sk = store_keys.webhook_secret(store_id, source)
        return {"pk": pk, "sk": sk, "current_secret": self._seals.seal(secret, {"store": store_id})}

    def _fetch(self, store_id: str, source: str, known: _Known | None, now: float) -> _Known:
        """Read the item; only ciphertexts that were not there before are decrypted."""
        item = self._table.get(store_keys.webhook_secret(store_id, source)) or {}
        ciphertexts = tuple(item[name] for name in ("current_secret", "previous_secret") if name in item)
        before = dict(zip(known.ciphertexts, known.secrets, strict=True)) if known else {}
        secrets = tuple(
            before[one] if one in before else self._seals.open(one, {"store": store_id}) for one in ciphertexts
        )
        return _Known(secrets, ciphertexts, now, now + FRESH)

    def _keep(self, place: tuple[str, str], read: _Known) -> None:
        """Remember a read; the oldest make room, so that made-up stores cannot fill the memory."""
        self._known.pop(place, None)
        while len(self._known) >= _MOST_CACHED:
            del self._known[next(iter(self._known))]
        self._known[place] = read
