"""One JSON line a decision, and metrics as lines of the embedded metric format; CloudWatch reads both from stdout.

Ids, codes and outcomes only: never bodies, headers, tokens or whole events. The standard library is enough for that,
and it costs a cold start nothing.
"""

import json
import os
import time
from datetime import UTC, datetime

_ENCODER = json.JSONEncoder(separators=(",", ":"))

type Field = str | int | float | bool | None
"""A value that may stand in a log line."""


def log(event: str, *, level: str = "INFO", **ids: Field) -> None:
    """Print one line: what happened, and to which ids. Line breaks and control characters in ids are escaped."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    _line({"timestamp": at, "level": level, "service": _service(), "event": event, **ids})


def metric(name: str, value: float = 1, unit: str = "Count", **dimensions: str) -> None:
    """Print one metric. Each set of dimension values is a metric of its own, paid for as such: codes, never ids."""
    names = ["service", *dimensions]
    definition = {
        "Namespace": os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Cashback"),
        "Dimensions": [names],
        "Metrics": [{"Name": name, "Unit": unit}],
    }
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [definition]}
    _line({"_aws": about, "service": _service(), **dimensions, name: value})


def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "local")


def _line(fields: object) -> None:
    print(_ENCODER.encode(fields), flush=True)
