"""Members of groups in the tables: listed once, counted exactly, whatever fails, repeats or comes in between."""

from collections.abc import Callable, Sequence
from copy import replace
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.customers import Profile
from cashback.domain.errors import Busy, CustomerNotFound, Invalid, Malformed, NotFound
from cashback.domain.group_imports import PAGE, ImportStatus, MembersImport
from cashback.domain.group_steps import ImportStep
from cashback.domain.groups import Group, GroupByHand, GroupByRule, Rfm, Rule
from cashback.domain.ledger import Entry, Figures, Kind, Posted, Posting
from cashback.domain.member_rows import Column, Fault, Report, Row, Rows, read_rows, rows_of_ids
from cashback.edge.deps import make_group_books
from cashback.services import read_members
from cashback.services.add_members import add_rows, put_member, remove_member, without_contacts
from cashback.services.import_members import import_members_page, read_import, start_import
from cashback.services.manage_groups import change_group, create_group, delete_group, list_groups, read_group
from cashback.services.read_members import MOST_READ, describe, list_matching, list_members, members_of
from tests.simulation.faults import Crash
from tests.simulation.faults import Fault as Trouble
from tests.unit.builders import NOW, STORE, Shop, at
from tests.unit.people import ADA, erase, merge, tell

GROUP = "grp_1"
TIERS = [{"name": "Gold", "min_spent": "50.00", "rate": "0.1"}]


class Club(Shop):
    """A shop with customers c0, c1, ... and a group."""

    def __init__(self, customers: int = 3, rule: Rule | None = None, **changes: Any) -> None:
        super().__init__(**changes)
        self.groups = make_group_books(cast("Any", self.dynamo), "State", sleep=lambda _: None)
        create_group(self.groups, STORE, Group(GROUP, "Club", NOW, "key:anna", "r", "b", rule=rule))
        for n in range(customers):
            assert self.books.customers.create(STORE, Profile(f"c{n}", at(0), at(0), tags=(f"t{n % 3}",)), at(n))
        self.dynamo.faults.calls = 0

    @property
    def group(self) -> Group:
        return read_group(self.groups, STORE, GROUP)

    def add(self, *ids: str, origin: str = "act") -> Report:
        return self.add_all(rows_of_ids(ids), origin)

    def add_all(self, rows: Rows, origin: str = "act") -> Report:
        plain = without_contacts(self.books, STORE, rows)
        return add_rows(self.books, self.groups, STORE, GROUP, rows.column, plain, origin, NOW)

    def buy(self, customer_id: str, orders: int, spent: int, second: int) -> None:
        """What orders leave on an account."""
        entry = Entry(cause=f"ord:{second}:earn", kind=Kind.ORDER, amount=1, actor="shop", payload_hash="x")
        figures = Figures(orders_count=orders, total_spent=spent, ordered_at=at(second))
        assert isinstance(self.books.ledger.post(Posting(STORE, customer_id, NOW, (entry,), figures)), Posted)

    def listed(self, limit: int = 100) -> list[str]:
        """The ids of all pages."""
        return [one for page in self.pages(limit) for one in page]

    def pages(self, limit: int) -> list[list[str]]:
        return walk(lambda place: list_members(self.books, self.groups, self.settings, self.group, limit, place, NOW))

    def matching(self, rule: Rule, limit: int = 100) -> list[list[str]]:
        books, settings = self.books, self.settings
        return walk(lambda place: list_matching(books, settings, rule, limit, place, NOW))

    def stored(self) -> list[str]:
        """Who is a member by what the table holds."""
        sks = [item["sk"]["S"] for item in self.dynamo.items("State")]
        return sorted(sk.removeprefix("MEMBER#") for sk in sks if sk.startswith("MEMBER#"))


