"""Group jobs on the deployed stack: through the API, the queue and the worker, with their own roles."""

import csv
import io
from typing import Any

import pytest

from cashback.adapters.dynamo.group_jobs import GroupJobs
from cashback.adapters.dynamo.tables import StateTable
from cashback.adapters.job_queue import JobQueue
from cashback.domain.group_steps import ChunkStep
from dev.client import Answer, wait_until
from tests.e2e.groups import enrol, finished, gather
from tests.e2e.shop import Shop, plain, problem

GROUP = "grp_friends"


def ask(shop: Shop, amount: Any, apply_type: str = "relative", key: str | None = None, **fields: Any) -> Answer:
    """Ask for a job."""
    body = {"apply_type": apply_type, "amount": amount, **fields}
    return shop.store.post(f"/v1/groups/{GROUP}/cashback", body, key=key)


def run(shop: Shop, amount: Any, apply_type: str = "relative", **fields: Any) -> dict[str, Any]:
    """Ask for a job and see it through; amounts are texts."""
    job: dict[str, Any] = plain(finished(shop, ask(shop, amount, apply_type, **fields).expect(202)))
    return job


def outcomes(shop: Shop, job: dict[str, Any]) -> dict[str, str]:
    answer = shop.store.api("GET", f"/v1/group-jobs/{job['job_id']}/results?limit=100").expect(200)
    assert answer["next_cursor"] is None
    return {item["customer_id"]: item["outcome"] for item in answer["items"]}


def counts(job: dict[str, Any]) -> dict[str, int]:
    names = ("credited", "debited", "refused", "unchanged", "not_found", "error", "cancelled")
    assert job["done"] == sum(job[name] for name in names)
    return {name: job[name] for name in names if job[name]}


@pytest.mark.row("P12")
def test_every_member_is_credited_once_with_the_comment_on_the_entry(shop: Shop) -> None:
    members = enrol(shop, *[100] * 60)
    gather(shop, GROUP, [*members, "nobody"])
    accepted = ask(shop, "5.00", comment="Thanks for staying").expect(202)
    assert (accepted["status"], accepted["total"], accepted["percent"]) == ("snapshotting", 0, 0)
    job = plain(finished(shop, accepted))
    assert (job["status"], job["status_label"]) == ("done", "Successfully completed")
    assert (job["total"], job["percent"], counts(job)) == (61, 100, {"credited": 60, "not_found": 1})
    assert (job["amount_credited"], job["amount_debited"]) == ("300.00", "0.00")
    assert {shop.available(member) for member in members[:3]} == {"6.00"}
    history = shop.store.api("GET", f"/v1/customers/{members[0]}/transactions").expect(200)["items"]
    assert [(line["type"], line["note"]) for line in history] == [
        ("group", "Thanks for staying"),
        ("manual", "Adjustment by an admin"),
    ]
    results = shop.store.api("GET", f"/v1/group-jobs/{job['job_id']}/results?outcome=credited&limit=100").expect(200)
    told = {item["customer_id"]: item["transaction_id"] for item in results["items"]}
    assert told[members[0]] == history[0]["transaction_id"]
    assert len(told) == 60
    (newest, *_) = shop.store.api("GET", "/v1/group-jobs").expect(200)["items"]
    assert newest["job_id"] == job["job_id"]


def test_a_chunk_is_ended_that_a_worker_began_again_before_it_was_cut_off(shop: Shop) -> None:
    """Its results were set aside, and the job had ended: it is reopened, and nobody is credited twice."""
    members = enrol(shop, 100, 200)
    gather(shop, GROUP, members)
    job_id, store_id = run(shop, "5.00")["job_id"], shop.store.store_id
    jobs = GroupJobs(StateTable(shop.stack.client("dynamodb"), shop.stack.state_table))
    ended = jobs.chunk(store_id, job_id, 0)
    assert ended is not None
    assert ended.results is not None
    assert jobs.begin_again(store_id, job_id, 0, ended, ended.results) is not None
    url = shop.stack.group_jobs_queue_url
    JobQueue(shop.stack.client("sqs"), url, url).send([ChunkStep(store_id, job_id, 0)])

    def ended_again() -> bool:
        chunk = jobs.chunk(store_id, job_id, 0)
        return chunk is not None and chunk.results is not None

    wait_until(ended_again)
    job = plain(finished(shop, {"job_id": job_id}))
    assert (job["status"], counts(job), job["amount_credited"]) == ("done", {"credited": 2}, "10.00")
    assert [shop.available(member) for member in members] == ["6.00", "7.00"]


