"""The samples in events/ are what the functions are really given: each is answered by its handler."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cashback.domain.group_jobs import ApplyType, Job, JobStatus
from cashback.edge import deps, ids
from dev.project import ROOT
from tests.unit.builders import NOW
from tests.unit.deployment import Deployment, function

STORY = (
    "platform_api",
    "webhook_ingest",
    "event_worker",
    "authorizer",
    "settings_api",
    "orders_api",
    "customers_api",
    "groups_api",
    "group_job_worker",
    "scenarios_api",
    "payouts_api",
    "action_worker",
    "credit_worker",
    "projector",
    "notifier",
    "daily",
    "sweeper",
)
"""Each sample is good once those before it have been served: they are of one store, order and customer."""


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def serve(name: str) -> Any:
    return function(name).handler(sample(name), SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000))


def make_group_job() -> None:
    """The job of the worker's sample: nobody is in its group."""
    job_id = "job_4e5a1c7d0b9f42638ad1e6c0f2"
    job = Job(job_id, "grp_regulars", "Regulars", ApplyType.RELATIVE, 500, "key:anna", NOW, "request", "body")
    assert deps.job_books().jobs.create("harbour-coffee", job)


def test_every_sample_is_in_the_story() -> None:
    assert {Path(path).stem for path in (ROOT / "events").glob("*.json")} == set(STORY)


@pytest.mark.parametrize("name", STORY)
def test_a_sample_is_served(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    key = sample("authorizer")["authorizationToken"].removeprefix("Bearer ")
    monkeypatch.setattr(ids, "new_api_key", lambda _store_id: key)
    make_group_job()
    for earlier in STORY[: STORY.index(name)]:
        serve(earlier)
    answer = serve(name)
    assert answer.get("statusCode", 200) in {200, 201}, answer
    assert not answer.get("batchItemFailures")
    if name == "authorizer":
        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    if name == "group_job_worker":
        job = deps.job_books().jobs.get("harbour-coffee", "job_4e5a1c7d0b9f42638ad1e6c0f2")
        assert job is not None
        assert (job.status, job.total) == (JobStatus.DONE, 0)
    if name == "orders_api":
        assert json.loads(answer["body"])["items"] == []
    if name == "projector":
        (event,) = deployment.events.of("CashbackAwarded")
        assert event["amount"] == {"amount": "10.67", "currency": "USD"}
    if name == "notifier":
        (mail,) = deployment.mail.sent
        assert "you received 10.67 USD cashback" in mail["Content"]["Simple"]["Body"]["Text"]["Data"]
    if name == "sweeper":
        assert answer == {"settled": 0, "failed": 0, "cut_short": False}
    if name == "groups_api":
        assert json.loads(answer["body"])["members"] == 0
    if name == "customers_api":
        assert json.loads(answer["body"])["available"] == {"amount": "10.67", "currency": "USD"}