def walk(page: Callable[[str | None], tuple[Sequence[read_members.ListedMember], str | None]]) -> list[list[str]]:
    pages: list[list[str]] = []
    place: str | None = None
    while True:
        found, place = page(place)
        pages.append([one.member.customer_id for one in found])
        if place is None:
            return pages
        assert len(pages) < 1_000


def until_done[T](act: Callable[[], T]) -> T:
    for _ in range(6):
        try:
            return act()
        except (Busy, Crash):
            continue
    raise AssertionError("it is never done")


# ---- adding and removing


def test_a_member_is_listed_and_counted_once_however_often_it_is_added() -> None:
    club = Club()
    assert club.add("c0", "c1", "c0") == Report(added=2, duplicates=1)
    assert club.add("c1", "c2", origin="later") == Report(added=1, already=1)
    assert (sorted(club.listed()), club.group.members) == (["c0", "c1", "c2"], 3)


def test_an_unknown_customer_is_reported_and_not_stored() -> None:
    club = Club()
    report = club.add("c0", "nobody", "c1")
    assert (report.added, [(one.row, one.reason, one.customer_id) for one in report.left]) == (
        2,
        [(2, Fault.NOT_FOUND, "nobody")],
    )
    assert (club.stored(), report.rows) == (["c0", "c1"], 3)


def test_an_erased_customer_is_unknown_and_a_merged_one_is_who_they_are_now() -> None:
    club = Club(4)
    merge(club, "c1", "c0")
    erase(club, "c2")
    report = club.add("c0", "c1", "c2", "c3")
    assert (report.added, report.duplicates, len(report.left)) == (2, 1, 1)
    assert (club.stored(), sorted(club.listed())) == (["c1", "c3"], ["c1", "c3"])


def test_one_merged_into_somebody_who_was_erased_is_unknown() -> None:
    club = Club(2)
    merge(club, "c1", "c0")
    erase(club, "c1")
    assert [one.reason for one in club.add("c0").left] == [Fault.NOT_FOUND]
    assert club.stored() == []


def test_who_is_erased_or_merged_later_leaves_the_list() -> None:
    club = Club(4)
    club.add("c0", "c1", "c2", "c3")
    merge(club, "c1", "c0")
    erase(club, "c2")
    assert sorted(club.listed()) == ["c1", "c3"]


def test_the_same_act_again_reports_what_it_did_the_first_time() -> None:
    club = Club(5)
    club.add("c0", origin="before")
    first = club.add("c0", "c1", "c1", "c2", "x")
    assert club.add("c0", "c1", "c1", "c2", "x") == first
    assert club.group.members == 3


@pytest.mark.parametrize("trouble", list(Trouble))
def test_an_act_struck_at_any_call_and_made_again_counts_exactly(trouble: Trouble) -> None:
    ids = [f"c{n}" for n in range(120)]
    quiet = Club(120)
    expected = quiet.add(*ids, *ids[:5], "nobody")
    calls = quiet.dynamo.faults.calls
    assert calls >= 6
    for n in range(1, calls + 1):
        club = Club(120)
        club.dynamo.faults.script = {n: trouble}
        assert until_done(partial(club.add, *ids, *ids[:5], "nobody")) == expected, n
        assert club.group.members == len(club.stored()) == 120, n
        assert sum(club.dynamo.faults.fired.values()) == 1, n


def test_two_who_add_the_same_at_once_count_each_member_once() -> None:
    quiet = Club(30)
    quiet.add(*[f"c{n}" for n in range(20)])
    for cut in range(1, quiet.dynamo.faults.calls + 1):
        club = Club(30)

        def other(index: int, operation: str, club: Club = club, cut: int = cut) -> None:
            if index == cut:
                club.dynamo.faults.before_call = None
                club.add(*[f"c{n}" for n in range(10, 30)], origin="other")

        club.dynamo.faults.before_call = other
        report = club.add(*[f"c{n}" for n in range(20)])
        assert (report.added + report.already, report.added) in {(20, 20), (20, 10)}, cut
        assert club.group.members == len(club.stored()) == 30, cut


