"""The routes of group jobs, called as API Gateway calls them."""

import json
from typing import Any

import pytest

from cashback.domain.customers import Profile
from cashback.domain.groups import Group
from cashback.domain.times import OLDEST
from cashback.edge import deps
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, Reply, function

GROUP = "grp_vip"
JOBS = "/v1/group-jobs"


@pytest.fixture
def admin(deployment: Deployment) -> str:
    """A store with a group of three customers; its admin key."""
    key = deployment.create_store(settings={"adjust_limit": "10.00"})
    groups = deps.group_books().groups
    groups.create("demo", Group(GROUP, "Friends", NOW, "key:anna", "request", "body"))
    members = ["c1", "c2", "=c3"]
    for customer_id in members:
        deployment.books.customers.create("demo", Profile(customer_id, OLDEST, NOW), NOW)
    groups.add("demo", GROUP, members, "by hand", NOW)
    return key


def start(deployment: Deployment, key: str, amount: str = "5.00", request: str = "k1", **more: Any) -> Reply:
    body = {"apply_type": "relative", "amount": amount, **more}
    path = f"/v1/groups/{GROUP}/cashback"
    return deployment.call("POST", path, body, key=key, idempotency_key=request, x_actor="Anna")


def work(deployment: Deployment) -> None:
    """Hand every queued step to the worker, until none is left."""
    while deployment.sqs.sent:
        message = deployment.sqs.sent.pop(0)
        record = {
            "messageId": "m",
            "receiptHandle": "r",
            "body": message["MessageBody"],
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        answer = function("group_job_worker").handler({"Records": [record]}, None)
        assert answer == {"batchItemFailures": []}


def test_a_job_is_accepted_runs_and_shows_how_far_it_is(deployment: Deployment, admin: str) -> None:
    reply = start(deployment, admin, comment="Hello")
    accepted = reply.expect(202)
    assert (accepted["status"], accepted["status_label"], accepted["done"]) == (
        "snapshotting",
        "Reading the members",
        0,
    )
    assert (accepted["amount"], accepted["comment"]) == ({"amount": "5.00", "currency": "USD"}, "Hello")
    assert accepted["group_name"] == "Friends"
    assert accepted["actor"].startswith("Anna (key:")
    work(deployment)
    job = deployment.call("GET", f"{JOBS}/{accepted['job_id']}", key=admin).expect(200)
    assert (job["status"], job["total"], job["credited"], job["percent"]) == ("done", 3, 3, 100)
    assert job["amount_credited"] == {"amount": "15.00", "currency": "USD"}
    again = start(deployment, admin, comment="Hello")
    assert (again.expect(202), again.headers["Idempotency-Replayed"]) == (accepted, ["true"])
    assert deployment.sqs.sent == []


def test_the_history_shows_the_comment_of_the_job_and_of_an_undo_its_own(deployment: Deployment, admin: str) -> None:
    job = start(deployment, admin, comment="A present").expect(202)
    work(deployment)
    path = f"{JOBS}/{job['job_id']}/undo"
    undo = deployment.call("POST", path, {"comment": "By mistake"}, key=admin, idempotency_key="u").expect(202)
    assert (undo["status"], undo["undoes"], undo["amount"], undo["apply_type"]) == (
        "running",
        job["job_id"],
        None,
        None,
    )
    work(deployment)
    lines = deployment.call("GET", "/v1/customers/c1/transactions", key=admin).expect(200)["items"]
    assert sorted((line["note"], line["amount"]["amount"]) for line in lines) == [
        ("A present", "5.00"),
        ("By mistake", "-5.00"),
    ]
    silent = start(deployment, admin, request="k2").expect(202)
    work(deployment)
    lines = deployment.call("GET", "/v1/customers/c1/transactions", key=admin).expect(200)["items"]
    assert "Adjustment of a group" in {line["note"] for line in lines}
    listed = deployment.call("GET", JOBS, key=admin).expect(200)["items"]
    assert {item["job_id"] for item in listed} == {job["job_id"], undo["job_id"], silent["job_id"]}


def test_results_are_paged_filtered_and_come_as_csv(deployment: Deployment, admin: str) -> None:
    job = start(deployment, admin).expect(202)
    work(deployment)
    path = f"{JOBS}/{job['job_id']}/results"
    first = deployment.call("GET", f"{path}?limit=2", key=admin).expect(200)
    second = deployment.call("GET", f"{path}?limit=2&cursor={first['next_cursor']}", key=admin).expect(200)
    items = first["items"] + second["items"]
    assert (len(first["items"]), second["next_cursor"]) == (2, None)
    assert {item["customer_id"] for item in items} == {"c1", "c2", "=c3"}
    assert all(item["transaction_id"] for item in items)
    assert deployment.call("GET", f"{path}?outcome=refused", key=admin).expect(200)["items"] == []
    table = deployment.call("GET", path, key=admin, accept="text/csv")
    assert table.headers["Content-Type"] == ["text/csv; charset=utf-8; header=present"]
    header, *rows = table.text.split("\r\n")
    assert header.startswith("customer_id,outcome,reason,amount")
    assert sorted(row.partition(",")[0] for row in rows if row) == ['"\'=c3"', '"c1"', '"c2"']
    assert all(',"",5.00,,,,"USD","' in row for row in rows if row)


def test_who_may_start_stop_and_undo(deployment: Deployment, admin: str) -> None:
    viewer, operator = (deployment.make_key(admin, role) for role in ("viewer", "operator"))
    assert start(deployment, viewer).status == 403
    assert start(deployment, operator, "10.01").status == 403
    assert start(deployment, operator, "1.00", apply_type="absolute").status == 403
    job = start(deployment, operator, "10.00").expect(202)
    path = f"{JOBS}/{job['job_id']}"
    assert deployment.call("GET", path, key=viewer).status == 200
    assert deployment.call("POST", f"{path}/cancel", key=viewer).status == 403
    assert deployment.call("POST", f"{path}/cancel", key=operator).expect(200)["status"] == "cancelled"
    assert deployment.call("POST", f"{path}/undo", {}, key=operator, idempotency_key="u").status == 403
    assert deployment.call("POST", f"{path}/undo", {}, key=admin).code == "idempotency_key_required"
    assert deployment.call("POST", f"{path}/undo", key=admin, idempotency_key="u").status == 202


def test_another_store_sees_no_job_of_this_one(deployment: Deployment, admin: str) -> None:
    job = start(deployment, admin).expect(202)
    other = deployment.create_store("other")
    path = f"{JOBS}/{job['job_id']}"
    for method, place in (("GET", path), ("GET", f"{path}/results"), ("POST", f"{path}/cancel")):
        assert deployment.call(method, place, key=other).code == "not_found"
    assert deployment.call("GET", JOBS, key=other).expect(200)["items"] == []


@pytest.mark.row("S34")
def test_a_message_names_ids_and_no_more(deployment: Deployment, admin: str) -> None:
    start(deployment, admin, comment="A secret word")
    (message,) = deployment.sqs.sent
    assert json.loads(message["MessageBody"]).keys() == {"type", "store_id", "job_id", "step"}
    assert message["MessageGroupId"] == "demo"
