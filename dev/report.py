"""The page that `make demo` ends with: an order's story, the day's figures, the payouts and the ledger, from answers of
the API.

One file that is opened from disk: no script, nothing from elsewhere, every text escaped.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from dev.client import Store, in_path
from dev.project import LOCAL

PAGE: Final = LOCAL / "report.html"
Answered = Mapping[str, Any]

MOST_LOOKS: Final = 10
PAUSE_SECONDS: Final = 1.5
# What changes with the clock alone.
MOVING: Final[Answered] = {"oldest_pending_seconds": None, "days": []}
WIDTH, BAR, LABEL = 640, 24, 190
CHART_HEIGHT: Final = 160

STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:auto;padding:1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .75rem .25rem 0;"
    "border-bottom:1px solid #8884}.amount{text-align:right;font-variant-numeric:tabular-nums}"
    "svg{max-width:100%;height:auto}svg text{font:14px system-ui,sans-serif;fill:currentColor}"
    ".bar{fill:#2a7}.line{fill:none;stroke:#2a7;stroke-width:2}.axis{stroke:#8886}"
)
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"

# What stands in the page of the day's figures, in this order.
COUNTS: Final = {
    "orders_processed": "Processed",
    "pending": "Pending",
    "held": "Held",
    "awaiting_customer": "Awaiting customer",
    "rejected": "Rejected",
    "failed": "Failed",
}
PAYMENTS: Final = {"requests_waiting": "Requests that wait", "payouts_live": "Payouts on their way"}
SECONDS: Final = {
    "median_decision_seconds": "Until a decision, median",
    "longest_decision_seconds": "Until a decision, longest",
    "oldest_pending_seconds": "Oldest pending order waits",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What the API said of a store's day, and of one order, its customer, and the payouts to them with what was changed
    of each."""

    store_id: str
    metrics: Answered
    order: Answered
    balance: Answered
    transactions: Sequence[Answered]
    payouts: Sequence[Answered]
    changes: Mapping[str, Sequence[Answered]]