def test_a_debit_refuses_or_clamps(shop: Shop) -> None:
    poor, rich = enrol(shop, 499, 2_500)
    gather(shop, GROUP, [poor, rich])
    refused = run(shop, "-5.00")
    assert counts(refused) == {"refused": 1, "debited": 1}
    assert (shop.available(poor), shop.available(rich)) == ("4.99", "20.00")
    clamped = run(shop, "-5.00", on_insufficient="clamp")
    assert (counts(clamped), clamped["amount_debited"]) == ({"debited": 2}, "9.99")
    assert (shop.available(poor), shop.available(rich)) == ("0.00", "15.00")
    again = run(shop, "-5.00", on_insufficient="clamp")
    assert counts(again) == {"unchanged": 1, "debited": 1}


@pytest.mark.parametrize(("amount", "left"), [("0", "0.00"), ("50", "50.00")])
@pytest.mark.row("43")
def test_an_absolute_job_leaves_exactly_its_amount(shop: Shop, amount: str, left: str) -> None:
    members = enrol(shop, 0, 5_000, 9_900)
    gather(shop, GROUP, members)
    job = run(shop, amount, "absolute")
    assert {shop.available(member) for member in members} == {left}
    assert counts(job) == ({"unchanged": 1, "debited": 2} if amount == "0" else dict.fromkeys(counts(job), 1))
    results = plain(shop.store.api("GET", f"/v1/group-jobs/{job['job_id']}/results").expect(200))["items"]
    told = {item["customer_id"]: (item["before"], item["after"], item["reserved"]) for item in results}
    assert told[members[2]] == ("99.00", left, "0.00")


def test_a_dry_run_shows_the_totals_and_posts_nothing(shop: Shop) -> None:
    members = enrol(shop, 0, 5_000)
    gather(shop, GROUP, members)
    before = {key: item for key, item in shop.stack.snapshot(shop.store).items() if "#J#" not in key}
    job = run(shop, "-10.00", dry_run=True)
    assert (counts(job), job["amount_debited"]) == ({"refused": 1, "debited": 1}, "10.00")
    assert {key: item for key, item in shop.stack.snapshot(shop.store).items() if "#J#" not in key} == before


def test_a_job_is_cancelled_and_one_that_is_over_is_not(shop: Shop) -> None:
    members = enrol(shop, *[0] * 30)
    gather(shop, GROUP, members)
    job = ask(shop, "1.00").expect(202)
    path = f"/v1/group-jobs/{job['job_id']}/cancel"
    answer = shop.store.api("POST", path)
    assert answer.status in {200, 409}, answer.body
    over = finished(shop, job)
    if answer.status == 200:
        assert over["status"] == "cancelled"
        assert shop.store.api("POST", path).expect(200)["status"] == "cancelled"
    posted = sum(shop.available(member) != "0.00" for member in members)
    assert posted == over["credited"]
    done = run(shop, "1.00", dry_run=True)
    assert problem(shop.store.api("POST", f"/v1/group-jobs/{done['job_id']}/cancel"), 409)["code"] == "state_conflict"


def test_a_job_is_undone_once_and_what_was_spent_is_refused(shop: Shop) -> None:
    members = enrol(shop, 0, 0, 0)
    gather(shop, GROUP, members)
    job = run(shop, "5.00")
    spent = {"apply_type": "relative", "amount": "-4.00"}
    gather(shop, "grp_spender", members[:1])
    finished(shop, shop.store.post("/v1/groups/grp_spender/cashback", spent).expect(202))
    path = f"/v1/group-jobs/{job['job_id']}/undo"
    assert problem(shop.with_key("operator").post(path, {}), 403)["code"] == "forbidden"
    first = shop.store.post(path, {"comment": "A mistake"}, key="undo-1")
    undo = plain(finished(shop, first.expect(202)))
    assert (undo["status"], undo["undoes"], counts(undo)) == ("done", job["job_id"], {"debited": 2, "refused": 1})
    assert [shop.available(member) for member in members] == ["1.00", "0.00", "0.00"]
    shown = shop.store.api("GET", f"/v1/group-jobs/{job['job_id']}").expect(200)
    assert shown["undone_by"] == undo["job_id"]
    again = shop.store.post(path, {"comment": "A mistake"}, key="undo-1")
    assert (again.status, again.body) == (202, first.body)
    assert again.headers["idempotency-replayed"] == "true"
    assert problem(shop.store.post(path, {}), 409)["code"] == "state_conflict"
    assert problem(shop.store.post(f"/v1/group-jobs/{undo['job_id']}/undo", {}), 409)["code"] == "state_conflict"


