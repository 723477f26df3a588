"""The deployed template as tests see it: its addresses, tables, queues, logs, and a picture of what a store has."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cashback.adapters.dynamo.ledger import Ledger
from dev import deploy, local_aws
from dev.client import Platform, Store, Urls
from dev.project import ROOT, STACK_NAME, logical_id

FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py")))
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
# What the roles' refusals look like in logs: workers name the class of an error, and retry what answers so.
REFUSED = ("AccessDenied", "ClientError")
# The partitions of a store that the streams' functions write.
BEHIND_THE_STREAMS = ("STATS", "BATCH", "DLV", "NTF", "SEARCH")
# How the authorizer tells API Gateway to answer 401: an error by protocol, and no crash.
REFUSAL = "Exception: Unauthorized"


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A deployed stack: its addresses, its tables and queues, and clients of its services."""

    aws: local_aws.LocalAws
    urls: Urls
    ledger_table: str
    state_table: str
    store_events_queue_url: str
    store_events_dlq_url: str
    group_jobs_queue_url: str
    group_jobs_dlq_url: str
    scenario_actions_queue_url: str
    credits_queue_url: str
    projector_dlq_url: str
    secrets_key_id: str

    def client(self, service: str) -> Any:
        """A boto3 client with every right; the functions have only their own roles'."""
        return _client(self.aws, service)

    @property
    def platform(self) -> Platform:
        """The operator, who signs with AWS credentials."""
        return Platform(self.urls)

    @property
    def ledger(self) -> Ledger:
        """The project's own ledger on the deployed tables, with every right."""
        return Ledger(self.client("dynamodb"), self.ledger_table, self.state_table)

    def function_name(self, function: str) -> str:
        """What a function is called where it is deployed, by its folder's name."""
        names = [found["FunctionName"] for found in self.client("lambda").list_functions(MaxItems=100)["Functions"]]
        (name,) = [name for name in names if name.startswith(f"{STACK_NAME}-{logical_id(function)}-")]
        return str(name)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call a function as AWS would, with an event made by hand."""
        answer = self.client("lambda").invoke(
            FunctionName=self.function_name(function), Payload=json.dumps(event).encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.loads(answer["Payload"].read())

    def pause(self, *functions: str) -> None:
        """Let functions take nothing more from their queues."""
        self._poll(functions, enabled=False)

    def resume(self, *functions: str) -> None:
        """Let them go on."""
        self._poll(functions, enabled=True)

    def _poll(self, functions: Sequence[str], *, enabled: bool) -> None:
        client = self.client("lambda")
        for name in map(self.function_name, functions):
            for mapping in client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
                client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def lines(self, function: str, holding: str) -> list[str]:
        """The lines that a function logged so far and that hold a text."""
        group = f"/{STACK_NAME}/{function}"
        answer = self.client("logs").filter_log_events(logGroupName=group, filterPattern=f'"{holding}"')
        return [event["message"] for event in answer["events"]]

    def worker_lines(self, holding: str) -> list[dict[str, Any]]:
        """What the worker said of something, metrics left out."""
        lines = [json.loads(line) for line in self.lines("event_worker", holding) if line.startswith("{")]
        return [line for line in lines if "event" in line]

    def denials(self) -> list[str]:
        """What the roles refused to any function so far."""
        return [f"{name}: {line}" for name in FUNCTIONS for text in REFUSED for line in self.lines(name, text)]

    def crashes(self) -> list[str]:
        """What crashed so far: tracebacks and counted errors, but for the way in which the authorizer refuses a key."""
        found = {name: len(self.lines(name, "Traceback")) for name in FUNCTIONS}
        found["authorizer"] -= len(self.lines("authorizer", REFUSAL))
        logged = [f"{name}: {n} tracebacks" for name, n in found.items() if n]
        return logged + [
            f"{name}: {n} errors" for name in FUNCTIONS if name != "authorizer" and (n := self._errors(name))
        ]

    def _errors(self, function: str) -> float:
        now = datetime.now(UTC)
        points = self.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": self.function_name(function)}],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(days=1),
            Period=3_600,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(float(point["Sum"]) for point in points)

    def flush_worker(self, times: int, function: str = "event_worker") -> None:
        """Have a worker's processes hand over lines that they logged too late for their own invocation."""
        with ThreadPoolExecutor(times) as pool:
            list(pool.map(lambda _: self.invoke(function, {"Records": []}), range(times)))

    def snapshot(self, store: Store) -> dict[str, Any]:
        """Every item of a store in both tables, by key, and what its API keys open; but for what the projector counts
        and the notifier tells, which follow when they do."""
        partition, directory = f"S#{store.store_id}#", {":store": {"S": store.store_id}}
        own = {
            "FilterExpression": "begins_with(pk, :partition) OR store_id = :store OR (pk = :stores AND sk = :store)",
            "ExpressionAttributeValues": {**directory, ":partition": {"S": partition}, ":stores": {"S": "STORES"}},
        }
        scan = self.client("dynamodb").get_paginator("scan")
        return {
            f"{table} {item['pk']['S']} {item['sk']['S']}": item
            for table in (self.ledger_table, self.state_table)
            for page in scan.paginate(TableName=table, ConsistentRead=True, **own)
            for item in page["Items"]
            if item["pk"]["S"].removeprefix(partition).split("#")[0] not in BEHIND_THE_STREAMS
        }

    def queued(self, queue_url: str) -> int:
        """How many messages a queue holds, visible or not."""
        sqs = self.client("sqs")
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(COUNTS))["Attributes"]
        return sum(int(attributes[name]) for name in COUNTS)


@cache
def _client(aws: local_aws.LocalAws, service: str) -> Any:
    return aws.client(service)


def start(home: Path, port: int | None = None, proxy: str | None = None, journal: Path | None = None) -> DeployedStack:
    """A copy of the deployed stack of its own in an empty folder, ready in a second once the image is made.

    `proxy`: where its functions send their calls of AWS, if not to the emulator itself.
    `journal`: the file that those calls are written down in.
    """
    local_aws.copy_home(deploy.image(), home)
    port = port or local_aws.free_port()
    aws = local_aws.start(home, port, with_this_process=True, proxy=proxy, journal=journal)
    found = deploy.outputs(aws)
    assert found is not None
    return DeployedStack(
        aws=aws,
        urls=Urls(deploy.api_url(aws, found), deploy.webhook_url(aws, found)),
        ledger_table=found["LedgerTable"],
        state_table=found["StateTable"],
        store_events_queue_url=found["StoreEventsQueueUrl"],
        store_events_dlq_url=found["StoreEventsDlqUrl"],
        group_jobs_queue_url=found["GroupJobsQueueUrl"],
        group_jobs_dlq_url=found["GroupJobsDlqUrl"],
        scenario_actions_queue_url=found["ScenarioActionsQueueUrl"],
        credits_queue_url=found["CreditsQueueUrl"],
        projector_dlq_url=found["ProjectorDlqUrl"],
        secrets_key_id=found["SecretsKeyId"],
    )
