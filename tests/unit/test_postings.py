"""What the ledger answers, word for word, where two act at once or something is in the way."""

from collections.abc import Callable
from copy import replace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cashback.adapters.dynamo import keys
from cashback.adapters.dynamo.codec import from_item
from cashback.adapters.dynamo.customers import Customers
from cashback.adapters.dynamo.ledger import BATCH, Ledger
from cashback.adapters.dynamo.tables import StateTable
from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, CustomerNotFound, StateConflict
from cashback.domain.ledger import (
    MOST_HOPS,
    Account,
    AccountMoved,
    CauseTaken,
    DocumentMoved,
    Entry,
    EntryStatus,
    Figures,
    Kind,
    OnRefusal,
    Posted,
    Posting,
    Refused,
    Replayed,
    merge_postings,
    payload_hash,
    recovery_of,
)
from tests.simulation.dynamo import Fault, Faults, Rates, SimulatedDynamo
from tests.simulation.project_tables import table_specs
from tests.unit.builders import WRITES

NOW = "2026-03-01T09:30:00.000000Z"
LATER = "2026-03-01T09:31:00.000000Z"
LAST = "2026-03-01T09:32:00.000000Z"


class Bank:
    """One store's books, in which other people act between two calls. Naps are counted and not slept."""

    def __init__(self, rates: Rates | None = None) -> None:
        self.faults = Faults(rates=rates or Rates())
        self.dynamo = SimulatedDynamo(table_specs(), faults=self.faults)
        self.naps: list[float] = []
        client = cast("Any", self.dynamo)
        self.ledger = Ledger(client, "Ledger", "State", sleep=self.naps.append, jitter=lambda: 1.0)
        self.state = StateTable(client, "State")

    def customer(self, customer_id: str = "c", available: int = 0, **attributes: Any) -> str:
        Customers(self.state).create("s", Profile(customer_id, NOW, NOW), NOW)
        if available:
            self.post(entry("opening", available), customer_id=customer_id, overdraft=True)
        self.change(customer_id, **attributes)
        return customer_id

    def change(self, customer_id: str, **attributes: Any) -> None:
        values = {f":{name}": value for name, value in attributes.items() if value is not None}
        if values:
            sets = ", ".join(f"{name[1:]} = {name}" for name in values)
            self.state.commit(self.state.update(keys.account("s", customer_id), f"SET {sets}", "", values))

    def post(self, *entries: Entry, customer_id: str = "c", **how: Any) -> Any:
        return self.ledger.post(posting(*entries, customer_id=customer_id, **how))

    def account(self, customer_id: str = "c") -> Account:
        return self.ledger.account("s", customer_id)

    def before_writes(self, *acts: Callable[[], object]) -> None:
        """Let these happen before the next transactions, one before each and none within another."""
        left = iter(acts)

        def hook(_index: int, operation: str) -> None:
            if operation == "TransactWriteItems" and (act := next(left, None)):
                self.faults.before_call = None
                act()
                self.faults.before_call = hook

        self.faults.before_call = hook

    def strike(self, *faults: Fault | None) -> None:
        """Let the next calls fail so, one after the other."""
        self.faults.script = {self.faults.calls + n: fault for n, fault in enumerate(faults, start=1) if fault}

    def writes(self, act: Callable[[], object]) -> int:
        """Count the writes that something takes."""
        seen: list[str] = []
        self.faults.before_call = lambda _, name: seen.append(name)
        act()
        self.faults.before_call = None
        return sum(name in WRITES for name in seen)


def entry(cause: str, amount: int, **fields: Any) -> Entry:
    return Entry(cause, Kind.MANUAL, amount, "test", payload_hash("manual"), **fields)


def posting(*entries: Entry, customer_id: str = "c", at: str = NOW, **how: Any) -> Posting:
    return Posting("s", customer_id, at, entries=entries, **how)


# reading


def test_an_account_an_entry_and_the_path_of_merges_are_read_as_of_now() -> None:
    bank = Bank(Rates(stale_read=1.0))
    bank.customer(available=100)
    assert bank.account().available == 100
    assert bank.ledger.entry("s", "c", "opening") == entry("opening", 100, posted_at=NOW)
    assert bank.ledger.accounts("s", ["c"])["c"].available == 100
    assert bank.ledger.entry("s", "c", "other") is None


