from collections.abc import Mapping
from copy import replace
from datetime import UTC, datetime
from fractions import Fraction
from itertools import combinations, permutations
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cashback.domain.facts import SHIPPING, Body, Facts, Line, Refund, RefundLine, facts_of, gone_shares
from cashback.domain.times import Instant, instant, moment, parse_instant
from tests.unit.builders import at, body, line, refund, united, units

line_ids = st.sampled_from(["1", "2", "3", "10"])


@st.composite
def a_line(draw: st.DrawFn, line_id: str) -> Line:
    quantity = draw(st.sampled_from([3, 3, 0, -1, 4]))
    return Line(line_id, quantity, draw(st.sampled_from([900, 900, -100, 0, 4_001])), draw(st.integers(-1, 5)))


@st.composite
def a_body(draw: st.DrawFn) -> Body:
    """Few moments and contents, so that bodies of one moment often differ in little; lines come and go."""
    ids = draw(st.lists(line_ids, max_size=4))
    return body(
        *(draw(a_line(line_id)) for line_id in ids),
        second=draw(st.sampled_from([0, 0, 0, 1])),
        total=draw(st.sampled_from([None, None, 0, 9_000])),
        shipping=draw(st.sampled_from([0, 500])),
        refund_ids=draw(st.sampled_from([None, frozenset(), frozenset({"r1"}), frozenset({"r2", "r10"})])),
    )


refund_lines = st.builds(RefundLine, line_ids, st.integers(0, 3), st.none() | st.integers(-50, 6_000))
refunds = st.builds(
    Refund,
    st.sampled_from(["r1", "r2", "r10"]),
    st.lists(refund_lines, max_size=2).map(tuple),
    money=st.integers(-500, 5_000),
    shipping=st.integers(-500, 900),
)
facts = st.builds(
    Facts,
    body=st.none() | a_body(),
    paid=st.booleans(),
    completed=st.booleans(),
    cancelled=st.booleans(),
    refunds=st.lists(refunds, max_size=3).map(united),
    began_at=st.sampled_from([None, at(0), at(1)]),
    since=st.dictionaries(st.sampled_from(["paid", "completed", "cancelled"]), st.sampled_from([at(0), at(1), at(2)])),
    reviews=st.dictionaries(st.sampled_from(["v1", "v2", "v10"]), st.sampled_from([at(0), at(1), at(2)])),
)


@given(facts, facts)
def test_facts_merge_alike_whichever_comes_first(one: Facts, other: Facts) -> None:
    assert one.merged(other) == other.merged(one)


@given(facts, facts, facts)
@example(
    Facts(body=body(line("1", 900, 3), line("2", 900, 3, current=1))),
    Facts(body=body(line("1", 900, 3), line("3", 900, 3))),
    Facts(body=body(line("1", 901, 3), line("2", 900, 3))),
)
def test_facts_merge_alike_however_they_are_grouped(one: Facts, two: Facts, three: Facts) -> None:
    assert one.merged(two).merged(three) == one.merged(two.merged(three))


@given(facts, facts)
def test_facts_heard_again_change_nothing(one: Facts, other: Facts) -> None:
    assert one.merged(one) == one
    assert one.merged(other).merged(one).merged(other) == one.merged(other)


@given(facts, facts)
def test_what_happened_stays_true_and_no_refund_is_forgotten(one: Facts, other: Facts) -> None:
    both = one.merged(other)
    assert (both.paid, both.completed, both.cancelled) == (
        one.paid or other.paid,
        one.completed or other.completed,
        one.cancelled or other.cancelled,
    )
    assert set(both.refunds) == set(one.refunds) | set(other.refunds)


@given(facts)
def test_nothing_known_adds_nothing(one: Facts) -> None:
    assert Facts().merged(one) == one == one.merged(Facts())


@given(st.lists(facts, min_size=1, max_size=4), st.randoms())
def test_what_happened_did_so_at_the_earliest_time_told_whatever_came_first(told: list[Facts], random: Random) -> None:
    def earliest(of: list[Mapping[str, Instant]]) -> dict[str, Instant]:
        return {name: min(times[name] for times in of if name in times) for name in {key for one in of for key in one}}

    known = Facts()
    for each in random.sample(told, len(told)):
        known = known.merged(each)
    assert known.since == earliest([one.since for one in told])
    assert known.reviews == earliest([one.reviews for one in told])


