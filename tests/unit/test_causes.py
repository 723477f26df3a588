from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from cashback.domain import causes

ids = st.text(alphabet=[*"a1:%", *"\n#é"], min_size=1, max_size=8) | st.sampled_from(
    ["earn", "1:earn", "1%3Aearn", "r:del", "ref:r", "cancel", "5:edit:1", "hold"]
)
revs = st.integers(0, 30)
spelled: list[tuple[Callable[..., str], tuple[st.SearchStrategy[object], ...]]] = [
    (causes.earned, (ids,)),
    (causes.earned_later, (ids, revs)),
    (causes.refunded, (ids, ids)),
    (causes.refund_deleted, (ids, ids)),
    (causes.edited, (ids, revs)),
    (causes.cancelled, (ids,)),
    (causes.redeemed, (ids,)),
    (causes.redeemed_anew, (ids, revs)),
    (causes.given_back, (ids, ids)),
    (causes.manual, (ids,)),
    (causes.group_job, (ids,)),
    (causes.group_undo, (ids, ids)),
    (causes.scenario_task, (ids,)),
    (causes.merge, (ids,)),
    (causes.request_hold, (ids,)),
    (causes.request_release, (ids,)),
    (causes.payout, (ids, revs, st.sampled_from(["hold", "settle", "void"]))),
]
named = st.one_of([st.tuples(st.just(spell), st.tuples(*parts)) for spell, parts in spelled])


@given(named, named)
def test_no_two_different_things_share_a_cause(
    one: tuple[Callable[..., str], tuple[object, ...]], other: tuple[Callable[..., str], tuple[object, ...]]
) -> None:
    (spell_one, parts_one), (spell_other, parts_other) = one, other
    assert (spell_one(*parts_one) == spell_other(*parts_other)) == (one == other)


def test_ids_with_colons_and_percents_cannot_spell_another_cause() -> None:
    assert causes.refunded("1", "2:del") != causes.refund_deleted("1", "2")
    assert causes.earned("1:earn") != causes.earned_later("1", 5)
    assert causes.refunded("1:ref:2", "3") != causes.refunded("1", "2:ref:3")
    assert causes.earned("1%3A2") != causes.earned("1:2")


@given(named, ids)
def test_the_prefixes_of_an_order_name_its_causes_and_no_others(
    one: tuple[Callable[..., str], tuple[object, ...]], order_id: str
) -> None:
    spell, parts = one
    own, recoveries = causes.of_order(order_id)
    belongs = spell(*parts).startswith("ord:") and parts[0] == order_id
    assert spell(*parts).startswith(own) == belongs
    assert f"rec:{spell(*parts)}".startswith(recoveries) == belongs


@given(ids)
def test_the_cause_of_a_merge_names_who_was_merged(customer_id: str) -> None:
    assert causes.merge(customer_id).startswith(causes.MERGES)
    assert causes.merged_from(causes.merge(customer_id)) == customer_id


def test_causes_are_spelled_as_the_design_says() -> None:
    assert causes.earned("450") == "ord:450:earn"
    assert causes.earned_later("450", 7) == "ord:450:earn:7"
    assert causes.refunded("450", "9") == "ord:450:ref:9"
    assert causes.refund_deleted("450", "9") == "ord:450:ref:9:del"
    assert causes.edited("450", 7) == "ord:450:edit:7"
    assert causes.cancelled("450") == "ord:450:cancel"
    assert causes.redeemed("450") == "ord:450:spend"
    assert causes.redeemed_anew("450", 7) == "ord:450:spend:7"
    assert causes.given_back("450", "9") == "ord:450:back:9"
    assert causes.manual("0a1b") == "adm:0a1b"
    assert causes.group_job("j") == "grp:j"
    assert causes.group_undo("j", "c") == "grp:j:c"
    assert causes.scenario_task("t") == "scn:t"
    assert causes.merge("c") == "mrg:c"
    assert causes.request_hold("q") == "req:q:hold"
    assert causes.request_release("q") == "req:q:release"
    assert causes.payout("p", 3, "void") == "pay:p:3:void"