@pytest.mark.parametrize("trouble", list(Trouble))
def test_a_removal_struck_at_any_call_counts_exactly(trouble: Trouble) -> None:
    for n in range(1, 3):
        club = Club(3)
        club.add("c0", "c1")
        club.dynamo.faults.script = {club.dynamo.faults.calls + n: trouble}
        try:
            until_done(partial(remove_member, club.groups, STORE, GROUP, "c0"))
        except NotFound:
            # The process died after it was removed, so nobody knew.
            assert trouble is Trouble.CRASH_AFTER, n
        assert (club.stored(), club.group.members) == (["c1"], 1), n


def test_who_is_no_member_cannot_be_removed() -> None:
    club = Club()
    club.add("c0")
    with pytest.raises(NotFound):
        remove_member(club.groups, STORE, GROUP, "c1")
    assert club.group.members == 1


def test_one_member_is_put_once_and_a_merged_one_as_who_they_are() -> None:
    club = Club(3)
    merge(club, "c1", "c0")
    listed, added = put_member(club.books, club.groups, club.settings, GROUP, "c0", "one", NOW)
    assert (listed.member.customer_id, added) == ("c1", True)
    assert put_member(club.books, club.groups, club.settings, GROUP, "c1", "two", NOW)[1] is False
    assert club.group.members == 1


def test_nobody_unknown_or_erased_is_put() -> None:
    club = Club(2)
    erase(club, "c0")
    for customer_id in ("c0", "nobody"):
        with pytest.raises(CustomerNotFound):
            put_member(club.books, club.groups, club.settings, GROUP, customer_id, "one", NOW)
    assert club.stored() == []


def test_a_deleted_group_takes_no_members_also_where_it_goes_in_between() -> None:
    club = Club(3)

    def gone(index: int, operation: str) -> None:
        if operation in {"TransactWriteItems", "UpdateItem"}:
            club.dynamo.faults.before_call = None
            delete_group(club.groups, STORE, GROUP, NOW)

    club.dynamo.faults.before_call = gone
    with pytest.raises(NotFound):
        club.add("c0")
    assert club.stored() == []


def test_members_of_a_group_by_rule_follow_from_it() -> None:
    club = Club(1, rule=Rule())
    with pytest.raises(GroupByRule):
        put_member(club.books, club.groups, club.settings, GROUP, "c0", "one", NOW)
    with pytest.raises(GroupByRule):
        remove_member(club.groups, STORE, GROUP, "c0")


# ---- by contact


def test_customers_are_found_by_what_they_are_reached_by() -> None:
    club = Club(0)
    tell(club, "a", **ADA, phone_verified=True)
    tell(club, "b", second=1, email="bo@example.com", email_verified=True)
    by_email = read_rows("email\nADA@example.com\nbo@example.com\nnobody@example.com\nx\n")
    report = club.add_all(by_email)
    assert (report.added, [(one.row, one.reason, one.customer_id) for one in report.left]) == (
        2,
        [(4, Fault.NOT_FOUND, None), (5, Fault.INVALID, None)],
    )
    assert club.add_all(read_rows("phone\n+49 155 50104477\n"), "later") == Report(already=1)


def test_a_contact_of_several_is_nobodys() -> None:
    club = Club(0)
    for customer_id in ("a", "b"):
        tell(club, customer_id, **ADA)
    report = club.add_all(read_rows("email\nada@example.com\n"))
    assert [one.reason for one in report.left] == [Fault.AMBIGUOUS]
    merge(club, "a", "b")
    assert club.add_all(read_rows("email\nada@example.com\n")) == Report(added=1)


def test_no_contact_is_ever_stored() -> None:
    club = Club(0)
    rows = read_rows("email\n" + "".join(f"person{n}@example.com\n" for n in range(1_200)))
    begin(club, rows)
    assert "example.com" not in str(club.dynamo.items("State"))
    hashed = without_contacts(club.books, STORE, rows)
    assert len({row.key for row in hashed}) == 1_200
    assert all("@" not in row.key for row in hashed)