def test_each_thing_that_happened_to_an_order_has_a_name_of_its_own() -> None:
    assert facts_of(Facts()) == facts_of(Facts(began_at=at(1))) == ()
    assert facts_of(Facts(paid=True, refunds=united([refund("7"), refund("5")]))) == ("paid", "ref:5", "ref:7")
    whole = Facts(body=body(), paid=True, completed=True, cancelled=True, reviews={"5": at(1)})
    assert facts_of(whole) == ("created", "paid", "completed", "cancelled", "rev:5")


def test_a_refund_that_was_deleted_again_has_happened() -> None:
    gone = listed(1, refund("r1", money=100)).merged(listed(2))
    assert (set(gone.standing_refunds), facts_of(gone)) == (set(), ("created", "ref:r1"))


@given(facts, facts)
def test_what_has_happened_has_happened_for_ever(one: Facts, other: Facts) -> None:
    assert set(facts_of(one)) | set(facts_of(other)) == set(facts_of(one.merged(other)))


def test_an_older_body_never_undoes_a_newer_one() -> None:
    newer, older = body(line(current=0), second=2), body(line(), second=1)
    assert Facts(body=newer).merged(Facts(body=older)).body == newer
    assert Facts(body=older).merged(Facts(body=newer)).body == newer


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5))
def test_units_gone_never_fall_between_bodies_of_one_moment(left: list[tuple[int, int]]) -> None:
    told = [Facts(body=body(line("1", quantity=3, current=a), line("2", quantity=3, current=b))) for a, b in left]
    known = Facts()
    for each in told:
        known = known.merged(each)
    assert known.body is not None
    assert [one.current_quantity for one in known.body.lines] == [min(a for a, _ in left), min(b for _, b in left)]


def test_of_bodies_of_one_moment_the_one_that_still_names_a_line_wins_whole() -> None:
    full, bare = body(line("1", quantity=2, current=1)), body(line("2", quantity=2, current=0), total=9)
    both = body(line("1", quantity=2), line("2", quantity=2))
    assert Facts(body=bare).merged(Facts(body=both)).merged(Facts(body=full)).body == both


def test_a_refund_told_twice_with_other_content_is_kept_once_whatever_came_first() -> None:
    one, other = refund("r1", money=100), refund("r1", money=250)
    merged = Facts(refunds=united([one])).merged(Facts(refunds=united([other])))
    assert merged == Facts(refunds=united([other])).merged(Facts(refunds=united([one])))
    assert len(merged.refunds) == 1


def listed(second: int, *refunds: Refund) -> Facts:
    """A body that lists all its refunds, and brings them."""
    return Facts(
        body=body(line("1", 1_000), second=second, refund_ids=frozenset(united(refunds))), refunds=united(refunds)
    )


def test_a_refund_that_the_newest_body_lists_no_more_is_deleted_but_not_forgotten() -> None:
    known = listed(1, refund("r1", money=100), refund("r2", money=200)).merged(listed(2, refund("r2", money=200)))
    assert set(known.refunds) == {"r1", "r2"}
    assert set(known.standing_refunds) == {"r2"}
    assert known.gone_shares()["1"] == Fraction(1, 5)


def test_an_older_body_that_arrives_late_brings_no_deleted_refund_back() -> None:
    newest = listed(3, refund("r2", money=200))
    assert set(newest.merged(listed(1, refund("r1", money=100))).standing_refunds) == {"r2"}
    assert set(newest.merged(listed(4, refund("r1", money=100))).standing_refunds) == {"r1"}


def test_bodies_of_one_moment_list_their_refunds_together() -> None:
    one, other = listed(1, refund("r1", money=100)), listed(1, refund("r2", money=200))
    assert set(one.merged(other).standing_refunds) == {"r1", "r2"}
    silent = Facts(body=body(line("1", 1_000), second=1), refunds=united([refund("r3", money=5)]))
    assert set(one.merged(silent).standing_refunds) == {"r1", "r3"}