def test_results_come_as_csv_that_no_spreadsheet_runs(shop: Shop) -> None:
    (member,) = enrol(shop, 100)
    gather(shop, GROUP, [member, "-1+1", "@cmd"])
    job = run(shop, "-5.00")
    path = f"/v1/group-jobs/{job['job_id']}/results"
    answer = shop.store.api("GET", path, headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = {row["customer_id"]: row for row in csv.DictReader(io.StringIO(answer.body.decode(), newline=""))}
    assert rows.keys() == {member, "'-1+1", "'@cmd"}
    assert (rows[member]["outcome"], rows[member]["reason"], rows[member]["amount"]) == (
        "refused",
        "insufficient_balance",
        "0.00",
    )
    first = shop.store.api("GET", f"{path}?limit=2", headers={"accept": "text/csv"})
    link = first.headers["link"].partition("<")[2].partition(">")[0]
    second = shop.store.api("GET", path + link, headers={"accept": "text/csv"})
    assert len(first.body.splitlines()) + len(second.body.splitlines()) == 2 + 3


def test_the_same_call_again_starts_no_second_job(shop: Shop) -> None:
    (member,) = enrol(shop, 0)
    gather(shop, GROUP, [member])
    first = ask(shop, "5.00", key="once")
    finished(shop, first.expect(202))
    again = ask(shop, "5.00", key="once")
    assert (again.status, again.body, again.headers["idempotency-replayed"]) == (202, first.body, "true")
    assert problem(ask(shop, "6.00", key="once"), 409)["code"] == "idempotency_mismatch"
    wait_until(lambda: shop.stack.queued(shop.stack.group_jobs_queue_url) == 0)
    assert shop.available(member) == "5.00"


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"apply_type": "relative", "amount": "0"}, 422, "amount_zero"),
    ({"apply_type": "relative", "amount": "-0.00"}, 422, "amount_zero"),
    ({"apply_type": "absolute", "amount": "-1"}, 422, "amount_negative"),
    ({"apply_type": "relative", "amount": "1.001"}, 422, "amount_precision"),
    ({"apply_type": "relative", "amount": "1e2"}, 422, "amount_format"),
    ({"apply_type": "relative", "amount": True}, 422, "amount_format"),
    ({"apply_type": "relative", "amount": "1234567890123"}, 422, "amount_too_large"),
    ({"apply_type": "percent", "amount": "1"}, 422, "enum"),
    ({"apply_type": "relative", "amount": "1", "on_insufficient": "skip"}, 422, "enum"),
    ({"apply_type": "relative", "amount": "1", "dry_run": "yes"}, 422, "type"),
    ({"apply_type": "relative", "amount": "1", "comment": "x" * 1_001}, 422, "length"),
    ({"apply_type": "relative", "amount": "1", "store_id": "other"}, 422, "field_unknown"),
    ({"amount": "1"}, 422, "required"),
]


def test_what_makes_no_sense_is_refused_and_changes_nothing(shop: Shop) -> None:
    gather(shop, GROUP, enrol(shop, 100))
    gather(shop, "grp_empty", [])
    before = shop.stack.snapshot(shop.store)
    for body, status, code in BAD:
        answer = shop.store.post(f"/v1/groups/{GROUP}/cashback", body)
        assert problem(answer, status)["code"] == code, body
    good = {"apply_type": "relative", "amount": "1.00"}
    assert problem(shop.store.post("/v1/groups/grp_empty/cashback", good), 422)["code"] == "group_empty"
    assert problem(shop.store.post("/v1/groups/grp_none/cashback", good), 404)["code"] == "not_found"
    unkeyed = shop.store.api("POST", f"/v1/groups/{GROUP}/cashback", good)
    assert problem(unkeyed, 400)["code"] == "idempotency_key_required"
    for query in ("?outcome=lost", "?limit=0", "?cursor=x"):
        assert problem(shop.store.api("GET", f"/v1/group-jobs/none/results{query}"), 400, 404, 422)
    assert shop.stack.snapshot(shop.store) == before


def test_an_operator_may_not_adjust_each_member_by_more_than_the_limit(new_shop: Any) -> None:
    shop: Shop = new_shop(adjust_limit="5.00")
    gather(shop, GROUP, enrol(shop, 100))
    operator = shop.with_key("operator")
    for body in ({"apply_type": "relative", "amount": "-5.01"}, {"apply_type": "absolute", "amount": "1.00"}):
        assert problem(operator.post(f"/v1/groups/{GROUP}/cashback", body), 403)["code"] == "forbidden"
    allowed = operator.post(f"/v1/groups/{GROUP}/cashback", {"apply_type": "relative", "amount": "5.00"})
    finished(shop, allowed.expect(202))