# ---- pages


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_of_members_are_disjoint_complete_full_and_end(limit: int) -> None:
    club = Club(40)
    club.add(*[f"c{n}" for n in range(40)])
    pages = club.pages(limit)
    assert sorted(one for page in pages for one in page) == sorted(f"c{n}" for n in range(40))
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


@given(st.integers(0, 60), st.integers(1, 25), st.integers(0, 3))
def test_pages_of_a_rule_are_disjoint_and_complete(customers: int, limit: int, tag: int) -> None:
    club = Club(customers)
    pages = club.matching(Rule(tags=(f"t{tag}",)), limit)
    found = [one for page in pages for one in page]
    assert sorted(found) == sorted(f"c{n}" for n in range(customers) if n % 3 == tag)
    assert len(set(found)) == len(found)
    assert all(len(page) == limit for page in pages[:-1])


@pytest.mark.row("F40")
def test_the_work_of_a_page_is_bounded_and_it_leads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    club = Club(60)
    monkeypatch.setattr(read_members, "MOST_READ", 10)
    pages = club.matching(Rule(tags=("t1",)), 50)
    assert len(pages) > 2
    assert sorted(one for page in pages for one in page) == sorted(f"c{n}" for n in range(60) if n % 3 == 1)
    assert MOST_READ == 5_000


def test_an_empty_group_and_a_rule_that_matches_nobody_have_one_empty_page() -> None:
    club = Club(3)
    assert club.pages(10) == [[]]
    assert club.matching(Rule(min_orders=1)) == [[]]


def test_figures_are_those_of_the_account_and_the_tier_of_what_was_spent() -> None:
    club = Club(2, tiers=TIERS)
    club.buy("c1", 2, 5_000, 60)
    (figures,) = members_of(club.books, club.settings, ["c1"], with_tags=True)
    assert (figures.orders_count, figures.total_spent, figures.last_order_at) == (2, 5_000, at(60))
    assert (figures.tier, figures.tags, figures.available) == ("Gold", ("t1",), 1)
    assert club.matching(Rule(tiers=("Gold",))) == [["c1"]]
    assert club.matching(Rule(min_spent=5_000, max_average=2_500)) == [["c1"]]


def test_members_come_in_the_order_asked_for_without_those_who_are_gone() -> None:
    club = Club(250)
    erase(club, "c3")
    ids = [f"c{n}" for n in reversed(range(250))]
    found = [one.customer_id for one in members_of(club.books, club.settings, [*ids, "nobody"])]
    assert found == [one for one in ids if one != "c3"]


def test_one_who_is_gone_is_not_described() -> None:
    club = Club(2)
    erase(club, "c0")
    assert describe(club.books, club.settings, "c0") is None
    shown = describe(club.books, club.settings, "c1")
    assert shown is not None
    assert shown.profile is not None
    assert shown.profile.tags == ("t1",)


# ---- scores


def ranked() -> Club:
    """Ten customers of whom the higher ones bought more, later and for more; and three who never did."""
    club = Club(13)
    for n in range(10):
        club.buy(f"c{n}", n + 1, (n + 1) * 1_000, 100 + n)
    return club


def test_scores_rank_among_all_customers_who_ordered() -> None:
    club = ranked()
    assert sorted(club.matching(Rule(rfm=Rfm(m=(5,))))[0]) == ["c8", "c9"]
    assert sorted(club.matching(Rule(rfm=Rfm(f=(1,)), min_orders=1))[0]) == ["c0", "c1"]
    assert len(club.matching(Rule(rfm=Rfm(f=(1,))))[0]) == 5