@given(st.lists(st.tuples(st.integers(0, 3), st.sets(st.sampled_from(["r1", "r2", "r10"]))), min_size=1), st.randoms())
def test_the_refunds_that_stand_are_those_of_the_newest_moment(
    told: list[tuple[int, set[str]]], random: Random
) -> None:
    bodies = [listed(second, *(refund(name, money=100) for name in names)) for second, names in told]
    random.shuffle(bodies)
    known = Facts()
    for each in bodies:
        known = known.merged(each)
    newest = max(second for second, _ in told)
    assert set(known.standing_refunds) == set().union(*(names for second, names in told if second == newest))


def test_an_order_was_created_when_the_earliest_event_says_else_when_its_body_says() -> None:
    assert Facts().created_at is None
    told = Facts(body=body(second=5, created_at=at(5)))
    assert told.created_at == at(5)
    began = Facts(began_at=at(2)).merged(told).merged(Facts(began_at=at(3)))
    assert began.created_at == at(2)


@given(facts)
def test_shares_gone_lie_between_nothing_and_all(known: Facts) -> None:
    shares = known.gone_shares()
    assert all(0 <= share <= 1 for share in shares.values())
    assert set(shares) == ({one.line_id for one in known.body.lines} | {SHIPPING} if known.body else set())


@given(facts)
def test_all_of_a_cancelled_order_is_gone(known: Facts) -> None:
    assert set(replace(known, cancelled=True).gone_shares().values()) <= {Fraction(1)}


def gone(about: Body, *back: Refund) -> dict[str, Fraction]:
    return gone_shares(about, back, cancelled=False)


def test_a_refunded_unit_counts_by_its_money_and_a_missing_one_by_its_share() -> None:
    sold = body(line("1", 400, quantity=4, current=1))
    assert gone(sold)["1"] == Fraction(3, 4)
    assert gone(sold, refund("r", units("1", 1, 50)))["1"] == Fraction(50, 400) + Fraction(2, 4)
    assert gone(sold, refund("r", units("1", 1)))["1"] == Fraction(3, 4)


def test_units_that_a_refund_names_are_not_counted_again_as_missing() -> None:
    sold = body(line("1", 400, quantity=4, current=2))
    assert gone(sold, refund("r", units("1", 2, 200)))["1"] == Fraction(1, 2)


def test_when_all_units_are_gone_the_line_is_gone_whole_whatever_the_cents() -> None:
    sold = body(line("1", 1_000, quantity=3))
    assert gone(sold, refund("r", units("1", 3, 999)))["1"] == 1
    assert gone(sold, refund("a", units("1", 1, 333)), refund("b", units("1", 2, 666)))["1"] == 1
    assert gone(sold, refund("r", units("1", 1, 5_000)))["1"] == 1


def test_a_unit_of_a_free_line_counts_by_its_share_whatever_it_gave_back() -> None:
    assert gone(body(line("1", 0, quantity=2)), refund("r", units("1", 1, 5)))["1"] == Fraction(1, 2)


def test_units_restocked_without_money_are_not_gone_but_their_money_beyond_lines_is() -> None:
    sold = body(line("1", 8_000, quantity=2), total=8_000)
    assert gone(sold, refund("r", units("1", 2, 0)))["1"] == 0
    assert gone(sold, refund("r", units("1", 2, 0), money=2_000))["1"] == Fraction(1, 4)


def test_money_beyond_lines_is_spread_over_what_was_paid() -> None:
    sold = body(line("1", 6_000), line("2", 2_000), total=10_000, shipping=2_000)
    assert gone(sold, refund("r", money=2_500)) == dict.fromkeys(["1", "2", SHIPPING], Fraction(1, 4))


def test_money_that_the_shop_kept_lowers_no_line_that_is_gone_whole() -> None:
    sold = body(line("1", 5_000), line("2", 5_000), total=10_000)
    back = refund("r", units("1", 1), units("2", 1, 0), money=-1_000)
    assert gone(sold, back) == {"1": Fraction(1), "2": Fraction(0), SHIPPING: Fraction(0)}
    assert gone(sold, refund("s", units("1", 1, 0), money=3_000), back)["2"] == Fraction(1, 5)


def test_a_refund_of_the_delivery_is_not_one_of_goods() -> None:
    sold = body(line("1", 6_000), shipping=1_000)
    assert gone(sold, refund("r", shipping=500)) == {"1": Fraction(0), SHIPPING: Fraction(1, 2)}