@pytest.mark.parametrize("fault", [Fault.LOST_BEFORE, Fault.ERROR_BEFORE, Fault.THROTTLE], ids=lambda fault: fault.name)
def test_books_that_cannot_be_reached_are_busy(fault: Fault) -> None:
    bank = Bank()
    bank.customer()
    for read in (bank.account, lambda: bank.ledger.entry("s", "c", "a")):
        bank.strike(fault)
        with pytest.raises(Busy, match=r"^a service that is needed cannot be reached$"):
            read()


def test_of_many_accounts_those_that_exist_are_returned_by_customer() -> None:
    bank = Bank()
    customers = [bank.customer(f"c{n}", n) for n in range(1, 4)]
    found = bank.ledger.accounts("s", [*customers, "ghost"])
    assert {customer_id: account.available for customer_id, account in found.items()} == {"c1": 1, "c2": 2, "c3": 3}
    assert [account.customer_id for account in found.values()] == list(found)
    assert bank.ledger.accounts("other", customers) == {}


def test_merges_are_followed_to_the_live_account_and_no_further_than_five() -> None:
    bank = Bank()
    ids = [f"c{n}" for n in range(MOST_HOPS + 2)]
    for customer_id, into in zip(ids, [*ids[1:], None], strict=True):
        bank.customer(customer_id, merged_into=into)
    assert [account.customer_id for account in bank.ledger.merged_path("s", "c1")] == ids[1:]
    assert bank.ledger.live_account("s", "c1").customer_id == ids[-1]
    with pytest.raises(Busy, match=r"^the merged customers have no end$"):
        bank.ledger.merged_path("s", "c0")


@pytest.mark.parametrize(
    ("fields", "is_live"), [({}, True), ({"erased_at": NOW}, False), ({"merged_into": "k"}, False)]
)
def test_an_account_lives_until_it_is_erased_or_merged(fields: dict[str, str], is_live: bool) -> None:
    assert Account("c", **fields).is_live is is_live  # type: ignore[arg-type]


# posting


def test_whoever_asks_again_is_told_the_customer_too() -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer(merged_into="kept")
    assert bank.post(entry("a", 1)) == Posted((entry("a", 1, posted_at=NOW),), "kept")
    assert bank.post(entry("a", 1), at=LATER) == Replayed((entry("a", 1, posted_at=NOW),), "kept")


def test_a_comment_is_kept_beside_the_account_that_its_entry_lands_at() -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer(merged_into="kept")
    bank.post(entry("a", 1), comment="with regards")
    pk, sk = keys.note("s", "kept", "a")
    assert from_item(bank.dynamo.item("State", pk, sk) or {}) == {"pk": pk, "sk": sk, "comment": "with regards"}


def test_what_is_stored_of_an_entry_is_what_it_says_and_nothing_that_it_does_not() -> None:
    bank = Bank()
    bank.customer(available=500)
    said = entry("a", 0, before=0, target=0, reserved=-0, order_id="1")
    bank.post(said)
    pk, sk = keys.entry("s", "c", "a")
    assert from_item(bank.dynamo.item("Ledger", pk, sk) or {}) == {
        "pk": pk,
        "sk": "a",
        "posted_at_cause": f"{NOW}#a",
        "kind": "manual",
        "amount": 0,
        "actor": "test",
        "payload_hash": payload_hash("manual"),
        "before": 0,
        "target": 0,
        "order_id": "1",
        "status": "POSTED",
        "posted_at": NOW,
    }


def test_an_entry_with_everything_is_read_back_as_it_was() -> None:
    bank = Bank()
    bank.customer(available=500)
    full = entry(
        "a",
        -7,
        reserved=5,
        owed=2,
        voids=True,
        before=1,
        target=2,
        order_id="o",
        job_id="j",
        task_id="t",
        payout_id="p",
        rule_version=3,
        reason="r",
    )
    bank.post(full)
    assert bank.ledger.entry("s", "c", "a") == replace(full, posted_at=NOW)