def test_thresholds_and_the_moment_travel_from_page_to_page() -> None:
    club = ranked()
    books, settings, rule = club.books, club.settings, Rule(rfm=Rfm(m=(4, 5)))
    first, place = list_matching(books, settings, rule, 2, None, NOW)
    for n in range(5):
        club.buy(f"c{n}", 1, 900_000, 500 + n)
    rest, place = list_matching(books, settings, rule, 100, place, at(86_000))
    assert place is None
    found = {one.member.customer_id for one in (*first, *rest)}
    assert found >= {"c6", "c7", "c8", "c9"}
    assert all(one.scores is not None and one.scores.m >= 4 for one in (*first, *rest))


def test_a_store_too_large_to_rank_in_one_call_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    club = ranked()
    monkeypatch.setattr(read_members, "MOST_RANKED", 12)
    with pytest.raises(Invalid) as refused:
        club.matching(Rule(rfm=Rfm(m=(5,))))
    assert (refused.value.field, refused.value.code) == ("rule.rfm", "directory_too_large")
    assert club.matching(Rule(min_orders=10)) == [["c9"]]


def test_a_list_does_not_go_on_by_another_rule_than_it_began_by() -> None:
    club = Club(6, rule=Rule())
    _, place = list_members(club.books, club.groups, club.settings, club.group, 2, None, NOW)
    change_group(club.groups, STORE, GROUP, {"rule": Rule(min_orders=1)}, NOW)
    with pytest.raises(Malformed):
        list_members(club.books, club.groups, club.settings, club.group, 2, place, NOW)


# ---- groups


def test_a_change_and_new_members_at_once_lose_nothing() -> None:
    club = Club(3)

    def add(index: int, operation: str) -> None:
        if operation in {"TransactWriteItems", "UpdateItem"}:
            club.dynamo.faults.before_call = None
            club.add("c0", "c1")

    club.dynamo.faults.before_call = add
    change_group(club.groups, STORE, GROUP, {"name": "New", "description": "words"}, NOW)
    assert (club.group.name, club.group.description, club.group.members) == ("New", "words", 2)


def test_two_changes_at_once_both_stand() -> None:
    club = Club(0)

    def rename(index: int, operation: str) -> None:
        if operation in {"TransactWriteItems", "UpdateItem"}:
            club.dynamo.faults.before_call = None
            change_group(club.groups, STORE, GROUP, {"name": "New"}, NOW)

    club.dynamo.faults.before_call = rename
    change_group(club.groups, STORE, GROUP, {"description": "words"}, NOW)
    assert (club.group.name, club.group.description, club.group.rev) == ("New", "words", 3)


def test_a_change_to_what_it_is_already_writes_nothing() -> None:
    club = Club(0)
    assert change_group(club.groups, STORE, GROUP, {"name": "Club"}, at(5)).rev == 1


def test_a_group_by_hand_is_given_no_rule() -> None:
    club = Club(0)
    with pytest.raises(GroupByHand):
        change_group(club.groups, STORE, GROUP, {"rule": Rule()}, NOW)


