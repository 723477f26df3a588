"""One JSON line a decision, which may count what it tells of as a metric; CloudWatch reads both from stdout.

Ids, codes and outcomes only: never bodies, headers, tokens or whole events. No library for logs is needed for that, nor
paid for by a cold start.
"""

import json
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec.json

_ENCODER = json.JSONEncoder(separators=(",", ":"))
"""Escapes what is not plain ASCII; msgspec does not, and takes half as long."""

type Field = str | int | float | bool | None
"""A value that may stand in a log line."""


def log(event: str, *, level: str = "INFO", counted: str = "", by: str = "", **ids: Field) -> None:
    """Print one line: what happened, and to which ids. Line breaks and control characters in ids are escaped.

    The line also counts one of the metric ``counted``, by the value of the field ``by`` where it has one.
    """
    now = datetime.now(UTC)
    at = now.isoformat(timespec="milliseconds")
    fields: dict[str, Any] = {"timestamp": at, "level": level, "service": _service(), "event": event, **ids}
    if counted:
        fields |= _measured(now, counted, 1, [by] if by and ids[by] else [])
    _line(fields)


def metric(name: str, value: float) -> None:
    """Print one value of a metric."""
    _line({"service": _service(), **_measured(datetime.now(UTC), name, value, [])})


def _measured(now: datetime, name: str, value: float, by: list[str]) -> dict[str, Any]:
    """What makes a line one of the embedded metric format. Each value of a field of ``by`` is a metric of its own, paid
    for as such: it holds codes, never ids, and is never empty.

    Source: the CloudWatch user guide, "Specification: Embedded metric format".
    """
    definition = {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Cashback"),
        "Dimensions": [["service", *by]],
        "Metrics": [{"Name": name, "Unit": "Count"}],
    }
    return {"_aws": {"Timestamp": int(now.timestamp() * 1000), "CloudWatchMetrics": [definition]}, name: value}


@cache
def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "local")


def _line(fields: object) -> None:
    print(_plain(fields) or _ENCODER.encode(fields), flush=True)


def _plain(fields: object) -> str | None:
    """Return a line that needs no further escapes, None where it does."""
    try:
        line = msgspec.json.encode(fields).decode()
    except UnicodeEncodeError:  # half a character
        return None
    return line if line.isascii() and line.isprintable() else None
