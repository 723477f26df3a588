"""Payouts are found by the beginnings of their words, as they are, whatever came of them and in whatever order."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import replace
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cashback.adapters.dynamo.codec import from_item, to_item
from cashback.adapters.dynamo.payouts import Payouts
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.errors import DomainError, Invalid, NoCapacity
from cashback.domain.keyword_search import LONGEST, answers, leading_prefix, prefixes_of, words_of
from cashback.domain.payouts import Payout, PayoutStatus, PayoutsWanted
from cashback.services import search_payouts as searching
from cashback.services.manage_payouts import change_payout, list_payouts
from cashback.services.search_payouts import index_payout, search_payouts
from tests.simulation.dynamo import Write
from tests.unit.builders import CUSTOMER, NOW, ORIGIN, STORE
from tests.unit.payout_office import CUSTOMERS, Office

ANY: Final = PayoutsWanted()
CANARY: Final = "Wilhelmina"


class Searching(Office):
    """An office whose changes of payouts are kept, to be followed by the projector."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, Payout | None]] = []
        self.shop.dynamo.observers.append(self._seen)

    def _seen(self, write: Write) -> None:
        if write.table == "State" and write.new is not None and from_item(write.new)["sk"] == "PAYOUT":
            before = Payouts.unpack(from_item(write.old)) if write.old is not None else None
            self.changes.append((Payouts.unpack(from_item(write.new)).payout_id, before))

    def project(self, changes: Iterable[tuple[str, Payout | None]] | None = None) -> None:
        """Follow the changes that came since, or these."""
        told, self.changes = list(changes) if changes is not None else self.changes, []
        for payout_id, before in told:
            index_payout(self.work, STORE, payout_id, before)

    def indexing(self) -> list[Write]:
        """What is written to the index from now on."""
        written: list[Write] = []
        self.shop.dynamo.observers.append(lambda one: written.append(one) if "#SEARCH#" in str(one.key[0]) else None)
        return written

    def indexed(self) -> list[str]:
        """The partitions of all items of the index."""
        return [key[1] for key in self.tables() if "#SEARCH#" in key[1]]

    def made(self, description: str | None = None, reference: str | None = None, of: str = CUSTOMER) -> str:
        payout_id = self.payout(1, reference, of=of, from_balance=False)
        self.edit(payout_id, description=description)
        return payout_id

    def edit(self, payout_id: str, **wanted: Any) -> None:
        change_payout(self.work, STORE, payout_id, wanted, ORIGIN, NOW)

    def find(self, q: str, wanted: PayoutsWanted = ANY, limit: int = 50) -> list[str]:
        """Find all, page by page."""
        found: list[str] = []
        place: str | None = None
        while True:
            page, place = search_payouts(self.work, STORE, q, wanted, limit, place)
            assert len(page) == limit or place is None, "a full page, or the last"
            found += [payout.payout_id for payout in page]
            if place is None:
                return found


# ---- words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ada Brandt", {"ada", "brandt"}),
        ("O'Neill-Smith, J.", {"o", "neill", "smith", "j"}),
        ("PAY_01ab/2026#7", {"pay", "01ab", "2026", "7"}),
        ("\uff21\uff24\uff21 Stra\u00dfe", {"ada", "strasse"}),
        ("Ange\u0301lique \u0130stanbul", {"ang\u00e9lique", "i\u0307stanbul"}),
        ("\u0939\u093f\u0928\u094d\u0926\u0940!", {"\u0939\u093f\u0928\u094d\u0926\u0940"}),
        ("\u6771\u4eac\u3001\u5927\u962a", {"\u6771\u4eac", "\u5927\u962a"}),
        ("\u200b\u00a0 .,;\n\u20ac+=", set()),
    ],
)
def test_texts_are_cut_at_spaces_and_punctuation_alike(text: str, words: set[str]) -> None:
    assert words_of([None, text]) == words


@given(st.text(max_size=40))
@example("\u0345\u03b1")
def test_words_are_cut_no_further(text: str) -> None:
    words = words_of([text])
    assert words_of(words) == words


@given(st.text(max_size=30), st.text(max_size=12))
def test_whatever_answers_to_a_query_is_found_by_its_leading_prefix(text: str, asked: str) -> None:
    words, query = words_of([text]), words_of([asked])
    prefix = leading_prefix(query)
    assert (prefix is None) is all(len(word) < 2 for word in query)
    if prefix is not None and answers(query, words):
        assert prefix in prefixes_of(words)
        assert len(prefix) <= LONGEST


# ---- what is found


def test_a_payout_is_found_by_each_of_its_fields() -> None:
    office = Searching()
    first = office.made("Bonus for May", "PP-77XYZ")
    second = office.made("Bonus for June", "PP-78XYZ", of=CUSTOMERS[1])
    office.project()
    for q in ("bon may", "MAY", "pp-77", "77xyz bonus", first, office.read(first).incentive_request_id, CUSTOMER):
        assert office.find(q) == [first], q
    assert office.find("bonus pp") == [second, first], "the newest first"
    assert office.find("bonus july") == office.find("onus") == []


