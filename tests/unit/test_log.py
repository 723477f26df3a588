"""What a function prints."""

import json
from datetime import datetime
from typing import Any

import pytest

from cashback.edge.log import log, metric


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    text = capsys.readouterr().out
    assert text.endswith("\n")
    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    said: dict[str, Any] = json.loads(text)
    return said


@pytest.mark.parametrize("odd", ["plain", 'a"\\b', "a\nb\r", "\x1b[31m\x7f", "a\u2028b\x85", "Grüße 😀", "\ud800"])
def test_a_line_is_one_line_of_ascii_whatever_its_ids_hold(capsys: pytest.CaptureFixture[str], odd: str) -> None:
    log("order_recorded", store="demo", order=odd, rev=1, late=None)
    said = printed(capsys)
    del said["timestamp"]
    assert said == {
        "level": "INFO",
        "service": "local",
        "event": "order_recorded",
        "store": "demo",
        "order": odd,
        "rev": 1,
        "late": None,
    }


def test_a_line_counts_what_it_tells_of(capsys: pytest.CaptureFixture[str]) -> None:
    log("order_recorded", counted="OrdersRecorded", by="status", store="demo", status="processed")
    said = printed(capsys)
    (definition,) = said["_aws"]["CloudWatchMetrics"]
    assert definition == {
        "Namespace": "Cashback",
        "Dimensions": [["service", "status"]],
        "Metrics": [{"Name": "OrdersRecorded", "Unit": "Count"}],
    }
    assert (said["service"], said["status"], said["OrdersRecorded"]) == ("local", "processed", 1)
    assert abs(said["_aws"]["Timestamp"] - datetime.fromisoformat(said["timestamp"]).timestamp() * 1_000) <= 1


def test_a_line_counts_by_no_field_that_is_empty_or_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for reason in (None, ""):
        log("endpoint_disabled", counted="EndpointsDisabled", by="reason", reason=reason)
        assert printed(capsys)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    with pytest.raises(KeyError, match="reson"):
        log("endpoint_disabled", counted="EndpointsDisabled", by="reson", reason="gone")


def test_a_figure_is_a_line_without_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    metric("Overdue", 3)
    said = printed(capsys)
    assert (said["Overdue"], said["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == (3, [["service"]])
    assert "event" not in said