def test_an_account_keeps_changing_only_so_often_until_the_ledger_is_busy() -> None:
    bank = Bank()
    ids = [f"c{n}" for n in range(11)]
    for customer_id, into in zip(ids, [*ids[1:], None], strict=True):
        bank.customer(customer_id, merged_into=into)
    with pytest.raises(Busy, match=r"^the account keeps changing$"):
        bank.post(entry("a", 1), customer_id="c0")
    assert isinstance(bank.post(entry("a", 1), customer_id="c1"), Posted)


def test_a_ledger_out_of_reach_is_busy_in_these_words() -> None:
    bank = Bank()
    bank.customer()
    bank.strike(*[Fault.LOST_BEFORE] * 5)
    with pytest.raises(Busy, match=r"^the ledger is contended or out of reach$"):
        bank.post(entry("a", 1))
    assert bank.naps == [0.0, 0.05, 0.1, 0.2, 0.4]


def test_an_active_customer_who_is_short_is_refused_and_not_missing() -> None:
    bank = Bank()
    bank.customer()
    assert bank.post(entry("a", -1), active_only=True) == AccountMoved(bank.account())
    bank.customer("gone", erased_at=NOW)
    assert isinstance(bank.post(entry("a", -1), customer_id="gone"), AccountMoved)


def test_a_balance_that_is_short_beside_an_open_shortfall_is_refused_for_the_balance() -> None:
    bank = Bank()
    bank.customer(shortfall=3)
    refused = bank.post(entry("a", -1), on_refusal=OnRefusal.FINAL)
    assert isinstance(refused, Refused)
    assert refused.entry == entry("a", -1, status=EntryStatus.REJECTED, reason="insufficient_balance", posted_at=NOW)
    assert bank.ledger.entry("s", "c", "a") == refused.entry
    bank.customer("free")
    refused = bank.post(entry("b", -1), customer_id="free", on_refusal=OnRefusal.FINAL, forbids_shortfall=True)
    assert refused.entry.reason == "insufficient_balance"


def test_where_the_money_lies_is_said_by_the_position_of_what_moved() -> None:
    bank = Bank()
    bank.customer()
    taken = bank.state.put({"pk": "x", "sk": "1"}, "attribute_not_exists(pk)")
    free = bank.state.put({"pk": "x", "sk": "2"}, "attribute_not_exists(pk)")
    bank.state.commit(taken)
    assert bank.post(entry("a", 1), entry("b", 1), document=free, also=(taken,)) == DocumentMoved(
        1, {"pk": "x", "sk": "1"}
    )


def test_money_that_an_account_gets_with_newer_figures_keeps_the_first_and_the_last_order() -> None:
    bank = Bank()
    bank.customer()
    bank.post(entry("a", 1), figures=Figures(1, 10, ordered_at=LATER))
    bank.post(entry("b", 1), figures=Figures(1, 10, ordered_at=LAST))
    assert (bank.account().first_order_at, bank.account().last_order_at) == (LATER, LAST)
    bank.post(entry("c", 1), figures=Figures(1, 10, ordered_at=LAST))
    bank.post(figures=Figures(began_at=NOW))
    account = bank.account()
    assert (account.first_order_at, account.last_order_at, account.orders_count) == (NOW, LAST, 3)
    assert isinstance(bank.post(figures=Figures(began_at=NOW)), AccountMoved)
    assert isinstance(bank.post(figures=Figures(began_at=LATER)), AccountMoved)


def test_the_newest_order_gives_way_to_a_newer_one_only() -> None:
    bank = Bank()
    bank.customer()
    for order in (("1", NOW), ("2", LATER)):
        assert isinstance(bank.post(figures=Figures(newest_order=order)), Posted)
    for order in (("3", LATER), ("4", NOW)):
        assert isinstance(bank.post(figures=Figures(newest_order=order)), AccountMoved)
    assert (bank.account().newest_order_id, bank.account().newest_order_at) == ("2", LATER)


# repaying a shortfall


def test_a_shortfall_of_one_is_repaid_by_an_award_of_one() -> None:
    bank = Bank()
    bank.customer(shortfall=1)
    assert isinstance(bank.post(entry("award", 1), repays=True), Posted)
    assert (bank.account().available, bank.account().shortfall) == (0, 0)


