"""Scenarios in the State table: each by itself, and those that deliveries must know of in one item beside the
settings."""

from typing import Final

from msgspec import Struct

from cashback.adapters.dynamo import keys, scenario_keys, store_keys
from cashback.adapters.dynamo.codec import Item
from cashback.adapters.dynamo.packing import Packing
from cashback.adapters.dynamo.stores import settings_of
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.errors import NotFound
from cashback.domain.scenarios import LiveScenarios, Scenario, TooManyScenarios
from cashback.domain.settings import Settings
from cashback.domain.times import Instant

MAX_CATALOGUE: Final = 300_000
"""Bytes of all that deliveries must know of, compressed; an item of DynamoDB has 400 KB at most."""

_PACKING: Final = Packing[Scenario](Scenario)
_CATALOGUE: Final = Packing[tuple[Scenario, ...]](tuple[Scenario, ...])


class Scenarios(Struct, frozen=True):
    """What stores want done. The catalogue of those that deliveries must know of moves with every change of one."""

    table: StateTable

    def live(self, store_id: str) -> tuple[Settings | None, LiveScenarios]:
        """Return the settings and the scenarios that a delivery must know of, as of one moment: one consistent query. A
        closed store has no settings.

        :raises NotFound: no such store.
        """
        first, last = scenario_keys.catalogue(store_id), store_keys.settings(store_id)
        values = {":pk": last.pk, ":first": first.sk, ":last": last.sk}
        found = self.table.query("pk = :pk AND sk BETWEEN :first AND :last", values, ConsistentRead=True)
        items = {item["sk"]: item for item in found}
        if last.sk not in items:
            raise NotFound
        item = items[last.sk]
        settings = settings_of(store_id, item) if item.get("closed_at") is None else None
        return settings, _catalogue_of(items.get(first.sk))

    def catalogue(self, store_id: str) -> LiveScenarios:
        """Return the scenarios that deliveries must know of (consistent)."""
        return _catalogue_of(self.table.get(scenario_keys.catalogue(store_id)))

    def get(self, store_id: str, scenario_id: str) -> Scenario | None:
        """Return a scenario, deleted ones too (consistent)."""
        item = self.table.get(scenario_keys.scenario(store_id, scenario_id))
        return None if item is None else _PACKING.unpack(item["document"])

    def page(self, store_id: str, limit: int, before: str | None) -> tuple[list[Scenario], str | None]:
        """Return up to ``limit`` scenarios, the newest first, those before a place, and the place to go on (None at the
        end); deleted ones are left out. The index may lag a second; the scenarios themselves are read fresh."""
        places, place = self.table.newest([scenario_keys.scenarios_listed(store_id)], limit, before)
        wanted = [scenario_keys.scenario(store_id, keys.listed_id(one)) for one in places]
        items = self.table.get_many(wanted)
        scenarios = [_PACKING.unpack(items[key]["document"]) for key in wanted if key in items]
        return [scenario for scenario in scenarios if scenario.deleted_at is None], place

    def save(self, store_id: str, scenario: Scenario, live: LiveScenarios, now: Instant) -> bool:
        """Write the next revision of a scenario, and the catalogue that follows from ``live``, in one transaction;
        False where someone else changed either first.

        :raises TooManyScenarios: the store has as many as deliveries can know of.
        """
        following = live.having(scenario, now)
        first = "attribute_not_exists(pk)"
        return self.table.try_commit(
            self.table.put(_item(store_id, scenario), *(_after(scenario.rev) if scenario.rev > 1 else (first,))),
            self.table.put(_catalogue_item(store_id, following), *(_after(following.rev) if live.rev else (first,))),
        )


def _after(rev: int) -> tuple[str, dict[str, int]]:
    return "rev = :rev", {":rev": rev - 1}


def _item(store_id: str, scenario: Scenario) -> Item:
    pk, sk = scenario_keys.scenario(store_id, scenario.scenario_id)
    item: Item = {"pk": pk, "sk": sk, "rev": scenario.rev, "document": _PACKING.pack(scenario)}
    if scenario.deleted_at is None:
        place = keys.listed(scenario.created_at, scenario.scenario_id)
        item |= {"listing_pk": scenario_keys.scenarios_listed(store_id), "listing_sk": place}
    return item


def _catalogue_item(store_id: str, live: LiveScenarios) -> Item:
    pk, sk = scenario_keys.catalogue(store_id)
    packed = _CATALOGUE.pack(live.scenarios)
    if len(packed) > MAX_CATALOGUE:
        raise TooManyScenarios
    return {"pk": pk, "sk": sk, "rev": live.rev, "scenario_count": live.count, "scenarios": packed}


def _catalogue_of(item: Item | None) -> LiveScenarios:
    if item is None:
        return LiveScenarios()
    return LiveScenarios(_CATALOGUE.unpack(item["scenarios"]), item["rev"], item["scenario_count"])
