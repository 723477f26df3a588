"""The page that the demo ends with: whole, safe to open whatever a shop sent, and drawn by a browser where there is
one."""

import re
import shutil
import subprocess
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from dev.report import Told, bars, curve, page
from tests.unit.builders import usd

EVIL = "<script>alert(1)</script>\"'&"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def order(**more: Any) -> dict[str, Any]:
    step = {"at": "2026-05-17T02:00:00Z", "status_label": "Processed", "reason": "paid", "actor": "engine"}
    about = {"order_id": "A-1", "customer_id": "7", "badge": "Processed", "award": usd("5.00"), "taken": usd("1.25")}
    return {**about, "history": [step], **more}


def told(**more: Any) -> Told:
    entry = {
        "created_at": "2026-05-17T02:00:00.5Z",
        "type_label": "Order",
        "status_label": "Posted",
        "amount": usd("5.00"),
        "balance_after": usd("5.00"),
    }
    taken = {**entry, "type_label": "Clawback", "amount": usd("-1.25"), "balance_after": usd("3.75")}
    given: dict[str, Any] = {
        "store_id": "demo",
        "day": "2026-05-17",
        "order": order(),
        "balance": {"available": usd("3.75")},
        "transactions": [taken, entry],
        "orders": [order(), order(award=None, badge="Pending"), order(badge="Pending")],
        "called_back": Decimal("1.25"),
    }
    return Told(**{**given, **more})


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_it_tells_the_order_the_day_and_the_ledger() -> None:
    made = page(told())
    for text in ("Order A-1: Processed", "Award 5.00 USD", "called back 1.25 USD", "has 3.75 USD", "Clawback"):
        assert text in made
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", made)
    assert texts == ["Pending", "2", "Processed", "1", "Issued", "10.00", "Called back", "1.25", "Kept", "8.75"]
    assert '<td class="amount">-1.25 USD</td><td class="amount">3.75 USD</td>' in made


def test_nothing_of_it_runs_or_comes_from_elsewhere() -> None:
    made = page(told())
    tags = Tags(made).seen
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "a", "base", "form"}
    assert not [name for _, given in tags for name in given if name in {"src", "href", "style"} or name[:2] == "on"]
    assert "url(" not in made
    assert "://" not in made
    (policy,) = [given["content"] for tag, given in tags if tag == "meta" and "http-equiv" in given]
    assert str(policy).startswith("default-src 'none'; ")


def test_what_a_shop_sent_is_text_and_never_markup() -> None:
    evil = {"amount": EVIL, "currency": EVIL}
    step = {"at": EVIL, "status_label": EVIL, "reason": EVIL, "actor": EVIL}
    bad = order(order_id=EVIL, customer_id=EVIL, badge=EVIL, taken=evil, history=[step])
    entry = {"created_at": EVIL, "type_label": EVIL, "status_label": EVIL, "amount": evil, "balance_after": None}
    balance = {"available": {"amount": EVIL, "currency": EVIL}}
    orders = [order(badge=EVIL)]
    made = page(told(store_id=EVIL, day=EVIL, order=bad, balance=balance, transactions=[entry], orders=orders))
    assert {tag for tag, _ in Tags(made).seen} == {tag for tag, _ in Tags(page(told())).seen}
    assert "<script" not in made


def test_charts_hold_nothing_less_than_nothing_and_no_values_at_all() -> None:
    assert re.findall(r' width="(\d+)"/>', bars([("a", Decimal(-5), "-5"), ("b", Decimal(10), "10")])) == ["0", "370"]
    assert "<rect" not in bars([])
    assert 'points="0,150 640,10"' in curve([Decimal(0), Decimal(7)])
    assert 'points="0,10 640,150"' in curve([Decimal(1), Decimal(-7)])


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_a_browser_draws_it(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    report, picture = tmp_path / "report.html", tmp_path / "report.png"
    report.write_text(page(told()), encoding="utf-8")
    quiet = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-sync", "--disable-quic", *quiet]
    profile = [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1000,1400", f"--screenshot={picture}"]
    done = subprocess.run(
        [*command, *profile, "--enable-logging=stderr", "--dump-dom", report.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Refused to" not in done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "<h2>Order A-1: Processed</h2>" in done.stdout
    assert done.stdout.count("<svg") == 3