def test_a_shortfall_that_was_repaid_forbids_nothing_and_is_repaid_no_more() -> None:
    bank = Bank()
    bank.customer(available=100, shortfall=0)
    hold = entry("hold", -10, reserved=10)
    assert isinstance(bank.post(hold, on_refusal=OnRefusal.FINAL, forbids_shortfall=True), Posted)
    assert bank.writes(lambda: bank.post(entry("award", 10), repays=True)) == 1


def test_an_award_that_a_clawback_takes_wholly_repays_nothing() -> None:
    bank = Bank()
    bank.customer(shortfall=300)
    posted = bank.post(entry("award", 100), entry("claw", -100), repays=True)
    assert [each.cause for each in posted.entries] == ["award", "claw"]
    assert bank.account().shortfall == 300


def test_a_clawback_beyond_its_award_is_refused_and_never_repaid() -> None:
    bank = Bank()
    bank.customer()
    assert isinstance(bank.post(entry("award", 100), entry("claw", -300), repays=True), AccountMoved)
    assert bank.account() == Account("c", created_at=NOW)


def test_what_gives_repays_though_something_that_moves_nothing_stands_before_it() -> None:
    bank = Bank()
    bank.customer(shortfall=30)
    posted = bank.post(entry("note", 0), entry("award", 100, order_id="1", payout_id="p"), repays=True)
    assert posted.entries[-1] == Entry(
        "rec:award",
        Kind.RECOVERY,
        -30,
        "test",
        payload_hash(Kind.RECOVERY),
        owed=-30,
        order_id="1",
        payout_id="p",
        posted_at=NOW,
    )


def test_an_award_that_repays_keeps_the_figures_that_an_older_order_was_left() -> None:
    bank = Bank()
    bank.customer(shortfall=30, last_order_at=LAST)
    older = Figures(1, 10, ordered_at=NOW)
    # Refused for its time, then for the shortfall.
    assert bank.writes(lambda: bank.post(entry("award", 100), figures=older, repays=True)) == 3
    account = bank.account()
    assert (account.available, account.shortfall, account.orders_count, account.last_order_at) == (70, 0, 1, LAST)


def test_a_recovery_is_the_entry_it_comes_from_in_reverse() -> None:
    gain = entry("ord:1:earn", 100, order_id="1", payout_id="p", job_id="j", posted_at=NOW)
    assert recovery_of(gain, 40) == Entry(
        "rec:ord:1:earn",
        Kind.RECOVERY,
        -40,
        "test",
        payload_hash(Kind.RECOVERY),
        owed=-40,
        order_id="1",
        payout_id="p",
        posted_at=NOW,
    )


# deciding from the balance


@pytest.mark.parametrize(("available", "most", "amount"), [(100, 30, -30), (100, 500, -100), (-50, 10, 0), (0, 1, 0)])
def test_a_debit_takes_as_much_as_is_there(available: int, most: int, amount: int) -> None:
    bank = Bank()
    bank.customer(available=available)
    posted = bank.ledger.debit_up_to(posting(entry("undo", 0)), most)
    assert posted == Posted((entry("undo", amount, before=available, posted_at=NOW),), "c")
    assert bank.account().available == available + amount


@pytest.mark.parametrize("on_refusal", OnRefusal)
def test_a_balance_that_is_set_while_it_moves_is_decided_anew(on_refusal: OnRefusal) -> None:
    bank = Bank()
    bank.customer(available=100)
    bank.before_writes(lambda: bank.post(entry("meanwhile", 10)))
    done = bank.ledger.set_available(posting(entry("set", 0), on_refusal=on_refusal), 50)
    assert done == Posted((entry("set", -60, before=110, target=50, posted_at=NOW),), "c")
    assert bank.account().available == 50


def test_a_debit_of_all_that_is_spent_meanwhile_takes_what_is_left() -> None:
    bank = Bank()
    bank.customer(available=100)
    bank.before_writes(lambda: bank.post(entry("meanwhile", -70)))
    done = bank.ledger.debit_up_to(posting(entry("undo", 0), on_refusal=OnRefusal.FINAL), 90)
    assert done == Posted((entry("undo", -30, before=30, posted_at=NOW),), "c")