def test_a_deleted_group_is_gone_and_its_members_stay_for_what_reads_them() -> None:
    club = Club(2)
    club.add("c0")
    delete_group(club.groups, STORE, GROUP, NOW)
    with pytest.raises(NotFound):
        read_group(club.groups, STORE, GROUP)
    with pytest.raises(NotFound):
        delete_group(club.groups, STORE, GROUP, NOW)
    assert list_groups(club.groups, STORE, 10, None) == ([], None)
    assert club.stored() == ["c0"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_groups_are_listed_newest_first_in_pages_that_end(limit: int) -> None:
    club = Club(0)
    for n in range(5):
        create_group(club.groups, STORE, Group(f"g{n}", "G", at(n), "a", f"r{n}", "b"))
    delete_group(club.groups, STORE, GROUP, NOW)
    seen: list[str] = []
    place: str | None = None
    for _ in range(9):
        page, place = list_groups(club.groups, STORE, limit, place)
        assert len(page) == limit or place is None
        seen += [group.group_id for group in page]
        if place is None:
            break
    assert seen == ["g4", "g3", "g2", "g1", "g0"]


# ---- imports


def begin(club: Club, rows: Rows, import_id: str = "imp_1", body_hash: str = "b") -> MembersImport:
    made = MembersImport(import_id, GROUP, rows.column, len(rows.rows), NOW, "key:anna", body_hash).watched(NOW)
    begun, step, _ = start_import(club.groups, STORE, made, without_contacts(club.books, STORE, rows))
    assert step is not None
    return begun


def work(club: Club, import_id: str = "imp_1") -> int:
    """What the worker does with the messages of an import; how many there were."""
    step: ImportStep | None = ImportStep(STORE, GROUP, import_id, 0)
    count = 0
    while step is not None:
        step = until_done(partial(import_members_page, club.books, club.groups, step, NOW))
        count += 1
        assert count < 50
    return count


def imported(club: Club, import_id: str = "imp_1") -> MembersImport:
    return read_import(club.groups, STORE, GROUP, import_id, 1, None)[0]


def crowd() -> Rows:
    """Two pages and a bit: known, doubled (also over pages), unknown and broken rows."""
    ids = [f"c{n % 30}" for n in range(PAGE)] + ["x1", "c0", "c29", "..."] + [f"c{n}" for n in range(25, 40)]
    many = [*ids, *["x2"] * (2 * PAGE + 5 - len(ids))]
    return read_rows("customer_id\n" + "".join(f"{one}\n" for one in many))


def test_an_import_adds_everyone_once_and_tells_of_every_row() -> None:
    club = Club(40)
    club.add("c39", origin="before")
    begin(club, crowd())
    assert work(club) == 3
    made = imported(club)
    assert (made.status, made.done, made.rows, made.ended_at) == (ImportStatus.DONE, 2 * PAGE + 5, 2 * PAGE + 5, NOW)
    assert (made.added, made.already) == (39, 1)
    assert made.added + made.already + made.duplicates + made.left == made.rows
    assert made.duplicates == PAGE - 30 + 2 + 5
    assert club.group.members == len(club.stored()) == 40


def test_the_report_has_every_row_that_added_nobody_in_its_order() -> None:
    club = Club(40)
    rows = crowd()
    begin(club, rows)
    work(club)
    seen: list[int] = []
    place: str | None = None
    for _ in range(20):
        _, left, place = read_import(club.groups, STORE, GROUP, "imp_1", 100, place)
        seen += [one.row for one in left]
        if place is None:
            break
    assert seen == [row.number for row in rows.rows if row.key.startswith("x") or row.fault or row.key == "..."]
    assert len(seen) == imported(club).left


@pytest.mark.parametrize("trouble", list(Trouble))
def test_an_import_struck_at_any_call_and_redelivered_ends_alike(trouble: Trouble) -> None:
    quiet = Club(40)
    begin(quiet, crowd())
    before = quiet.dynamo.faults.calls
    work(quiet)
    calls = quiet.dynamo.faults.calls - before
    expected = imported(quiet)
    for n in range(1, calls + 1):
        club = Club(40)
        begin(club, crowd())
        club.dynamo.faults.script = {club.dynamo.faults.calls + n: trouble}
        work(club)
        assert imported(club) == expected, n
        assert club.group.members == len(club.stored()) == 40, n


def test_a_redelivered_message_changes_nothing_and_leads_on() -> None:
    club = Club(40)
    begin(club, crowd())
    first = ImportStep(STORE, GROUP, "imp_1", 0)
    second = import_members_page(club.books, club.groups, first, NOW)
    assert second == replace(first, page=1)
    told, calls = imported(club), club.dynamo.faults.calls
    assert import_members_page(club.books, club.groups, first, NOW) == second
    assert club.dynamo.faults.calls <= calls + 3
    assert imported(club) == told
    work(club)
    assert import_members_page(club.books, club.groups, first, NOW) is None
    assert import_members_page(club.books, club.groups, replace(first, import_id="none"), NOW) is None


def test_two_workers_on_one_page_count_it_once() -> None:
    quiet = Club(40)
    begin(quiet, crowd())
    start = quiet.dynamo.faults.calls
    first = ImportStep(STORE, GROUP, "imp_1", 0)
    import_members_page(quiet.books, quiet.groups, first, NOW)
    expected = imported(quiet)
    for cut in range(start + 1, quiet.dynamo.faults.calls):
        club = Club(40)
        begin(club, crowd())

        def other(index: int, operation: str, club: Club = club, cut: int = cut) -> None:
            if index == cut:
                club.dynamo.faults.before_call = None
                import_members_page(club.books, club.groups, first, NOW)

        club.dynamo.faults.before_call = other
        assert import_members_page(club.books, club.groups, first, NOW) == replace(first, page=1), cut
        assert imported(club) == expected, cut


@pytest.mark.row("F15")
def test_a_worker_that_slept_while_the_import_ended_takes_it_nowhere_back() -> None:
    quiet = Club(40)
    begin(quiet, crowd())
    start = quiet.dynamo.faults.calls
    first = ImportStep(STORE, GROUP, "imp_1", 0)
    import_members_page(quiet.books, quiet.groups, first, NOW)
    last = quiet.dynamo.faults.calls
    work(quiet)
    expected = imported(quiet)
    for cut in range(start + 1, last):
        club = Club(40)
        begin(club, crowd())

        def others(index: int, operation: str, club: Club = club, cut: int = cut) -> None:
            if index == cut:
                club.dynamo.faults.before_call = None
                work(club)

        club.dynamo.faults.before_call = others
        assert import_members_page(club.books, club.groups, first, NOW) is None, cut
        assert imported(club) == expected, cut


def test_an_import_into_a_group_that_is_deleted_meanwhile_fails_and_says_so() -> None:
    club = Club(40)
    begin(club, crowd())
    step = import_members_page(club.books, club.groups, ImportStep(STORE, GROUP, "imp_1", 0), NOW)
    assert step is not None
    delete_group(club.groups, STORE, GROUP, NOW)
    assert import_members_page(club.books, club.groups, step, NOW) is None
    made = imported(club)
    assert (made.status, made.reason, made.added) == (ImportStatus.FAILED, "group_deleted", 30)


def test_an_import_asked_for_again_is_the_same_and_its_message_is_sent_again() -> None:
    club = Club(40)
    rows = crowd()
    made = begin(club, rows)
    plain = without_contacts(club.books, STORE, rows)
    again, step, replayed = start_import(club.groups, STORE, replace(made, created_at=at(9)), plain)
    assert (again, step, replayed) == (made, ImportStep(STORE, GROUP, "imp_1", 0), True)
    work(club)
    assert start_import(club.groups, STORE, made, plain)[1] is None


def test_rows_and_reports_are_forgotten_after_a_month() -> None:
    club = Club(40)
    begin(club, crowd())
    work(club)
    items = [item for item in club.dynamo.items("State") if item["sk"]["S"].startswith("IMPORT#")]
    assert len(items) == 1 + 3 + 2
    assert {int(item["expires_at_epoch"]["N"]) for item in items} == {1772366400 + 30 * 86_400}


def test_profiles_are_read_in_the_order_asked_for() -> None:
    club = Club(3)
    people = club.books.customers
    assert [one.customer_id for one in people.get_many(STORE, ["c2", "x", "c0"])] == ["c2", "c0"]
    assert people.get_many(STORE, []) == []


def test_rows_by_id_stay_as_they_are() -> None:
    club = Club(0)
    rows = Rows(Column.CUSTOMER_ID, (Row(2, "a"), Row(3, "", Fault.INVALID)))
    assert without_contacts(club.books, STORE, rows) == rows.rows
