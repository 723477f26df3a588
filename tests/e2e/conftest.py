"""The template deployed for real: one emulator for each test worker, all from one saved deploy.

Tests keep apart by store: take the fixture `store` for a fresh one, and read the tables by its keys only.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dev import deploy, local_aws
from dev.client import Platform, Store, Urls
from dev.project import ROOT, STACK_NAME


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack: its addresses, its tables and queues, and clients of its services."""

    aws: local_aws.LocalAws
    urls: Urls
    ledger_table: str
    state_table: str
    store_events_queue_url: str
    store_events_dlq_url: str

    def client(self, service: str) -> Any:
        """A boto3 client with every right; the functions have only their own roles'."""
        return self.aws.client(service)

    @property
    def platform(self) -> Platform:
        """The operator, who signs with AWS credentials."""
        return Platform(self.urls)

    def logs(self, function: str) -> list[str]:
        """Every line that a function logged so far, by its folder's name."""
        group = f"/{STACK_NAME}/{function}"
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def denials(self) -> list[str]:
        """What the roles refused to any function so far."""
        functions = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
        return [f"{name}: {line}" for name in functions for line in self.logs(name) if "AccessDenied" in line]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedStack]:
    """This worker's own copy of the deployed stack, ready in a second once the image is made.

    In the end no role may have refused anything to its function.
    """
    home = tmp_path_factory.mktemp("stack")
    local_aws.copy_home(deploy.image(), home)
    aws = local_aws.start(home, local_aws.free_port(), with_this_process=True)
    found = deploy.outputs(aws)
    assert found is not None
    deployed = DeployedStack(
        aws=aws,
        urls=Urls(deploy.api_url(aws, found), deploy.webhook_url(aws, found)),
        ledger_table=found["LedgerTable"],
        state_table=found["StateTable"],
        store_events_queue_url=found["StoreEventsQueueUrl"],
        store_events_dlq_url=found["StoreEventsDlqUrl"],
    )
    yield deployed
    denied = deployed.denials()
    aws.stop()
    assert denied == []


@pytest.fixture
def new_store(stack: DeployedStack) -> Callable[..., Store]:
    """Make stores: `new_store(currency="JPY", settings={...})`."""

    def make(**fields: Any) -> Store:
        return stack.platform.create_store(f"t-{uuid.uuid4().hex[:20]}", **fields)

    return make


@pytest.fixture
def store(new_store: Callable[..., Store]) -> Store:
    """A fresh store with the default settings, in USD."""
    return new_store()