def test_a_balance_that_moves_under_each_of_five_decisions_is_not_set() -> None:
    bank = Bank()
    bank.customer(available=100)
    names = iter("abcdefgh")
    bank.before_writes(*[lambda: bank.post(entry(next(names), 1))] * 5)
    with pytest.raises(StateConflict, match=r"^the balance is changing too fast to be set$"):
        bank.ledger.set_available(posting(entry("set", 0)), 50)
    assert next(names) == "f"
    bank.before_writes(*[lambda: bank.post(entry(next(names), 1))] * 1)
    assert isinstance(bank.ledger.set_available(posting(entry("set", 0)), 50), Posted)


# refusing for good


def refused(cause: str = "a", at: str = NOW) -> Entry:
    return entry(cause, 5, status=EntryStatus.REJECTED, reason="closed", posted_at=at)


def test_what_is_refused_for_good_is_found_by_whoever_posts_it() -> None:
    bank = Bank()
    bank.customer(available=100)
    outcome = bank.ledger.refuse(posting(entry("a", 5)), "closed")
    assert outcome == Refused(refused(), bank.account())
    assert bank.post(entry("a", 5), at=LATER) == Replayed((refused(),), "c")
    assert (bank.account().available, bank.account().version) == (100, 1)


def test_what_was_posted_before_is_the_answer_to_its_refusal() -> None:
    bank = Bank()
    bank.customer()
    bank.post(entry("a", 5))
    assert bank.ledger.refuse(posting(entry("a", 5)), "closed") == Replayed((entry("a", 5, posted_at=NOW),), "c")
    other = replace(entry("a", 5), payload_hash="other")
    assert bank.ledger.refuse(posting(other), "closed") == CauseTaken((entry("a", 5, posted_at=NOW),))


def test_a_merged_customer_is_refused_where_postings_land() -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer(merged_into="kept")
    assert isinstance(bank.ledger.refuse(posting(entry("a", 5)), "closed"), Refused)
    assert bank.ledger.entry("s", "kept", "a") == refused()
    assert bank.ledger.entry("s", "c", "a") is None


@pytest.mark.parametrize(("final", "naps", "calls"), [(True, [0.0], 4 + 3), (False, [0.0, 0.05], 2 + 3 + 3)])
def test_a_refusal_follows_a_merge_that_comes_between(final: bool, naps: list[float], calls: int) -> None:
    bank = Bank()
    bank.customer("kept")
    bank.customer()
    before = bank.faults.calls

    def merge() -> None:
        """Two reads and a write."""
        bank.ledger.merge("s", "c", "kept", NOW, "shop")
        bank.naps.pop()

    if final:
        # The refusal by the balance is the first write, its record the second; then both again where postings land.
        bank.before_writes(lambda: None, merge)
        outcome = bank.post(entry("a", -5), on_refusal=OnRefusal.FINAL)
    else:
        bank.before_writes(merge)
        outcome = bank.ledger.refuse(posting(entry("a", -5)), "insufficient_balance")
    assert (bank.naps, bank.faults.calls - before) == (naps, calls)
    assert isinstance(outcome, Refused)
    assert outcome.account.customer_id == "kept"
    assert bank.ledger.entry("s", "c", "a") is None
    recorded = bank.ledger.entry("s", "kept", "a")
    assert recorded is not None
    assert (recorded.status, recorded.reason) == (EntryStatus.REJECTED, "insufficient_balance")


def test_whoever_posts_while_a_refusal_is_recorded_is_the_answer() -> None:
    bank = Bank()
    bank.customer()

    def meanwhile() -> None:
        bank.post(entry("gift", 100))
        bank.post(entry("a", -5))

    bank.before_writes(lambda: None, meanwhile)
    outcome = bank.post(entry("a", -5), at=LATER, on_refusal=OnRefusal.FINAL)
    assert outcome == Replayed((entry("a", -5, posted_at=NOW),), "c")
    assert bank.account().available == 95