def test_nothing_is_gone_of_an_order_that_is_not_known_yet() -> None:
    assert Facts(refunds=united([refund("r", money=5)]), cancelled=True).gone_shares() == {}


@given(st.datetimes(timezones=st.timezones()), st.datetimes(timezones=st.timezones()))
def test_instants_sort_as_the_times_they_name(one: datetime, other: datetime) -> None:
    try:
        moments = one.astimezone(UTC), other.astimezone(UTC)
    except OverflowError:
        return
    assert (instant(one) < instant(other)) == (moments[0] < moments[1])
    assert moment(instant(one)) == moments[0]


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T13:00:00+01:00",
        "2026-03-01T12:00:00",
        "2026-03-01T07:00:00.000-05:00",
    ],
)
def test_spellings_of_one_instant_compare_equal(text: str) -> None:
    assert parse_instant(text) == "2026-03-01T12:00:00.000000Z"


def test_the_empty_date_of_some_shops_is_early_and_not_a_crash() -> None:
    assert parse_instant("0001-01-01T00:00:00Z") < parse_instant("0999-01-01T00:00:00Z") < at(0)


@pytest.mark.parametrize("text", ["", "soon", "2026-02-29", "0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


def test_a_line_of_which_nothing_is_left_is_gone_though_its_refund_names_no_money() -> None:
    sold = body(line("1", 10_000, current=0), line("2", 10_000))
    shares = Facts(body=sold, refunds=united([refund("r1", units("1", 1, 0))])).gone_shares()
    assert shares["1"] == 1
    assert shares["2"] == 0


def test_a_unit_that_came_back_for_no_money_leaves_what_the_others_earned() -> None:
    sold = body(line("1", 10_000, quantity=2, current=1))
    assert Facts(body=sold, refunds=united([refund("r1", units("1", 1, 0))])).gone_shares()["1"] == 0


def test_an_order_costs_what_its_parts_add_up_to_where_the_shop_sends_no_total() -> None:
    parts = body(line("1", 1_000), line("2", 500), shipping=400, tax=300, tips_and_fees=70)
    assert parts.paid_total == parts.expected_total == 2_270
    assert replace(parts, taxes_included=True).expected_total == 1_970
    assert replace(parts, total=5_000).paid_total == 5_000


def test_a_line_of_no_units_is_never_gone() -> None:
    assert gone(body(line("1", 500, quantity=0)))["1"] == 0


def test_the_least_amounts_count_as_any_others() -> None:
    cent = body(line("1", 1, quantity=2), total=1, shipping=1)
    assert gone(cent, refund("r", units("1", 1, 1)))["1"] == 1
    assert gone(cent, refund("r", shipping=1)) == {"1": Fraction(0), SHIPPING: Fraction(1)}
    assert gone(cent, refund("r", money=1)) == {"1": Fraction(1), SHIPPING: Fraction(1)}


def test_units_of_several_refunds_of_a_line_are_not_counted_again_as_missing() -> None:
    sold = body(line("1", 400, quantity=4, current=2))
    assert gone(sold, refund("a", units("1", 1, 100)), refund("b", units("1", 1, 100)))["1"] == Fraction(1, 2)


def test_an_order_is_known_by_its_reviews_alone_until_anything_else_is_told() -> None:
    reviews = {"v1": at(1)}
    assert Facts(reviews=reviews).are_reviews
    assert not Facts().are_reviews
    assert not Facts(body=body(), reviews=reviews).are_reviews
    assert not Facts(paid=True, reviews=reviews).are_reviews


@pytest.mark.parametrize(
    "told", [body(line("1", 901, quantity=3)), body(line("1", 900, quantity=3), total=1), body(channel="pos")]
)
def test_of_two_bodies_of_one_moment_the_same_is_kept_whichever_comes_first(told: Body) -> None:
    one, other = Facts(body=body(line("1", 900, quantity=3))), Facts(body=told)
    assert one.merged(other) == other.merged(one)
    assert {one.merged(other).body, other.merged(one).body} <= {one.body, other.body}


@pytest.mark.parametrize(
    ("one", "two", "three"),
    [
        (
            body(line(quantity=3, current=1), total=9),
            body(line(quantity=3, current=3), total=1),
            body(line(quantity=3, current=2), total=5),
        ),
        (
            body(line(), total=9, refund_ids=frozenset("a")),
            body(line(), total=1, refund_ids=frozenset("c")),
            body(line(), total=5, refund_ids=frozenset("b")),
        ),
        (
            body(line(), total=1, refund_ids=frozenset("a")),
            body(line(), total=9, refund_ids=None),
            body(line(), total=5, refund_ids=frozenset("b")),
        ),
    ],
)
def test_what_bodies_of_one_moment_add_to_each_other_does_not_choose_between_them(
    one: Body, two: Body, three: Body
) -> None:
    ends = set()
    for first, second, third in permutations([Facts(body=one), Facts(body=two), Facts(body=three)]):
        ends.add(first.merged(second).merged(third).body)
        ends.add(first.merged(second.merged(third)).body)
    assert [known.total for known in ends if known] == [9]


def test_the_order_in_which_contacts_are_held_does_not_choose_between_bodies_of_one_moment() -> None:
    # Of nine texts two share a place among eight, and of those the one that came first is held first.
    for pair in combinations("abcdefghi", 2):
        site = body(contacts=frozenset(pair), channel="website")
        till = body(contacts=frozenset(reversed(pair)), channel="pos")
        assert Facts(body=site).merged(Facts(body=till)).body == site
        site, till = replace(site, contacts=till.contacts), replace(till, contacts=site.contacts)
        assert Facts(body=site).merged(Facts(body=till)).body == site


def test_a_refund_line_of_no_amount_is_not_taken_for_money_given_back() -> None:
    silent, told = refund("r1", units("1", 1)), refund("r1", money=1)
    assert Facts(refunds=united([silent])).merged(Facts(refunds=united([told]))).refunds["r1"] == told


def test_of_refunds_of_one_id_money_and_units_the_same_is_kept_whichever_comes_first() -> None:
    one, other = Facts(refunds=united([refund("r1", shipping=5)])), Facts(refunds=united([refund("r1", shipping=7)]))
    assert one.merged(other) == other.merged(one)


def test_a_body_that_is_what_the_order_earns_by_is_kept_once() -> None:
    unpaid, settled = Facts(body=body(line("1", 900))), Facts(body=body(line("1", 900), second=1, paid=True))
    assert settled.merged(unpaid).paid_body is unpaid.merged(settled).paid_body is None
    edited = settled.merged(Facts(body=body(line("1", 900), line("2", 100), second=2)))
    assert edited.earning_body == edited.paid_body == settled.body


def test_bodies_that_differ_in_the_refunds_they_list_alone_keep_their_lines_as_they_are() -> None:
    lines = (line("1", quantity=2), line("1", quantity=2, current=1))
    one, other = body(*lines, refund_ids=frozenset("a")), body(*lines, refund_ids=frozenset("b"))
    known = Facts(body=one).merged(Facts(body=other)).body
    assert known is not None
    assert known.lines == lines


def test_which_refunds_are_listed_does_not_choose_between_bodies_of_other_contacts() -> None:
    told = [
        Facts(body=body(line(), contacts=frozenset(contact), refund_ids=frozenset(refund_id)))
        for contact, refund_id in ("9a", "1c", "5b")
    ]
    ends = [one.merged(two).merged(three).body for one, two, three in permutations(told)]
    assert {(known.contacts, known.refund_ids) for known in ends if known} == {(frozenset("9"), frozenset("abc"))}


def test_of_a_line_of_no_units_nothing_can_be_gone() -> None:
    sold = body(line("1", 1_000, quantity=0), line("2", 1_000))
    assert Facts(body=sold, refunds=united([refund("r", units("1", 1, 100))])).gone_shares()["1"] == 0


@pytest.mark.parametrize("amounts", [(900, 8_000), (8_000, 900)])
def test_of_two_contents_of_one_refund_the_one_whose_lines_gave_back_more_counts(amounts: tuple[int, int]) -> None:
    known = Facts(body=body(line("1", 10_000, quantity=2)))
    for amount in amounts:
        known = known.merged(Facts(refunds=united([refund("r", units("1", 1, amount))])))
    assert known.gone_shares()["1"] == Fraction(4, 5)
