"""A credit some days after an order, as one would write it: a schedule for each task, which puts a message in a queue;
boto3's resource with a call for each item, and everything that Powertools has. A baseline to measure against, and no
example: it creates and posts in steps."""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from boto3.dynamodb.conditions import Attr
from pydantic import BaseModel

logger = Logger(service="naive")
tracer = Tracer(service="naive")
metrics = Metrics(namespace="Naive", service="naive")
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["NAIVE_TABLE"])
scheduler = boto3.client("scheduler")
seen = DynamoDBPersistenceLayer(table_name=os.environ["NAIVE_SEEN_TABLE"])
config = IdempotencyConfig(event_key_jmespath="task_id")


class Start(BaseModel):
    """An order that is paid, and the scenario of its store that it starts: whoever took the order in has read it."""

    store_id: str
    customer_id: str
    order_id: str
    scenario_id: str
    days: int
    amount: Decimal


class Due(BaseModel):
    """A task whose time has come."""

    store_id: str
    customer_id: str
    task_id: str


class Task(BaseModel):
    """A task as it is kept."""

    status: str
    scenario_id: str
    order_id: str
    amount: Decimal


@tracer.capture_lambda_handler
def create(event: dict[str, Any], context: LambdaContext) -> None:
    """Create the task of an order, once for each order. Runs where the order is taken in, which happens once."""
    start = parse(event=event, model=Start)
    order = f"STORE#{start.store_id}#ORDER#{start.order_id}"
    guard = {"pk": order, "sk": f"ONCE#{start.scenario_id}"}
    if "Item" in table.get_item(Key=guard, ConsistentRead=True):
        return
    now = datetime.now(UTC)
    due = now + timedelta(days=start.days)
    task_id = f"{start.scenario_id}-{start.order_id}"
    customer = f"STORE#{start.store_id}#CUSTOMER#{start.customer_id}"
    table.put_item(
        Item={
            "pk": customer,
            "sk": f"TASK#{task_id}",
            "gsi1pk": f"STORE#{start.store_id}#TASKS",
            "gsi1sk": due.isoformat(),
            "status": "waiting",
            "scenario_id": start.scenario_id,
            "order_id": start.order_id,
            "amount": start.amount,
            "at": now.isoformat(),
        },
    )
    table.put_item(Item={**guard, "task_id": task_id})
    table.put_item(Item={"pk": order, "sk": f"WATCH#CANCELLED#{task_id}", "task": customer})
    scheduler.create_schedule(
        Name=task_id,
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": os.environ["NAIVE_QUEUE_ARN"],
            "RoleArn": os.environ["NAIVE_ROLE_ARN"],
            "Input": Due(store_id=start.store_id, customer_id=start.customer_id, task_id=task_id).model_dump_json(),
        },
    )
    logger.info("task created", extra={"task_id": task_id, "due": due.isoformat()})


@tracer.capture_method
def handle(record: SQSRecord) -> None:
    """Run the task of one message."""
    run(due=parse(event=record.json_body, model=Due))


@tracer.capture_method
@idempotent_function(  # type: ignore[untyped-decorator]  # Powertools does not say what it returns
    data_keyword_argument="due", persistence_store=seen, config=config
)
def run(*, due: Due) -> None:
    """Credit the customer, unless the order was cancelled, and say that it is done."""
    customer = f"STORE#{due.store_id}#CUSTOMER#{due.customer_id}"
    key = {"pk": customer, "sk": f"TASK#{due.task_id}"}
    task = parse(event=dict(table.get_item(Key=key, ConsistentRead=True)["Item"]), model=Task)
    order = f"STORE#{due.store_id}#ORDER#{task.order_id}"
    guard = table.get_item(Key={"pk": order, "sk": f"ONCE#{task.scenario_id}"}, ConsistentRead=True)["Item"]
    watch = {"pk": order, "sk": f"WATCH#CANCELLED#{due.task_id}"}
    is_watched = "Item" in table.get_item(Key=watch, ConsistentRead=True)
    if task.status != "waiting" or guard["task_id"] != due.task_id or not is_watched:
        logger.info("task skipped", extra={"task_id": due.task_id})
        return
    turn(key, "running")
    table.put_item(
        Item={
            "pk": customer,
            "sk": f"ENTRY#{due.task_id}",
            "gsi1pk": f"STORE#{due.store_id}#ENTRIES",
            "gsi1sk": datetime.now(UTC).isoformat(),
            "amount": task.amount,
            "kind": "scenario",
        },
        ConditionExpression=Attr("pk").not_exists(),
    )
    table.update_item(
        Key={"pk": customer, "sk": "ACCOUNT"},
        UpdateExpression="SET gsi1pk = :customers, gsi1sk = :customer ADD balance :amount",
        ExpressionAttributeValues={
            ":customers": f"STORE#{due.store_id}#CUSTOMERS",
            ":customer": due.customer_id,
            ":amount": task.amount,
        },
    )
    table.delete_item(Key=watch)
    turn(key, "executed")
    metrics.add_metric(name="TasksExecuted", unit=MetricUnit.Count, value=1)
    logger.info("task executed", extra={"task_id": due.task_id})


def turn(key: dict[str, str], status: str) -> None:
    """Write how far a task is."""
    table.update_item(
        Key=key,
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": status},
    )


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Run the tasks of a batch."""
    config.register_lambda_context(context)
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