def test_a_refusal_is_tried_again_while_the_ledger_is_contended() -> None:
    bank = Bank()
    bank.customer()
    bank.strike(None, Fault.CONFLICT)
    assert isinstance(bank.ledger.refuse(posting(entry("a", 5)), "closed"), Refused)
    assert bank.naps == [0.0, 0.05]
    bank.naps.clear()
    bank.strike(*[None, Fault.CONFLICT] * 5)
    with pytest.raises(Busy, match=r"^the ledger is contended or out of reach$"):
        bank.ledger.refuse(posting(entry("b", 5)), "closed")
    assert bank.naps == [0.0, 0.05, 0.1, 0.2, 0.4]


def test_a_refusal_at_an_account_that_is_not_there_is_recorded_nowhere() -> None:
    bank = Bank()
    with pytest.raises(CustomerNotFound):
        bank.ledger.refuse(posting(entry("a", 5)), "closed")
    assert bank.ledger.entry("s", "c", "a") is None


# batches


def batch(*amounts: int, **how: Any) -> list[Posting]:
    return [posting(entry("grp:1", amount), customer_id=f"c{n}", **how) for n, amount in enumerate(amounts)]


def bank_of(customers: int) -> Bank:
    bank = Bank()
    for n in range(customers):
        bank.customer(f"c{n}")
    return bank


def test_a_batch_answers_with_what_was_posted_to_whom() -> None:
    bank = bank_of(3)
    for n, outcome in enumerate(bank.ledger.post_batch(batch(1, 2, 3))):
        assert outcome == Posted((entry("grp:1", n + 1, posted_at=NOW),), f"c{n}")


@pytest.mark.parametrize(("size", "transactions"), [(1, 1), (2, 1), (BATCH, 1), (BATCH + 1, 2), (2 * BATCH + 2, 3)])
def test_postings_share_transactions_of_as_many_as_fit(size: int, transactions: int) -> None:
    bank = bank_of(size)
    assert bank.writes(lambda: bank.ledger.post_batch(batch(*[1] * size))) == transactions


def test_who_cannot_be_posted_leaves_the_transaction_and_all_others_go_together() -> None:
    bank = bank_of(5)
    outcomes: list[Any] = []
    # All five; the one that is short, alone; the other four.
    assert bank.writes(lambda: outcomes.extend(bank.ledger.post_batch(batch(1, 1, -1, 1, 1)))) == 3
    assert [type(outcome) for outcome in outcomes] == [Posted, Posted, AccountMoved, Posted, Posted]
    assert [bank.account(f"c{n}").available for n in range(5)] == [1, 1, 0, 1, 1]


def test_one_who_is_left_of_a_batch_goes_alone() -> None:
    bank = bank_of(2)
    outcomes = bank.ledger.post_batch(batch(-1, 5))
    assert isinstance(outcomes[0], AccountMoved)
    assert outcomes[1] == Posted((entry("grp:1", 5, posted_at=NOW),), "c1")
    assert bank.writes(lambda: bank.ledger.post_batch(batch(-1))) == 1


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.LOST_BEFORE, Fault.LOST_AFTER, Fault.THROTTLE])
def test_a_batch_that_is_struck_moves_everybodys_money_once(fault: Fault) -> None:
    bank = bank_of(3)
    bank.strike(fault)
    assert all(isinstance(outcome, Posted | Replayed) for outcome in bank.ledger.post_batch(batch(1, 2, 3)))
    assert [bank.account(f"c{n}").available for n in range(3)] == [1, 2, 3]