@pytest.mark.parametrize("q", ["", "a", "a b c", "-", "\u20ac\u20ac"])
def test_a_query_without_a_word_of_two_characters_is_refused(q: str) -> None:
    with pytest.raises(Invalid) as refused:
        search_payouts(Searching().work, STORE, q, ANY, 20, None)
    assert (refused.value.code, refused.value.field) == ("q_too_short", "q")


def test_words_longer_than_the_index_knows_are_compared_whole() -> None:
    office = Searching()
    first, _ = office.made("Donaudampfschifffahrt"), office.made("Donaudampfschiffe")
    office.project()
    assert len(office.find("donaudampfsch")) == 2
    assert office.find("donaudampfschifff") == [first]
    assert office.find("donaudampfschifffahrten") == []


def test_what_was_taken_away_is_found_no_more_and_leaves_no_item() -> None:
    office = Searching()
    payout_id = office.made(CANARY)
    office.project()
    items = len(office.tables())
    office.edit(payout_id, description=None)
    office.project()
    assert office.find(CANARY) == []
    assert len(office.tables()) == items - (len(CANARY) - 1) + 1, "and one line of the audit"


def test_a_change_that_leaves_the_words_writes_none_of_them() -> None:
    office = Searching()
    payout_id = office.made("Bonus for May", "PP-77XYZ")
    office.project()
    written = office.indexing()
    for status in (PayoutStatus.ON_PROCESS, PayoutStatus.SUCCESS):
        office.turn(payout_id, status)
        office.project()
    assert written == []
    office.edit(payout_id, description="Bonus for July")
    office.project()
    assert sorted((one.old is None, one.new is None) for one in written) == [(False, True)] * 2 + [(True, False)] * 3
    assert office.find("may") == []
    assert office.find("july") == [payout_id]


def test_a_change_that_leaves_the_words_writes_those_that_are_missing() -> None:
    office = Searching()
    payout_id = office.made(CANARY)
    office.project()
    lost = [key for key in office.tables() if "#SEARCH#" in key[1]][3:9]
    for _, pk, sk in lost:
        office.shop.dynamo.delete_item(TableName="State", Key=to_item({"pk": pk, "sk": sk}))
    written = office.indexing()
    office.edit(payout_id, fee=3)
    office.project()
    assert sorted(one.key for one in written) == sorted((pk, sk) for _, pk, sk in lost)
    office.edit(payout_id, fee=4)
    office.project()
    assert len(written) == len(lost)


def test_words_that_the_table_leaves_over_are_sent_when_the_payout_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Searching()
    payout_id = office.made(f"{CANARY} thanks for an extraordinary November")
    write, calls = office.shop.dynamo.batch_write_item, 0

    def scarce(RequestItems: Any) -> Any:
        nonlocal calls
        calls += 1
        ((table, wanted),) = RequestItems.items()
        write(RequestItems={table: wanted[:4]})
        return {"UnprocessedItems": {table: wanted[4:]} if wanted[4:] else {}}

    monkeypatch.setattr(office.shop.dynamo, "batch_write_item", scarce)
    with pytest.raises(NoCapacity):
        index_payout(office.work, STORE, payout_id, None)
    assert calls > 1, "what can be written is, whatever was left over before"
    assert len(office.indexed()) == 4 * calls
    monkeypatch.setattr(office.shop.dynamo, "batch_write_item", write)
    office.project()
    assert office.find(CANARY) == [payout_id]


def test_no_word_stands_in_a_key() -> None:
    office = Searching()
    office.made(CANARY, "REF77")
    office.project()
    keys = repr(sorted(office.tables())).casefold()
    assert not any(word in keys for word in (CANARY.casefold(), "wilh", "ref77"))


def test_a_page_that_looked_through_too_many_leads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_EXAMINED", 2)
    monkeypatch.setattr(searching, "_AT_ONCE", 2)
    office = Searching()
    first, *_ = [office.made(f"gift {number}") for number in range(5)]
    office.project()
    pages, place = [], None
    while True:
        page, place = search_payouts(office.work, STORE, "gift 0", ANY, 5, place)
        pages.append([payout.payout_id for payout in page])
        if place is None:
            break
    assert (len(pages), [payout_id for page in pages for payout_id in page]) == (3, [first])


def test_of_a_description_the_first_words_are_indexed_however_long_it_is() -> None:
    office = Searching()
    words = [f"{chr(97 + n // 26)}{chr(97 + n % 26)}word" for n in range(100)]
    payout_id = office.made(" ".join(words))
    office.project()
    assert office.find(words[searching.MOST_WORDS - 1]) == [payout_id]
    assert office.find(words[searching.MOST_WORDS]) == []
    assert len([key for key in office.tables() if "#SEARCH#" in key[1]]) < 300


