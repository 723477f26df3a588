"""Promo codes in the State table: derived from the task that makes them, so that a repeated call finds its own."""

import hmac
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, scenario_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.tables import Lost, StateTable
from cashback.domain.errors import Busy
from cashback.domain.promo_codes import PromoCode, code_of
from cashback.domain.scenarios import PromoOffer
from cashback.domain.times import Instant

_TRIES: Final = 5
"""Codes of other tasks that stand where one would be: with 49 bits, not even the second is ever reached."""

_PACKING: Final = Packing[PromoCode](PromoCode)


class PromoCodes(Struct, frozen=True):
    """The codes of stores. ``hash_key`` is asked for only when one is made."""

    table: StateTable
    hash_key: Callable[[], bytes]

    def make(
        self,
        store_id: str,
        scenario_id: str,
        task_id: str,
        customer_id: str | None,
        offer: PromoOffer,
        now: Instant,
        expires_at: Instant | None,
    ) -> PromoCode:
        """Make the code of a task, or return the one that it made before.

        :raises Busy: out of reach; the same call is safe to repeat.
        """
        for number in range(_TRIES):
            secret = hmac.digest(self.hash_key(), "\n".join((store_id, task_id, str(number))).encode(), "sha256")
            code = code_of(offer.prefix, secret)
            made = PromoCode(code, offer.discount, now, scenario_id, task_id, customer_id, expires_at)
            try:
                self.table.commit(self.table.put(_item(store_id, made), "attribute_not_exists(pk)"))
            except Lost as lost:
                standing = lost.images[0]
                if standing is not None and promo_code_of(standing).task_id == task_id:
                    return promo_code_of(standing)
                continue
            return made
        raise Busy("other codes stand in its place")

    def get(self, store_id: str, code: str) -> PromoCode | None:
        """Return a code (consistent)."""
        item = self.table.get(scenario_keys.promo_code(store_id, code))
        return None if item is None else promo_code_of(item)

    def page(self, store_id: str, limit: int, before: str | None) -> tuple[list[PromoCode], str | None]:
        """Return up to ``limit`` codes, the newest first, those before a place, and the place to go on (None at the
        end). The index may lag a second; the codes themselves are read fresh."""
        places, place = self.table.newest([scenario_keys.promo_codes_listed(store_id)], limit, before)
        wanted = [scenario_keys.promo_code(store_id, keys.listed_id(one)) for one in places]
        items = self.table.get_many(wanted)
        return [promo_code_of(items[key]) for key in wanted if key in items], place

    def save(self, store_id: str, before: PromoCode, after: PromoCode) -> bool:
        """Write a code over the revision ``before``; False where someone else was first."""
        return self.table.try_commit(self.table.put(_item(store_id, after), "rev = :rev", {":rev": before.rev}))


def _item(store_id: str, promo: PromoCode) -> Item:
    pk, sk = scenario_keys.promo_code(store_id, promo.code)
    place = keys.listed(promo.created_at, promo.code)
    listed = {"listing_pk": scenario_keys.promo_codes_listed(store_id), "listing_sk": place}
    return {"pk": pk, "sk": sk, "rev": promo.rev, "document": _PACKING.pack(promo), **listed}


def promo_code_of(item: Item) -> PromoCode:
    """Read a code back."""
    return _PACKING.unpack(item["document"])
