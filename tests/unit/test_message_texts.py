from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.domain.errors import Invalid
from cashback.domain.message_texts import (
    AMOUNT,
    BALANCE,
    NAMELESS,
    PLACEHOLDERS,
    PROMO_CODE,
    USER_NAME,
    check_text,
    filled,
    placeholders_of,
)
from tests.unit.cpu import readings

VALUES = {USER_NAME: "Anna", PROMO_CODE: "SPRING-2346", AMOUNT: "50.00", BALANCE: "61.20"}
pieces = st.sampled_from(["{{userName}}", "{{ amount }}", "{", "}", "{{", "}}", "Hello", " ", "\n", "userName", "é"])


def refusal(text: str, *, has_promo_code: bool = True) -> str | None:
    """Why a text is refused, None where it is taken."""
    with suppress(Invalid):
        check_text(text, "text", has_promo_code=has_promo_code)
        return None
    with pytest.raises(Invalid) as refused:
        check_text(text, "text", has_promo_code=has_promo_code)
    assert refused.value.field == "text"
    return refused.value.code


def test_each_placeholder_is_filled_wherever_and_however_often_it_stands() -> None:
    text = "{{userName}}, {{amount}} of {{balance}}: {{promoCode}}. Bye {{userName}}"
    assert placeholders_of(text) == PLACEHOLDERS
    assert refusal(text) is None
    assert filled(text, VALUES) == "Anna, 50.00 of 61.20: SPRING-2346. Bye Anna"


def test_a_text_without_placeholders_stays_as_it_is() -> None:
    text = "Bonus {cashback}! 100 % }"
    assert refusal(text) is None
    assert filled(text, {}) == text


@pytest.mark.parametrize("name", ["{{ userName }}", "{{userName }}", "{{\tuserName\n}}"])
def test_spaces_inside_the_braces_do_not_matter(name: str) -> None:
    assert placeholders_of(name) == {USER_NAME}
    assert refusal(name) is None
    assert filled(f"Hello, {name}!", {USER_NAME: NAMELESS}) == "Hello, customer!"


@pytest.mark.parametrize("name", ["", " ", "username", "UserName", "user Name", "user_name", "name", "0", "userName.x"])
def test_a_placeholder_that_nothing_fills_is_refused(name: str) -> None:
    assert refusal(f"Hello, {{{{{name}}}}}! {{{{userName}}}}") == "placeholder_unknown"


@pytest.mark.parametrize(
    "text",
    [
        "{{userName}",
        "{{userName",
        "userName}}",
        "{userName}}",
        "{{user{Name}}",
        "{{userName} }",
        "{{{{userName}}}}",
        "{{user}Name}}",
        "{{{{",
        "{{userName}} and {{amount",
    ],
)
def test_double_braces_that_close_no_placeholder_are_refused(text: str) -> None:
    assert refusal(text) == "placeholder_unknown"


def test_single_braces_around_a_placeholder_are_text() -> None:
    assert refusal("{{{userName}}}") is None
    assert filled("{{{userName}}}", VALUES) == "{Anna}"
    assert refusal("{{{userName}}{") is None, "what is filled keeps the braces beside it apart"


def test_a_promo_code_is_named_only_where_an_action_makes_one() -> None:
    assert refusal("{{promoCode}}", has_promo_code=True) is None
    assert refusal("{{ promoCode }}", has_promo_code=False) == "promo_code_missing"
    assert refusal("{{userName}} {{amount}} {{balance}}", has_promo_code=False) is None
    assert refusal("{{promoCode}} {{nothing}}", has_promo_code=False) == "placeholder_unknown"


@pytest.mark.parametrize("name", ["{{balance}}", "{{ amount }}", "}}{{", "{{userName}}", "\\1 \\g<0>", "$1 %s {0}"])
def test_what_a_value_says_is_text_whatever_it_holds(name: str) -> None:
    assert filled("{{userName}}/{{amount}}", {**VALUES, USER_NAME: name}) == f"{name}/50.00"
    assert filled("{{{userName}}}", {USER_NAME: name}) == f"{{{name}}}"


@given(st.lists(pieces, max_size=12).map("".join))
def test_a_text_that_is_taken_leaves_no_double_brace_to_be_read(text: str) -> None:
    if refusal(text) is None:
        shown = filled(text, dict.fromkeys(PLACEHOLDERS, "|"))
        assert "{{" not in shown
        assert "}}" not in shown


@pytest.mark.parametrize("text", ["{{" + " " * 20_000, "{{ " * 7_000, "{" * 20_000, "{{userName" * 2_000])
def test_a_long_text_is_read_in_a_time_that_grows_with_it(text: str) -> None:
    assert refusal(text) == "placeholder_unknown"
    assert readings(lambda: refusal(text)) < 10
