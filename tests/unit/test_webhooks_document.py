"""docs/webhooks.md says what shops are sent: its check takes what is signed here, and it names all that there is."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from cashback.domain.alerts import STORE_ALERT, AlertCause
from cashback.domain.domain_events import KINDS
from cashback.domain.times import instant_of
from dev.project import ROOT
from tests.unit.notifying import SECRET, Notifying

PAGE = (ROOT / "docs/webhooks.md").read_text()
NOW = 1_772_366_400


@pytest.fixture
def is_genuine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bool]:
    """The check as the page has it."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    said: dict[str, Any] = {}
    exec(code, said)
    check: Callable[..., bool] = said["is_genuine"]
    return check


def test_the_check_of_the_page_takes_what_is_sent_and_nothing_else(is_genuine: Callable[..., bool]) -> None:
    shop = Notifying(now=instant_of(NOW * 1_000_000))
    shop.endpoint()
    shop.tell()
    shop.notify()
    ((_, headers, body),) = shop.internet.posts
    given = dict(headers)
    assert is_genuine(SECRET, given, body)
    assert not is_genuine(SECRET, given, body + b" ")
    assert not is_genuine(SECRET.replace("a", "b", 1), given, body)
    assert not is_genuine(SECRET, {**given, "webhook-timestamp": str(NOW - 301)}, body)
    assert set(re.findall(r"^\| `(webhook-[a-z]+|user-agent)`", PAGE, re.MULTILINE)) == {
        name for name in given if name.startswith("webhook-") or name == "user-agent"
    }


@pytest.mark.parametrize("word", [*KINDS, STORE_ALERT, *AlertCause])
def test_the_page_names_every_type_and_every_cause(word: str) -> None:
    assert f"`{word}`" in PAGE