def test_a_batch_that_is_no_request_is_a_bug_and_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = bank_of(2)
    error: Any = {"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    sent: list[object] = []

    def answer(**request: Any) -> Any:
        sent.append(request)
        raise ClientError(error, "TransactWriteItems")

    monkeypatch.setattr(bank.dynamo, "transact_write_items", answer)
    with pytest.raises(ClientError, match="ValidationException"):
        bank.ledger.post_batch(batch(1, 2))
    assert len(sent) == 1


# merging


def test_what_may_not_be_merged_is_said() -> None:
    bank = Bank()
    for customer_id in ("a", "b", "c", "d"):
        bank.customer(customer_id)
    bank.ledger.merge("s", "a", "b", NOW, "shop")
    with pytest.raises(StateConflict, match=r"^a customer cannot be merged into itself$"):
        bank.ledger.merge("s", "c", "c", NOW, "shop")
    for pair in (("a", "c"), ("c", "a")):
        with pytest.raises(StateConflict, match=r"^one of the customers is merged already$"):
            bank.ledger.merge("s", *pair, NOW, "shop")
    bank.customer("long", merged_hops=MOST_HOPS)
    with pytest.raises(StateConflict, match=r"^too many customers are merged one into the next$"):
        bank.ledger.merge("s", "long", "d", NOW, "shop")
    bank.customer("longest", merged_hops=MOST_HOPS - 1)
    assert isinstance(bank.ledger.merge("s", "longest", "d", NOW, "shop"), Posted)
    assert bank.account("d").merged_hops == MOST_HOPS


def test_a_merge_answers_with_what_left_and_where_it_is_now() -> None:
    bank = Bank()
    bank.customer("old", 500)
    bank.customer("kept")
    left = Entry("mrg:old", Kind.MERGE, -500, "shop", payload_hash(Kind.MERGE), posted_at=LATER)
    assert bank.ledger.merge("s", "old", "kept", LATER, "shop") == Posted((left,), "kept")
    # At either end of the chain by now.
    assert bank.ledger.merge("s", "old", "kept", LAST, "shop") == Replayed((left,), "old")


def test_accounts_that_change_are_merged_as_they_are_then() -> None:
    bank = Bank()
    bank.customer("old", 500)
    bank.customer("kept")
    names = iter("abcdefgh")
    bank.before_writes(*[lambda: bank.post(entry(next(names), 1), customer_id="old")] * 4)
    assert isinstance(bank.ledger.merge("s", "old", "kept", NOW, "shop"), Posted)
    assert bank.account("kept").available == 504
    bank.customer("next", 1)
    bank.before_writes(*[lambda: bank.post(entry(next(names) + "!", 1), customer_id="kept")] * 5)
    names = iter("abcdefgh")
    with pytest.raises(Busy, match=r"^the accounts keep changing$"):
        bank.ledger.merge("s", "next", "kept", NOW, "shop")


@pytest.mark.parametrize(
    ("old", "kept", "arrives", "leaves"),
    [
        ({}, {}, Figures(), Figures()),
        (
            {"orders_count": 2, "total_spent": 900, "first_order_at": NOW, "last_order_at": LATER},
            {},
            Figures(2, 900, LATER, NOW),
            Figures(-2, -900),
        ),
        (
            {"first_order_at": LATER, "last_order_at": LATER},
            {"first_order_at": LATER, "last_order_at": LATER},
            Figures(),
            Figures(),
        ),
        (
            {"first_order_at": NOW, "last_order_at": LAST},
            {"first_order_at": LATER, "last_order_at": LATER},
            Figures(0, 0, LAST, NOW),
            Figures(),
        ),
        (
            {"first_order_at": LATER, "last_order_at": LATER},
            {"first_order_at": NOW, "last_order_at": LAST},
            Figures(),
            Figures(),
        ),
        (
            {"newest_order_id": "1", "newest_order_at": LATER},
            {"newest_order_id": "2", "newest_order_at": NOW},
            Figures(newest_order=("1", LATER)),
            Figures(newest_order=("1", LATER)),
        ),
        (
            {"newest_order_id": "1", "newest_order_at": LATER},
            {"newest_order_id": "2", "newest_order_at": LATER},
            Figures(),
            Figures(newest_order=("1", LATER)),
        ),
        (
            {"newest_order_at": LATER},
            {},
            Figures(newest_order=("", LATER)),
            Figures(newest_order=("", LATER)),
        ),
        ({}, {"newest_order_id": "2", "newest_order_at": LATER}, Figures(), Figures()),
    ],
)
def test_a_merge_moves_the_figures_that_the_kept_account_has_not(
    old: dict[str, Any], kept: dict[str, Any], arrives: Figures, leaves: Figures
) -> None:
    leaving, arriving = merge_postings("s", Account("old", **old), Account("kept", **kept), NOW, "shop")
    assert (arriving.figures, leaving.figures) == (arrives, leaves)


def test_a_merge_is_two_postings_that_are_each_others_reverse() -> None:
    old = Account("old", 500, 200, 700, 0, 30, version=4, merged_hops=2)
    kept = Account("kept", 70, 0, 70, 0, 0, version=9, merged_hops=1)
    moved = Entry("mrg:old", Kind.MERGE, 500, "shop", payload_hash(Kind.MERGE), reserved=200, owed=30)
    leaving, arriving = merge_postings("s", old, kept, NOW, "shop")
    assert arriving == Posting("s", "kept", NOW, (moved,), version=9, overdraft=True, merged_hops=3)
    assert leaving == Posting(
        "s",
        "old",
        NOW,
        (replace(moved, amount=-500, reserved=-200, owed=-30),),
        version=4,
        overdraft=True,
        merged_into="kept",
    )
    assert merge_postings("s", old, replace(kept, merged_hops=5), NOW, "shop")[1].merged_hops == 5


@pytest.mark.parametrize(
    "changed",
    [
        {"orders_count": 1},
        {"total_spent": 1},
        {"newest_order_id": "9", "newest_order_at": LATER},
    ],
)
@pytest.mark.parametrize("known", [{}, {"orders_count": 2, "total_spent": 7, "newest_order_at": NOW}])
def test_an_account_whose_figures_moved_is_not_emptied(known: dict[str, Any], changed: dict[str, Any]) -> None:
    bank = Bank()
    bank.customer("old", **known)
    bank.customer("kept")
    seen = bank.account("old")
    leaving, _ = merge_postings("s", seen, bank.account("kept"), NOW, "shop")
    bank.change("old", **changed)
    assert isinstance(bank.ledger.post(leaving), AccountMoved)
    bank.customer("same", **known)
    assert isinstance(bank.ledger.post(replace(leaving, customer_id="same")), Posted)


def test_figures_that_are_not_there_cannot_be_taken_away() -> None:
    bank = Bank()
    bank.customer()
    for figures in (Figures(orders_count=-1), Figures(total_spent=-1)):
        assert isinstance(bank.post(figures=figures, merged_into="kept"), AccountMoved)


def test_only_an_account_that_is_there_and_not_merged_is_marked_as_merged() -> None:
    bank = Bank()
    with pytest.raises(CustomerNotFound):
        bank.post(merged_into="kept")
    bank.customer("kept")
    bank.customer(merged_into="kept")
    bank.post(merged_into="other")
    assert (bank.account().merged_into, bank.account("kept").merged_into) == ("kept", "other")


# what a posting may not be


@pytest.mark.parametrize(
    ("entries", "how", "words"),
    [
        ((), {"on_refusal": OnRefusal.FINAL}, "a final refusal is recorded under one cause"),
        (
            (entry("a", 1), entry("b", 1)),
            {"on_refusal": OnRefusal.FINAL},
            "a final refusal is recorded under one cause",
        ),
        ((), {"comment": ""}, "a comment is about one entry"),
        ((entry("a", 1), entry("b", 1)), {"comment": "x"}, "a comment is about one entry"),
        ((entry("a", 1), entry("a", 2)), {}, "two entries of one cause"),
    ],
)
def test_a_posting_that_cannot_be_recorded_is_a_bug(entries: Any, how: Any, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^{words}$"):
        posting(*entries, **how)


@pytest.mark.parametrize(
    ("amount", "reserved", "voids", "credited", "debited"),
    [
        (1, 0, False, 1, 0),
        (-1, 0, False, 0, 1),
        (0, 0, False, 0, 0),
        (0, -1, False, 0, 1),
        (-1, 1, False, 0, 0),
        (1, 0, True, 0, -1),
        (2, -1, False, 1, 0),
    ],
)
def test_an_entry_raises_what_was_credited_or_what_was_debited(
    amount: int, reserved: int, voids: bool, credited: int, debited: int
) -> None:
    moved = entry("a", amount, reserved=reserved, voids=voids)
    assert (moved.credited, moved.debited) == (credited, debited)
