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

from dev.report import Told, bars, curve, page, settled
from tests.unit.builders import usd

EVIL = "<script>alert(1)</script>\"'&"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def order(**more: Any) -> dict[str, Any]:
    step = {"at": "2026-05-17T02:00:00Z", "status_label": "Processed", "reason": "paid", "actor": "engine"}
    about = {"order_id": "A-1", "customer_id": "7", "badge": "Processed", "award": usd("5.00"), "taken": usd("1.25")}
    return {**about, "history": [step], **more}


def metrics(**more: Any) -> dict[str, Any]:
    counts = {"orders_processed": 1, "pending": 2, "held": 0, "awaiting_customer": None, "rejected": 0, "failed": 0}
    waits = {"median_decision_seconds": 90, "longest_decision_seconds": 3_600, "oldest_pending_seconds": None}
    money = {"cashback_issued": usd("10.00"), "cashback_reversed": usd("1.25"), "cashback_paid_out": usd("4.00")}
    payments = {"requests_waiting": 3, "payouts_live": 0}
    return {"date": "2026-05-17", **counts, **waits, **money, **payments, "days": [], **more}


def payout(**more: Any) -> dict[str, Any]:
    account = {"type_label": "Bank transfer", "provider": None, "masked": "****3000"}
    about = {"payout_id": "pay_1", "status_label": "Success", "amount": usd("4.00"), "external_reference": None}
    return {**about, "account": account, **more}


def change(status: str, **more: Any) -> dict[str, Any]:
    return {"at": "2026-05-17T03:00:00.5Z", "actor": "key:anna", "after": {"status": status}, **more}


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
        "metrics": metrics(),
        "order": order(),
        "balance": {"available": usd("3.75")},
        "transactions": [taken, entry],
        "payouts": [payout()],
        "changes": {"pay_1": [change("success"), {**change("pending"), "after": {}}]},
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
    counts = ["Processed", "1", "Pending", "2", "Held", "0", "Rejected", "0", "Failed", "0"]
    payments = ["Requests that wait", "3", "Payouts on their way", "0"]
    assert texts == [*counts, *payments, "Issued", "10.00", "Called back", "1.25", "Kept", "8.75", "Paid out", "4.00"]
    assert "<td>Until a decision, median</td><td>0:01:30</td>" in made
    assert "<td>Oldest pending order waits</td><td>-</td>" in made
    assert '<td class="amount">-1.25 USD</td><td class="amount">3.75 USD</td>' in made


def test_it_tells_the_payouts_with_their_accounts_masked_and_how_they_went() -> None:
    made = page(told())
    assert "<h3>pay_1: Success</h3><p>4.00 USD by Bank transfer ****3000, the provider's -.</p>" in made
    assert "<td>2026-05-17T03:00:00</td><td>success</td><td>key:anna</td>" in made
    assert "<h2>Payouts to the customer</h2><p>None.</p>" in page(told(payouts=[]))


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
    account = {"type_label": EVIL, "provider": EVIL, "masked": EVIL}
    paid = payout(payout_id=EVIL, status_label=EVIL, amount=evil, external_reference=EVIL, account=account)
    given: dict[str, Any] = {"transactions": [entry], "payouts": [paid]}
    given["changes"] = {EVIL: [change(EVIL, at=EVIL, actor=EVIL)]}
    made = page(told(store_id=EVIL, metrics=metrics(date=EVIL), order=bad, balance=balance, **given))
    assert {tag for tag, _ in Tags(made).seen} == {tag for tag, _ in Tags(page(told())).seen}
    assert "<script" not in made


def test_the_figures_are_asked_for_until_they_stay_as_they_are() -> None:
    answers = iter([metrics(orders_processed=n, oldest_pending_seconds=at) for at, n in enumerate((1, 2, 3, 3, 9))])
    assert settled(lambda: next(answers), sleep=lambda _: None)["orders_processed"] == 3


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
    assert done.stdout.count("<svg") == 4
