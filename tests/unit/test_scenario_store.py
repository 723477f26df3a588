"""Scenarios in the State table, and the catalogue of those that deliveries must know of."""

from copy import replace
from fractions import Fraction
from random import Random

import pytest

from cashback.adapters.dynamo import scenario_keys
from cashback.adapters.dynamo import scenarios as adapter
from cashback.domain.delays import Delay, Unit
from cashback.domain.errors import NotFound
from cashback.domain.scenarios import (
    MOST_SCENARIOS,
    Actions,
    Channel,
    Condition,
    Discount,
    LiveScenarios,
    Message,
    PromoOffer,
    Scenario,
    ScenarioStatus,
    Success,
    TooManyScenarios,
)
from tests.unit.builders import NOW, STORE, Shop, at
from tests.unit.scenario_builders import ALL_ACTIONS, scenario

LATER = "2031-03-01T12:00:00.000000Z"


def save(shop: Shop, one: Scenario, now: str = NOW) -> bool:
    scenarios = shop.books.scenarios
    return scenarios.save(STORE, one, scenarios.catalogue(STORE), now)


def deleted(one: Scenario) -> Scenario:
    return replace(one, status=ScenarioStatus.INACTIVE, inactive_since=NOW, deleted_at=NOW, rev=one.rev + 1)


def test_a_scenario_is_read_as_it_was_saved() -> None:
    shop = Shop()
    offer = PromoOffer(Discount(percent=Fraction(25, 2)), "SPRING-", Delay(30, Unit.DAYS))
    whole = scenario(
        actions=replace(ALL_ACTIONS, promo_code=offer),
        cancel_on=(Condition.ORDER_CREATED,),
        success=Success((Condition.REVIEW_CREATED,), Delay(2, Unit.WEEKS)),
    )
    assert save(shop, whole)
    assert shop.books.scenarios.get(STORE, whole.scenario_id) == whole
    assert shop.books.scenarios.get(STORE, "scn_2") is None


def test_deliveries_read_the_settings_and_the_catalogue_by_one_call() -> None:
    shop = Shop()
    assert save(shop, scenario())
    before = shop.dynamo.faults.calls
    settings, live = shop.books.scenarios.live(STORE)
    assert shop.dynamo.faults.calls == before + 1
    assert settings == shop.books.stores.settings(STORE) == shop.books.stores.document(STORE).settings()
    assert live == LiveScenarios((scenario(),), rev=1, count=1)
    assert shop.books.scenarios.catalogue(STORE) == live


def test_a_store_without_scenarios_has_an_empty_catalogue() -> None:
    shop = Shop()
    shop.change(name="Renamed")
    settings, live = shop.books.scenarios.live(STORE)
    assert settings is not None
    assert (settings.version, settings.name, live) == (2, "Renamed", LiveScenarios())


def test_a_store_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        Shop().books.scenarios.live("elsewhere")


def test_of_two_changes_of_one_catalogue_the_second_is_told_so() -> None:
    shop = Shop()
    seen = shop.books.scenarios.catalogue(STORE)
    assert save(shop, scenario())
    assert not shop.books.scenarios.save(STORE, scenario(scenario_id="scn_2"), seen, NOW)
    assert shop.books.scenarios.get(STORE, "scn_2") is None
    assert save(shop, scenario(scenario_id="scn_2"))
    assert [one.scenario_id for one in shop.books.scenarios.catalogue(STORE).scenarios] == ["scn_1", "scn_2"]


def test_a_scenario_is_changed_over_the_revision_that_was_read() -> None:
    shop = Shop()
    assert save(shop, scenario())
    renamed = scenario(name="Renamed", rev=2)
    assert save(shop, renamed)
    assert not save(shop, scenario(name="Renamed too", rev=2))
    assert not save(shop, scenario(name="Made again"))
    assert shop.books.scenarios.catalogue(STORE).scenarios == (renamed,)


