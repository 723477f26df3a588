"""The simulator's store and a DynamoDB engine answer alike: same results, refusals, reasons, items and final tables.

Each seed is one sequence of requests (see `requests`), sent to both. With `DYNAMODB_LOCAL_URL` set, the same sequences
run on DynamoDB Local as a second opinion. Compared modulo spelling: numbers by value, sets and batches without order.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from dev.template import table_definition
from tests.integration.requests import LEDGER, STATE, Requests
from tests.simulation.dynamo import SimulatedDynamo, TableSpec

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

DEFINITIONS = {LEDGER: "Ledger", STATE: "State"}
SECOND_OPINION = os.environ.get("DYNAMODB_LOCAL_URL")
SEEDS = range(40)
STEPS = 60
UNCOMPARED = ("ResponseMetadata", "ConsumedCapacity")


@pytest.fixture(scope="module", params=["ministack", *(["dynamodb-local"] if SECOND_OPINION else [])])
def engine(request: pytest.FixtureRequest) -> Any:
    """A client of the engine to compare with, its two tables fresh."""
    client: DynamoDBClient = request.getfixturevalue("dynamodb") if request.param == "ministack" else second_opinion()
    for name, logical_id in DEFINITIONS.items():
        client.create_table(TableName=name, **table_definition(logical_id))
    yield client
    for name in DEFINITIONS:
        client.delete_table(TableName=name)


def second_opinion() -> DynamoDBClient:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
    config = Config(retries={"total_max_attempts": 1})
    return cast("DynamoDBClient", boto3.client("dynamodb", endpoint_url=SECOND_OPINION, config=config, **keys))  # type: ignore[call-overload]


def normal(value: Any) -> Any:
    """An answer without what may differ: spelling of numbers, order of sets, metadata."""
    if isinstance(value, dict):
        if len(value) == 1 and "N" in value:
            return {"N": Decimal(value["N"]).normalize()}
        if len(value) == 1 and "SS" in value:
            return {"SS": sorted(value["SS"])}
        return {name: normal(part) for name, part in value.items() if name not in UNCOMPARED}
    return [normal(part) for part in value] if isinstance(value, list) else value


def answer(client: Any, method: str, request: dict[str, Any]) -> Any:
    """What a caller can tell apart: the result, or the error's code, reasons and item."""
    try:
        result = getattr(client, method)(**request)
    except ParamValidationError:
        return "refused by boto3"
    except ClientError as error:
        told: dict[str, Any] = dict(error.response)
        reasons = [(reason["Code"], normal(reason.get("Item"))) for reason in told.get("CancellationReasons", [])]
        return told["Error"]["Code"], normal(told.get("Item")), reasons
    if method == "batch_get_item":
        for items in result["Responses"].values():
            items.sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    return normal(result)


def pages(client: Any, request: dict[str, Any]) -> list[Any]:
    """All pages of a query, each with its cursor."""
    told = []
    while True:
        page = answer(client, "query", request)
        told.append(page)
        if not isinstance(page, dict) or "LastEvaluatedKey" not in page:
            return told
        request = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}


def contents(client: Any, requests: Requests) -> dict[str, Any]:
    return {
        f"{table}/{partition}": pages(
            client,
            {
                "TableName": table,
                "KeyConditionExpression": "pk = :p",
                "ExpressionAttributeValues": {":p": {"S": partition}},
                "ConsistentRead": True,
            },
        )
        for table in DEFINITIONS
        for partition in requests.partitions()
    }


def same(engine: DynamoDBClient, ours: Any, theirs: Any) -> bool:
    """Equal; or a known difference of DynamoDB Local: it notices two actions on one item after the conditions, gives
    no reasons for a bad update inside a transaction, and no cursor where it can see that nothing follows."""
    if ours == theirs:
        return True
    if engine.meta.endpoint_url != SECOND_OPINION:
        return False
    if isinstance(ours, list):
        return without_empty_end(ours) == without_empty_end(theirs)
    if not isinstance(ours, tuple):
        return False
    bad_update = any(code == "ValidationError" for code, _ in ours[2]) and theirs[0] == "ValidationException"
    return bad_update or (ours[0], theirs[0]) == ("ValidationException", "TransactionCanceledException")


def without_empty_end(told: list[Any]) -> list[Any]:
    return [
        {name: part for name, part in page.items() if name != "LastEvaluatedKey"}
        for page in told
        if page["ScannedCount"] or len(told) == 1
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_simulators_store_and_the_engine_answer_alike(engine: DynamoDBClient, seed: int) -> None:
    simulated = SimulatedDynamo(
        TableSpec.from_definition(table_definition(logical_id), name) for name, logical_id in DEFINITIONS.items()
    )
    requests = Requests(seed, run=uuid4().hex[:8])
    for step in range(STEPS):
        method, request = requests.next()
        if method == "query":
            ours, theirs = pages(simulated, request), pages(engine, request)
        else:
            ours, theirs = answer(simulated, method, request), answer(engine, method, request)
        assert same(engine, ours, theirs), (
            f"seed {seed}, step {step}: {method} {request}\nours   {ours}\ntheirs {theirs}"
        )
    stored, wanted = contents(simulated, requests), contents(engine, requests)
    assert stored == wanted


def test_the_sequences_reach_every_outcome() -> None:
    """Otherwise the comparison proves little: it must see commits, refusals by position, replays and mismatches."""
    simulated = SimulatedDynamo(
        TableSpec.from_definition(table_definition(logical_id), name) for name, logical_id in DEFINITIONS.items()
    )
    seen: dict[str, int] = {}
    for seed in SEEDS:
        requests = Requests(seed)
        for _ in range(STEPS):
            method, request = requests.next()
            told = answer(simulated, method, request)
            outcome, _, reasons = ("ok", None, []) if isinstance(told, dict) else told
            for name in (f"{method} {outcome}", *(f"reason {code}" for code, _ in reasons)):
                seen[name] = seen.get(name, 0) + 1
    wanted = {
        "transact_write_items ok": 100,
        "transact_write_items TransactionCanceledException": 100,
        "transact_write_items IdempotentParameterMismatchException": 10,
        "transact_write_items ValidationException": 20,
        "put_item ConditionalCheckFailedException": 20,
        "update_item ok": 50,
        "update_item ValidationException": 20,
        "query ok": 200,
        "reason ConditionalCheckFailed": 100,
        "reason ValidationError": 20,
        "reason None": 50,
    }
    assert {name: seen.get(name, 0) for name, least in wanted.items() if seen.get(name, 0) < least} == {}
