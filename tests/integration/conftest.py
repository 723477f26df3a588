"""An emulator for each test worker, with the tables of template.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from botocore.config import Config
from types_boto3_dynamodb import DynamoDBClient

from dev import local_aws
from dev.template import table_definition


@dataclass(frozen=True, slots=True)
class Tables:
    """The names of a fresh pair of tables, defined as in the template."""

    ledger: str
    state: str


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_aws.LocalAws]:
    """An empty emulator: `aws.client("sqs")` for clients, `aws.url` for the endpoint."""
    emulator = local_aws.start(tmp_path_factory.mktemp("emulator"), local_aws.free_port(), with_this_process=True)
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def dynamodb(aws: local_aws.LocalAws) -> DynamoDBClient:
    """One client for all tests; it may be used by many threads, and it never retries."""
    client: DynamoDBClient = aws.client("dynamodb", Config(retries={"total_max_attempts": 1}, max_pool_connections=32))
    return client


@pytest.fixture(scope="session")
def tables(dynamodb: DynamoDBClient) -> Tables:
    """One pair for the session: tests keep apart by their store ids, as stores do."""
    for logical_id in ("Ledger", "State"):
        dynamodb.create_table(TableName=logical_id, **table_definition(logical_id))
    return Tables(ledger="Ledger", state="State")