def test_what_concerns_no_delivery_leaves_the_catalogue_with_the_next_change() -> None:
    shop = Shop()
    plain, watching = scenario(), scenario(scenario_id="scn_2", cancel_on=(Condition.ORDER_CREATED,))
    assert save(shop, plain)
    assert save(shop, watching)
    assert save(shop, deleted(plain))
    assert save(shop, deleted(watching))
    (known,) = shop.books.scenarios.catalogue(STORE).scenarios
    assert (known.scenario_id, known.watched) == (watching.scenario_id, watching.watched)
    assert save(shop, scenario(scenario_id="scn_3"), LATER)
    assert [one.scenario_id for one in shop.books.scenarios.catalogue(STORE).scenarios] == ["scn_3"]


def test_a_deleted_scenario_can_be_read_and_is_in_no_list() -> None:
    shop = Shop()
    made = [scenario(scenario_id=f"scn_{n}", created_at=at(n)) for n in range(5)]
    for one in made:
        assert save(shop, one)
    assert save(shop, deleted(made[2]))
    assert shop.books.scenarios.get(STORE, "scn_2") == deleted(made[2])
    first, place = shop.books.scenarios.page(STORE, 3, None)
    assert [one.scenario_id for one in first] == ["scn_4", "scn_3", "scn_1"]
    assert shop.books.scenarios.page(STORE, 3, place) == ([made[0]], None)


def test_a_list_that_lags_shows_no_scenario_that_was_deleted_meanwhile() -> None:
    shop = Shop()
    table = shop.books.scenarios.table
    assert save(shop, scenario())
    item = table.get(scenario_keys.scenario(STORE, "scn_1"))
    assert item is not None
    assert save(shop, deleted(scenario()))
    place = {":pk": item["listing_pk"], ":sk": item["listing_sk"]}
    lagging = "SET listing_pk = :pk, listing_sk = :sk"
    table.commit(table.update(scenario_keys.scenario(STORE, "scn_1"), lagging, "attribute_exists(pk)", place))
    assert shop.books.scenarios.page(STORE, 3, None) == ([], None)


def test_a_store_has_so_many_scenarios_and_no_more_until_one_is_deleted() -> None:
    shop = Shop()
    made = [scenario(scenario_id=f"scn_{n}", status=ScenarioStatus.INACTIVE) for n in range(MOST_SCENARIOS)]
    for one in made:
        assert save(shop, one)
    assert shop.books.scenarios.catalogue(STORE) == LiveScenarios((), rev=MOST_SCENARIOS, count=MOST_SCENARIOS)
    with pytest.raises(TooManyScenarios):
        save(shop, scenario(scenario_id="one_more"))
    assert save(shop, replace(made[0], status=ScenarioStatus.ACTIVE, rev=2))
    assert save(shop, deleted(made[1]))
    assert save(shop, scenario(scenario_id="one_more"))


def test_a_catalogue_that_no_item_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    monkeypatch.setattr(adapter, "MAX_CATALOGUE", 10)
    with pytest.raises(TooManyScenarios):
        save(shop, scenario(actions=Actions(credit=1)))
    assert shop.books.scenarios.get(STORE, "scn_1") is None


def test_scenarios_that_were_stopped_leave_room_for_others_while_their_tasks_wait() -> None:
    shop = Shop()
    random = Random(1)

    def wordy(scenario_id: str) -> Scenario:
        text = "".join(chr(random.randrange(0x4E00, 0x9FA5)) for _ in range(1_000))
        actions = Actions(message=Message(Channel.SMS, text))
        return scenario(scenario_id=scenario_id, name=text[:200], actions=actions, cancel_on=(Condition.ORDER_CREATED,))

    for term in range(2):
        made = [wordy(f"scn_{term}_{n}") for n in range(MOST_SCENARIOS)]
        assert all(save(shop, one) for one in made)
        assert all(save(shop, deleted(one)) for one in made)
    live = shop.books.scenarios.catalogue(STORE)
    assert (len(live.scenarios), live.count) == (2 * MOST_SCENARIOS, 0)