def test_a_page_of_a_customers_payouts_reads_a_page_and_not_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    office = Searching()
    made = [office.made() for _ in range(12)]
    read: list[int] = []
    get_many = office.shop.dynamo.batch_get_item

    def counted(**asked: Any) -> Any:
        read.append(sum(len(one["Keys"]) for one in asked["RequestItems"].values()))
        return get_many(**asked)

    monkeypatch.setattr(office.shop.dynamo, "batch_get_item", counted)
    page, place = list_payouts(office.work, STORE, PayoutsWanted(customer_id=CUSTOMER), 5, None)
    assert (sorted(one.payout_id for one in page), sum(read)) == (sorted(made)[-5:], 6)
    rest, _ = list_payouts(office.work, STORE, PayoutsWanted(customer_id=CUSTOMER), 20, place)
    assert sorted(one.payout_id for one in (*page, *rest)) == sorted(made)


@pytest.mark.row("F39")
def test_a_payout_that_the_index_still_lists_under_the_status_it_had_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Searching()
    moved, stays = office.made(), office.made()
    newest = StateTable.newest

    def lagging(table: StateTable, partitions: Iterable[str], limit: int, before: str | None) -> Any:
        listed = newest(table, partitions, limit, before)
        office.turn(moved, PayoutStatus.ON_PROCESS)
        return listed

    monkeypatch.setattr(StateTable, "newest", lagging)
    page, _ = list_payouts(office.work, STORE, PayoutsWanted(status=PayoutStatus.PENDING), 10, None)
    assert [one.payout_id for one in page] == [stays]


# ---- whatever happens

TEXTS: Final = (None, "gift", "gifts for you", "May gift 77", "PP-77 x", "Gi", "g i f t")
QUERIES: Final = ("gi", "gift", "gifts f", "77 ma", "pp", "gift x 77", "pay", "7001", "7001 gift", "irq may", "zz")
EDITS: Final = st.tuples(
    st.integers(0, 5), st.sampled_from(["description", "external_reference", "status", "project"]), st.integers(0, 6)
)
NEXT: Final = (PayoutStatus.ON_PROCESS, PayoutStatus.SUCCESS, PayoutStatus.FAILED)


def lived(office: Searching, texts: Sequence[int], edits: Iterable[tuple[int, str, int]]) -> list[str]:
    """Make payouts and change them; some changes are followed in between."""
    payouts = [office.made(TEXTS[text], of=CUSTOMERS[number % 3]) for number, text in enumerate(texts)]
    for which, name, value in edits:
        payout_id = payouts[which % len(payouts)]
        if name == "project":
            index_payout(office.work, STORE, *office.changes[value % len(office.changes)])
        elif name == "status":
            wanted: dict[str, Any] = {"status": NEXT[value % 3]}
            if wanted["status"] is PayoutStatus.FAILED and office.read(payout_id).status is not PayoutStatus.FAILED:
                wanted["reason"] = "why"
            with suppress(DomainError):
                office.edit(payout_id, **wanted)
        else:
            office.edit(payout_id, **{name: TEXTS[value]})
    return payouts


def wanted_by(payout: Payout, q: str, wanted: PayoutsWanted) -> bool:
    """Say without any index whether a payout answers."""
    told = [payout.payout_id, payout.incentive_request_id, payout.username]
    text = " ".join([*told, payout.description or "", payout.external_reference or ""])
    words = text.replace("_", " ").replace("-", " ").casefold().split()
    is_wanted = wanted.status in {None, payout.status} and wanted.customer_id in {None, payout.customer_id}
    return is_wanted and all(any(word.startswith(one) for word in words) for one in q.casefold().split())


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=6),
    st.lists(EDITS, max_size=12),
    st.sampled_from(QUERIES),
    st.sampled_from([None, *PayoutStatus]),
    st.sampled_from([None, *CUSTOMERS]),
    st.integers(1, 4),
    st.data(),
)
def test_search_finds_what_a_reading_of_all_payouts_finds(
    texts: list[int],
    edits: list[tuple[int, str, int]],
    q: str,
    status: PayoutStatus | None,
    customer_id: str | None,
    limit: int,
    data: st.DataObject,
) -> None:
    office = Searching()
    payouts = lived(office, texts, edits)
    changes = office.changes
    again = data.draw(st.lists(st.sampled_from(changes), max_size=4))
    office.project(data.draw(st.permutations([*changes, *again])))
    wanted = PayoutsWanted(status, customer_id)
    everything = sorted(map(office.read, payouts), key=office.work.payouts.place, reverse=True)
    assert office.find(q, wanted, limit) == [one.payout_id for one in everything if wanted_by(one, q, wanted)]
    for payout in everything:
        # What any other order would have left behind.
        index_payout(office.work, STORE, payout.payout_id, replace(payout, description=None))
    indexed = {key for key in office.tables() if "#SEARCH#" in key[1]}
    fields = ("payout_id", "incentive_request_id", "username", "description", "external_reference")
    assert len(indexed) == sum(len(prefixes_of(words_of(getattr(one, name) for name in fields))) for one in everything)