def write(store: Store, order_id: str, path: Path = PAGE) -> Path:
    """Ask the API, write the page, and return where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(ask(store, order_id)), encoding="utf-8")
    return path


def ask(store: Store, order_id: str) -> Told:
    """Read the order, its customer's balance, history and payouts, and the figures of today in the store's calendar."""
    order = store.api("GET", f"/v1/orders/{in_path(order_id)}").expect(200)
    customer = f"/v1/customers/{in_path(order['customer_id'])}"
    payouts = store.api("GET", f"/v1/payouts?{urlencode({'customer_id': order['customer_id']})}").expect(200)["items"]
    histories = {one["payout_id"]: f"/v1/payouts/{in_path(one['payout_id'])}/history" for one in payouts}
    return Told(
        store.store_id,
        settled(lambda: store.api("GET", "/v1/metrics").expect(200)),
        order,
        store.api("GET", f"{customer}/balance").expect(200),
        store.api("GET", f"{customer}/transactions").expect(200)["items"],
        payouts,
        {payout_id: store.api("GET", path).expect(200)["items"] for payout_id, path in histories.items()},
    )


def settled(look: Callable[[], Answered], sleep: Callable[[float], None] = time.sleep) -> Answered:
    """The figures once they stay as they are: they follow the tables by a moment."""
    seen = look()
    for _ in range(MOST_LOOKS):
        sleep(PAUSE_SECONDS)
        before, seen = seen, look()
        if {**seen, **MOVING} == {**before, **MOVING}:
            break
    return seen


def page(told: Told) -> str:
    """The whole page."""
    order, currency = told.order, told.balance["available"]["currency"]
    day, metrics = told.metrics["date"], told.metrics
    flows = ("cashback_issued", "cashback_reversed", "cashback_paid_out")
    issued, reversed_, paid_out = (Decimal(metrics[name]["amount"]) for name in flows)
    money_bars = [("Issued", issued), ("Called back", reversed_), ("Kept", issued - reversed_), ("Paid out", paid_out)]
    waits = [(title, seconds(metrics[name])) for name, title in SECONDS.items()]
    steps = [(step["at"][:19], step["status_label"], step["reason"], step["actor"]) for step in order["history"]]
    has = f"customer {escape(order['customer_id'])} has {amount(told.balance['available'])}"
    lines = [
        (one["created_at"][:19], one["type_label"], one["status_label"], amount(one["amount"]), left(one))
        for one in told.transactions
    ]
    left_over = [Decimal(one["balance_after"]["amount"]) for one in reversed(told.transactions) if one["balance_after"]]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>Cashback: {escape(told.store_id)}, {escape(day)}</title><style>{STYLE}</style></head><body>",
            f"<h1>Store {escape(told.store_id)}, {escape(day)}</h1>",
            f"<h2>Order {escape(order['order_id'])}: {escape(order['badge'])}</h2>",
            f"<p>Award {amount(order['award'])}, called back {amount(order['taken'])}; {has}.</p>",
            table(("When", "State", "Reason", "Who"), steps),
            "<h2>The day</h2><h3>Orders</h3>",
            bars(counted(metrics, COUNTS)),
            table(("Time", "How long"), waits),
            "<h3>Requests and payouts</h3>",
            bars(counted(metrics, PAYMENTS)),
            f"<h3>Cashback, {escape(currency)}</h3>",
            bars([(name, value, str(value)) for name, value in money_bars]),
            "<h2>Payouts to the customer</h2>",
            "".join(payout(one, told.changes[one["payout_id"]]) for one in told.payouts) or "<p>None.</p>",
            "<h2>The ledger of the customer</h2>",
            curve([Decimal(), *left_over]),
            table(("When", "Kind", "State", "Amount", "Leaves"), lines, amounts=2),
            "</body></html>",
        ]
    )


def payout(made: Answered, changes: Sequence[Answered]) -> str:
    """One payout: to which account, masked as the API answers it, and how it came to where it is."""
    account = made["account"]
    by = " ".join(escape(text) for text in (account["type_label"], account["provider"], account["masked"]) if text)
    steps = [(one["at"][:19], one["after"].get("status") or "", one["actor"]) for one in changes]
    about = f"<p>{amount(made['amount'])} by {by}, the provider's {escape(made['external_reference'] or '-')}.</p>"
    head = f"<h3>{escape(made['payout_id'])}: {escape(made['status_label'])}</h3>"
    return head + about + table(("When", "State", "Who"), steps)


def counted(metrics: Answered, names: Mapping[str, str]) -> list[tuple[str, Decimal, str]]:
    """Those of some figures that are known, as bars."""
    known = ((title, metrics[name]) for name, title in names.items() if metrics[name] is not None)
    return [(title, Decimal(count), str(count)) for title, count in known]


def seconds(value: int | None) -> str:
    """A time as people write it; a dash where there is none."""
    return "-" if value is None else str(timedelta(seconds=value))


def amount(value: Answered | None) -> str:
    """An amount as people write it; a dash where there is none."""
    return "-" if value is None else f"{escape(value['amount'])} {escape(value['currency'])}"


def left(transaction: Answered) -> str:
    """The balance that an entry left."""
    return amount(transaction["balance_after"])


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], amounts: int = 0) -> str:
    """A table of texts; the last ``amounts`` columns are amounts, which are escaped already."""
    first = len(heads) - amounts
    cells = ("".join(cell(text, is_amount=n >= first) for n, text in enumerate(row)) for row in rows)
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def cell(text: str, *, is_amount: bool) -> str:
    """One cell."""
    return f'<td class="amount">{text}</td>' if is_amount else f"<td>{escape(text)}</td>"


def bars(values: Sequence[tuple[str, Decimal, str]]) -> str:
    """Bars from left to right, each with its name and what it stands for."""
    most = max((value for _, value, _ in values), default=Decimal()) or Decimal(1)
    height = BAR * max(len(values), 1)
    drawn = "".join(
        f'<text x="0" y="{n * BAR + 17}">{escape(name)}</text>'
        f'<rect class="bar" x="{LABEL}" y="{n * BAR + 4}" height="{BAR - 8}" width="{length(value, most)}"/>'
        f'<text x="{LABEL + length(value, most) + 8}" y="{n * BAR + 17}">{escape(text)}</text>'
        for n, (name, value, text) in enumerate(values)
    )
    return f'<svg role="img" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">{drawn}</svg>'


def length(value: Decimal, most: Decimal) -> int:
    """How long the bar of a value is; nothing is shorter than nothing."""
    return max(0, int(value / most * (WIDTH - LABEL - 80)))


def curve(values: Sequence[Decimal]) -> str:
    """How a balance went, entry by entry."""
    low, high = min([*values, Decimal()]), max([*values, Decimal(1)])
    step = WIDTH / max(len(values) - 1, 1)
    ys = [CHART_HEIGHT - 10 - int((value - low) / (high - low) * (CHART_HEIGHT - 20)) for value in values]
    points = " ".join(f"{n * step:.0f},{y}" for n, y in enumerate(ys))
    zero = CHART_HEIGHT - 10 - int((0 - low) / (high - low) * (CHART_HEIGHT - 20))
    axis = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{zero}" y2="{zero}"/>'
    line = f'<polyline class="line" points="{points}"/>'
    size = f'viewBox="0 0 {WIDTH} {CHART_HEIGHT}" width="{WIDTH}" height="{CHART_HEIGHT}"'
    return f'<svg role="img" {size}>{axis}{line}</svg>'
